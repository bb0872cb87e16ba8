//! Routes to blocks that lead elsewhere than they are meant to.

use std::net::IpAddr;

use super::shared::route_link;
use crate::diagnose::finding::{Command, Finding, Severity, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::intent::blocks::Block;
use crate::intent::routes::{MeantRoute, Way};
use crate::state::NodeState;
use crate::state::route::{NextHop, Route, RouteType, TableId};

const VXLAN: &str = "vxlan.calico";
const TUNNELS: [&str; 2] = ["tunl0", VXLAN];

/// What is wrong with a route to a block, beside what is meant.
pub(super) fn otherwise(
    world: &World,
    cluster: &Cluster,
    node: &NodeState,
    route: &Route,
    meant: &MeantRoute,
) -> Option<Finding> {
    if route.next_hops.len() > 1 {
        return two_ways(world, cluster, node, route, meant);
    }
    to_another(world, cluster, node, route, meant).or_else(|| by_another_link(world, node, route, meant))
}

/// The nodes that next hops lead to, beside the owner's and those that are meant.
fn strangers<'c>(cluster: &'c Cluster, route: &Route, meant: &MeantRoute) -> Vec<&'c str> {
    let gateways = route.next_hops.iter().filter_map(|hop| hop.gateway);
    let others = gateways.filter(|gateway| !meant.others.contains(gateway));
    let nodes = others.flat_map(|gateway| cluster.nodes_at(gateway));
    nodes
        .map(|other| other.name.as_str())
        .filter(|other| *other != meant.owner)
        .collect()
}

/// The route of a node to the same block as it is there, and as it is meant to be: as ip(8) takes them.
fn instead(world: &World, node: &NodeState, route: &Route) -> Option<Command> {
    let object = world.object(&node.name)?;
    let meant = world.intent()?.routes(object);
    let way = meant.into_iter().find(|meant| meant.dst == route.dst)?.way;
    let hop = |hop: &NextHop| {
        let link = hop.link.and_then(|link| node.net.link(link));
        let via = hop.gateway.map_or_else(String::new, |via| format!(" via {via}"));
        let dev = link.map_or_else(String::new, |link| format!(" dev {}", link.name));
        format!("nexthop{via}{dev}")
    };
    let was = if route.kind == RouteType::Blackhole {
        format!("blackhole {}", route.dst)
    } else {
        let hops: Vec<String> = route.next_hops.iter().map(hop).collect();
        format!("{} {}", route.dst, hops.join(" "))
    };
    matches!(way, Way::Direct(_) | Way::Ipip(_)).then(|| {
        Command::on(
            &node.name,
            format!("ip route replace {} {way}", route.dst),
            format!("ip route replace {was}"),
        )
    })
}

fn main_route<'n>(node: &'n NodeState, dst: &ipnet::IpNet) -> Option<&'n Route> {
    let mut routes = node.net.routes.items().iter();
    routes.find(|route| route.table == TableId::MAIN && route.dst == *dst)
}

/// Two next hops, one of them a node that doesn't have the block: whoever claims it as well keeps its packets, by a
/// blackhole of its own. Routers and merged paths may well be several.
fn two_ways(
    world: &World,
    cluster: &Cluster,
    node: &NodeState,
    route: &Route,
    meant: &MeantRoute,
) -> Option<Finding> {
    let strangers = strangers(cluster, route, meant);
    let stranger = strangers.first()?;
    let (name, dst, owner) = (&node.name, route.dst, meant.owner);
    let mut finding = Finding::of(
        "block-with-two-ways",
        name,
        format!("{name} sends packets for {dst} of {owner} to {stranger} as well: some are lost"),
    )
    .about(dst.to_string())
    .sure(Sure::Likely)
    .shown(
        format!("ip route on {name}"),
        format!("{dst} has {} next hops", route.next_hops.len()),
    )
    .step("see which node claims the block as well: netdiag ipam check, birdc show route");
    finding.fix.commands.extend(instead(world, node, route));
    let keeps = |other: &&str| {
        let state = world.state(other)?;
        let own = main_route(state, &dst).filter(|own| own.kind == RouteType::Blackhole)?;
        Some((state, own))
    };
    for (state, own) in strangers.iter().filter_map(keeps) {
        finding.severity = Severity::Error;
        finding = finding.shown(format!("ip route on {}", state.name), format!("blackhole {dst}"));
        finding.fix.commands.extend(instead(world, state, own));
    }
    Some(finding)
}

