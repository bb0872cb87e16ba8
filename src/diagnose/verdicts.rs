//! What the objects say of a packet, beside what the kernel's tables do with it: policies at every node on the way, and
//! the service that the packet is for.

mod passages;
mod services;

use crate::forward::topology::Topology;
use crate::forward::walk::{Cause, End, Outcome, RuleText};
use crate::policy::{Cause as Denied, Decision, Policies};

pub use services::{Fault, ServiceVerdict};

/// Both verdicts on one packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// The packet, one way that it may go each.
    pub ways: Vec<WayVerdict>,
    pub service: Option<ServiceVerdict>,
    /// Why the objects may say more, or less, than is true.
    pub notes: Vec<String>,
}

/// One way that a packet goes.
#[derive(Debug, Clone, PartialEq)]
pub struct WayVerdict {
    /// `delivered`, `dropped`, `rejected`, `not decidable`: what the walk found.
    pub kernel: &'static str,
    /// In the order in which they are made; the first that doesn't allow is the last.
    pub decisions: Vec<Decision>,
    pub difference: Option<Difference>,
}

/// Where kernel and objects part.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// The objects deny what the kernel delivers. `enforced`: there are chains of a policy engine on the node at all.
    NotEnforced { decision: Decision, enforced: bool },
    /// A chain of a policy engine drops what the objects allow.
    DeniedBeside { node: String, rule: RuleText },
    /// The same, of an answer: that belongs to a connection that is allowed.
    AnswerDenied { node: String, rule: RuleText },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotEnforced { decision, enforced } => {
                write!(
                    f,
                    "the kernel delivers what the objects deny: {} {decision}",
                    decision.endpoint
                )?;
                if *enforced {
                    return Ok(());
                }
                write!(
                    f,
                    ", and no chain of a policy engine is on node {}",
                    decision.node
                )
            }
            Self::DeniedBeside { node, rule } => write!(
                f,
                "the objects allow what node {node} drops, by a rule of its policy engine: {rule}"
            ),
            Self::AnswerDenied { node, rule } => write!(
                f,
                "the objects allow the connection, and node {node} drops its answer, by a rule of its policy engine: {rule}"
            ),
        }
    }
}

