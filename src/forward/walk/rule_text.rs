//! A rule that ended a walk.

use std::fmt;

use super::super::hooks::RuleAt;
use crate::state::netfilter::{Dialect, Family};

/// A netfilter rule as its tool prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    pub dialect: Dialect,
    pub family: Family,
    pub table: String,
    pub chain: String,
    /// None: the policy of the chain.
    pub rule: Option<String>,
    /// By which nft changes it.
    pub handle: Option<u64>,
    /// With back end and table, for people.
    said: String,
}

impl From<RuleAt<'_>> for RuleText {
    fn from(at: RuleAt) -> Self {
        Self {
            dialect: at.dialect,
            family: at.table.family,
            table: at.table.name.to_string(),
            chain: at.chain.name.to_string(),
            rule: at.rule.map(|rule| rule.text.to_string()),
            handle: at.rule.and_then(|rule| rule.handle),
            said: at.to_string(),
        }
    }
}

impl fmt::Display for RuleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}
