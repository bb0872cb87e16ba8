//! Why a packet can't be followed.

use std::fmt;
use std::net::IpAddr;

use super::super::hooks::Doubt;
use super::super::packet::Mac;
use super::rule_text::RuleText;
use crate::state::netfilter::Hook;
use crate::state::{Absence, Fact, Netns};

/// What would decide, and was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Routes of the namespace.
    Routes(String),
    /// Netfilter rules of the namespace.
    Netfilter(String),
    /// A rule that isn't understood, or whose data is missing.
    Rule(Box<RuleText>, Unclear),
    /// Chains of several tables have one priority at a hook, and it matters which was there first.
    Order { hook: Option<Hook>, chain: String },
    /// More ways through the rules than can be followed.
    TooManyWays,
    /// It leaves what was seen by this link: for `next` (or, where that isn't known, for this link-layer address).
    Beyond {
        link: String,
        next: Option<IpAddr>,
        mac: Option<Mac>,
        dst: IpAddr,
    },
    /// A link that something names, but nobody listed.
    Link(String),
    /// What is behind a link of this kind, or what it does.
    Behind { link: String, kind: String },
    /// None of the above: a sentence alone.
    Other(String),
}

/// What of a rule isn't clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    /// Whether it matches, or what it does.
    Meaning,
    /// Where its translation leads.
    Target,
    /// A program decides (NFQUEUE).
    Queue,
    /// Of which links the chain is.
    Devices,
}

impl From<Doubt<'_>> for Missing {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Rule(rule) => Self::Rule(Box::new(rule.into()), Unclear::Meaning),
            Doubt::Target(rule) => Self::Rule(Box::new(rule.into()), Unclear::Target),
            Doubt::Order(chain) => Self::Order {
                hook: chain.chain.base.as_ref().map(|base| base.hook),
                chain: format!("{} {}", chain.table.name, chain.chain.name),
            },
            Doubt::Queue(rule) => Self::Rule(Box::new(rule.into()), Unclear::Queue),
            Doubt::Devices(rule) => Self::Rule(Box::new(rule.into()), Unclear::Devices),
            Doubt::Taken(tuple) => Self::Other(format!(
                "another connection has answers from {} to {} already: conntrack gives this one another port or \
                 number",
                tuple.src, tuple.dst
            )),
            Doubt::TooManyWays => Self::TooManyWays,
        }
    }
}

/// A table of the namespace that is there and could not be read. Where nobody looked, the kernel's own stand in.
pub(super) fn unread(net: &Netns) -> Option<Missing> {
    fn gone<T>(name: &str, fact: &Fact<T>) -> Option<Missing> {
        match fact {
            Fact::Absent {
                why,
                absence: Absence::Unreadable,
            } => Some(Missing::Other(format!("its {name} are not known: {why}"))),
            _ => None,
        }
    }
    if let Some(why) = net.routes.why() {
        return Some(Missing::Routes(why.to_owned()));
    }
    gone("links", &net.links)
        .or_else(|| gone("addresses", &net.addresses))
        .or_else(|| gone("policy rules", &net.rules))
}

/// The same of what links know of each other.
pub(super) fn unread_neighbors(net: &Netns) -> Option<Missing> {
    let why = |name: &str, absence: Option<Absence>| {
        (absence == Some(Absence::Unreadable)).then(|| Missing::Other(format!("its {name} are not known")))
    };
    why("neighbors", net.neighbors.absence()).or_else(|| why("FDB entries", net.fdb.absence()))
}

impl Missing {
    /// What kind it is, for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Routes(_) => "routesNotKnown",
            Self::Netfilter(_) => "netfilterNotKnown",
            Self::Rule(..) => "ruleNotUnderstood",
            Self::Order { .. } => "orderNotKnown",
            Self::TooManyWays => "tooManyWays",
            Self::Beyond { .. } => "beyondWhatWasSeen",
            Self::Link(_) => "linkNotKnown",
            Self::Behind { .. } => "behindLink",
            Self::Other(_) => "other",
        }
    }
}

impl From<String> for Missing {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routes(why) => write!(f, "its routes are not known: {why}"),
            Self::Netfilter(why) => write!(f, "its netfilter rules are not known: {why}"),
            Self::Rule(rule, Unclear::Meaning) => write!(f, "what this rule does is not known: {rule}"),
            Self::Rule(rule, Unclear::Target) => write!(f, "where this rule leads is not known: {rule}"),
            Self::Rule(rule, Unclear::Queue) => write!(f, "a program decides (NFQUEUE): {rule}"),
            Self::Rule(rule, Unclear::Devices) => {
                write!(f, "nft's listing does not say of which links this is: {rule}")
            }
            Self::Order { hook, chain } => {
                let hook = hook.map_or_else(String::new, |hook| format!(" at {hook:?}").to_lowercase());
                write!(
                    f,
                    "chains of other tables have the priority of {chain}{hook}: no dump shows which comes first"
                )
            }
            Self::TooManyWays => f.write_str("the rules leave more ways open than can be followed"),
            Self::Beyond { link, next, mac, dst } => {
                write!(f, "leaves by {link} for ")?;
                match (next, mac) {
                    (Some(next), _) if next != dst => write!(f, "{next} (to {dst})")?,
                    (Some(next), _) => write!(f, "{next}")?,
                    (None, Some(mac)) => write!(f, "{mac} (to {dst})")?,
                    (None, None) => write!(f, "{dst}")?,
                }
                f.write_str(": no state of who that is")
            }
            Self::Link(link) => write!(f, "link {link} is not known"),
            Self::Behind { link, kind } => {
                write!(f, "what is behind {link}, a link of kind {kind}, was not seen")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}
