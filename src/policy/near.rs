//! Rules that select nobody, and what may have been meant: a label or value that is spelled nearly the same.

use std::collections::BTreeSet;

use super::flow::Direction;
use super::identity::Identity;
use super::model::PolicyName;
use super::policies::Policies;
use super::rule::Entity;
use super::selectors::{NAMESPACE, ORCHESTRATOR};
use crate::calico::nearest::nearest;
use crate::calico::selector::{Op, Selector};

impl Policies {
    /// A line for each rule of a policy whose peers are nobody.
    pub fn selects_nobody(&self, name: &PolicyName, direction: Direction) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let policy = self.all().find(|policy| policy.name == *name);
        for rule in policy
            .and_then(|policy| policy.rules(direction))
            .unwrap_or_default()
        {
            let peer = match direction {
                Direction::Ingress => &rule.source,
                Direction::Egress => &rule.destination,
            };
            if let Some(line) = self.nobody(peer) {
                let line = format!(
                    "rule {} of {name} {direction} selects nobody: {line}",
                    rule.number
                );
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        lines
    }

    /// Why a policy is for no endpoint at all; nothing when it is for one, or that isn't known.
    pub fn is_for_nobody(&self, name: &PolicyName) -> Option<String> {
        let policy = self.all().find(|policy| policy.name == *name)?;
        self.unmatched(policy.selector.as_ref()?)
    }

    fn nobody(&self, peer: &Entity) -> Option<String> {
        self.unmatched(peer.selector.as_ref()?)
    }

    fn unmatched(&self, selector: &Selector) -> Option<String> {
        let all = self.identities().all();
        let unknown = all.iter().any(|identity| identity.unknown_namespace.is_some());
        if unknown || all.iter().any(|identity| selector.matches(&identity.labels)) {
            return None;
        }
        let mut asked = Vec::new();
        wanted(selector, &mut asked);
        let missing = asked.into_iter().find(|(label, value)| {
            let has = |identity: &Identity| {
                let mut labels = identity.labels.iter();
                labels.any(|(known, own)| known == label && value.as_ref().is_none_or(|value| own == value))
            };
            !all.iter().any(has)
        });
        Some(match missing {
            Some((label, value)) => not_there(all, &label, value.as_deref()),
            None => selector.to_string(),
        })
    }
}

/// `nobody has app=frnot; did you mean app=front?`.
fn not_there(all: &[Identity], label: &str, value: Option<&str>) -> String {
    let plain = |label: &str| {
        let inherited = [("pcns.", "namespace label "), ("pcsa.", "service account label ")];
        let found = inherited
            .iter()
            .find_map(|(prefix, words)| Some(format!("{words}{}", label.strip_prefix(prefix)?)));
        found.unwrap_or_else(|| label.to_owned())
    };
    let labels = || all.iter().flat_map(|identity| &identity.labels);
    let text = |label: &str, value: Option<&str>| match value {
        Some(value) => format!("{}={value}", plain(label)),
        None => plain(label),
    };
    let said = format!("nobody has {}", text(label, value));
    let values: BTreeSet<&str> = labels()
        .filter(|(known, _)| known == label)
        .map(|(_, value)| value.as_str())
        .collect();
    if let (Some(value), false) = (value, values.is_empty()) {
        return match nearest(value, values.iter().copied()) {
            Some(near) => format!("{said}; did you mean {}?", text(label, Some(near))),
            None => said,
        };
    }
    let names: BTreeSet<&str> = labels().map(|(known, _)| known.as_str()).collect();
    match nearest(label, names.iter().copied()) {
        Some(near) => format!("{said}; did you mean {}?", text(near, value)),
        None => said,
    }
}

/// Labels, and values of them, without which a selector selects nothing.
fn wanted(selector: &Selector, into: &mut Vec<(String, Option<String>)>) {
    match selector {
        Selector::Has(label) => into.push((label.clone(), None)),
        Selector::Label {
            label,
            op: Op::Equal,
            value,
        } if label != NAMESPACE && label != ORCHESTRATOR => into.push((label.clone(), Some(value.clone()))),
        Selector::In {
            label,
            negated: false,
            values,
        } if values.len() == 1 => into.push((label.clone(), values.first().cloned())),
        Selector::And(operands) => operands.iter().for_each(|operand| wanted(operand, into)),
        _ => {}
    }
}
