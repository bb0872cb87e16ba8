//! What agents are meant to have written into kernels, as far as no other check speaks of it: routes, neighbors, FDB
//! entries, addresses of tunnels, members of Felix's sets.

mod words;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::{order, shared::names};
use crate::diagnose::finding::{Command, Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::kernel::sets::VTEPS;
use crate::intent::kernel::{By, Item, Kernels, Meant, differences};
use crate::intent::pool::{Mode, Pool};
use crate::state::NodeState;
use crate::state::link::Link;
use crate::state::route::{RouteType, TableId};
use words::{commands, instead, shown_by, writer};

/// Entries named in one finding.
const NAMED: usize = 4;

/// Findings that say all there is to say of a node's entries: nothing is right on it, or nothing can be.
const WHOLE: [&str; 7] = [
    "tunnel-link-missing",
    "tunnel-link-differs",
    "tunnel-link-down",
    "vxlan-port-shared",
    "kernel-module-missing",
    "agent-not-running",
    "bridge-address-outside-subnet",
];

/// Findings about one other node's end, by its address.
const OF_ENDS: [&str; 3] = ["vxlan-entry-missing", "vtep-mac-stale", "vtep-at-wrong-node"];

/// An entry that a node lacks, or has otherwise.
struct Lacking<'w> {
    node: &'w NodeState,
    item: Item,
    by: By,
    /// What is there in its place, as its tool writes it, and what brings that back.
    instead: Option<(String, String)>,
}

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let cluster = world.cluster.ok();
    let kernels = Kernels::new(cluster, world.nodes, world.intent());
    let said = Said::new(found);
    let mut lacking = Vec::new();
    let mut stale = Vec::new();
    for node in world.nodes {
        let meant = kernels.meant(node);
        if meant.items.is_empty() || said.whole.contains(node.name.as_str()) {
            continue;
        }
        let differ = differences(&meant, node);
        found.extend(order::find(node, &meant, &differ));
        let scene = Scene {
            world,
            node,
            meant: &meant,
            said: &said,
        };
        let missing = differ.missing.into_iter();
        let of = missing
            .filter(|(item, by)| scene.counts(item, by))
            .map(|(item, by)| Lacking {
                instead: instead(node, &item),
                node,
                item,
                by,
            });
        let of: Vec<Lacking> = of.collect();
        if meant.is_whole {
            let extra = differ.extra.into_iter();
            let left = differ.others.into_iter().filter(|item| scene.is_left(item));
            let extra: Vec<Item> = extra
                .filter(|item| scene.is_nobodys(item, &of))
                .chain(left)
                .collect();
            stale.extend((!extra.is_empty()).then_some((node, extra)));
        }
        lacking.extend(of);
    }
    found.extend(
        grouped(&lacking)
            .iter()
            .filter_map(|(hub, members)| unlike(hub, members)),
    );
    found.extend(stale.into_iter().map(|(node, extra)| of_nobody(node, &extra)));
}

/// Entries by what they have in common: the node that lacks them, or the one that they are for, whichever has more.
fn grouped<'l, 'w>(lacking: &'l [Lacking<'w>]) -> BTreeMap<&'l str, Vec<&'l Lacking<'w>>> {
    let mut nodes: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut owners: HashMap<&str, HashSet<&str>> = HashMap::new();
    for one in lacking {
        let (node, owner) = (one.node.name.as_str(), one.by.owner.as_str());
        nodes.entry(owner).or_default().insert(node);
        owners.entry(node).or_default().insert(owner);
    }
    let mut groups: BTreeMap<&str, Vec<&Lacking>> = BTreeMap::new();
    for one in lacking {
        let (node, owner) = (one.node.name.as_str(), one.by.owner.as_str());
        let number = |of: &HashMap<&str, HashSet<&str>>, key| of.get(key).map_or(0, HashSet::len);
        let hub = if number(&nodes, owner) > number(&owners, node) {
            owner
        } else {
            node
        };
        groups.entry(hub).or_default().push(one);
    }
    groups
}

/// What other checks have said.
struct Said {
    whole: HashSet<String>,
    /// By node: subjects of findings about ends, and of all.
    ends: HashSet<(String, String)>,
    subjects: HashSet<(String, String)>,
}

