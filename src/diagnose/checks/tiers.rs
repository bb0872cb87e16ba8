//! What is denied though no rule says so: by the end of a tier, or because nothing speaks for a pod.

use std::collections::BTreeMap;

use serde_json::json;

use super::policies::ASKED;
use super::shadows::is_for_all;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::policy::flow::Direction;
use crate::policy::hidden::Closed;
use crate::policy::model::Policy;
use crate::policy::{Endpoint, Policies};

/// Named in one finding.
const NAMED: usize = 3;

const WAYS: [(Direction, &str, &str); 2] = [
    (Direction::Ingress, "ingress", "Ingress"),
    (Direction::Egress, "egress", "Egress"),
];

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Some(policies) = world.policies() else { return };
    for way in WAYS {
        closed(policies, way, found);
        found.extend(unspoken(policies, way));
    }
}

/// Tiers that end the way of packets that policies behind them are for, tier by tier.
fn closed(policies: &Policies, (direction, way, kind): (Direction, &str, &str), found: &mut Vec<Finding>) {
    let mut tiers: BTreeMap<&str, (Closed, Vec<&Endpoint>)> = BTreeMap::new();
    for pod in policies.pods.iter().take(ASKED) {
        let Some(closed) = policies.closed(pod, direction) else {
            continue;
        };
        if closed.by.iter().any(|policy| is_meant(policy, direction)) {
            continue;
        }
        let (_, pods) = tiers
            .entry(closed.tier.name.as_str())
            .or_insert_with(|| (closed, Vec::new()));
        pods.push(pod);
    }
    for (tier, (closed, pods)) in tiers {
        let (Some(by), Some(hidden), Some(pod)) = (closed.by.first(), closed.hidden.first(), pods.first())
        else {
            continue;
        };
        let names = |policies: &[&Policy]| {
            let names: Vec<String> = policies
                .iter()
                .take(NAMED)
                .map(|policy| policy.name.to_string())
                .collect();
            names.join(", ")
        };
        let of = match pods.len() {
            1 => pod.title(),
            number => format!("{} and {} more", pod.title(), number - 1),
        };
        let mut finding = Finding::of(
            "tier-passes-nothing",
            "",
            format!("tier {tier} ends the {way} of {of}: {} behind it is never asked", hidden.name),
        )
        .about(format!("Tier({tier}) {way}"))
        .shown(
            format!("Tier({tier})"),
            format!("{} is for {}, and no {way} rule of the tier passes anything on", names(&closed.by), pod.title()),
        )
        .shown(
            hidden.name.to_string(),
            format!("tier {}: it would allow {way} of {}", hidden.tier, pod.title()),
        )
        .step(format!(
            "what no rule of the tier decides has to be passed on: a last policy does that, or a rule Pass at the end of {}",
            by.name
        ))
        .set("GlobalNetworkPolicy", &last(tier), "tier", tier);
        if let Some(manifest) = &mut finding.fix.manifest {
            let rule = json!([{"action": "Pass"}]);
            manifest.fields.push(("types", json!([kind])));
            manifest.fields.push((
                match direction {
                    Direction::Ingress => "ingress",
                    Direction::Egress => "egress",
                },
                rule,
            ));
        }
        finding = finding.step(format!(
            "taken back: netdiag delete globalnetworkpolicy {}",
            last(tier)
        ));
        found.push(finding);
    }
}

/// Without an order a policy is behind all that have one; of those without, the last by name.
fn last(tier: &str) -> String {
    format!("{tier}.zz-pass")
}

/// Whether a policy ends its tier on purpose: a deny of all, in so many words, or in none.
fn is_meant(policy: &Policy, direction: Direction) -> bool {
    let rules = policy.rules(direction).unwrap_or_default();
    rules.is_empty() || rules.iter().any(is_for_all)
}

/// Pods that no policy is for, and no profile allows anything.
fn unspoken(policies: &Policies, (direction, way, _): (Direction, &str, &str)) -> Option<Finding> {
    let asked = policies.pods.iter().take(ASKED);
    let mut pods = asked.filter(|pod| policies.is_unspoken_for(pod, direction));
    let pod = pods.next()?;
    let more = pods.count();
    let of = match more {
        0 => pod.title(),
        more => format!("{} and {more} more", pod.title()),
    };
    let profiles = match pod.profiles.as_slice() {
        [] => "none".to_owned(),
        names => format!("{}: no rule for {way} that allows", names.join(", ")),
    };
    Some(
        Finding::of(
            "pod-denied-by-default",
            &pod.node,
            format!("all {way} of {of} is denied: no policy is for it, and no profile allows anything"),
        )
        .about(format!("{} {way}", pod.title()))
        .sure(Sure::Proved)
        .shown(format!("profiles of {}", pod.title()), profiles)
        .shown("policies", format!("none is for the {way} of {}", pod.title()))
        .step("give it a profile that allows, or write a policy that selects it: netdiag apply -f FILE")
        .step("in Kubernetes a pod has the profiles of its namespace and its service account (kns., ksa.): make the pod anew where they are missing"),
    )
}
