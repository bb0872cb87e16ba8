//! What a kernel has, in the same words.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{Item, Meant};
use crate::intent::blocks::FELIX;
use crate::state::NodeState;
use crate::state::kind::LinkData;
use crate::state::link::IfIndex;
use crate::state::neighbor::NeighborState;
use crate::state::route::{Route, RouteProtocol, RouteType, TableId};

/// Entries of a kernel.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Of agents' making.
    pub ours: BTreeSet<Item>,
    /// Everybody else's: routes, addresses and members only.
    pub others: BTreeSet<Item>,
}

impl Held {
    fn add(&mut self, is_ours: bool, item: Item) {
        if is_ours {
            self.ours.insert(item);
        } else {
            self.others.insert(item);
        }
    }
}

/// Whether the node's facts tell if it has an entry like this.
pub(super) fn is_readable(item: &Item, node: &NodeState) -> bool {
    let net = &node.net;
    match item {
        Item::Vxlan { .. } => net.links.known().is_some(),
        Item::Address { .. } => net.addresses.known().is_some(),
        Item::Route { .. } | Item::Blackhole(_) => net.routes.known().is_some(),
        Item::Neighbor { .. } => net.neighbors.known().is_some(),
        Item::Fdb { .. } => net.fdb.known().is_some(),
        Item::Setting { link, name, .. } => {
            net.link_named(link).is_none() || net.link_setting(false, link, name).is_some()
        }
        // Where Felix made no sets (nftables has its own), nothing is said.
        Item::Member { .. } => net
            .ipsets
            .items()
            .iter()
            .any(|set| set.name.starts_with("cali40")),
    }
}

pub(super) fn held(meant: &Meant, node: &NodeState) -> Held {
    let mut held = Held::default();
    let net = &node.net;
    let name = |index: IfIndex| net.link(index).map_or("?", |link| link.name.as_str());
    let is_ours = |link: &str| meant.links.contains(link);
    for link in net.links.items() {
        if let (Some(LinkData::Vxlan(data)), true) = (&link.data, is_ours(&link.name)) {
            held.ours
                .extend(data.vni.zip(data.local).map(|(vni, local)| Item::Vxlan {
                    link: link.name.clone(),
                    vni,
                    port: data.port,
                    local,
                }));
        }
    }
    for address in net
        .addresses
        .items()
        .iter()
        .filter(|address| address.ip.is_ipv4())
    {
        let link = name(address.link);
        if let (Ok(net), true) = (IpNet::new(address.ip, address.prefix_len), link != "lo") {
            let link = link.to_owned();
            held.add(is_ours(&link), Item::Address { link, address: net });
        }
    }
    for route in net.routes.items().iter().filter(|route| is_told(route)) {
        let by_agent = matches!(route.proto, RouteProtocol::BIRD | FELIX);
        let in_pool = meant.pools.iter().any(|pool| pool.contains(&route.dst));
        let in_network = meant.networks.iter().any(|net| net.contains(&route.dst));
        if route.kind == RouteType::Blackhole {
            held.add(by_agent && in_pool, Item::Blackhole(route.dst));
        }
        for hop in &route.next_hops {
            let Some(link) = hop.link.map(name) else { continue };
            let item = Item::Route {
                dst: route.dst,
                via: hop.gateway,
                link: link.to_owned(),
            };
            let to_pod = route.dst.prefix_len() == 32 && link.starts_with("cali");
            held.add(
                is_ours(link) || (by_agent && in_pool) || in_network || to_pod,
                item,
            );
        }
    }
    for entry in net.neighbors.items() {
        let link = name(entry.link);
        if let (Some(mac), true, NeighborState::Permanent) = (&entry.mac, is_ours(link), entry.state) {
            held.ours.insert(Item::Neighbor {
                link: link.to_owned(),
                ip: entry.ip,
                mac: mac.to_lowercase(),
            });
        }
    }
    for entry in net.fdb.items() {
        let link = name(entry.link);
        if let (Some(dst), true) = (entry.dst, is_ours(link)) {
            held.ours.insert(Item::Fdb {
                link: link.to_owned(),
                mac: entry.mac.to_lowercase(),
                dst,
            });
        }
    }
    settings(meant, node, &mut held);
    members(meant, node, &mut held);
    held
}

/// Routes that somebody wrote: not those that come with addresses.
fn is_told(route: &Route) -> bool {
    route.table == TableId::MAIN && route.dst.addr().is_ipv4() && route.proto != RouteProtocol::KERNEL
}

/// Only those that are meant, at the value that they have: a link has hundreds.
fn settings(meant: &Meant, node: &NodeState, held: &mut Held) {
    for item in meant.items.keys() {
        let Item::Setting { link, name, value } = item else {
            continue;
        };
        if node.net.link_setting(false, link, name) == Some(*value) {
            held.ours.insert(item.clone());
        }
    }
}

fn members(meant: &Meant, node: &NodeState, held: &mut Held) {
    let sets: BTreeSet<&'static str> = meant
        .items
        .keys()
        .filter_map(|item| match item {
            Item::Member { set, .. } => Some(*set),
            _ => None,
        })
        .collect();
    for set in node.net.ipsets.items() {
        let Some(name) = sets.get(&*set.name) else {
            continue;
        };
        held.ours
            .extend(set.nets().map(|member| Item::Member { set: name, member }));
    }
}
