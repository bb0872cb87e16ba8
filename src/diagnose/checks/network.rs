//! Policy rules and sources of addresses on the way between nodes.

use std::net::IpAddr;

use ipnet::IpNet;

use super::shared::{addresses, host_end, pod_routes, pods};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::forward::fib::{Fib, Flow, source_address};
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::link::IfIndex;
use crate::state::route::{Route, RouteType, TableId};

/// Routes and peers of a node that are asked about: a rule that hides one hides them all, as a rule.
const ASKED: usize = 3;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(away(node));
        let untouched = node
            .net
            .rules
            .known()
            .is_some_and(|rules| rules.iter().filter(|rule| !rule.v6).count() <= 3);
        if !untouched {
            found.extend(hidden(world, node));
        }
    }
    let Ok(cluster) = world.cluster else { return };
    for node in world.nodes {
        found.extend(source(world, cluster, node));
    }
}

/// Where other nodes' pods are: the pools, or flannel's networks.
fn ranges(world: &World, node: &NodeState) -> Vec<IpNet> {
    let pools = world.cluster.iter().flat_map(|cluster| &cluster.pools);
    let flannel = node.flannel.subnet.known().into_iter();
    pools
        .map(|pool| pool.cidr)
        .chain(flannel.flat_map(|subnet| subnet.networks.iter().copied()))
        .collect()
}

/// Packets of the host itself, and those of a pod, which rules may choose by their source or by their link.
fn senders(node: &NodeState) -> Vec<(Option<IpAddr>, Option<IfIndex>)> {
    let pod = pods(node).find_map(|pod| {
        let end = pod
            .net
            .links
            .items()
            .iter()
            .find_map(|link| host_end(node, pod, link))?;
        let ip = addresses(pod).find(IpAddr::is_ipv4)?;
        Some((Some(ip), Some(end.master.unwrap_or(end.index))))
    });
    [(None, None)].into_iter().chain(pod).collect()
}

/// A policy rule leads to a table that lacks the routes to pods.
fn hidden(world: &World, node: &NodeState) -> Option<Finding> {
    node.net.rules.known()?;
    let fib = Fib::new(&node.net);
    let (name, ranges, senders) = (&node.name, ranges(world, node), senders(node));
    let routes = node.net.routes.items().iter().filter(|route| {
        route.table == TableId::MAIN
            && route.kind == RouteType::Unicast
            && route.next_hops.iter().any(|hop| hop.gateway.is_some())
    });
    let asked = routes.filter_map(|route| {
        let range = ranges.iter().find(|range| range.contains(&route.dst))?;
        Some((route, range))
    });
    let asked = asked
        .take(ASKED)
        .flat_map(|asked| senders.iter().map(move |sender| (asked, sender)));
    asked.into_iter().find_map(|((route, range), (src, iif))| {
        let dst = route.dst.hosts().next()?;
        let plain = Flow::to(dst);
        let hit = fib
            .lookup(&Flow {
                src: *src,
                iif: iif.unwrap_or(plain.iif),
                ..plain
            })
            .ok()?;
        if hit.route.table == TableId::MAIN || hit.route.dst.prefix_len() >= route.dst.prefix_len() {
            return None;
        }
        let from = src.map_or_else(String::new, |src| format!(" from {src}"));
        Some(
            Finding::of(
                "policy-rule-hides-routes",
                name,
                format!(
                    "rule {} of {name} sends packets for pods to table {}, which has no routes to them",
                    hit.rule.priority, hit.route.table
                ),
            )
            .about(format!("ip rule {}", hit.rule.priority))
            .shown(
                format!("ip route get {dst}{from} on {name}"),
                format!(
                    "{} of table {}, before {} of main",
                    hit.route.dst, hit.route.table, route.dst
                ),
            )
            .step("narrow the rule (from, iif), or add the pods' ranges to that table")
            .run(
                format!(
                    "ip rule add to {range} lookup main pref {}",
                    hit.rule.priority.saturating_sub(1)
                ),
                format!("ip rule del pref {}", hit.rule.priority.saturating_sub(1)),
            ),
        )
    })
}

