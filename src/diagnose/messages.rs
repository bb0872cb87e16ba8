//! What the two daemons say to each other in a session's OPEN and NOTIFICATION messages (RFC 4271), told from BIRD's
//! last error: AS numbers, router ids, hold timers.

use super::facts::Facts;
use super::finding::Evidence;
use super::session::{Cause, Explanation};
use super::silence;
use super::world::Peer;
use crate::state::Absence;

pub(super) fn wrong_as(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Bad peer AS") {
        return None;
    }
    let peer = facts.peer_name();
    let node = &facts.node.name;
    let mut evidence = Vec::new();
    let expects = facts.session.neighbor_as.map(|number| number.to_string());
    let expects = expects.as_deref().unwrap_or("another AS");
    let local = facts
        .session
        .local_as
        .or_else(|| facts.configured().and_then(|peer| peer.local_as));
    if let Some(local) = local {
        evidence.push(Evidence::new(
            format!("BIRD on {node}"),
            format!("local AS {local}"),
        ));
    }
    let theirs = facts.mirror().and_then(|mirror| mirror.local_as);
    if let Some(theirs) = theirs {
        evidence.push(Evidence::new(
            format!("bird.cfg on {peer}"),
            format!("local AS {theirs}"),
        ));
    }
    let mut next =
        "make both sides agree: spec.bgp.asNumber of the Node, or spec.asNumber of the BGPPeer".to_owned();
    if let Ok(cluster) = facts.world.cluster {
        for name in [
            Some(node),
            if let Peer::Node(name) = &facts.peer {
                Some(name)
            } else {
                None
            },
        ]
        .into_iter()
        .flatten()
        {
            let Some(object) = cluster.node(name) else {
                continue;
            };
            let meant = cluster.as_of(object);
            let uses = if name == node { local } else { theirs };
            evidence.push(Evidence::new(
                format!("Node({name})"),
                format!("AS {meant} is meant"),
            ));
            if uses.is_some_and(|uses| uses != meant) {
                next = format!(
                    "{name}'s BIRD uses AS {}, not the {meant} of its Node: restart calico-node there",
                    uses.unwrap_or(0)
                );
            }
        }
        for object in cluster.peer_objects(node, facts.ip) {
            if let Some(number) = object.as_number {
                evidence.push(Evidence::new(
                    format!("BGPPeer({})", object.name),
                    format!("asNumber {number}"),
                ));
            }
        }
    }
    let text = if facts.error().starts_with("Received") {
        format!("{peer} refuses this node's AS: it expects another one")
    } else {
        format!("{peer} has another AS than the {expects} configured here")
    };
    Some(facts.because(Cause::WrongAs, text).with(evidence).next(next))
}

pub(super) fn same_router_id(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Bad BGP identifier") {
        return None;
    }
    // Router ids are the nodes' IPv4 addresses.
    let peer = match &facts.peer {
        Peer::Node(name) => Some(name),
        _ => None,
    };
    let shared = [Some(&facts.node.name), peer].into_iter().flatten();
    let shared = shared
        .filter_map(|name| facts.world.wrong_address(name, false))
        .find(|wrong| wrong.code == "node-address-shared");
    if let Some(wrong) = shared {
        let text = format!("wrong address stored for {}: {}", wrong.node, wrong.why);
        return Some(facts.because(Cause::NodeAddress, text));
    }
    let own = facts.node.bird.known().and_then(|bird| bird.router_id);
    let id = own.map_or_else(|| "the same router id".to_owned(), |id| format!("router id {id}"));
    let text = format!(
        "{} has {id}, as {} has: ids must differ",
        facts.peer_name(),
        facts.node.name
    );
    let mut evidence = Vec::new();
    if let Some(own) = own {
        evidence.push(Evidence::new(
            format!("BIRD on {}", facts.node.name),
            format!("router id {own}"),
        ));
    }
    if let Some(theirs) = facts.other().and_then(|other| other.bird.known()?.router_id) {
        evidence.push(Evidence::new(
            format!("BIRD on {}", facts.peer_name()),
            format!("router id {theirs}"),
        ));
    }
    let next = "give one of the two another id: CALICO_ROUTER_ID in the environment of its calico-node, or a unique node address";
    Some(facts.because(Cause::SameRouterId, text).with(evidence).next(next))
}

pub(super) fn hold_timer(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Hold timer expired") {
        return None;
    }
    let connected = facts.established().is_some() || facts.session.state == "OpenSent";
    if !connected && let Some(explanation) = silence::now(facts) {
        return Some(explanation);
    }
    let peer = facts.peer_name();
    let (text, next) = if facts.error().starts_with("Received") {
        (
            format!(
                "{peer} stopped hearing {}: keepalives to it get lost",
                facts.node.name
            ),
            "look for loss on the way: netdiag node status on the peer, link counters, MTU",
        )
    } else if connected {
        (
            format!(
                "{peer} accepts the connection but its BIRD says nothing: the daemon hangs or is stopped"
            ),
            "look at the bird process there (state T or D in ps), restart calico-node",
        )
    } else {
        (
            format!("{peer} went silent within a session: no keepalive came within the hold time"),
            "look whether the node and its BIRD are alive, then for loss on the way",
        )
    };
    let evidence = facts.established().map(|socket| {
        Evidence::new(
            format!("ss on {}", facts.node.name),
            format!(
                "TCP {} to {} is open, {} bytes unacknowledged",
                socket.local, socket.remote, socket.tx_queue
            ),
        )
    });
    let explanation = facts
        .because(Cause::HoldTimerExpired, text)
        .with(evidence)
        .next(next);
    // A connection without an OPEN so far is an ordinary moment of any start.
    let silent = facts
        .other()
        .is_some_and(|other| other.bird.absence() == Some(Absence::Unreadable));
    Some(if connected && !silent {
        explanation.uncertain()
    } else {
        explanation
    })
}
