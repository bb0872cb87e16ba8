//! Netfilter rules as their own tools print them.
//!
//! Enough to name the rule that stops a node's own traffic: text, target and counters are kept, matches that are not
//! understood stay in the text.

use serde::{Deserialize, Serialize};

/// Which tool speaks for these rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    IptablesLegacy,
    IptablesNft,
    Ip6tablesLegacy,
    Ip6tablesNft,
}

impl Dialect {
    /// The command that prints and changes them.
    pub const fn command(self) -> &'static str {
        match self {
            Self::IptablesLegacy => "iptables-legacy",
            Self::IptablesNft => "iptables-nft",
            Self::Ip6tablesLegacy => "ip6tables-legacy",
            Self::Ip6tablesNft => "ip6tables-nft",
        }
    }
}

/// All tables of one dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ruleset {
    pub dialect: Dialect,
    pub tables: Vec<Table>,
}

/// `filter`, `nat`, `mangle`, `raw` or `security`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    pub name: String,
    pub chains: Vec<Chain>,
}

impl Table {
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }
}

/// A built-in chain (with a policy) or one of the user's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    pub name: String,
    /// `ACCEPT` or `DROP`; none for user chains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    pub rules: Vec<Rule>,
}

/// One rule of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The words after `-A CHAIN`, quotes resolved.
    pub words: Vec<String>,
    /// `-A CHAIN …` as printed, without counters.
    pub text: String,
    /// From `-c`; none when the save had no counters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// Line of the save it stood on.
    pub line: usize,
}
