//! Felix's part: `vxlan_mgr.go`, `endpoint_mgr.go`, `masq_mgr.go`, `ipip_mgr.go`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::sets::{HOSTS, MASQUERADED, POOLS, VTEPS};
use super::{By, Item, Meant};
use crate::calico::node::Node;
use crate::intent::Cluster;
use crate::intent::pool::Mode;
use crate::intent::routes::{Intent, MeantRoute, Way};
use crate::state::NodeState;
use crate::state::route::{Route, RouteProtocol, TableId};

const LINK: &str = "vxlan.calico";
/// The kernel's own link of IPIP, which takes all that is for no other one.
const TUNL0: &str = "tunl0";
/// FelixConfiguration's defaults.
const VNI: u64 = 4096;
const PORT: u64 = 4789;
/// What Felix sets on a pod's link, as far as packets depend on it.
const SETTINGS: [(&str, i64); 2] = [("proxy_arp", 1), ("forwarding", 1)];

pub(super) fn mean(cluster: &Cluster, intent: &Intent, node: &NodeState, meant: &mut Meant) {
    let Some(object) = cluster.node(&node.name) else {
        return;
    };
    let pools = cluster.pools.iter().filter(|pool| pool.cidr.addr().is_ipv4());
    meant.pools.extend(pools.map(|pool| pool.cidr));
    let uses_vxlan = cluster.pools.iter().any(|pool| pool.vxlan != Mode::Never);
    if uses_vxlan {
        vxlan(cluster, object, meant);
    }
    let uses_ipip = cluster.pools.iter().any(|pool| pool.ipip != Mode::Never);
    if let Some(inside) = object.ipip_tunnel_addr.filter(|_| uses_ipip) {
        meant.links.insert(TUNL0.to_owned());
        let address = Item::Address {
            link: TUNL0.into(),
            address: IpAddr::from(inside).into(),
        };
        meant.add(address, By::new(format!("Node({})", object.name), &object.name));
    }
    for route in intent.routes(object) {
        meant_route(cluster, node, &route, meant);
    }
    workloads(cluster, node, meant);
    sets(cluster, object, uses_vxlan, meant);
}

/// The link, its address, and of every other node a neighbor and an FDB entry (`updateNeighborsAndAllowedSources`).
fn vxlan(cluster: &Cluster, object: &Node, meant: &mut Meant) {
    let setting = |field: &str, default: u64| {
        let value = cluster.felix_setting(&object.name, field).and_then(Value::as_u64);
        value.unwrap_or(default)
    };
    meant.links.insert(LINK.to_owned());
    let by = |node: &Node| By::new(format!("Node({})", node.name), &node.name);
    if let Some((own, inside)) = object.ipv4.zip(object.vxlan_tunnel_addr) {
        let vni = u32::try_from(setting("vxlanVNI", VNI)).unwrap_or_default();
        let port = u16::try_from(setting("vxlanPort", PORT)).unwrap_or_default();
        meant.add(
            Item::Vxlan {
                link: LINK.into(),
                vni,
                port,
                local: own.ip,
            },
            by(object),
        );
        meant.add(
            Item::Address {
                link: LINK.into(),
                address: IpAddr::from(inside).into(),
            },
            by(object),
        );
    }
    for other in cluster.nodes.iter().filter(|other| other.name != object.name) {
        let (Some(outer), Some(inside), Some(mac)) = (other.ipv4, other.vxlan_tunnel_addr, &other.vxlan_mac)
        else {
            // A node without VXLAN has no IPv4 address of its own either.
            meant.is_whole &= other.ipv4.is_none();
            continue;
        };
        let mac = mac.to_lowercase();
        meant.add(
            Item::Neighbor {
                link: LINK.into(),
                ip: inside.into(),
                mac: mac.clone(),
            },
            by(other),
        );
        meant.add(
            Item::Fdb {
                link: LINK.into(),
                mac,
                dst: outer.ip,
            },
            by(other),
        );
    }
}