impl Verdicts {
    /// Everything in which kernel and objects part, each once.
    pub fn differences(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let ways = self.ways.iter().filter_map(|way| way.difference.as_ref());
        let services = self.service.iter().flat_map(|service| &service.differences);
        for line in ways.map(ToString::to_string).chain(services.cloned()) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

/// Compares the objects' verdict with a walk there and back.
pub fn verdicts(policies: &Policies, topology: &Topology<'_>, ways: &[(Outcome, Vec<Outcome>)]) -> Verdicts {
    let mut verdicts = Verdicts {
        ways: Vec::new(),
        service: services::verdict(policies, topology, ways.iter().map(|(there, _)| there)),
        notes: Vec::new(),
    };
    let mut note = |line: String| {
        if !verdicts.notes.contains(&line) {
            verdicts.notes.push(line);
        }
    };
    for why in &policies.unreadable {
        note(why.clone());
    }
    for (there, back) in ways {
        let passages = passages::passages(policies, topology, there);
        for unknown in &passages.unknown {
            note(unknown.clone());
        }
        let stranger = passages
            .nodes()
            .find(|node| !policies.is_calico && engine(topology, node).is_some_and(|name| name == CALICO));
        if let Some(node) = stranger {
            note(format!(
                "node {node} has Calico's chains, and no object of Calico is known: its policies may say otherwise"
            ));
        }
        let decisions = passages.judge(policies, false);
        for decision in decisions.iter().filter(|decision| decision.is_denied()) {
            for line in near_misses(policies, decision) {
                note(line);
            }
        }
        let sure = stranger.is_none() && passages.unknown.is_empty() && policies.unreadable.is_empty();
        let mut difference = if sure {
            difference(topology, there, back, &decisions)
        } else {
            None
        };
        if let Some((node, source)) = passages.translated() {
            let denied = |decisions: &[Decision]| decisions.iter().any(Decision::is_denied);
            let seen = denied(&passages.judge(policies, true));
            if seen != denied(&decisions) {
                note(format!(
                    "node {node} sees {source} as the source, and so its policies {} it",
                    if seen { "deny" } else { "allow" }
                ));
                // Then the kernel does what the objects say of that source.
                if !seen && matches!(difference, Some(Difference::NotEnforced { .. })) {
                    difference = None;
                }
            }
        }
        let way = WayVerdict {
            kernel: word(&there.end),
            decisions,
            difference,
        };
        if !verdicts.ways.contains(&way) {
            verdicts.ways.push(way);
        }
    }
    verdicts
}

/// Of a denial because no rule matches: the rules that can't match anybody.
fn near_misses(policies: &Policies, decision: &Decision) -> Vec<String> {
    let Denied::NoRule { policies: names, .. } = &decision.cause else {
        return Vec::new();
    };
    let each = names.iter();
    each.flat_map(|name| policies.selects_nobody(name, decision.direction))
        .collect()
}

const fn word(end: &End) -> &'static str {
    match end {
        End::Delivered | End::Answered(_) | End::Heard { .. } => "delivered",
        End::Dropped(_) | End::NotForMe => "dropped",
        End::Rejected(_) => "rejected",
        End::NotDecidable(_) => "not decidable",
    }
}

fn difference(
    topology: &Topology<'_>,
    there: &Outcome,
    back: &[Outcome],
    decisions: &[Decision],
) -> Option<Difference> {
    let denied = decisions.iter().find(|decision| decision.is_denied());
    if decisions.iter().any(|decision| decision.allowed.is_none()) {
        return None;
    }
    match (denied, &there.end) {
        (Some(decision), End::Delivered) => Some(Difference::NotEnforced {
            decision: decision.clone(),
            enforced: engine(topology, &decision.node).is_some(),
        }),
        (None, end) => {
            if let Some(rule) = of_engine(end) {
                let node = topology.place(there.place).node.name.clone();
                return Some(Difference::DeniedBeside { node, rule });
            }
            back.iter().find_map(|answer| {
                let rule = of_engine(&answer.end)?;
                let node = topology.place(answer.place).node.name.clone();
                Some(Difference::AnswerDenied { node, rule })
            })
        }
        _ => None,
    }
}

/// The rule that ended a walk, if it is one of a policy engine.
fn of_engine(end: &End) -> Option<RuleText> {
    let (End::Dropped(Cause::Rule { rule, .. }) | End::Rejected(Cause::Rule { rule, .. })) = end else {
        return None;
    };
    engine_of_chain(&rule.chain).map(|_| (**rule).clone())
}

const CALICO: &str = "Calico";

/// Parts of the names of chains, and whose they are.
const CHAINS: [(&str, &str); 5] = [
    ("cali-", CALICO),
    ("KUBE-NWPLCY-", "kube-router"),
    ("KUBE-POD-FW-", "kube-router"),
    ("KUBE-NETWORK-POLICIES", "kube-network-policies"),
    ("WEAVE-NPC", "Weave Net"),
];

fn engine_of_chain(chain: &str) -> Option<&'static str> {
    CHAINS
        .iter()
        .find(|(part, _)| chain.contains(part))
        .map(|(_, name)| *name)
}

/// Whose policy chains are on a node.
fn engine(topology: &Topology<'_>, node: &str) -> Option<&'static str> {
    let (_, host) = topology.hosts().find(|(_, place)| place.node.name == node)?;
    let mut chains = host
        .net
        .netfilter
        .items()
        .iter()
        .flat_map(|ruleset| &ruleset.tables)
        .flat_map(|table| &table.chains);
    chains.find_map(|chain| engine_of_chain(&chain.name))
}