impl Said {
    fn new(found: &[Finding]) -> Self {
        let key = |finding: &Finding| (finding.node.clone(), finding.subject.clone());
        let whole = found
            .iter()
            .filter(|finding| WHOLE.contains(&finding.id) || finding.id.starts_with("node-address"));
        let ends = found.iter().filter(|finding| OF_ENDS.contains(&finding.id));
        Self {
            whole: whole.map(|finding| finding.node.clone()).collect(),
            ends: ends.map(key).collect(),
            subjects: found.iter().map(key).collect(),
        }
    }
}

/// One node's entries, and what is known of them.
struct Scene<'s, 'w> {
    world: &'s World<'w>,
    node: &'w NodeState,
    meant: &'s Meant,
    said: &'s Said,
}

impl Scene<'_, '_> {
    /// Whether nobody else tells of an entry that is missing, and packets depend on it.
    fn counts(&self, item: &Item, by: &By) -> bool {
        if self.said.whole.contains(&by.owner) {
            return false;
        }
        let link = |name: &str| self.node.net.link_named(name);
        match item {
            Item::Address { link: name, address } => {
                // Older releases of flannel give it the network's length.
                let has = |link: &Link| {
                    let mut all = self.node.net.addresses.items().iter();
                    all.any(|own| own.link == link.index && own.ip == address.addr())
                };
                self.meant.is_of_agent(name) && link(name).is_some_and(|link| !has(link))
            }
            Item::Route { dst, via, link: name } => {
                let told = || {
                    let key = (self.node.name.clone(), dst.to_string());
                    self.said.subjects.contains(&key)
                };
                link(name).is_some()
                    && (self.meant.is_of_flannel(dst) || (self.meant.is_of_agent(name) && self.leads(item)))
                    && !told()
                    && !self.is_right(item, by)
                    && !(via.is_some() && self.covers(item))
            }
            Item::Neighbor { .. } | Item::Fdb { .. } => {
                self.is_as_seen(item, by) && self.is_used(by) && !self.is_told(by)
            }
            // The set that packets depend on: VXLAN of hosts that aren't in it is dropped, which `host-not-in-felix-set` says of
            // Nodes. Pools' sets matter only once pods have their addresses. One that is not there is of a release without it.
            Item::Member { set, .. } => {
                let told = (self.node.name.clone(), set.to_string());
                *set == VTEPS && self.node.net.ipset(set).is_some() && !self.said.subjects.contains(&told)
            }
            // Others' findings: links that differ, settings of pods' links; a blackhole only keeps packets for pods
            // that are gone from leaving.
            Item::Vxlan { .. } | Item::Setting { .. } | Item::Blackhole(_) => false,
        }
    }

    /// Whether there is a route to the same destination: without one, `bgp-routes-missing` is said, but for those that
    /// are Felix's own.
    fn leads(&self, item: &Item) -> bool {
        let Item::Route { dst, link, .. } = item else {
            return false;
        };
        if link == "vxlan.calico" {
            return true;
        }
        let mut routes = self.node.net.routes.items().iter();
        routes.any(|route| route.dst == *dst && route.table == TableId::MAIN)
    }

    /// Whether the route leads to another address of the right node: flanneld takes which link it is told to.
    fn is_right(&self, item: &Item, by: &By) -> bool {
        let Item::Route { dst, .. } = item else {
            return false;
        };
        let mut routes = self.node.net.routes.items().iter();
        let route = routes.find(|route| route.dst == *dst && route.table == TableId::MAIN);
        let hop = route.and_then(|route| route.next_hops.first());
        hop.is_some_and(|hop| {
            let link = hop.link.and_then(|link| self.node.net.link(link));
            let by_tunnel = link.is_some_and(|link| self.meant.is_of_agent(&link.name));
            let is_owner = |gateway| self.world.has_address(&by.owner, gateway);
            !by_tunnel && hop.gateway.is_some_and(is_owner)
        })
    }

