//! Whose fault a lost pair of pods is: a finding that can bring about what the walk ended in, or one of its own.

use super::finding::{Finding, Severity};
use super::trace::{Explained, Scene, explain};
use super::walks::affect;
use crate::forward::walk::{Cause, End, Outcome};

/// A pair of pods whose packets are lost.
pub(super) struct Lost<'l> {
    /// Where, and why.
    pub(super) outcome: &'l Outcome,
    /// The way of the packet whose answer is lost; none when the packet itself is.
    pub(super) there: Option<&'l Outcome>,
    /// The nodes of both.
    pub(super) ends: [&'l str; 2],
    pub(super) pair: String,
}

/// Gives a lost pair to what explains it, or makes a finding of it. Up to `before`, findings are of other checks than
/// walks.
pub(super) fn blame(scene: Scene, lost: Lost, found: &mut Vec<Finding>, before: usize) {
    let at = scene.topology.place(lost.outcome.place).node.name.as_str();
    let Some(explained) = explain(scene, lost.outcome, lost.there) else {
        return;
    };
    let own = finding(explained, lost.outcome);
    let known = found
        .iter()
        .take(before)
        .enumerate()
        .filter_map(|(index, known)| {
            let rank = rank(known, &own, &lost, at)?;
            Some((rank, index))
        });
    // The first of the best.
    let best = known.min().map(|(_, index)| index);
    let same = || {
        let mut walked = found.iter().enumerate().skip(before);
        let same = walked.find(|(_, known)| known.id == own.id && known.node == own.node)?;
        Some(same.0)
    };
    if let Some(known) = best.or_else(same).and_then(|index| found.get_mut(index)) {
        affect(known, lost.pair);
    } else {
        let mut own = own;
        affect(&mut own, lost.pair);
        found.push(own);
    }
}

/// How well a finding explains what the walk ended in, the least is best; none when it doesn't.
fn rank(known: &Finding, own: &Finding, lost: &Lost, at: &str) -> Option<u8> {
    if known.severity != Severity::Error {
        return None;
    }
    let on = |node: &str| known.node == node || known.consequences.iter().any(|other| other.node == node);
    if known.id == own.id && known.node == own.node {
        return Some(0);
    }
    let kind = Kind::of(&lost.outcome.end);
    let place = if on(at) || on(&own.node) {
        1
    } else if lost.ends.into_iter().any(on) {
        2
    } else {
        return None;
    };
    kind.comes_of(known.id).then_some(place)
}

/// What walks end in, by what can bring it about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No route, a wrong one, or one that refuses.
    Route,
    /// A tunnel's other end is not known, or doesn't take it.
    Tunnel,
    /// A link, bridge or neighbor.
    Link,
    Forwarding,
    Rule,
    Size,
    /// Anything can.
    Other,
}

impl Kind {
    const fn of(end: &End) -> Self {
        let (End::Dropped(cause) | End::Rejected(cause)) = end else {
            return Self::Other;
        };
        match cause {
            Cause::ForwardingOff { .. } => Self::Forwarding,
            Cause::Rule { .. } => Self::Rule,
            Cause::TooBig { .. } => Self::Size,
            Cause::NoFdb { .. } | Cause::NoVxlan { .. } | Cause::NoTunnel { .. } => Self::Tunnel,
            Cause::LinkDown { .. }
            | Cause::NoPort { .. }
            | Cause::PortState { .. }
            | Cause::NotAPort { .. }
            | Cause::HairpinOff { .. }
            | Cause::Isolated { .. }
            | Cause::NotInVlan { .. } => Self::Link,
            Cause::NoRoute { .. } | Cause::RouteRefuses { .. } | Cause::Loop { .. } | Cause::TtlOver => {
                Self::Route
            }
            _ => Self::Other,
        }
    }

    /// Whether what this check finds can end so.
    fn comes_of(self, id: &str) -> bool {
        let starts = |words: &[&str]| words.iter().any(|word| id.starts_with(word));
        // Without its agent, or under another's name or address, a node has anything.
        if starts(&["agent-", "node-", "datastore-", "machine-id-"]) {
            return true;
        }
        let rules = starts(&[
            "forward-",
            "firewall-",
            "rule",
            "felix-lacks",
            "host-not-in",
            "iptables-",
            "flannel-rules",
            "refused-before",
            "dataplanes-",
            "docker-",
            "masquerade-",
            "pool-source",
            "host-endpoint",
            "profile-",
            "containers-",
        ]);
        let links = starts(&[
            "link-without",
            "link-down",
            "bridge-",
            "mac-",
            "wrong-",
            "hairpin-",
            "ovs-",
            "pod-address",
        ]);
        let tunnels = starts(&["vtep-", "vxlan-", "tunnel-", "wireguard-", "kernel-module"]);
        match self {
            Self::Forwarding => starts(&["forwarding-", "link-forwarding"]),
            Self::Rule => rules,
            Self::Size => id.contains("mtu"),
            Self::Tunnel => tunnels,
            Self::Link => links || starts(&["tunnel-link", "arp-", "proxy-arp"]),
            // Links that are down have no routes.
            Self::Route => !rules && !starts(&["forwarding-", "link-forwarding", "link-without"]),
            Self::Other => true,
        }
    }
}

/// What `trace` explains, as a finding; a host's rules by who wrote them.
fn finding(explained: Explained, outcome: &Outcome) -> Finding {
    let mut finding = explained.finding;
    if !explained.cause.is_empty() {
        finding = finding.shown("cause", explained.cause);
    }
    finding.fix.commands.extend(explained.commands);
    if let End::Dropped(Cause::Rule { rule, .. }) | End::Rejected(Cause::Rule { rule, .. }) = &outcome.end {
        let firewall = rule.chain.starts_with("ufw")
            || &*rule.table == "firewalld"
            || rule.chain.starts_with("filter_FWD");
        let id = if firewall {
            "firewall-rejects-pods"
        } else if rule.chain == "FORWARD" {
            "forward-drops-pods"
        } else {
            return finding;
        };
        finding.id = id;
        finding.title = format!("{} of {} drops packets of pods", rule.chain, finding.node);
    }
    finding
}