/// The address that routes through VXLAN to a node have: it is stored, or seen on its link.
fn inside(world: &World, cluster: &Cluster, node: &str) -> Option<IpAddr> {
    let stored = cluster.node(node).and_then(|node| node.vxlan_tunnel_addr);
    stored.map(IpAddr::from).or_else(|| {
        let state = world.state(node)?;
        let link = state.net.link_named(VXLAN)?;
        let own = state.net.ipv4_on(link).next()?;
        Some(own.ip)
    })
}

/// The next hop is another node than the one that has the block.
fn to_another(
    world: &World,
    cluster: &Cluster,
    node: &NodeState,
    route: &Route,
    meant: &MeantRoute,
) -> Option<Finding> {
    let (name, dst, owner) = (&node.name, route.dst, meant.owner);
    let wrong = route.next_hops.first()?.gateway?;
    let (other, right, by) = match &meant.way {
        Way::Direct(ip) | Way::Ipip(ip) => {
            let mut at = cluster.nodes_at(wrong).filter(|_| wrong != *ip);
            let by = if matches!(meant.way, Way::Ipip(_)) {
                " dev tunl0 onlink"
            } else {
                ""
            };
            (
                at.find(|other| other.name != owner && other.name != *name)?,
                *ip,
                by,
            )
        }
        Way::Vxlan(_) => {
            let right = inside(world, cluster, owner).filter(|right| *right != wrong)?;
            let link = route_link(route).and_then(|link| node.net.link(link))?;
            let leads =
                |other: &&crate::calico::node::Node| inside(world, cluster, &other.name) == Some(wrong);
            let mut others = cluster.nodes.iter().filter(|other| other.name != *name);
            let other = others.find(leads).filter(|_| link.name == VXLAN)?;
            (other, right, " dev vxlan.calico onlink")
        }
        Way::Blackhole => return None,
    };
    Some(
        Finding::of(
            "route-to-wrong-node",
            name,
            format!(
                "{name} sends packets for {dst} to {}, and {owner} has that block",
                other.name
            ),
        )
        .about(dst.to_string())
        .shown(
            format!("ip route on {name}"),
            format!("{dst} via {wrong}, which is {}", other.name),
        )
        .shown("blocks", format!("{dst} belongs to {owner} ({right})"))
        .run(
            format!("ip route replace {dst} via {right}{by}"),
            format!("ip route replace {dst} via {wrong}{by}"),
        ),
    )
}

/// By a tunnel, and back without one, or the other way round.
fn by_another_link(world: &World, node: &NodeState, route: &Route, meant: &MeantRoute) -> Option<Finding> {
    let (name, owner, way) = (&node.name, meant.owner, &meant.way);
    let gateway = route.next_hops.first().and_then(|hop| hop.gateway);
    let link = route_link(route).and_then(|link| node.net.link(link));
    let tunnel = link.is_some_and(|link| TUNNELS.contains(&link.name.as_str()));
    let meant_tunnel = matches!(way, Way::Ipip(_) | Way::Vxlan(_));
    let direct = link.is_some() && !tunnel && gateway.is_some();
    let meant_direct = matches!(way, Way::Direct(_));
    if !((meant_tunnel && direct) || (meant_direct && tunnel)) {
        return None;
    }
    // Only where the other side's way back differs, packets are lost by it.
    let other = world.state(owner)?;
    // A route of Felix' leads to the address of the tunnel's end, not to the node's.
    let back = other.net.routes.items().iter().find(|back| {
        let is_of_node = |block: &Block| block.cidr == back.dst && block.node == *name;
        back.table == TableId::MAIN && !back.next_hops.is_empty() && world.blocks().iter().any(is_of_node)
    })?;
    let theirs = route_link(back).and_then(|link| other.net.link(link))?;
    let is_tunnel = TUNNELS.contains(&theirs.name.as_str());
    if is_tunnel == tunnel {
        return None;
    }
    Some(
        Finding::of(
            "routes-differ-in-device",
            name,
            format!(
                "{name} reaches pods of {owner} by {}, and {owner} answers by {}",
                link.map_or("?", |link| link.name.as_str()),
                theirs.name
            ),
        )
        .about(route.dst.to_string())
        .sure(Sure::Likely)
        .shown(
            format!("ip route on {name}"),
            format!(
                "{} dev {}; meant: {way}",
                route.dst,
                link.map_or("?", |link| link.name.as_str())
            ),
        )
        .shown(
            format!("ip route on {owner}"),
            format!("{} dev {}", back.dst, theirs.name),
        )
        .step(format!(
            "restart calico-node on {name}: its routes are of another mode than the pool's"
        )),
    )
}
