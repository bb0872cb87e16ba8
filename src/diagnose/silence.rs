//! Connection attempts that nobody answers: which of the many reasons.

use super::facts::{Facts, down_links};
use super::finding::{Command, Evidence};
use super::path::Path;
use super::refusal;
use super::session::{Cause, Explanation, nobody};
use super::world::Peer;
use crate::state::NodeState;

/// Why a connection attempt is unanswered right now. None when BIRD isn't waiting for an answer.
pub(super) fn explain(facts: &Facts) -> Option<Explanation> {
    // Sockets are read a moment after BIRD: an attempt that has ended in between left its error.
    let attempt = facts.session.state == "Connect"
        && (facts.error().is_empty() || facts.node.net.tcp.known().is_none());
    let waits = facts.syn_sent().is_some() || attempt;
    if !waits {
        return None;
    }
    if let Some(explanation) = now(facts) {
        return Some(explanation);
    }
    if let Some(explanation) = refusal::daemon_there(facts) {
        return Some(explanation.uncertain());
    }
    if facts.peer == Peer::Nobody {
        return Some(nobody(facts));
    }
    Some(counted_passwords(facts).unwrap_or_else(|| vanished(facts)))
}

/// What stops packets to the peer, whatever BIRD is doing at the moment: no way, nobody there, a rule, a password.
pub(super) fn now(facts: &Facts) -> Option<Explanation> {
    if refusal::is_cut_off(facts) {
        return Some(refusal::no_route(facts));
    }
    if facts.answers_arp() == Some(false) && matches!(facts.path, Path::OnLink { .. }) {
        return Some(nobody_answers(facts));
    }
    rule(facts).or_else(|| one_sided_password(facts))
}

/// The local or the peer's rule that stops the session's packets.
pub(super) fn rule(facts: &Facts) -> Option<Explanation> {
    let (node, blocked) = match (facts.rule_here(), facts.rule_there()) {
        (Some(blocked), _) => (facts.node.name.clone(), blocked),
        (None, Some(blocked)) => (facts.peer_name(), blocked),
        (None, None) => return None,
    };
    let (cause, verb) = if blocked.rejects {
        (Cause::PortRejected, "rejects")
    } else {
        (Cause::PortDropped, "drops")
    };
    let counted = blocked
        .packets
        .map_or_else(String::new, |packets| format!(" ({packets} packets)"));
    let explanation = facts
        .because(
            cause,
            format!(
                "a firewall rule on {node} {verb} BGP with {}",
                if node == facts.node.name {
                    facts.peer_name()
                } else {
                    facts.node.name.clone()
                }
            ),
        )
        .with([Evidence::new(
            format!("netfilter on {node}"),
            format!("{}{counted}", blocked.rule),
        )])
        .next(format!("{}   (on {node})", blocked.undo))
        .rooted(format!("rule on {node}: {}", blocked.rule));
    let explanation = Explanation {
        command: Some(Command::on(
            &node,
            &*blocked.undo,
            back(&blocked.undo).unwrap_or_default(),
        )),
        ..explanation
    };
    Some(if blocked.certain {
        explanation
    } else {
        explanation.uncertain()
    })
}

/// What takes back that a rule of iptables was taken away, or put in front.
fn back(run: &str) -> Option<String> {
    match run.split_once(" -D ") {
        Some((command, rule)) => Some(format!("{command} -A {rule}")),
        None => run
            .split_once(" -I ")
            .map(|(command, rule)| format!("{command} -D {rule}")),
    }
}

/// Counters of segments that the kernel dropped for their TCP MD5 signature (RFC 2385): the name, whether the side that
/// counts has a password itself, and what it means.
const MD5_COUNTERS: [(&str, bool, &str); 3] = [
    (
        "TCPMD5NotFound",
        true,
        "a password is expected here, a peer sends none",
    ),
    (
        "TCPMD5Unexpected",
        false,
        "a peer sends a password, none is set here",
    ),
    ("TCPMD5Failure", true, "a peer's password is another one"),
];

/// A TCP MD5 password that one side has and the other lacks: both configurations say so.
fn one_sided_password(facts: &Facts) -> Option<Explanation> {
    let (node, peer) = (&facts.node.name, facts.peer_name());
    let text = match (facts.configured()?.password, facts.mirror()?.password) {
        (true, false) => format!("{node} uses a BGP password, {peer} doesn't"),
        (false, true) => format!("{peer} uses a BGP password, {node} doesn't"),
        _ => return None,
    };
    Some(password(facts, text))
}

