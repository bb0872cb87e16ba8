//! Policies, tiers and profiles, ready to be asked.

use std::cmp::Ordering;
use std::fmt;

use super::flow::Direction;
use super::rule::Rule;
use crate::calico::selector::Selector;

/// Which object a policy is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// Kubernetes' own: namespace and name.
    Kubernetes(String, String),
    /// Calico's: namespace and name.
    Calico(String, String),
    Global(String),
}

impl fmt::Display for PolicyName {
    /// `NetworkPolicy shop/deny-all`; Calico's kind of the same name says whose it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubernetes(namespace, name) => write!(f, "NetworkPolicy {namespace}/{name}"),
            Self::Calico(namespace, name) => write!(f, "Calico NetworkPolicy {namespace}/{name}"),
            Self::Global(name) => write!(f, "GlobalNetworkPolicy {name}"),
        }
    }
}

/// When a policy is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// For what begins or ends at the endpoint.
    #[default]
    Normal,
    /// And for what a host forwards through its link.
    ApplyOnForward,
    /// Before destinations are translated, at a host's link.
    PreDnat,
    /// Before connections are tracked, at a host's link.
    DoNotTrack,
}

/// A policy of a tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub name: PolicyName,
    pub tier: String,
    /// The lowest first; none is last.
    pub order: Option<f64>,
    /// Which endpoints it is for; none is all.
    pub selector: Option<Selector>,
    pub mode: Mode,
    /// None when it isn't for this direction.
    pub ingress: Option<Vec<Rule>>,
    pub egress: Option<Vec<Rule>>,
    /// What of it could not be understood.
    pub unknown: Option<String>,
}

impl Policy {
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    /// By order, then by the name under which it is stored (Felix `calc/policy_sorter.go`).
    pub fn compare(&self, other: &Self) -> Ordering {
        by_order(self.order, other.order).then_with(|| self.stored_name().cmp(&other.stored_name()))
    }

    fn stored_name(&self) -> String {
        let with_tier = |name: &str| {
            let prefix = format!("{}.", self.tier);
            if name.starts_with(&prefix) || name.starts_with("knp.") || name.starts_with("ossg.") {
                name.to_owned()
            } else {
                format!("{prefix}{name}")
            }
        };
        match &self.name {
            PolicyName::Kubernetes(namespace, name) => format!("{namespace}/knp.default.{name}"),
            PolicyName::Calico(namespace, name) => format!("{namespace}/{}", with_tier(name)),
            PolicyName::Global(name) => with_tier(name),
        }
    }
}

/// The lowest first, none last.
pub fn by_order(first: Option<f64>, second: Option<f64>) -> Ordering {
    match (first, second) {
        (Some(first), Some(second)) => first.total_cmp(&second),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// A tier, and its policies in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    pub name: String,
    pub order: Option<f64>,
    /// What becomes of packets that its policies are for and say nothing of.
    pub passes: bool,
    pub policies: Vec<Policy>,
}

/// What an endpoint's policies leave open is for its profiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub name: String,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

impl Profile {
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}
