//! Felix's dispatch chains beside the endpoints of a node.

use std::collections::BTreeSet;

use super::shared::{chains, host_end, is_cali, pods};
use crate::calico::kind::Kind;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::intent::dispatch::{Direction, Dispatch, What};
use crate::state::NodeState;
use crate::state::netfilter::Dialect;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        // Of two back ends, one is left over: another check speaks of that.
        if let [(dialect, dispatch)] = dispatches(node).as_slice() {
            found.extend(unknown(world, node, *dialect, dispatch));
            let cluster = world.cluster.ok();
            found.extend(cluster.and_then(|cluster| of_nobody(cluster, node, *dialect, dispatch)));
        }
    }
}

/// Each back end's, where Felix wrote chains.
fn dispatches(node: &NodeState) -> Vec<(Dialect, Dispatch<'_>)> {
    let root = chains(node, "filter").filter(|(_, _, chain)| &*chain.name == Direction::From.root());
    let all = root.filter_map(|(ruleset, table, _)| Some((ruleset.dialect, Dispatch::new(table)?)));
    all.collect()
}

/// Links of pods on the node that are up: those that Felix has to know.
fn inhabited(node: &NodeState) -> impl Iterator<Item = &str> {
    let ends: BTreeSet<u32> = pods(node)
        .flat_map(|pod| {
            pod.net
                .links
                .items()
                .iter()
                .filter_map(|link| host_end(node, pod, link))
        })
        .map(|end| end.index.0)
        .collect();
    let links = node.net.links.items().iter();
    links
        .filter(move |link| is_cali(link) && link.is_up() && ends.contains(&link.index.0))
        .map(|link| link.name.as_str())
}

/// A pod's link that Felix's chains don't know: "unknown interface" drops its packets.
fn unknown(world: &World, node: &NodeState, dialect: Dialect, dispatch: &Dispatch) -> Vec<Finding> {
    let (name, command) = (&node.name, dialect.command());
    let owner = |link: &str| {
        let workloads = world.cluster.ok()?.workloads.iter();
        let mut own = workloads.filter(|workload| workload.node == *name);
        Some(own.find(|workload| workload.interface == link)?.title.clone())
    };
    let mut found = Vec::new();
    for link in inhabited(node) {
        let lacks = dispatch.lacks(link);
        let Some((direction, _)) = lacks.first() else {
            continue;
        };
        let title = match lacks.len() {
            1 => {
                let way = if *direction == Direction::From {
                    "from"
                } else {
                    "to"
                };
                format!("Felix's rules on {name} don't know {link}: they drop all packets {way} it")
            }
            _ => format!("Felix's rules on {name} don't know {link}: they drop all of its packets"),
        };
        let mut finding = Finding::of("felix-lacks-interface", name, title).about(link);
        for (direction, what) in lacks {
            let (root, option, chain) = (direction.root(), direction.option(), direction.chain(link));
            let source = format!("{command}-save -t filter on {name}");
            match what {
                What::NotDispatched => {
                    let rule = format!("{root} {option} {link} -g {chain}");
                    finding = finding
                        .shown(
                            source,
                            format!("no rule of {root} leads {option} {link} to {chain}"),
                        )
                        .run(
                            format!("{command} -t filter -I {rule}"),
                            format!("{command} -t filter -D {rule}"),
                        );
                }
                What::NoChain => {
                    finding = finding.shown(source, format!("{chain} is missing, or has no rule"));
                }
            }
        }
        if let Some(owner) = owner(link) {
            finding = finding.shown(
                format!("WorkloadEndpoint({owner})"),
                format!("its link is {link}"),
            );
        }
        found.push(finding.step(format!(
            "restart calico-node on {name}, and look whether the pod's WorkloadEndpoint is in the datastore"
        )));
    }
    found
}

/// Chains of endpoints that neither the node nor the datastore has.
fn of_nobody(cluster: &Cluster, node: &NodeState, dialect: Dialect, dispatch: &Dispatch) -> Option<Finding> {
    node.net
        .links
        .known()
        .filter(|_| cluster.knows(Kind::WorkloadEndpoint))?;
    let is_there = |link: &str| {
        let mut own = cluster
            .workloads
            .iter()
            .filter(|workload| workload.node == node.name);
        node.net.link_named(link).is_some() || own.any(|workload| workload.interface == link)
    };
    let stale: Vec<&str> = dispatch
        .links()
        .into_iter()
        .filter(|link| !is_there(link))
        .collect();
    let first = stale.first()?;
    let (name, command) = (&node.name, dialect.command());
    let count = stale.len();
    let mut finding = Finding::of(
        "felix-chain-of-nobody",
        name,
        if count == 1 {
            format!("Felix's rules on {name} still have chains of {first}, and no endpoint has that link")
        } else {
            format!("Felix's rules on {name} still have chains of {count} links that no endpoint has, like {first}")
        },
    )
    .about(*first)
    .sure(Sure::Likely)
    .shown(format!("{command}-save -t filter on {name}"), Direction::From.chain(first))
    .shown(format!("ip link on {name}"), format!("no {first}"))
    .shown("WorkloadEndpoints", format!("none of {name} has {first}"));
    for link in &stale {
        for rule in dispatch.rules_of(link) {
            let rule = rule.trim_start_matches("-A ");
            finding = finding.run(
                format!("{command} -t filter -D {rule}"),
                format!("{command} -t filter -A {rule}"),
            );
        }
        for chain in Direction::ALL.map(|direction| direction.chain(link)) {
            finding = finding.run(format!("{command} -t filter -F {chain}"), "");
        }
    }
    Some(finding.step(format!(
        "restart calico-node on {name}: Felix is out of step with the datastore"
    )))
}
