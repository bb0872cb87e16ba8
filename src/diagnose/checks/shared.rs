//! Questions that several families ask.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::intent::Cluster;
use crate::state::link::{IfIndex, Link, LinkFlags};
use crate::state::netfilter::{Chain, Dialect, Ruleset, Table};
use crate::state::route::{Route, RouteType, TableId};
use crate::state::{Namespace, NodeState};

/// Whether Felix made the link for a pod.
pub(in crate::diagnose) fn is_cali(link: &Link) -> bool {
    link.name.starts_with("cali") && link.kind.as_deref() == Some("veth") && link.master.is_none()
}

/// The bridge that a CNI plugin keeps pods on.
pub(in crate::diagnose) fn pod_bridge(node: &NodeState) -> Option<&Link> {
    let named = |name: &str| node.net.link_named(name).filter(|link| link.is_bridge());
    ["cni0", "kube-bridge", "cbr0"].into_iter().find_map(named)
}

/// Whether the node forwards packets of pods or containers: it has links to them that are up, or a tunnel of a CNI.
pub(in crate::diagnose) fn forwards(node: &NodeState) -> bool {
    node.net.links.items().iter().any(|link| {
        let pod = is_cali(link) || (link.kind.as_deref() == Some("veth") && is_on_pod_bridge(node, link));
        let tunnel = ["tunl0", "vxlan.calico", "flannel.1"].contains(&link.name.as_str());
        link.is_up() && (pod || tunnel)
    })
}

fn is_on_pod_bridge(node: &NodeState, link: &Link) -> bool {
    link.master.is_some_and(|master| {
        node.net
            .link(master)
            .is_some_and(|bridge| bridge.name == "cni0" || is_docker(bridge))
    })
}

/// Whether a bridge is Docker's.
pub(in crate::diagnose) fn is_docker(link: &Link) -> bool {
    link.is_bridge() && (link.name == "docker0" || link.name.starts_with("br-"))
}

/// The namespaces of a node that may be pods or containers.
pub(in crate::diagnose) fn pods(node: &NodeState) -> impl Iterator<Item = &Namespace> {
    node.namespaces.items().iter()
}

/// Addresses of a namespace that others reach it by. What it has on `lo`, on a dummy or on a tunnel may be an address of
/// many: a service's, for which IPVS's servers answer themselves.
pub(in crate::diagnose) fn addresses(namespace: &Namespace) -> impl Iterator<Item = IpAddr> {
    let is_inner = |link: IfIndex| {
        let link = namespace.net.link(link);
        link.is_some_and(|link| {
            link.flags.has(LinkFlags::LOOPBACK) || matches!(link.kind.as_deref(), Some("dummy" | "ipip"))
        })
    };
    let all = namespace.net.addresses.items().iter();
    all.filter(move |address| !is_inner(address.link))
        .map(|address| address.ip)
        .filter(|ip| !ip.is_loopback() && !crate::state::link::is_link_local(*ip))
}

/// The host's end of a link in a namespace.
pub(in crate::diagnose) fn host_end<'n>(
    node: &'n NodeState,
    namespace: &Namespace,
    link: &Link,
) -> Option<&'n Link> {
    let lower = link.lower?;
    // The number of the other end, in the host's own namespace.
    if let Some(id) = lower.netns {
        match (namespace.id_of_host, node.net_id, namespace.net.peer(id)) {
            (Some(host), ..) if host == id => {}
            (_, Some(host), Some(peer)) if host == peer => {}
            // Plain outputs of tools don't say which namespace it is: both ends name each other.
            (None, None, None) => {
                let end = node.net.link(lower.index)?;
                let back = end
                    .lower
                    .filter(|back| back.index == link.index && back.netns.is_some());
                return back.map(|_| end);
            }
            _ => return None,
        }
    }
    node.net.link(lower.index)
}