/// Segments dropped for their password, as far as the sides' configurations leave that open. The counters are of the
/// whole node and of all its time: they make it likely, no more.
pub(super) fn counted_passwords(facts: &Facts) -> Option<Explanation> {
    let ours = facts.configured().map(|peer| peer.password);
    let theirs = facts.mirror().map(|peer| peer.password);
    let none = ours == Some(false) && theirs == Some(false);
    let here = dropped_segments(facts.node, ours).next().is_some();
    let there = facts
        .other()
        .is_some_and(|other| dropped_segments(other, theirs).next().is_some());
    if none || !(here || there) {
        return None;
    }
    let text = format!(
        "the BGP passwords of {} and {} don't match",
        facts.node.name,
        facts.peer_name()
    );
    Some(password(facts, text).uncertain())
}

fn password(facts: &Facts, text: String) -> Explanation {
    let ours = facts.configured().map(|peer| peer.password);
    let theirs = facts.mirror().map(|peer| peer.password);
    let there = facts
        .other()
        .into_iter()
        .flat_map(|other| dropped_segments(other, theirs));
    facts
        .because(Cause::PasswordMismatch, text)
        .with(dropped_segments(facts.node, ours))
        .with(there)
        .with(facts.neighbor_evidence())
        .next("set the same secret on both sides: BGPPeer spec.password, or nodeMeshPassword of BGPConfiguration")
}

/// The counters that a side with (or without) a password of its own can have raised for this session.
fn dropped_segments(node: &NodeState, password: Option<bool>) -> impl Iterator<Item = Evidence> {
    MD5_COUNTERS
        .into_iter()
        .filter_map(move |(counter, has_password, meaning)| {
            let count = *node.net.tcp_counters.known()?.get(counter)?;
            let fits = password.is_none_or(|password| password == has_password);
            (fits && count > 0).then(|| {
                let source = format!("nstat on {}", node.name);
                Evidence::new(source, format!("{counter} {count}: {meaning}"))
            })
        })
}

/// The peer's address stays unresolved on its own segment.
pub(super) fn nobody_answers(facts: &Facts) -> Explanation {
    let evidence = facts.neighbor_evidence();
    if let Peer::Node(name) = &facts.peer {
        let down = facts.other().into_iter().flat_map(down_links);
        return facts
            .because(
                Cause::NodeDown,
                format!(
                    "{name} doesn't answer ARP for {}: the node is down, or its link is",
                    facts.ip
                ),
            )
            .with(evidence)
            .with(down)
            .next(format!(
                "look at {name}: power, cable, ip link, and whether it still has {}",
                facts.ip
            ));
    }
    if facts.peer == Peer::Nobody {
        return nobody(facts);
    }
    facts
        .because(Cause::NodeDown, format!("nobody answers ARP for {}", facts.ip))
        .with(evidence)
        .next("look whether that host is up, and whether its address is right")
}

/// The attempts vanish, and nothing known says why.
fn vanished(facts: &Facts) -> Explanation {
    let peer = facts.peer_name();
    let port = facts.port;
    let alive = facts.answers_arp() == Some(true) && matches!(facts.path, Path::OnLink { .. });
    let may_be_password = facts.configured().is_none_or(|peer| peer.password);
    let (cause, text) = if alive && may_be_password {
        let text = format!(
            "{peer} answers ARP, but connections to its port {port} stay unanswered: a firewall drops them, or the BGP passwords differ"
        );
        (Cause::Unanswered, text)
    } else if alive {
        let text = format!(
            "{peer} answers ARP, but connections to its port {port} stay unanswered: a firewall there or on the way drops them"
        );
        (Cause::PortDropped, text)
    } else {
        let text = format!(
            "connections to {peer} port {port} stay unanswered: it is down, or a firewall drops them"
        );
        (Cause::Unanswered, text)
    };
    facts
        .because(cause, text)
        .uncertain()
        .with(facts.syn_sent().map(|socket| {
            Evidence::new(
                format!("ss on {}", facts.node.name),
                format!("SYN-SENT {} → {}", socket.local, socket.remote),
            )
        }))
        .with([facts.path_evidence()])
        .with(facts.neighbor_evidence())
        .next(format!(
            "netdiag check   (on {peer}: it names the rule, or the password)"
        ))
}
