//! All checks over a world, in one report.

use std::net::IpAddr;

use super::addresses::Wrong;
use super::candidate::Candidate;
use super::daemon;
use super::finding::{Change, Evidence, Finding, Fix, Report, Sure};
use super::session::Cause;
use super::shell::Odd;
use super::world::World;
use super::{checks, groups, lacking, out_of_step, restart, sessions, walks};
use crate::calico::release::Release;
use crate::intent::Cluster;
use crate::intent::cluster::stored_address;
use crate::state::bird::Bird;
use crate::state::route::{Route, TableId};
use crate::state::{Absence, NodeState};

/// Runs every check.
pub fn check(world: &World) -> Report {
    let mut report = Report::default();
    scope(world, &mut report);
    let wrong: Vec<&Wrong> = world
        .cluster
        .iter()
        .flat_map(|cluster| &cluster.nodes)
        .flat_map(|node| [false, true].map(|v6| world.wrong_address(&node.name, v6)))
        .flatten()
        .collect();
    if world.nodes.iter().all(|node| node.name_in_use.is_none()) {
        report.settings = settings(world, &wrong);
    }
    report
        .findings
        .extend(wrong.into_iter().map(|wrong| address_finding(world, wrong)));
    for node in world.nodes {
        report.findings.extend(daemon::finding(world, node));
        sessions::find(world, node, &mut report);
        if let Ok(cluster) = world.cluster {
            report.findings.extend(out_of_step::finding(world, cluster, node));
            manual_routes(world, cluster, node, &mut report);
            let notes = restart::notes(world, node);
            report
                .notes
                .extend(notes.into_iter().map(|note| format!("{}: {note}", node.name)));
        }
    }
    report.findings.extend(checks::all(world));
    groups::group(&mut report.findings);
    lacking::find(world, &mut report.findings);
    walks::find(world, &mut report.findings);
    let odd = Odd::of(world.nodes.iter(), world.objects);
    if !odd.is_empty() {
        report
            .findings
            .iter_mut()
            .for_each(|finding| odd.finding(finding));
    }
    report
}

/// Says what was looked at and what could not be.
fn scope(world: &World, report: &mut Report) {
    match world.cluster {
        Ok(cluster) => {
            report
                .seen
                .push(format!("{} Nodes in {}", cluster.nodes.len(), cluster.store));
            report.unseen.extend(cluster.unreadable.iter().cloned());
            let hidden: Vec<&str> = cluster
                .nodes
                .iter()
                .map(|node| node.name.as_str())
                .filter(|name| world.state(name).is_none())
                .collect();
            if !hidden.is_empty() {
                report.unseen.push(format!(
                    "kernel and BIRD of {}: run netdiag there, or give their snapshots with --snapshot",
                    hidden.join(", ")
                ));
            }
            for node in world
                .nodes
                .iter()
                .filter(|node| node.name_in_use.is_none() && cluster.node(&node.name).is_none())
            {
                report.unseen.push(format!(
                    "the Node object of {}: {} has none of this name (set NODENAME if Calico uses another one)",
                    node.name, cluster.store
                ));
            }
        }
        Err(why) => report.unseen.push(format!("the objects: {why}")),
    }
    for node in world.nodes {
        let mut seen = Vec::new();
        for (what, why) in [
            ("BIRD", node.bird.why()),
            ("bird6", bird6_missed(world, node)),
            ("links", node.net.links.why()),
            ("addresses", node.net.addresses.why()),
            ("routes", node.net.routes.why()),
            ("neighbors", node.net.neighbors.why()),
            ("sockets", node.net.tcp.why()),
            ("netfilter", netfilter_missed(node)),
            ("bird.cfg", node.bird_config.why()),
        ] {
            match why {
                None if what == "bird6" => {}
                None => seen.push(what),
                Some(why) => report.unseen.push(format!("{what} of {}: {why}", node.name)),
            }
        }
        report.seen.push(format!("{}: {}", node.name, seen.join(", ")));
    }
    let silent = world
        .nodes
        .iter()
        .find(|node| node.bird.absence() == Some(Absence::Unreadable));
    if let Some(node) = silent {
        report.undecidable = Some(format!("the BIRD of {} could not be asked", node.name));
    }
    if world.cluster.is_err() && world.nodes.iter().all(|node| node.bird.known().is_none()) {
        report.undecidable = Some("neither the datastore nor a BIRD could be read".to_owned());
    }
}

