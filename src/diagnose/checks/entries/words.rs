//! Entries in the words of the tools that show and write them.

use std::fmt::Write as _;

use crate::intent::kernel::Item;
use crate::state::NodeState;
use crate::state::route::{HopFlags, Route, RouteType, TableId};

/// What a node has in the place of an entry.
pub(super) fn instead(node: &NodeState, item: &Item) -> Option<(String, String)> {
    let net = &node.net;
    match item {
        Item::Route { dst, .. } => {
            let mut routes = net.routes.items().iter();
            let route = routes.find(|route| route.dst == *dst && route.table == TableId::MAIN)?;
            let text = route_text(node, route);
            Some((text.clone(), format!("ip route replace {text}")))
        }
        Item::Neighbor { link, ip, .. } => {
            let index = net.link_named(link)?.index;
            let mut entries = net.neighbors.items().iter();
            let entry = entries.find(|entry| entry.link == index && entry.ip == *ip)?;
            let text = format!("{ip} lladdr {} dev {link}", entry.mac.as_ref()?);
            let undo = format!("ip neigh replace {text} nud permanent");
            Some((text, undo))
        }
        _ => None,
    }
}

/// As `ip route` writes it.
fn route_text(node: &NodeState, route: &Route) -> String {
    let kind = match route.kind {
        RouteType::Blackhole => "blackhole ",
        RouteType::Unreachable => "unreachable ",
        RouteType::Prohibit => "prohibit ",
        _ => "",
    };
    let mut text = format!("{kind}{}", route.dst);
    if let Some(hop) = route.next_hops.first() {
        if let Some(gateway) = hop.gateway {
            let _ = write!(text, " via {gateway}");
        }
        if let Some(link) = hop.link.and_then(|link| node.net.link(link)) {
            let _ = write!(text, " dev {}", link.name);
        }
        if hop.flags.has(HopFlags::ONLINK) {
            text += " onlink";
        }
    }
    text
}

/// What writes an entry, and what takes it away.
pub(super) fn commands(node: &NodeState, item: &Item) -> (String, String) {
    match item {
        Item::Address { link, address } => (
            format!("ip address add {address} dev {link}"),
            format!("ip address del {address} dev {link}"),
        ),
        Item::Route { dst, via: None, link } => (
            format!("ip route replace {dst} dev {link}"),
            format!("ip route del {dst} dev {link}"),
        ),
        Item::Route {
            dst,
            via: Some(via),
            link,
        } => {
            let tunnel = node.net.link_named(link).is_some_and(|link| link.data.is_some());
            let onlink = if tunnel { " onlink" } else { "" };
            // Felix keeps what has its own protocol.
            let proto = if link == "vxlan.calico" { " proto 80" } else { "" };
            (
                format!("ip route replace {dst} via {via} dev {link}{onlink}{proto}"),
                format!("ip route del {dst} via {via} dev {link}"),
            )
        }
        Item::Blackhole(dst) => (
            format!("ip route add blackhole {dst}"),
            format!("ip route del blackhole {dst}"),
        ),
        Item::Neighbor { link, ip, mac } => (
            format!("ip neigh replace {ip} lladdr {mac} dev {link} nud permanent"),
            format!("ip neigh del {ip} dev {link}"),
        ),
        Item::Fdb { link, mac, dst } => (
            format!("bridge fdb append {mac} dev {link} dst {dst} self permanent"),
            format!("bridge fdb del {mac} dev {link} dst {dst} self"),
        ),
        Item::Member { set, member } => (
            format!("ipset add {set} {member}"),
            format!("ipset del {set} {member}"),
        ),
        Item::Vxlan { .. } | Item::Setting { .. } => (String::new(), String::new()),
    }
}

/// Where an entry is seen.
pub(super) fn shown_by(item: &Item) -> String {
    match item {
        Item::Address { link, .. } => format!("ip addr show dev {link}"),
        Item::Route { .. } | Item::Blackhole(_) => "ip route".to_owned(),
        Item::Neighbor { link, .. } => format!("ip neigh show dev {link}"),
        Item::Fdb { link, .. } => format!("bridge fdb show dev {link}"),
        Item::Member { set, .. } => format!("ipset list {set}"),
        Item::Vxlan { .. } | Item::Setting { .. } => String::new(),
    }
}

/// Who writes an entry.
pub(super) fn writer(item: &Item) -> &'static str {
    let of = |link: &str| {
        let is_calico = matches!(link, "vxlan.calico" | "tunl0");
        if is_calico { "calico-node" } else { "flanneld" }
    };
    match item {
        Item::Vxlan { link, .. }
        | Item::Address { link, .. }
        | Item::Route { link, .. }
        | Item::Neighbor { link, .. }
        | Item::Fdb { link, .. } => of(link),
        Item::Blackhole(_) | Item::Setting { .. } | Item::Member { .. } => "calico-node",
    }
}
