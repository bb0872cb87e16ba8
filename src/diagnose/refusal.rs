//! The peer's host is heard of, and refuses: the port, the connection, or to connect at all.

use super::facts::{Facts, down_links, is_down};
use super::finding::Evidence;
use super::path::Path;
use super::session::{Cause, Explanation, NO_PORT, no_port, nobody};
use super::silence;
use super::world::Peer;

pub(super) fn refused(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Connection refused") {
        return None;
    }
    if let Some(explanation) = silence::rule(facts).or_else(|| daemon_there(facts)) {
        return Some(explanation);
    }
    let peer = facts.peer_name();
    let port = facts.port;
    if facts.other().is_some() {
        let text = format!(
            "{peer} refuses port {port} though its BIRD runs: it listens elsewhere, or a device in between answers"
        );
        let next = format!("ss -ltnp sport = :{port}   (on {peer})");
        return Some(facts.because(Cause::PeerRefuses, text).uncertain().next(next));
    }
    let text = format!(
        "{peer} is alive but refuses port {port}: its BIRD doesn't run, or a rule there rejects the port"
    );
    let explanation = facts.because(Cause::PeerRefuses, text).uncertain();
    Some(
        explanation
            .with(facts.neighbor_evidence())
            .next(format!("netdiag check   (on {peer}: it tells which)")),
    )
}

/// The peer can be seen, and its BIRD doesn't run.
pub(super) fn daemon_there(facts: &Facts) -> Option<Explanation> {
    let other = facts.other()?;
    let why = other.bird.why()?;
    let runs = other.processes.known().map(|processes| processes.runs("bird"));
    if runs == Some(true) {
        return None;
    }
    let peer = facts.peer_name();
    let explanation = facts
        .because(
            Cause::BirdDown,
            format!("{peer} is alive, but its BIRD doesn't run"),
        )
        .with([Evidence::new(format!("BIRD on {peer}"), why)])
        .next(format!("start calico-node on {peer}, and look at its log"))
        .rooted(format!("BIRD of {peer}"));
    Some(if runs.is_some() {
        explanation
    } else {
        explanation.uncertain()
    })
}

/// The kernel has no way to the peer, or an ICMP error says that somebody else has none.
pub(super) fn unreachable(facts: &Facts) -> Option<Explanation> {
    let error = facts.error();
    if is_cut_off(facts) {
        return Some(no_route(facts));
    }
    if error.contains("Network is unreachable") {
        // There is a route now: the error is of a moment ago.
        return Some(no_route(facts).uncertain());
    }
    if !error.contains("No route to host") {
        return None;
    }
    if let Path::Gateway { gateway, .. } = facts.path {
        let text = format!(
            "the way to {} ends behind {gateway}: it is down, or a firewall rejects",
            facts.peer_name()
        );
        let explanation = facts.because(Cause::NodeDown, text).uncertain();
        return Some(
            explanation
                .with([facts.path_evidence()])
                .next(format!("traceroute -n {}", facts.ip)),
        );
    }
    let Some(neighbor) = facts.neighbor() else {
        return Some(silence::nobody_answers(facts).uncertain());
    };
    if neighbor.state.unanswered() {
        return Some(silence::nobody_answers(facts));
    }
    // The peer answers ARP: the error came as ICMP.
    if let Some(explanation) = silence::rule(facts) {
        return Some(explanation);
    }
    let text = format!(
        "{} answers ARP, and an ICMP error comes back: a firewall there rejects port {}",
        facts.peer_name(),
        facts.port
    );
    let explanation = facts.because(Cause::PortRejected, text).uncertain();
    Some(
        explanation
            .with(facts.neighbor_evidence())
            .next("netdiag check   (on the peer: it names the rule)"),
    )
}

/// Whether the main table has no way to the peer, or only one over a link that is down.
pub(super) fn is_cut_off(facts: &Facts) -> bool {
    match facts.path.link() {
        Some(link) => is_down(link),
        None => matches!(facts.path, Path::None),
    }
}

/// This node has no way to the peer: perhaps because a link of its own is down.
pub(super) fn no_route(facts: &Facts) -> Explanation {
    let node = &facts.node.name;
    let down: Vec<Evidence> = down_links(facts.node).collect();
    let text = if down.is_empty() {
        format!("{node} has no route to {}", facts.ip)
    } else {
        format!("{node} is cut off: its link is down")
    };
    facts
        .because(Cause::NoRoute, text)
        .with([facts.path_evidence()])
        .with(down)
        .next(format!("ip route get {}   (on {node})", facts.ip))
}

