//! What has to be known of a cluster to tell what a change would break.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Changed;
use crate::calico::resource::{Kind, Resource};

/// What a question about a change depends on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub kinds: BTreeSet<Kind>,
    /// Workloads, with what they inherit.
    pub workloads: Workloads,
    /// Addresses of Kubernetes' services.
    pub services: bool,
    /// What decides over HostEndpoints, if there are any: see [`Self::add_hosts`].
    pub hosts: bool,
}

/// Whose workloads.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Workloads {
    #[default]
    None,
    Of(BTreeSet<String>),
    All,
}

/// The kinds that decide what HostEndpoints let through.
pub(super) const CUTTING: [Kind; 6] = [
    Kind::HostEndpoint,
    Kind::GlobalNetworkPolicy,
    Kind::GlobalNetworkSet,
    Kind::Tier,
    Kind::Profile,
    Kind::FelixConfiguration,
];

impl Needs {
    /// What these changes make necessary; nothing for those that can't break anything.
    pub fn of(changed: &[Changed<'_>]) -> Self {
        let mut needs = Self::default();
        for change in changed {
            needs.add(change);
        }
        needs
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && !self.hosts
    }

    /// There are HostEndpoints: all that decides what they let through has to be known.
    pub fn add_hosts(&mut self) {
        self.kinds.extend(CUTTING.into_iter().chain([Kind::Node]));
    }

    fn add(&mut self, change: &Changed<'_>) {
        match change.kind {
            Kind::IpPool => {
                self.kinds
                    .extend([Kind::Node, Kind::BgpConfiguration, Kind::IpPool]);
                self.services |= change.after.is_some();
            }
            Kind::Node | Kind::BgpPeer if change.after.is_some() => {
                self.kinds.insert(Kind::Node);
            }
            kind if CUTTING.contains(&kind) => self.hosts = true,
            _ => {}
        }
        // Whom a policy selects can be any workload, any host and any set.
        let policy = |kind| matches!(kind, Kind::GlobalNetworkPolicy | Kind::NetworkPolicy);
        if let Some(resource) = change.after.filter(|resource| policy(resource.kind)) {
            self.kinds.extend([
                Kind::WorkloadEndpoint,
                Kind::Profile,
                Kind::HostEndpoint,
                Kind::GlobalNetworkSet,
                Kind::NetworkSet,
            ]);
            self.select(resource);
        }
    }

    fn select(&mut self, policy: &Resource) {
        let Some(own) = policy.namespace().filter(|_| !looks_elsewhere(policy)) else {
            self.workloads = Workloads::All;
            return;
        };
        match &mut self.workloads {
            Workloads::All => {}
            Workloads::Of(namespaces) => {
                namespaces.insert(own.to_owned());
            }
            none @ Workloads::None => *none = Workloads::Of(BTreeSet::from([own.to_owned()])),
        }
    }
}

/// Whether a rule of a policy selects workloads of other namespaces.
fn looks_elsewhere(policy: &Resource) -> bool {
    let rules = ["ingress", "egress"]
        .into_iter()
        .filter_map(|direction| policy.field(&["spec", direction])?.as_array())
        .flatten();
    let mut sides = rules.flat_map(|rule| [rule.get("source"), rule.get("destination")]);
    sides.any(|side| {
        side.and_then(|side| side.get("namespaceSelector"))
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    })
}