fn meant_route(cluster: &Cluster, node: &NodeState, route: &MeantRoute, meant: &mut Meant) {
    let by = By::new(format!("block {} of {}", route.dst, route.owner), route.owner);
    let dst = route.dst;
    match route.way {
        Way::Blackhole => meant.add(Item::Blackhole(dst), by),
        Way::Vxlan(_) => {
            let owner = cluster.node(route.owner);
            if let Some(inside) = owner.and_then(|owner| owner.vxlan_tunnel_addr) {
                let item = Item::Route {
                    dst,
                    via: Some(inside.into()),
                    link: LINK.into(),
                };
                meant.add(item, by);
            }
        }
        Way::Ipip(ip) => {
            let item = Item::Route {
                dst,
                via: Some(ip),
                link: TUNL0.into(),
            };
            meant.add(item, by);
        }
        // BIRD follows the next hop through the node's own routes.
        Way::Direct(ip) => {
            for ip in std::iter::once(ip).chain(route.others.iter().copied()) {
                if let Some((via, link)) = resolved(node, ip) {
                    let item = Item::Route {
                        dst,
                        via: Some(via),
                        link,
                    };
                    meant.add(item, by.clone());
                }
            }
        }
    }
}

/// The gateway and link by which an address is reached, by routes that are not BIRD's.
fn resolved(node: &NodeState, ip: IpAddr) -> Option<(IpAddr, String)> {
    let fits = |route: &&Route| {
        route.table == TableId::MAIN && route.proto != RouteProtocol::BIRD && route.dst.contains(&ip)
    };
    let routes = node.net.routes.items().iter().filter(fits);
    let best = routes.max_by_key(|route| route.dst.prefix_len())?;
    let hop = best.next_hops.first()?;
    let link = node.net.link(hop.link?)?;
    Some((hop.gateway.unwrap_or(ip), link.name.clone()))
}

/// Of each pod of the node, its route and its link's settings.
fn workloads(cluster: &Cluster, node: &NodeState, meant: &mut Meant) {
    for workload in cluster
        .workloads
        .iter()
        .filter(|workload| workload.node == node.name)
    {
        let by = || By::new(format!("WorkloadEndpoint({})", workload.title), &node.name);
        for ip in workload.ips.iter().filter(|ip| ip.is_ipv4()) {
            let item = Item::Route {
                dst: (*ip).into(),
                via: None,
                link: workload.interface.clone(),
            };
            meant.add(item, by());
        }
        for (name, value) in SETTINGS {
            let item = Item::Setting {
                link: workload.interface.clone(),
                name,
                value,
            };
            meant.add(item, by());
        }
    }
}

fn sets(cluster: &Cluster, object: &Node, uses_vxlan: bool, meant: &mut Meant) {
    for pool in cluster.pools.iter().filter(|pool| pool.cidr.addr().is_ipv4()) {
        let by = By::new(format!("IPPool({})", pool.name), &object.name);
        for set in [Some(POOLS), pool.nat_outgoing.then_some(MASQUERADED)]
            .into_iter()
            .flatten()
        {
            meant.add(
                Item::Member {
                    set,
                    member: pool.cidr,
                },
                by.clone(),
            );
        }
    }
    let uses_ipip = cluster.pools.iter().any(|pool| pool.ipip != Mode::Never);
    for node in &cluster.nodes {
        let Some(own) = node.ipv4 else { continue };
        let other = node.name != object.name;
        let sets: BTreeSet<&'static str> = [(uses_ipip, HOSTS), (uses_vxlan && other, VTEPS)]
            .into_iter()
            .filter_map(|(is_meant, set)| is_meant.then_some(set))
            .collect();
        for set in sets {
            let member = IpNet::from(own.ip);
            let by = By::new(format!("Node({})", node.name), &node.name);
            meant.add(Item::Member { set, member }, by);
        }
    }
}
