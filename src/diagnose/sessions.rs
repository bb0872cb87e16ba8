//! Sessions that are down, and those that BIRD lacks.

use std::net::IpAddr;

use super::daemon;
use super::facts::is_by_calico;
use super::finding::{Consequence, Evidence, Finding, Fix, Report, Sure};
use super::groups::Between;
use super::session::{Cause, Explanation, explain};
use super::world::{Peer, World};
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::bird::{BgpSession, Protocol};

/// How many peers of one finding are worth a line of evidence.
const EVIDENCE: usize = 5;

/// A finding for each session that is down and that no wrong address explains.
pub(super) fn find(world: &World, node: &NodeState, report: &mut Report) {
    for bird in [node.bird.known(), node.bird6.known()].into_iter().flatten() {
        for (protocol, session) in bird.sessions() {
            if let Some(other) = twin(world, node, session) {
                report.notes.push(format!(
                    "{} on {}: {} has the same peer and is up; of two, BIRD keeps one. Delete the BGPPeer, or switch the mesh off",
                    protocol.name, node.name, other.name
                ));
                continue;
            }
            let Some(explanation) = explain(world, node, bird, protocol, session) else {
                report.unseen.push(format!(
                    "{} on {}: BIRD shows no neighbor address",
                    protocol.name, node.name
                ));
                continue;
            };
            match explanation.cause {
                Cause::Established => {}
                Cause::NodeAddress => consequence(world, node, protocol, session, report),
                Cause::Connecting => report.notes.push(format!(
                    "{} on {}: {}; look again in some seconds",
                    protocol.name, node.name, explanation.text
                )),
                _ => report
                    .findings
                    .push(session_finding(world, node, (protocol, session), explanation)),
            }
        }
    }
}

/// The session that is up with the same peer, of one that isn't: a node of the mesh that a BGPPeer names has two.
fn twin<'w>(world: &World<'w>, node: &NodeState, session: &BgpSession) -> Option<&'w Protocol> {
    let (protocol, known) = world.view(&node.name)?.session(session.neighbor_address?)?;
    let is_other = session.state != "Established" && known.state == "Established";
    is_other.then_some(protocol)
}

/// A session that is down for a wrong address: of this node, or of its peer.
fn consequence(
    world: &World,
    node: &NodeState,
    protocol: &Protocol,
    session: &BgpSession,
    report: &mut Report,
) {
    let peer = session.neighbor_address.map(|ip| world.peer_at(node, ip).name());
    let is_of = |finding: &&mut Finding, name: &str| {
        finding.cause == Some(Cause::NodeAddress) && finding.node == name
    };
    let of_node = report
        .findings
        .iter()
        .any(|finding| finding.cause == Some(Cause::NodeAddress) && finding.node == node.name);
    let name = if of_node { Some(node.name.clone()) } else { peer };
    let Some(name) = name else { return };
    if let Some(finding) = report.findings.iter_mut().find(|finding| is_of(finding, &name)) {
        finding.consequences.push(Consequence {
            id: "bgp-session-down",
            node: node.name.clone(),
            title: format!(
                "BGP session {} of {} is {}",
                protocol.name, node.name, session.state
            ),
        });
    }
}

fn session_finding(
    world: &World,
    node: &NodeState,
    (protocol, session): (&Protocol, &BgpSession),
    explanation: Explanation,
) -> Finding {
    let objects = world.cluster.ok().zip(session.neighbor_address);
    let objects = objects.map_or_else(Vec::new, |(cluster, ip)| {
        let objects = cluster.peer_objects(&node.name, ip);
        objects
            .map(|object| format!("BGPPeer({})", object.name))
            .collect()
    });
    let code = match explanation.cause {
        Cause::PortDropped | Cause::PortRejected => "bgp-port-filtered",
        Cause::WrongAs => "bgp-as-mismatch",
        Cause::NobodyHasAddress => "bgp-peer-address-unknown",
        Cause::PeerIsSelf | Cause::SameRouterId => "bgp-peer-is-self",
        _ => "bgp-session-down",
    };
    let likely = if explanation.certain { "" } else { "probably " };
    let sure = if explanation.certain {
        Sure::Proved
    } else {
        Sure::Likely
    };
    let title = format!(
        "BGP session {} of {} is down: {likely}{}",
        protocol.name, node.name, explanation.text
    );
    let peer = match &explanation.peer {
        Peer::Node(name) => name.clone(),
        _ => session
            .neighbor_address
            .map_or_else(String::new, |ip| ip.to_string()),
    };
    Finding {
        cause: Some(explanation.cause),
        evidence: explanation.evidence,
        fix: Fix {
            steps: explanation
                .next
                .filter(|_| explanation.command.is_none())
                .into_iter()
                .collect(),
            commands: explanation.command.into_iter().collect(),
            ..Fix::default()
        },
        between: Some(Between {
            node: node.name.clone(),
            peer: peer.clone(),
            root: explanation.root,
            objects,
        }),
        sessions: vec![[node.name.clone(), peer]],
        ..Finding::of(code, &node.name, title)
            .about(&protocol.name)
            .sure(sure)
    }
}

/// The mesh means sessions that BIRD doesn't have.
pub(super) fn missing(world: &World, cluster: &Cluster, node: &NodeState, report: &mut Report) {
    let (Some(bird), Some(object), Some(view)) = (
        node.bird.known(),
        cluster.node(&node.name),
        world.view(&node.name),
    ) else {
        return;
    };
    let Some(own) = object
        .ipv4
        .filter(|_| cluster.mesh && object.route_reflector_cluster_id.is_none())
    else {
        return;
    };
    // A BIRD of the host's own has other business.
    let uses_bgp = node.processes.known().is_none_or(daemon::uses_bgp);
    if !uses_bgp || !bird.protocols.iter().any(|protocol| is_by_calico(&protocol.name)) {
        return;
    }
    let missing: Vec<(&str, IpAddr)> = cluster
        .nodes
        .iter()
        // A reflector takes part in no mesh.
        .filter(|other| other.name != node.name && other.route_reflector_cluster_id.is_none())
        .filter_map(|other| Some((other.name.as_str(), other.ipv4?.ip)))
        .filter(|(_, ip)| *ip != own.ip && view.session(*ip).is_none())
        .collect();
    let Some(((name, ip), more)) = missing.split_first() else {
        return;
    };
    let others = if more.is_empty() {
        String::new()
    } else {
        format!(" and {} more", more.len())
    };
    let title = format!(
        "{}'s BIRD has no session with {name} ({ip}){others}, though the mesh is on",
        node.name
    );
    report.findings.push(Finding {
        cause: Some(Cause::NotConfigured),
        evidence: missing
            .iter()
            .take(EVIDENCE)
            .map(|(name, ip)| {
                let text = format!(
                    "spec.bgp.ipv4Address is {ip}, and no protocol of {} has that neighbor",
                    node.name
                );
                Evidence::new(format!("Node({name})"), text)
            })
            .collect(),
        fix: Fix {
            steps: vec![format!(
                "restart calico-node on {}: its bird.cfg is out of step with {}",
                node.name, cluster.store
            )],
            ..Fix::default()
        },
        sessions: missing
            .iter()
            .map(|(name, _)| [node.name.clone(), (*name).to_owned()])
            .collect(),
        ..Finding::of("bird-config-out-of-step", &node.name, title)
    });
}