/// Packets of tunnels leave with another address than the node's.
fn source(world: &World, cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let own = cluster.node(&node.name)?.ipv4?.ip;
    if world.wrong_address(&node.name, false).is_some() || !world.has_address(&node.name, own) {
        return None;
    }
    let ipip = node.net.link_named("tunl0").filter(|link| link.is_up())?;
    let route = pod_routes(cluster, node).find(|route| {
        route
            .next_hops
            .first()
            .is_some_and(|hop| hop.link == Some(ipip.index))
    })?;
    let gateway = route.next_hops.first()?.gateway?;
    let fib = Fib::new(&node.net);
    let hit = fib.lookup(&Flow::to(gateway)).ok()?;
    let chosen = source_address(&node.net, gateway, &hit, hit.hops.first().copied())?;
    let name = &node.name;
    let link = hit.hops.first()?.link.and_then(|link| node.net.link(link))?;
    let route = hit.route;
    let by = hit.hops.first().and_then(|hop| hop.gateway);
    let with = |source: IpAddr| {
        let way = by.map_or_else(
            || " proto kernel scope link".to_owned(),
            |by| format!(" via {by}"),
        );
        let metric = match route.metric {
            0 => String::new(),
            metric => format!(" metric {metric}"),
        };
        format!(
            "ip route change {}{way} dev {} src {source}{metric}",
            route.dst, link.name
        )
    };
    (chosen != own).then(|| {
        Finding::of(
            "tunnel-source-differs",
            name,
            format!("packets of tunl0 leave {name} from {chosen}, and peers know it as {own}"),
        )
        .about("tunl0")
        .sure(Sure::Likely)
        .shown(
            format!("ip route get {gateway} on {name}"),
            format!("src {chosen}"),
        )
        .shown(format!("Node({name})"), format!("spec.bgp.ipv4Address is {own}"))
        .step(format!(
            "put src {own} into the route to the peers, also where the route is configured; or store {chosen} as the node's address"
        ))
        .run(with(own), with(chosen))
    })
}

/// The node's own subnet, or a part of it, leaves it again.
fn away(node: &NodeState) -> Option<Finding> {
    let subnet = node.flannel.subnet.known()?.subnet?.trunc();
    let bridge = node.net.link_named("cni0")?;
    let main = || {
        let routes = node.net.routes.items().iter();
        routes.filter(|route| route.table == TableId::MAIN && route.kind == RouteType::Unicast)
    };
    let leaves = |route: &&Route| {
        route
            .next_hops
            .first()
            .and_then(|hop| hop.link)
            .is_some_and(|link| link != bridge.index)
    };
    // A part of it by a router; without one, it may be a pod with a link of its own.
    let part = main()
        .filter(|route| route.dst != subnet && subnet.contains(&route.dst))
        .find(|route| route.next_hops.first().is_some_and(|hop| hop.gateway.is_some()) && leaves(route));
    let whole = main()
        .filter(|route| route.dst == subnet)
        .min_by_key(|route| route.metric);
    let route = part.or(whole.filter(leaves))?;
    let hop = route.next_hops.first()?;
    let link = hop
        .link
        .and_then(|link| node.net.link(link))
        .map_or("?", |link| &link.name);
    let via = hop
        .gateway
        .map_or_else(String::new, |gateway| format!(" via {gateway}"));
    let (name, dst) = (&node.name, route.dst);
    Some(
        Finding::of(
            "own-subnet-leaves-node",
            name,
            format!("{name} sends packets for its own pods out by {link}"),
        )
        .about(dst.to_string())
        .shown(
            format!("ip route on {name}"),
            format!("{dst}{via} dev {link}, before {subnet} dev cni0"),
        )
        .run(
            format!("ip route del {dst}{via} dev {link}"),
            format!("ip route add {dst}{via} dev {link}"),
        ),
    )
}
