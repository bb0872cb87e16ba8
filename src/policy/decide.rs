//! The verdict of the objects at one endpoint: tiers in their order, then profiles (Felix `rules/endpoints.go`).

use std::fmt;

use super::endpoint::Endpoint;
use super::flow::{Direction, Flow};
use super::model::{Mode, PolicyName, Profile, Tier};
use super::rule::{Action, Match, Rule, World};
use super::selectors;

/// At which of an endpoint's gates a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It begins or ends here.
    Normal,
    /// A host forwards it through its link.
    Forward,
    PreDnat,
    Untracked,
}

impl Stage {
    pub(super) const fn takes(self, mode: Mode) -> bool {
        matches!(
            (self, mode),
            (Self::Normal, Mode::Normal | Mode::ApplyOnForward)
                | (Self::Forward, Mode::ApplyOnForward)
                | (Self::PreDnat, Mode::PreDnat)
                | (Self::Untracked, Mode::DoNotTrack)
        )
    }

    /// Whether what a tier says nothing of is for the rules after it.
    const fn has_default(self) -> bool {
        matches!(self, Self::Normal | Self::Forward)
    }

    /// Words after `ingress` and `egress`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Forward => " on forward",
            Self::PreDnat => " before DNAT",
            Self::Untracked => " untracked",
        }
    }
}

/// What was decided, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// [`Endpoint::title`].
    pub endpoint: String,
    /// The node that it is on, when that is known.
    pub node: String,
    pub direction: Direction,
    pub stage: Stage,
    /// None when it isn't decidable; [`Cause::Unknown`] says why.
    pub allowed: Option<bool>,
    pub cause: Cause,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A rule of a policy, by its number from 1.
    Rule(PolicyName, usize),
    /// These are for the endpoint, and none of their rules matches.
    NoRule {
        tier: String,
        policies: Vec<PolicyName>,
    },
    /// A rule of a profile, by its number from 1.
    Profile(String, usize),
    /// No profile allows it: these are the endpoint's.
    NoProfile(Vec<String>),
    /// No policy is for the endpoint in this direction.
    NoPolicy,
    /// A port that Felix keeps open.
    Failsafe(u16),
    /// `defaultEndpointToHostAction` of Felix: what pods may send to their own node.
    ToHost(String),
    /// Nothing at this stage says anything of it.
    Silent,
    Unknown(String),
}

impl Decision {
    pub const fn is_denied(&self) -> bool {
        matches!(self.allowed, Some(false))
    }

    /// The policy that decided, or the first of those that said nothing.
    pub fn policy(&self) -> Option<&PolicyName> {
        match &self.cause {
            Cause::Rule(name, _) => Some(name),
            Cause::NoRule { policies, .. } => policies.first(),
            _ => None,
        }
    }
}

impl fmt::Display for Decision {
    /// `denied by NetworkPolicy shop/deny-all ingress (no rule matches)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.allowed {
            Some(true) => "allowed",
            Some(false) => "denied",
            None => "not decidable",
        };
        let way = format!("{}{}", self.direction, self.stage.words());
        match &self.cause {
            Cause::Rule(name, number) => write!(f, "{verdict} by {name} {way} (rule {number})"),
            Cause::NoRule { tier, policies } => {
                let Some((first, others)) = policies.split_first() else {
                    return write!(f, "{verdict} {way} by the end of tier {tier}");
                };
                let more = match others.len() {
                    0 => String::new(),
                    number => format!(" and {number} more"),
                };
                write!(f, "{verdict} by {first}{more} {way} (no rule matches)")
            }
            Cause::Profile(name, number) => write!(f, "{verdict} by Profile {name} {way} (rule {number})"),
            Cause::NoProfile(profiles) if profiles.is_empty() => {
                write!(f, "{verdict}: no policy is for its {way}, and it has no profile")
            }
            Cause::NoProfile(profiles) => {
                write!(
                    f,
                    "{verdict}: no rule of its profiles ({}) matches its {way}",
                    profiles.join(", ")
                )
            }
            Cause::NoPolicy => write!(f, "{verdict}: no policy is for its {way}"),
            Cause::Failsafe(port) => write!(f, "{verdict}: {way} port {port} is one that Felix keeps open"),
            Cause::ToHost(action) => write!(
                f,
                "{verdict}: to its own node by FelixConfiguration defaultEndpointToHostAction {action}"
            ),
            Cause::Silent => write!(f, "{verdict}: no rule for its {way} matches"),
            Cause::Unknown(why) => write!(f, "{verdict}: {why}"),
        }
    }
}

/// What an endpoint's verdict is made from.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    pub tiers: &'a [Tier],
    /// The profiles of the endpoint, in its order; none for one that no object has: it allows nothing.
    pub profiles: &'a [Option<&'a Profile>],
    /// Whether an endpoint that no policy is for is open: Kubernetes without Calico.
    pub open: bool,
    pub world: World<'a>,
}

