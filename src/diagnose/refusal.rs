//! The peer's host is heard of, and refuses: the port, the connection, or to connect at all.

use super::facts::{Facts, down_links};
use super::finding::Evidence;
use super::path::Path;
use super::session::{Cause, Explanation, nobody};
use super::silence;
use super::world::Peer;

pub(super) fn refused(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Connection refused") {
        return None;
    }
    let peer = facts.peer_name();
    if let Some(explanation) = silence::rule(facts) {
        return Some(explanation);
    }
    let port = facts.port;
    Some(match facts.other().map(|other| &other.bird) {
        Some(bird) => match bird.why() {
            Some(why) => facts
                .because(Cause::BirdDown, format!("{peer} is alive, but its BIRD doesn't run: it refuses port {port}"))
                .with([Evidence::new(format!("BIRD on {peer}"), why)])
                .next(format!("start calico-node on {peer}, and look at its log")),
            None => facts
                .because(Cause::PeerRefuses, format!("{peer} refuses port {port} though its BIRD runs: it listens elsewhere, or a device in between answers"))
                .uncertain()
                .next(format!("ss -ltnp sport = :{port}   (on {peer})")),
        },
        None => facts
            .because(
                Cause::PeerRefuses,
                format!("{peer} is alive but refuses port {port}: its BIRD doesn't run, or a rule there rejects the port"),
            )
            .uncertain()
            .with(facts.neighbor_evidence())
            .next(format!("netdiag check   (on {peer}: it tells which)")),
    })
}

pub(super) fn unreachable(facts: &Facts) -> Option<Explanation> {
    let error = facts.error();
    if error.contains("Network is unreachable") || matches!(facts.path, Path::None) {
        let down: Vec<Evidence> = down_links(facts.node).collect();
        let text = if down.is_empty() {
            format!("{} has no route to {}", facts.node.name, facts.ip)
        } else {
            format!("{} is cut off: its link is down", facts.node.name)
        };
        return Some(
            facts
                .because(Cause::NoRoute, text)
                .with([facts.path_evidence()])
                .with(down)
                .next(format!("ip route get {}   (on {})", facts.ip, facts.node.name)),
        );
    }
    if !error.contains("No route to host") {
        return None;
    }
    if facts.neighbor().is_some_and(|neighbor| neighbor.state.answered()) {
        // The next hop answers ARP: the error came from further on, as ICMP.
        return Some(silence::rule(facts).unwrap_or_else(|| {
            facts
                .because(
                    Cause::PortRejected,
                    format!("{} answers ARP, and an ICMP error comes back: a firewall there or on the way rejects port {}", facts.peer_name(), facts.port),
                )
                .uncertain()
                .with(facts.neighbor_evidence())
                .next("netdiag check   (on the peer: it names the rule)")
        }));
    }
    Some(silence::nobody_answers(facts))
}

pub(super) fn closed(facts: &Facts) -> Option<Explanation> {
    let error = facts.error();
    let told = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let peer = facts.peer_name();
    let ours = facts
        .local_ip()
        .map_or_else(|| facts.node.name.clone(), |ip| ip.to_string());
    if told(&[
        "Connection reset by peer",
        "Connection closed",
        "Peer de-configured",
        "Administrative shutdown",
    ]) {
        if let Some((protocol, _)) = facts
            .mirror_session()
            .filter(|(protocol, _)| protocol.state == "down")
        {
            let text = format!("the administrator disabled the session on {peer}");
            let evidence = Evidence::new(format!("BIRD on {peer}"), format!("{} is down", protocol.name));
            return Some(
                facts
                    .because(Cause::DisabledOnPeer, text)
                    .with([evidence])
                    .next(format!("birdc enable {}   (on {peer})", protocol.name)),
            );
        }
        let known = facts.other().is_some_and(|other| other.bird.known().is_some());
        if known && facts.mirror_session().is_none() {
            let text = format!("{peer}'s BIRD has no session with {ours}: only this side is configured");
            return Some(
                facts
                    .because(Cause::NotConfiguredOnPeer, text)
                    .next(one_sided(facts, &peer)),
            );
        }
    }
    if told(&["Administrative shutdown"]) {
        return Some(
            facts
                .because(
                    Cause::DisabledOnPeer,
                    format!("{peer} said goodbye: its session was disabled, or its BIRD stopped"),
                )
                .uncertain()
                .next(format!("netdiag node status   (on {peer})")),
        );
    }
    if told(&[
        "Connection reset by peer",
        "Connection closed",
        "Peer de-configured",
    ]) {
        return Some(
            facts
                .because(
                    Cause::PeerCloses,
                    format!("{peer} accepts the connection and closes it at once: its BIRD has no session with {ours}, or a disabled one"),
                )
                .uncertain()
                .next(format!("netdiag check   (on {peer}: it tells which)")),
        );
    }
    None
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

pub(super) fn waiting(facts: &Facts) -> Option<Explanation> {
    if facts.session.state != "Passive" && !facts.configured().is_some_and(|peer| peer.passive) {
        return None;
    }
    let peer = facts.peer_name();
    let node = &facts.node.name;
    if facts.peer == Peer::Nobody {
        return Some(nobody(facts));
    }
    if let Some(explanation) = silence::now(facts) {
        return Some(explanation);
    }
    let explanation = facts.because(
        Cause::NobodyConnects,
        format!("{node} waits (passive), and {peer} doesn't connect"),
    );
    let Some(other) = facts.other() else {
        return Some(
            explanation
                .uncertain()
                .with(facts.neighbor_evidence())
                .next(format!(
                    "netdiag check   (on {peer}: whether it has the session, and whether port 179 is open)"
                )),
        );
    };
    Some(match (other.bird.why(), facts.mirror_session(), facts.mirror()) {
        (Some(why), ..) => facts
            .because(
                Cause::BirdDown,
                format!("{node} waits (passive), and {peer}'s BIRD doesn't run"),
            )
            .with([Evidence::new(format!("BIRD on {peer}"), why)]),
        (None, Some((protocol, _)), _) if protocol.state == "down" => facts
            .because(
                Cause::DisabledOnPeer,
                format!("the administrator disabled the session on {peer}"),
            )
            .next(format!("birdc enable {}   (on {peer})", protocol.name)),
        (None, None, _) => facts
            .because(
                Cause::NotConfiguredOnPeer,
                format!(
                    "{node} waits (passive), and {peer} has no session with it: only this side is configured"
                ),
            )
            .next(one_sided(facts, &peer)),
        (None, _, Some(mirror)) if mirror.passive => explanation
            .with([Evidence::new(
                format!("bird.cfg on {peer}"),
                format!("{} is passive too", mirror.name),
            )])
            .next("make one of the two sides active"),
        _ => explanation.uncertain(),
    })
}
