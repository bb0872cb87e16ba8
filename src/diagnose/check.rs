//! All checks over a world, in one report.

use std::net::IpAddr;

use super::addresses::Wrong;
use super::candidate::Candidate;
use super::daemon;
use super::finding::{Change, Evidence, Finding, Fix, Report, Severity};
use super::restart;
use super::session::{Cause, Explanation, explain};
use super::world::World;
use crate::calico::release::Release;
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::bird::Protocol;
use crate::state::route::{Route, TableId};

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
    report.settings = settings(world, &wrong);
    let broken = !wrong.is_empty();
    report
        .findings
        .extend(wrong.into_iter().map(|wrong| address_finding(world, wrong)));
    for node in world.nodes {
        report.findings.extend(daemon::finding(world, node));
        sessions(world, node, &mut report);
        if let Ok(cluster) = world.cluster {
            missing_sessions(cluster, node, &mut report);
            manual_routes(cluster, node, broken, &mut report);
            let notes = restart::notes(world, node);
            report
                .notes
                .extend(notes.into_iter().map(|note| format!("{}: {note}", node.name)));
        }
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
                .filter(|node| cluster.node(&node.name).is_none())
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
            ("links", node.links.why()),
            ("addresses", node.addresses.why()),
            ("routes", node.routes.why()),
            ("neighbors", node.neighbors.why()),
            ("sockets", node.tcp.why()),
            ("netfilter", node.netfilter.why()),
            ("bird.cfg", node.bird_config.why()),
        ] {
            match why {
                None => seen.push(what),
                Some(why) => report.unseen.push(format!("{what} of {}: {why}", node.name)),
            }
        }
        report.seen.push(format!("{}: {}", node.name, seen.join(", ")));
    }
    if world.cluster.is_err() && world.nodes.iter().all(|node| node.bird.known().is_none()) {
        report.undecidable = Some("neither the datastore nor a BIRD could be read".to_owned());
    }
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
    } else {
        fix.steps.push(format!(
            "find its right address: netdiag node autodetect   (on {})",
            wrong.node
        ));
    }
    Finding {
        code: wrong.code,
        severity: Severity::Error,
        node: wrong.node.clone(),
        cause: Some(Cause::NodeAddress),
        certain: wrong.certain,
        title: format!("wrong address stored for {}: {}", wrong.node, wrong.why),
        evidence,
        fix,
    }
}

/// The setting that makes calico-node detect the right addresses from now on, the same on all nodes where possible.
fn settings(world: &World, wrong: &[&Wrong]) -> Vec<String> {
    [false, true]
        .into_iter()
        .filter_map(|v6| {
            let candidates: Vec<&Candidate> = wrong
                .iter()
                .filter(|wrong| wrong.stored.ip.is_ipv6() == v6)
                .filter_map(|wrong| wrong.candidate.as_ref())
                .collect();
            let variable = if v6 {
                "IP6_AUTODETECTION_METHOD"
            } else {
                "IP_AUTODETECTION_METHOD"
            };
            Some(format!("{variable}={}", setting(world, &candidates)?))
        })
        .collect()
}