/// How a list of rules ends.
enum Found {
    Decided(bool, usize),
    Passed,
    Nothing,
    Unknown(String),
}

/// The verdict at an endpoint.
pub fn decide(
    endpoint: &Endpoint,
    direction: Direction,
    stage: Stage,
    flow: &Flow,
    gate: Gate<'_>,
) -> Decision {
    let decision = |allowed, cause| Decision {
        endpoint: endpoint.title(),
        node: endpoint.node.clone(),
        direction,
        stage,
        allowed,
        cause,
    };
    let mut selected = false;
    for tier in gate.tiers {
        match of_tier(endpoint, tier, direction, stage, flow, gate.world) {
            Tiered::NotFor => {}
            Tiered::Passed => selected = true,
            Tiered::Decided(allowed, cause) => return decision(allowed, cause),
        }
    }
    match stage {
        Stage::Normal if gate.open => decision(Some(true), Cause::NoPolicy),
        Stage::Normal => {
            let (allowed, cause) = of_profiles(endpoint, direction, flow, gate);
            // The profile of a namespace allows everything: what matters is that no policy spoke.
            match (&cause, selected) {
                (Cause::Profile(name, _), false) if allowed == Some(true) && name.starts_with("kns.") => {
                    decision(allowed, Cause::NoPolicy)
                }
                _ => decision(allowed, cause),
            }
        }
        Stage::Forward if !selected => decision(Some(true), Cause::NoPolicy),
        Stage::Forward | Stage::PreDnat | Stage::Untracked => decision(Some(true), Cause::Silent),
    }
}

enum Tiered {
    /// None of its policies is for the endpoint.
    NotFor,
    Passed,
    Decided(Option<bool>, Cause),
}

fn of_tier(
    endpoint: &Endpoint,
    tier: &Tier,
    direction: Direction,
    stage: Stage,
    flow: &Flow,
    world: World<'_>,
) -> Tiered {
    let mut names = Vec::new();
    for policy in &tier.policies {
        let Some(rules) = policy.rules(direction).filter(|_| stage.takes(policy.mode)) else {
            continue;
        };
        if let Some(why) = &policy.unknown {
            return Tiered::Decided(None, Cause::Unknown(format!("{}: {why}", policy.name)));
        }
        if let Some(selector) = &policy.selector {
            match &endpoint.unknown_namespace {
                Some(namespace) if selectors::asks_namespace(selector) => {
                    let why = format!(
                        "{} selects namespaces by labels, and those of {namespace} are not known",
                        policy.name
                    );
                    return Tiered::Decided(None, Cause::Unknown(why));
                }
                _ if !selector.matches(&endpoint.labels) => continue,
                _ => {}
            }
        }
        names.push(policy.name.clone());
        match of_rules(rules, flow, world) {
            Found::Decided(allowed, number) => {
                return Tiered::Decided(Some(allowed), Cause::Rule(policy.name.clone(), number));
            }
            Found::Passed => return Tiered::Passed,
            Found::Nothing => {}
            Found::Unknown(why) => {
                return Tiered::Decided(None, Cause::Unknown(format!("{}: {why}", policy.name)));
            }
        }
    }
    if names.is_empty() {
        return Tiered::NotFor;
    }
    if tier.passes || !stage.has_default() {
        return Tiered::Passed;
    }
    let cause = Cause::NoRule {
        tier: tier.name.clone(),
        policies: names,
    };
    Tiered::Decided(Some(false), cause)
}

fn of_rules(rules: &[Rule], flow: &Flow, world: World<'_>) -> Found {
    for rule in rules {
        match (rule.matches(flow, world), rule.action) {
            (Match::No, _) | (_, Action::Log) => {}
            (Match::Yes, Action::Allow) => return Found::Decided(true, rule.number),
            (Match::Yes, Action::Deny) => return Found::Decided(false, rule.number),
            (Match::Yes, Action::Pass) => return Found::Passed,
            (Match::Unknown(why), _) => return Found::Unknown(format!("rule {}: {why}", rule.number)),
        }
    }
    Found::Nothing
}

fn of_profiles(
    endpoint: &Endpoint,
    direction: Direction,
    flow: &Flow,
    gate: Gate<'_>,
) -> (Option<bool>, Cause) {
    for profile in gate.profiles {
        let Some(profile) = profile else {
            continue;
        };
        match of_rules(profile.rules(direction), flow, gate.world) {
            Found::Decided(allowed, number) => {
                return (Some(allowed), Cause::Profile(profile.name.clone(), number));
            }
            Found::Passed => return (Some(false), Cause::Profile(profile.name.clone(), 0)),
            Found::Nothing => {}
            Found::Unknown(why) => {
                return (None, Cause::Unknown(format!("Profile {}: {why}", profile.name)));
            }
        }
    }
    (Some(false), Cause::NoProfile(endpoint.profiles.clone()))
}
