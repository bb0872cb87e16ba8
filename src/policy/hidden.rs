//! What is never asked: policies behind a tier that ends a packet's way, and endpoints that nothing speaks for.

use super::decide::Stage;
use super::endpoint::Endpoint;
use super::flow::Direction;
use super::model::{Policy, Tier};
use super::policies::Policies;
use super::rule::Action;
use super::selectors;

/// A tier that passes nothing on for an endpoint, and policies of later tiers that are for it as well.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed<'p> {
    pub tier: &'p Tier,
    /// Those of the tier that are for the endpoint: one of them suffices that none is asked behind it.
    pub by: Vec<&'p Policy>,
    /// Those behind it that would allow something; at least one.
    pub hidden: Vec<&'p Policy>,
}

impl Policies {
    /// The first tier that keeps policies behind it from being asked; none where there is none, or where that can't be
    /// said.
    pub fn closed(&self, endpoint: &Endpoint, direction: Direction) -> Option<Closed<'_>> {
        let mut closing: Option<(&Tier, Vec<&Policy>)> = None;
        let mut hidden = Vec::new();
        for tier in &self.tiers {
            let asked = asked(tier, endpoint, direction)?;
            if closing.is_some() {
                let allows = |policy: &&Policy| has(policy, direction, Action::Allow);
                hidden.extend(asked.into_iter().filter(allows));
                continue;
            }
            let passes = tier.passes || asked.iter().any(|policy| has(policy, direction, Action::Pass));
            if !asked.is_empty() && !passes {
                closing = Some((tier, asked));
            }
        }
        let (tier, by) = closing.filter(|_| !hidden.is_empty())?;
        Some(Closed { tier, by, hidden })
    }

    /// Whether no policy is for a pod in this direction, and no rule of its profiles allows anything: all is denied,
    /// and no rule says so. A profile that no object has is another fault.
    pub fn is_unspoken_for(&self, pod: &Endpoint, direction: Direction) -> bool {
        let nobody = || {
            let mut tiers = self.tiers.iter();
            tiers.all(|tier| asked(tier, pod, direction).is_some_and(|asked| asked.is_empty()))
        };
        let allows = |name: &String| {
            let profile = self.profiles.get(name);
            profile.is_none_or(|profile| {
                let mut rules = profile.rules(direction).iter();
                rules.any(|rule| rule.action == Action::Allow || rule.unknown.is_some())
            })
        };
        self.is_calico && !pod.profiles.iter().any(allows) && nobody()
    }
}

fn has(policy: &Policy, direction: Direction, action: Action) -> bool {
    let mut rules = policy.rules(direction).unwrap_or_default().iter();
    rules.any(|rule| rule.action == action)
}

/// A tier's policies for what begins or ends at an endpoint; none when that can't be said of one.
fn asked<'t>(tier: &'t Tier, endpoint: &Endpoint, direction: Direction) -> Option<Vec<&'t Policy>> {
    let mut asked = Vec::new();
    for policy in &tier.policies {
        if policy.rules(direction).is_none() || !Stage::Normal.takes(policy.mode) {
            continue;
        }
        if policy.unknown.is_some() {
            return None;
        }
        let Some(selector) = &policy.selector else {
            asked.push(policy);
            continue;
        };
        if endpoint.unknown_namespace.is_some() && selectors::asks_namespace(selector) {
            return None;
        }
        if selector.matches(&endpoint.labels) {
            asked.push(policy);
        }
    }
    Some(asked)
}