    /// Whether a wider route without a gateway leads into the same tunnel: the first releases of flannel had but one.
    fn covers(&self, item: &Item) -> bool {
        let Item::Route { dst, link, .. } = item else {
            return false;
        };
        let index = self.node.net.link_named(link).map(|link| link.index);
        let mut routes = self.node.net.routes.items().iter();
        self.meant.is_of_agent(link)
            && routes.any(|route| {
                route.dst != *dst
                    && route.dst.prefix_len() > 0
                    && route.dst.contains(dst)
                    && route.kind == RouteType::Unicast
                    && route
                        .next_hops
                        .iter()
                        .any(|hop| hop.gateway.is_none() && hop.link == index)
            })
    }

    /// Whether the owner's link, where it was seen, has this MAC: else the object is old, and what is written may be right.
    fn is_as_seen(&self, item: &Item, by: &By) -> bool {
        let (Item::Neighbor { link, mac, .. } | Item::Fdb { link, mac, .. }) = item else {
            return true;
        };
        let seen = self
            .world
            .state(&by.owner)
            .and_then(|state| state.net.link_named(link));
        let own = seen.and_then(|seen| seen.mac.as_ref());
        own.is_none_or(|own| own.eq_ignore_ascii_case(mac))
    }

    /// The addresses of the owner's ends.
    fn ends<'m>(&'m self, by: &'m By) -> impl Iterator<Item = IpAddr> + 'm {
        self.meant.items.iter().filter_map(|(item, other)| match item {
            Item::Neighbor { ip, .. } if other.owner == by.owner => Some(*ip),
            _ => None,
        })
    }

    /// Whether a route leads to the owner's end, or should.
    fn is_used(&self, by: &By) -> bool {
        let ends: Vec<IpAddr> = self.ends(by).collect();
        let routes = self.node.net.routes.items().iter();
        let mut held = routes
            .flat_map(|route| &route.next_hops)
            .filter_map(|hop| hop.gateway);
        let mut meant = self.meant.items.keys();
        held.any(|gateway| ends.contains(&gateway))
            || meant.any(|item| matches!(item, Item::Route { via: Some(via), .. } if ends.contains(via)))
    }

    /// Whether a finding speaks of the owner's end already.
    fn is_told(&self, by: &By) -> bool {
        let told = |ip: IpAddr| (self.node.name.clone(), ip.to_string());
        self.ends(by).any(|ip| self.said.ends.contains(&told(ip)))
    }

    /// Whether it is the address of a tunnel of Calico's that no pool needs any more: the link itself stays as long as its
    /// module does.
    fn is_left(&self, item: &Item) -> bool {
        let (Item::Address { link, address }, Ok(cluster)) = (item, self.world.cluster) else {
            return false;
        };
        let needs = |pool: &Pool| match link.as_str() {
            "tunl0" => pool.ipip != Mode::Never,
            "vxlan.calico" => pool.vxlan != Mode::Never,
            _ => true,
        };
        !cluster.pools.iter().any(needs) && cluster.pool_of(address.addr()).is_some()
    }

    /// Whether an entry that is there and not meant is about nobody that there is.
    fn is_nobodys(&self, item: &Item, lacking: &[Lacking]) -> bool {
        let none_told = || !self.said.ends.iter().any(|(node, _)| *node == self.node.name);
        let meant = || self.meant.items.keys();
        match item {
            Item::Route { dst, link, .. } => {
                let is_lacking = lacking.iter().any(|one| route_to(&one.item) == Some(*dst));
                // Of its own subnet, another check speaks.
                let known = |item: &Item| match item {
                    Item::Route { dst: own, .. } | Item::Address { address: own, .. } => own.contains(dst),
                    _ => false,
                };
                // Blocks of nodes that aren't seen are known by IPAM alone.
                let knows_blocks = || self.world.cluster.is_ok_and(|cluster| cluster.ipam.known);
                (self.meant.is_of_flannel(dst) || (self.meant.is_of_agent(link) && knows_blocks()))
                    && !is_lacking
                    && !meant().any(known)
                    && !self
                        .said
                        .subjects
                        .contains(&(self.node.name.clone(), dst.to_string()))
            }
            Item::Neighbor { ip, .. } => {
                let same = |item: &Item| matches!(item, Item::Neighbor { ip: own, .. } if own == ip);
                none_told() && !meant().any(same)
            }
            Item::Fdb { mac, dst, .. } => {
                let same = |item: &Item| matches!(item, Item::Fdb { mac: own, dst: to, .. } if own == mac || to == dst);
                none_told() && !meant().any(same)
            }
            // Felix is told of more hosts by its own settings (externalNodesList).
            Item::Member { set, .. } => set.ends_with("-pools"),
            _ => false,
        }
    }
}