/// The peer ended the session, or closes each new connection.
pub(super) fn closed(facts: &Facts) -> Option<Explanation> {
    const DECONFIGURED: &str = "Peer de-configured";
    const SHUTDOWN: &str = "Administrative shutdown";
    let told = |words: &str| facts.error().contains(words);
    let closes = told("Connection reset by peer") || told("Connection closed");
    if !(closes || told(DECONFIGURED) || told(SHUTDOWN)) {
        return None;
    }
    if let Some(explanation) = session_there(facts).or_else(|| daemon_there(facts)) {
        return Some(explanation);
    }
    let peer = facts.peer_name();
    let (cause, text) = if told(SHUTDOWN) {
        (
            Cause::DisabledOnPeer,
            format!("{peer} said goodbye: its session was disabled, or its BIRD stopped"),
        )
    } else if told(DECONFIGURED) {
        let text = format!(
            "{peer} said that its session with {} was removed",
            facts.node.name
        );
        (Cause::NotConfiguredOnPeer, text)
    } else if facts.waits() {
        // It was the peer's connection that was closed: what is missing is a new one.
        return None;
    } else {
        let ours = facts
            .local_ip()
            .map_or_else(|| facts.node.name.clone(), |ip| ip.to_string());
        let text = format!(
            "{peer} accepts the connection and closes it at once: its BIRD has no session with {ours}, or a \
             disabled one"
        );
        (Cause::PeerCloses, text)
    };
    let next = format!("netdiag check   (on {peer}: it tells which)");
    Some(facts.because(cause, text).uncertain().next(next))
}

/// What the peer's own BIRD shows of its side of the session: a disabled one, or none.
fn session_there(facts: &Facts) -> Option<Explanation> {
    facts.other()?.bird.known()?;
    let peer = facts.peer_name();
    match facts.mirror_session() {
        // Not found by a guessed address is no proof.
        None if !facts.knows_local_ip() => None,
        None => {
            let text = format!(
                "{peer}'s BIRD has no session with {}: only this side is configured",
                facts.node.name
            );
            let explanation = facts.because(Cause::NotConfiguredOnPeer, text);
            Some(explanation.next(one_sided(facts, &peer)))
        }
        Some((protocol, session)) if protocol.state == "down" => {
            let error = session.last_error.as_deref().unwrap_or(&protocol.info);
            if error.contains(NO_PORT) {
                return Some(no_port(facts, &peer));
            }
            let evidence = Evidence::new(format!("BIRD on {peer}"), format!("{} is down", protocol.name));
            Some(
                facts
                    .because(
                        Cause::DisabledOnPeer,
                        format!("the administrator disabled the session on {peer}"),
                    )
                    .with([evidence])
                    .next(format!("birdc enable {}   (on {peer})", protocol.name)),
            )
        }
        Some(_) => None,
    }
}

/// What to do about a session that one side lacks.
fn one_sided(facts: &Facts, peer: &str) -> String {
    match &facts.peer {
        Peer::Node(_) if facts.protocol.name.starts_with("Mesh_") => {
            format!("restart calico-node on {peer}: its bird.cfg is out of step with the datastore")
        }
        _ => format!("add the session on {peer} too: a BGPPeer for both sides"),
    }
}

/// This side is passive, and the peer doesn't connect.
pub(super) fn waiting(facts: &Facts) -> Option<Explanation> {
    if !facts.waits() {
        return None;
    }
    if facts.peer == Peer::Nobody {
        return Some(nobody(facts));
    }
    if let Some(explanation) = silence::now(facts)
        .or_else(|| daemon_there(facts))
        .or_else(|| session_there(facts))
        .or_else(|| silence::counted_passwords(facts))
    {
        return Some(explanation);
    }
    let peer = facts.peer_name();
    let text = format!("{} waits (passive), and {peer} doesn't connect", facts.node.name);
    let explanation = facts.because(Cause::NobodyConnects, text);
    Some(match facts.mirror() {
        Some(mirror) if mirror.passive => explanation
            .with([Evidence::new(
                format!("bird.cfg on {peer}"),
                format!("{} is passive too", mirror.name),
            )])
            .next("make one of the two sides active"),
        _ => explanation
            .uncertain()
            .with(facts.neighbor_evidence())
            .next(format!(
                "netdiag check   (on {peer}: whether it has the session, and whether port 179 is open)"
            )),
    })
}