/// Why `bird6` is not known, on a node that has an IPv6 address for BGP.
fn bird6_missed<'a>(world: &World, node: &'a NodeState) -> Option<&'a str> {
    let one_for_both = node.bird.known().is_some_and(Bird::speaks_both_families);
    world.object(&node.name)?.ipv6.filter(|_| !one_for_both)?;
    node.bird6.why()
}

/// Why rules are not known. A kernel without tables has none, and that is seen.
fn netfilter_missed(node: &NodeState) -> Option<&str> {
    let rules = &node.net.netfilter;
    rules.why().filter(|_| rules.absence() != Some(Absence::Missing))
}

fn address_finding(world: &World, wrong: &Wrong) -> Finding {
    let v6 = wrong.stored.ip.is_ipv6();
    let field = if v6 { "ipv6Address" } else { "ipv4Address" };
    let store = world
        .cluster
        .map(|cluster| cluster.store.clone())
        .unwrap_or_default();
    let mut evidence = vec![Evidence::new(
        format!("Node({})", wrong.node),
        format!("spec.bgp.{field} is {} ({store})", wrong.stored),
    )];
    evidence.extend(wrong.evidence.iter().cloned());
    let down = sessions_down(world, &wrong.node, wrong.stored.ip);
    evidence.extend(down);
    let mut fix = Fix::default();
    if let Some(candidate) = &wrong.candidate {
        let place = candidate
            .link
            .as_deref()
            .map_or_else(String::new, |link| format!("{link} "));
        evidence.push(Evidence::new(
            format!("right for {}", wrong.node),
            format!("{place}{}: {}", candidate.address, candidate.why),
        ));
        fix.steps
            .push(format!("set spec.bgp.{field} to {}", candidate.address));
        fix.change = Some(Change {
            node: wrong.node.clone(),
            bgp_field: field,
            from: wrong.stored.to_string(),
            value: candidate.address.to_string(),
            why: candidate.why.clone(),
        });
    } else if wrong.code == "node-address-shared" {
        let step = "delete the Node of the host that is gone, or give each host an address of its own";
        fix.steps.push(step.to_owned());
    } else {
        fix.steps.push(format!(
            "find its right address: netdiag node autodetect   (on {})",
            wrong.node
        ));
    }
    let sure = if wrong.certain { Sure::Proved } else { Sure::Likely };
    let title = format!(
        "{}wrong address stored for {}: {}",
        if wrong.certain { "" } else { "probably a " },
        wrong.node,
        wrong.why
    );
    Finding {
        cause: Some(Cause::NodeAddress),
        evidence,
        fix,
        ..Finding::of(wrong.code, &wrong.node, title)
            .about(format!("Node({})", wrong.node))
            .sure(sure)
    }
}

/// The setting that makes calico-node detect the right addresses from now on, one for all nodes: calico-node is one
/// DaemonSet, so it must hold for the nodes whose addresses are right as well.
fn settings(world: &World, wrong: &[&Wrong]) -> Vec<String> {
    [false, true]
        .into_iter()
        .filter_map(|v6| {
            let wrong: Vec<&Wrong> = wrong
                .iter()
                .copied()
                .filter(|wrong| wrong.stored.ip.is_ipv6() == v6)
                .collect();
            let variable = if v6 {
                "IP6_AUTODETECTION_METHOD"
            } else {
                "IP_AUTODETECTION_METHOD"
            };
            Some(format!("{variable}={}", setting(world, &wrong, v6)?))
        })
        .collect()
}

