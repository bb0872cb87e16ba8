//! Whose fault a lost pair of pods is: a finding that can bring about what the walk ended in, or one of its own.

use super::catalogue::{self, Loss};
use super::checks::netfilter::owner;
use super::finding::{Finding, Severity};
use super::trace::{Explained, Scene, explain};
use super::walks::affect;
use crate::forward::walk::{Cause, End, Outcome, RefusedBy};

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
        // Rules that are left over do no harm as a rule.
        known.severity = Severity::Error;
        affect(known, lost.pair);
    } else {
        let mut own = own;
        affect(&mut own, lost.pair);
        found.push(own);
    }
}

/// How well a finding explains what the walk ended in, the least is best; none when it doesn't.
fn rank(known: &Finding, own: &Finding, lost: &Lost, at: &str) -> Option<u8> {
    if left_over(known, lost.outcome) && known.node == at {
        return Some(0);
    }
    if known.severity != Severity::Error {
        return None;
    }
    let on = |node: &str| known.node == node || known.consequences.iter().any(|other| other.node == node);
    if known.id == own.id && known.node == own.node {
        return Some(0);
    }
    let place = if on(at) || on(&own.node) {
        1
    } else if lost.ends.into_iter().any(on) || refused_for(known, lost.outcome) {
        2
    } else {
        return None;
    };
    // What a finding brought about itself counts as well.
    let ids = std::iter::once(known.id).chain(known.consequences.iter().map(|other| other.id));
    let mut checks = ids.filter_map(catalogue::find);
    let loss = loss(&lost.outcome.end);
    checks.any(|check| check.brings.contains(&loss)).then_some(place)
}

/// Whether a rule of the program dropped it whose rules the finding calls left over.
fn left_over(known: &Finding, outcome: &Outcome) -> bool {
    let (End::Dropped(cause) | End::Rejected(cause)) = &outcome.end else {
        return false;
    };
    let Cause::Rule { rule, .. } = cause else {
        return false;
    };
    known.id == "rules-left-over" && owner(&rule.chain) == Some(known.subject.as_str())
}

/// Whether the walk ended at a route that refuses what the finding is about, on whichever node.
fn refused_for(known: &Finding, outcome: &Outcome) -> bool {
    let (End::Dropped(cause) | End::Rejected(cause)) = &outcome.end else {
        return false;
    };
    let Cause::RouteRefuses {
        by: RefusedBy::Route { prefix, .. },
        ..
    } = cause
    else {
        return false;
    };
    *prefix == known.subject
}

/// What a walk ended in.
const fn loss(end: &End) -> Loss {
    let (End::Dropped(cause) | End::Rejected(cause)) = end else {
        return Loss::Other;
    };
    match cause {
        Cause::ForwardingOff { .. } => Loss::Forwarding,
        Cause::Rule { .. } => Loss::Rule,
        Cause::TooBig { .. } => Loss::Size,
        Cause::NoFdb { .. } | Cause::NoVxlan { .. } | Cause::NoTunnel { .. } => Loss::Tunnel,
        Cause::LinkDown { .. }
        | Cause::NoPort { .. }
        | Cause::PortState { .. }
        | Cause::NotAPort { .. }
        | Cause::HairpinOff { .. }
        | Cause::Isolated { .. }
        | Cause::NotInVlan { .. } => Loss::Link,
        Cause::NoRoute { .. } | Cause::RouteRefuses { .. } | Cause::Loop { .. } | Cause::TtlOver => {
            Loss::Route
        }
        _ => Loss::Other,
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
