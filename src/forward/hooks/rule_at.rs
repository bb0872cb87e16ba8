//! Which rule it was.

use std::fmt;

use super::conn::Tuple;
use crate::state::netfilter::{Chain, Dialect, Rule, Table};

/// A rule, or the policy of a base chain, where it stands.
#[derive(Debug, Clone, Copy)]
pub struct RuleAt<'a> {
    pub dialect: Dialect,
    pub table: &'a Table,
    pub chain: &'a Chain,
    /// None: the chain's policy.
    pub rule: Option<&'a Rule>,
}

/// The same rule, not an equal one.
impl PartialEq for RuleAt<'_> {
    fn eq(&self, other: &Self) -> bool {
        let same = match (self.rule, other.rule) {
            (Some(rule), Some(other)) => std::ptr::eq(rule, other),
            (None, None) => true,
            _ => false,
        };
        same && std::ptr::eq(self.chain, other.chain)
    }
}

impl Eq for RuleAt<'_> {}

impl fmt::Display for RuleAt<'_> {
    /// As the tools write it, behind the back end that it is of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, table, chain) = (self.table.family.word(), &self.table.name, &self.chain.name);
        match (self.dialect, self.rule) {
            (Dialect::Nft, Some(rule)) => write!(f, "nft: {family} {table} {chain}: {}", rule.text),
            (Dialect::Nft, None) => write!(f, "nft: policy drop of {family} {table} {chain}"),
            (dialect, Some(rule)) => write!(f, "{}: -t {table} {}", dialect.command(), rule.text),
            (dialect, None) => write!(f, "{}: policy DROP of {chain} (table {table})", dialect.command()),
        }
    }
}

/// Why a hook can't say what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt<'a> {
    /// A rule that isn't understood, or whose data is missing, and that matters.
    Rule(RuleAt<'a>),
    /// A translation whose target isn't known.
    Target(RuleAt<'a>),
    /// Which of two chains of one priority comes first: this one, or that of another table.
    Order(RuleAt<'a>),
    /// A program decides.
    Queue(RuleAt<'a>),
    /// Of which links a chain is (`ingress`, `egress`), the listing doesn't say.
    Devices(RuleAt<'a>),
    /// What would answer the packet is of another connection already: it gets another port or number, any one.
    Taken(Tuple),
    /// The rules leave more ways open than can be followed.
    TooManyWays,
}

/// A rule that mattered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note<'a> {
    /// It let the packet pass.
    Accepts(RuleAt<'a>),
    /// It changed an address or port; none: the connection's first packet was changed so.
    Translates(Option<RuleAt<'a>>),
    /// It isn't understood, or its data is missing; both ways were tried.
    Unclear(RuleAt<'a>),
    /// Chains of several tables have this one's priority; all orders were tried.
    Tied(RuleAt<'a>),
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts(rule) | Self::Unclear(rule) | Self::Tied(rule) | Self::Translates(Some(rule)) => {
                write!(f, "{rule}")
            }
            Self::Translates(None) => f.write_str("conntrack: as the connection's first packet"),
        }
    }
}