/// `cidr=` says what is meant, but Calico knows it from 3.16 on; a link's name works everywhere, where all nodes have it.
/// None when a node is not known well enough.
fn setting(world: &World, wrong: &[&Wrong], v6: bool) -> Option<String> {
    const MANY: usize = 3;
    let cluster = world.cluster.ok()?;
    let mut segments = Vec::new();
    let mut links = Vec::new();
    for node in &cluster.nodes {
        let Some(stored) = stored_address(node, v6) else {
            continue;
        };
        let (address, link) = match wrong.iter().find(|wrong| wrong.node == node.name) {
            Some(wrong) => {
                let candidate: &Candidate = wrong.candidate.as_ref()?;
                // A node that can't be seen has its link under the same name, for all that is known.
                (candidate.address, candidate.link.clone())
            }
            None => (
                stored.net()?,
                Some(link_of(world, &node.name, stored.ip).unwrap_or_default()),
            ),
        };
        segments.push(address.trunc().to_string());
        links.extend(link);
    }
    for list in [&mut segments, &mut links] {
        list.sort_unstable();
        list.dedup();
    }
    let knows_cidr = cluster
        .release
        .is_some_and(|release| release >= Release::new(3, 16, 0));
    let every_link = !links.is_empty() && links.iter().all(|link| !link.is_empty());
    if wrong.is_empty() || segments.len() > MANY {
        None
    } else if knows_cidr {
        Some(format!("cidr={}", segments.join(",")))
    } else if every_link {
        let names: Vec<String> = links
            .iter()
            .map(|link| format!("^{}$", regex::escape(link)))
            .collect();
        Some(format!("interface={}", names.join(",")))
    } else {
        None
    }
}

/// The link of a visible node that has this address.
fn link_of(world: &World, node: &str, ip: IpAddr) -> Option<String> {
    let state = world.state(node)?;
    let holder = state
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == ip)?;
    Some(state.net.link(holder.link)?.name.clone())
}

/// The sessions that don't come up for it, in one line.
fn sessions_down(world: &World, name: &str, ip: IpAddr) -> Option<Evidence> {
    if let Some(bird) = world.state(name).and_then(|state| state.bird.known()) {
        let all = bird.sessions().count();
        let up = bird
            .sessions()
            .filter(|(_, session)| session.state == "Established")
            .count();
        return Some(Evidence::new(
            format!("BIRD on {name}"),
            format!("{up} of {all} sessions are Established"),
        ));
    }
    world.nodes.iter().find_map(|state| {
        let (protocol, _) = state
            .bird
            .known()?
            .sessions()
            .find(|(_, session)| session.neighbor_address == Some(ip))?;
        Some(Evidence::new(
            format!("BIRD on {}", state.name),
            format!("{} is {}: {}", protocol.name, protocol.state, protocol.info),
        ))
    })
}

/// Routes to pods that somebody put in by hand: they hide a fault, and outlive its repair.
fn manual_routes(world: &World, cluster: &Cluster, node: &NodeState, report: &mut Report) {
    let manual = node
        .net
        .routes
        .items()
        .iter()
        .filter(|route| is_manual_pod_route(cluster, route));
    for route in manual {
        let Some((gateway, owner)) = node_behind(world, cluster, node, route) else {
            continue;
        };
        let session = world.view(&node.name).and_then(|view| view.session(gateway));
        let is_up = session.is_some_and(|(_, session)| session.state == "Established");
        let what = format!(
            "{} has a hand-made route to pods of {owner}, {} via {gateway}",
            node.name, route.dst
        );
        let command = format!("ip route del {} via {gateway}", route.dst);
        report.notes.push(if is_up {
            format!("{what}: BGP with {owner} is up, it is not needed: {command}")
        } else {
            format!("{what}: keep it until BGP with {owner} is up, then: {command}")
        });
    }
}

fn is_manual_pod_route(cluster: &Cluster, route: &Route) -> bool {
    route.table == TableId::MAIN
        && route.proto.is_manual()
        && cluster.pools.iter().any(|pool| pool.cidr.contains(&route.dst))
}

/// The node that a route leads to: its gateway is an address that node is known or stored by.
fn node_behind(
    world: &World,
    cluster: &Cluster,
    node: &NodeState,
    route: &Route,
) -> Option<(IpAddr, String)> {
    let gateway = route.next_hops.iter().find_map(|hop| hop.gateway)?;
    let owner = cluster
        .nodes
        .iter()
        .filter(|other| other.name != node.name)
        .find(|other| {
            stored_address(other, gateway.is_ipv6()).is_some_and(|stored| stored.ip == gateway)
                || world.places(other, gateway.is_ipv6()).contains(&gateway)
        })?;
    Some((gateway, owner.name.clone()))
}