fn route_to(item: &Item) -> Option<ipnet::IpNet> {
    match item {
        Item::Route { dst, .. } => Some(*dst),
        _ => None,
    }
}

/// Entries with one thing in common: the node that lacks them, or the one that they are for.
fn unlike(hub: &str, members: &[&Lacking]) -> Option<Finding> {
    let first = members.first()?;
    let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
    let mut owners: Vec<&str> = Vec::new();
    for member in members {
        *by_node.entry(&member.node.name).or_default() += 1;
        if !owners.contains(&member.by.owner.as_str()) {
            owners.push(&member.by.owner);
        }
    }
    let all: Vec<&str> = by_node.keys().copied().collect();
    let agent = writer(&first.item);
    let what = if members.len() == 1 {
        first.item.to_string()
    } else {
        format!("{} entries for {}", members.len(), names(&owners))
    };
    let lacks = match (first.instead.is_some(), all.len()) {
        (true, 1) => "has otherwise",
        (true, _) => "have otherwise",
        (false, 1) => "lacks",
        (false, _) => "lack",
    };
    let mut finding = Finding::of(
        "kernel-unlike-objects",
        &first.node.name,
        format!("{} {lacks} what {agent} is meant to write: {what}", names(&all)),
    )
    .about(if all.len() > 1 {
        hub.to_owned()
    } else {
        owners.join(" ")
    })
    .sure(Sure::Likely);
    for member in members.iter().take(NAMED) {
        let there = match &member.instead {
            Some((text, _)) => text.clone(),
            None => format!("no {}", member.item),
        };
        finding = finding
            .shown(
                format!("{} on {}", shown_by(&member.item), member.node.name),
                there,
            )
            .shown(&member.by.source, member.item.to_string());
    }
    finding = finding.step(format!(
        "restart {agent} on {}: it writes them anew; look at its log for why it didn't",
        names(&all)
    ));
    let mut raised: HashMap<&str, Vec<&str>> = HashMap::new();
    for member in members {
        let node = &member.node.name;
        let link = match &member.item {
            Item::Route { link, .. } | Item::Neighbor { link, .. } => member.node.net.link_named(link),
            _ => None,
        };
        if let Some(link) = link.filter(|link| !link.is_up()) {
            let raised = raised.entry(node).or_default();
            if !raised.contains(&link.name.as_str()) {
                raised.push(&link.name);
                finding.fix.commands.push(Command::on(
                    node,
                    format!("ip link set {} up", link.name),
                    format!("ip link set {} down", link.name),
                ));
            }
        }
        let (run, undo) = commands(member.node, &member.item);
        let undo = member.instead.as_ref().map_or(undo, |(_, undo)| undo.clone());
        finding.fix.commands.push(Command::on(node, run, undo));
    }
    Some(finding)
}

/// Entries of a node for others that are gone.
fn of_nobody(node: &NodeState, extra: &[Item]) -> Finding {
    let name = &node.name;
    let agent = extra.first().map_or("", writer);
    let what = match extra {
        [one] => one.to_string(),
        _ => format!("{} entries", extra.len()),
    };
    let mut finding = Finding::of(
        "entry-of-nobody",
        name,
        format!("{name} still has what no object means: {what}"),
    )
    .about(extra.first().map_or_else(String::new, ToString::to_string));
    for item in extra.iter().take(NAMED) {
        finding = finding.shown(format!("{} on {name}", shown_by(item)), item.to_string());
    }
    finding = finding
        .shown("objects", "no node, lease or pool that it could be for")
        .step(format!(
            "restart {agent} on {name}: it takes away what is left of nodes that are gone"
        ));
    for item in extra {
        let (add, delete) = commands(node, item);
        finding = finding.run(delete, add);
    }
    finding
}