/// The links that lead out of the node: with an address, not of a virtual kind.
pub(in crate::diagnose) fn uplinks(node: &NodeState) -> impl Iterator<Item = &Link> {
    node.net.links.items().iter().filter(|link| {
        let plain = matches!(link.kind.as_deref(), None | Some("bond" | "vlan"));
        let has_address = || {
            let mut all = node.net.addresses.items().iter();
            all.any(|address| address.link == link.index)
        };
        (plain && !link.flags.has(LinkFlags::LOOPBACK) && has_address()) || is_cable_out(node, link)
    })
}

/// A node that is a container itself (kind, LXC) has the end of a veth in place of a NIC: routers are behind it.
fn is_cable_out(node: &NodeState, link: &Link) -> bool {
    let is_cable = link.kind.as_deref() == Some("veth")
        && link.master.is_none()
        && link.lower.is_some_and(|lower| lower.netns.is_some());
    let has_address = || node.net.ipv4_on(link).next().is_some();
    let leads = |route: &Route| {
        let mut hops = route.next_hops.iter();
        hops.any(|hop| hop.link == Some(link.index) && hop.gateway.is_some())
    };
    is_cable && has_address() && node.net.routes.items().iter().any(leads)
}

/// The link that has an address of the node's.
pub(in crate::diagnose) fn link_of(node: &NodeState, ip: IpAddr) -> Option<&Link> {
    let address = node
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == ip)?;
    node.net.link(address.link)
}

/// Routes of the main table to other nodes' pods: of the pools, by a gateway.
pub(in crate::diagnose) fn pod_routes<'n>(
    cluster: &'n Cluster,
    node: &'n NodeState,
) -> impl Iterator<Item = &'n Route> {
    node.net.routes.items().iter().filter(|route| {
        route.table == TableId::MAIN
            && route.kind == RouteType::Unicast
            && route.next_hops.iter().any(|hop| hop.gateway.is_some())
            && cluster.pools.iter().any(|pool| pool.cidr.contains(&route.dst))
    })
}

/// All that the main table has a route to.
pub(in crate::diagnose) fn destinations(node: &NodeState) -> HashSet<IpNet> {
    let routes = node.net.routes.items().iter();
    let main = routes.filter(|route| route.table == TableId::MAIN);
    main.map(|route| route.dst).collect()
}

/// The link of a route with one way out.
pub(in crate::diagnose) fn route_link(route: &Route) -> Option<IfIndex> {
    match route.next_hops.as_slice() {
        [hop] => hop.link,
        _ => None,
    }
}

/// Bytes that a tunnel's link puts around a packet, in IPv4.
pub(in crate::diagnose) fn overhead(link: &Link) -> Option<u32> {
    match link.kind.as_deref()? {
        "ipip" => Some(20),
        "vxlan" | "geneve" => Some(50),
        "wireguard" => Some(60),
        "gre" => Some(24),
        _ => None,
    }
}

/// The rulesets that look at IPv4 packets.
pub(in crate::diagnose) fn rulesets(node: &NodeState) -> impl Iterator<Item = &Ruleset> {
    node.net
        .netfilter
        .items()
        .iter()
        .filter(|ruleset| !matches!(ruleset.dialect, Dialect::Ip6tablesLegacy | Dialect::Ip6tablesNft))
}

/// The chains of a table, in every back end.
pub(in crate::diagnose) fn chains<'n>(
    node: &'n NodeState,
    table: &'n str,
) -> impl Iterator<Item = (&'n Ruleset, &'n Table, &'n Chain)> {
    rulesets(node).flat_map(move |ruleset| {
        let tables = ruleset.tables.iter().filter(move |known| &*known.name == table);
        tables.flat_map(move |table| table.chains.iter().map(move |chain| (ruleset, table, chain)))
    })
}

/// Whether two ranges have addresses in common.
pub(in crate::diagnose) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// `a, b`, or the first three and how many more.
pub(in crate::diagnose) fn names(all: &[&str]) -> String {
    match all {
        [] => "nobody".to_owned(),
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        some => some.join(", "),
    }
}
