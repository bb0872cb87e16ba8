//! Sessions that are down.

use super::finding::{Consequence, Finding, Fix, Report, Sure};
use super::groups::Between;
use super::session::{Cause, Explanation, explain};
use super::world::{Peer, World};
use crate::state::NodeState;
use crate::state::bird::{BgpSession, Protocol};

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
