//! Policy rules and sources of addresses on the way between nodes.

use std::collections::HashMap;

use super::shared::pod_routes;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::forward::fib::{Fib, Flow, source_address};
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::route::TableId;

/// Routes and peers of a node that are asked about: a rule that hides one hides them all, as a rule.
const ASKED: usize = 3;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(away(node));
    }
    let Ok(cluster) = world.cluster else { return };
    for node in world.nodes {
        let untouched = node
            .net
            .rules
            .known()
            .is_some_and(|rules| rules.iter().filter(|rule| !rule.v6).count() <= 3);
        if !untouched {
            found.extend(hidden(cluster, node));
        }
        found.extend(source(world, cluster, node));
    }
}

/// A policy rule leads to a table that lacks the routes to pods.
fn hidden(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    node.net.rules.known()?;
    let fib = Fib::new(&node.net);
    let name = &node.name;
    pod_routes(cluster, node).take(ASKED).find_map(|route| {
        let dst = route.dst.hosts().next()?;
        let hit = fib.lookup(&Flow::to(dst)).ok()?;
        if hit.route.table == TableId::MAIN || hit.route.dst.prefix_len() >= route.dst.prefix_len() {
            return None;
        }
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
                format!("ip route get {dst} on {name}"),
                format!(
                    "{} of table {}, before {} of main",
                    hit.route.dst, hit.route.table, route.dst
                ),
            )
            .step("narrow the rule (from, iif), or add the pods' ranges to that table")
            .run(
                format!(
                    "ip rule add to {} lookup main pref {}",
                    cluster
                        .pool_of(dst)
                        .map_or_else(|| route.dst.to_string(), |pool| pool.cidr.to_string()),
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
            "put src {own} into the route to the peers, or store {chosen} as the node's address"
        ))
    })
}

/// The node's own block leaves it again.
fn away(node: &NodeState) -> Option<Finding> {
    let subnet = node.flannel.subnet.known()?.subnet?.trunc();
    let bridge = node.net.link_named("cni0")?;
    let by: HashMap<_, _> = node
        .net
        .links
        .items()
        .iter()
        .map(|link| (link.index, link.name.as_str()))
        .collect();
    let main = node
        .net
        .routes
        .items()
        .iter()
        .filter(|route| route.table == TableId::MAIN && route.dst == subnet);
    let away = main.min_by_key(|route| route.metric)?;
    let link = away.next_hops.first()?.link?;
    let name = &node.name;
    (link != bridge.index).then(|| {
        Finding::of(
            "own-subnet-leaves-node",
            name,
            format!(
                "{name} sends packets for its own pods out by {}",
                by.get(&link).copied().unwrap_or("?")
            ),
        )
        .about(subnet.to_string())
        .shown(
            format!("ip route on {name}"),
            format!(
                "{subnet} dev {} before dev cni0",
                by.get(&link).copied().unwrap_or("?")
            ),
        )
        .run(
            format!(
                "ip route del {subnet} dev {}",
                by.get(&link).copied().unwrap_or("?")
            ),
            "",
        )
    })
}