/// `cidr=` says what is meant, but Calico knows it from 3.16 on; a link's name works everywhere.
fn setting(world: &World, candidates: &[&Candidate]) -> Option<String> {
    const MANY: usize = 3;
    let mut segments: Vec<String> = candidates
        .iter()
        .map(|candidate| candidate.address.trunc().to_string())
        .collect();
    segments.sort_unstable();
    segments.dedup();
    let release = world.cluster.ok().and_then(|cluster| cluster.release);
    let knows_cidr = release.is_some_and(|release| release >= Release::new(3, 16, 0));
    let mut links: Vec<&str> = candidates
        .iter()
        .filter_map(|candidate| candidate.link.as_deref())
        .collect();
    links.sort_unstable();
    links.dedup();
    if segments.is_empty() {
        None
    } else if (knows_cidr && segments.len() <= MANY) || links.is_empty() {
        Some(format!("cidr={}", segments.join(",")))
    } else {
        let names: Vec<String> = links
            .iter()
            .map(|link| format!("^{}$", regex::escape(link)))
            .collect();
        Some(format!("interface={}", names.join(",")))
    }
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

/// A finding for each session that is down and that no wrong address explains.
fn sessions(world: &World, node: &NodeState, report: &mut Report) {
    for bird in [node.bird.known(), node.bird6.known()].into_iter().flatten() {
        for (protocol, session) in bird.sessions() {
            let Some(explanation) = explain(world, node, bird, protocol, session) else {
                report.unseen.push(format!(
                    "{} on {}: BIRD shows no neighbor address",
                    protocol.name, node.name
                ));
                continue;
            };
            match explanation.cause {
                Cause::Established | Cause::NodeAddress => {}
                Cause::Connecting => report.notes.push(format!(
                    "{} on {}: {}; look again in some seconds",
                    protocol.name, node.name, explanation.text
                )),
                _ => report.findings.push(session_finding(node, protocol, explanation)),
            }
        }
    }
}

fn session_finding(node: &NodeState, protocol: &Protocol, explanation: Explanation) -> Finding {
    let code = match explanation.cause {
        Cause::PortDropped | Cause::PortRejected => "B02",
        Cause::WrongAs => "B04",
        Cause::NobodyHasAddress => "B05",
        Cause::PeerIsSelf | Cause::SameRouterId => "B06",
        _ => "B01",
    };
    let likely = if explanation.certain { "" } else { "probably " };
    Finding {
        code,
        severity: Severity::Error,
        node: node.name.clone(),
        cause: Some(explanation.cause),
        certain: explanation.certain,
        title: format!(
            "BGP session {} of {} is down: {likely}{}",
            protocol.name, node.name, explanation.text
        ),
        evidence: explanation.evidence,
        fix: Fix {
            steps: explanation.next.into_iter().collect(),
            ..Fix::default()
        },
    }
}

/// B11: the mesh means a session that BIRD doesn't have.
fn missing_sessions(cluster: &Cluster, node: &NodeState, report: &mut Report) {
    let (Some(bird), Some(object)) = (node.bird.known(), cluster.node(&node.name)) else {
        return;
    };
    let Some(own) = object.ipv4.filter(|_| cluster.mesh) else {
        return;
    };
    for other in cluster.nodes.iter().filter(|other| other.name != node.name) {
        let Some(address) = other.ipv4.filter(|address| address.ip != own.ip) else {
            continue;
        };
        // A reflector takes part in no mesh, and a node-specific session replaces the mesh's.
        if other.route_reflector_cluster_id.is_some() || object.route_reflector_cluster_id.is_some() {
            continue;
        }
        if bird
            .sessions()
            .any(|(_, session)| session.neighbor_address == Some(address.ip))
        {
            continue;
        }
        report.findings.push(Finding {
            code: "B11",
            severity: Severity::Error,
            node: node.name.clone(),
            cause: Some(Cause::NotConfigured),
            certain: true,
            title: format!(
                "{}'s BIRD has no session with {} ({}), though the mesh is on",
                node.name, other.name, address.ip
            ),
            evidence: vec![
                Evidence::new(
                    format!("Node({})", other.name),
                    format!("spec.bgp.ipv4Address is {address}"),
                ),
                Evidence::new(
                    format!("BIRD on {}", node.name),
                    format!("no protocol has neighbor {}", address.ip),
                ),
            ],
            fix: Fix {
                steps: vec![format!(
                    "restart calico-node on {}: its bird.cfg is out of step with {}",
                    node.name, cluster.store
                )],
                ..Fix::default()
            },
        });
    }
}

/// Routes to pods that somebody put in by hand: they hide a fault, and outlive its repair.
fn manual_routes(cluster: &Cluster, node: &NodeState, broken: bool, report: &mut Report) {
    for route in node
        .routes
        .items()
        .iter()
        .filter(|route| is_manual_pod_route(cluster, node, route))
    {
        let gateway = route.next_hops.iter().find_map(|hop| hop.gateway);
        let Some(gateway) = gateway else { continue };
        let command = format!("ip route del {} via {gateway}", route.dst);
        report.notes.push(if broken {
            format!(
                "{} has a hand-made route to pods, {} via {gateway} (proto {}): once BGP is mended it is in the way: {command}",
                node.name, route.dst, route.proto
            )
        } else {
            format!(
                "{} has a hand-made route to pods, {} via {gateway} (proto {}): it is not needed: {command}",
                node.name, route.dst, route.proto
            )
        });
    }
}

fn is_manual_pod_route(cluster: &Cluster, node: &NodeState, route: &Route) -> bool {
    route.table == TableId::MAIN
        && route.proto.is_manual()
        && cluster.pools.iter().any(|pool| pool.contains(&route.dst))
        && route
            .next_hops
            .iter()
            .filter_map(|hop| hop.link.and_then(|link| node.link(link)))
            .all(|link| !link.name.starts_with("cali"))
}
