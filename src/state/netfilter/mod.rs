//! Netfilter rules of every back end in one form: legacy and nft iptables, ip6tables, and native nftables.
//!
//! A [`Ruleset`] holds what one tool owns. Legacy and nft rules exist side by side in a kernel, and a packet meets the
//! base chains of both in the order of their priorities. Rules hold what they mean ([`Statement`]), in the order in
//! which the kernel runs it; what isn't understood stays where it is as [`Statement::Unknown`].
//!
//! Sources: iptables(8), iptables-extensions(8), nft(8), libnftables-json(5), `include/uapi/linux/netfilter*.h`.

pub mod expr;
pub mod names;
pub mod set;
pub mod statement;

use serde::{Deserialize, Serialize};

use super::link::is_default;
pub use expr::{
    BitOp, CtKey, Dir, Expr, FibFlags, FibResult, Key, LinkBy, Match, MetaKey, Op, SocketKey, Tuple, Way,
};
pub use set::{Element, Flowtable, Set, SetFlags};
pub use statement::{
    IpSetMatch, IpSetUpdate, Limit, Log, Nat, NatFlags, NatKind, Queue, Reject, SetOp, SetUpdate, Stateful,
    Statement, Verdict,
};

/// Which tool speaks for these rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    IptablesLegacy,
    IptablesNft,
    Ip6tablesLegacy,
    Ip6tablesNft,
    /// nft(8): all families.
    Nft,
}

impl Dialect {
    /// The command that prints and changes them.
    pub const fn command(self) -> &'static str {
        match self {
            Self::IptablesLegacy => "iptables-legacy",
            Self::IptablesNft => "iptables-nft",
            Self::Ip6tablesLegacy => "ip6tables-legacy",
            Self::Ip6tablesNft => "ip6tables-nft",
            Self::Nft => "nft",
        }
    }

    /// The family of all its tables; [`Family::Inet`] for nft, whose tables say it themselves.
    pub const fn family(self) -> Family {
        match self {
            Self::IptablesLegacy | Self::IptablesNft => Family::Ip,
            Self::Ip6tablesLegacy | Self::Ip6tablesNft => Family::Ip6,
            Self::Nft => Family::Inet,
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

/// NFPROTO_*: which packets a table sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "camelCase")]
pub enum Family {
    #[default]
    Ip,
    Ip6,
    /// IPv4 and IPv6.
    Inet,
    Arp,
    Bridge,
    Netdev,
}

impl Family {
    /// The word of nft(8).
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
        }
    }

    /// The family with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Ip,
            Self::Ip6,
            Self::Inet,
            Self::Arp,
            Self::Bridge,
            Self::Netdev,
        ]
        .into_iter()
        .find(|family| family.word() == word)
    }

    /// Whether packets of IPv6 (or else IPv4) pass its base chains at the IP hooks.
    pub const fn sees_ip(self, v6: bool) -> bool {
        match self {
            Self::Ip => !v6,
            Self::Ip6 => v6,
            Self::Inet => true,
            Self::Arp | Self::Bridge | Self::Netdev => false,
        }
    }
}

/// A table with its chains, sets and maps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    #[serde(default, skip_serializing_if = "is_default")]
    pub family: Family,
    pub name: Box<str>,
    /// NFT_TABLE_F_DORMANT: its chains are not hooked in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dormant: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<Chain>,
    /// Named sets and maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Set>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flowtables: Vec<Flowtable>,
    /// Objects that rules name, and that are not understood further (`ct helper`, `quota`, `secmark`, …): their JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Box<str>>,
}

impl Table {
    /// The first chain with this name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| &*chain.name == name)
    }

    /// The set or map with this name.
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|set| &*set.name == name)
    }
}

/// A base chain, which the kernel calls at a hook, or one that rules jump to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    pub name: Box<str>,
    /// None for chains that only rules reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// Where a base chain hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: ChainKind,
    pub hook: Hook,
    /// NF_IP_PRI_*: lower ones run first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: Policy,
    /// Links of a chain at `ingress` or `egress`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Box<str>>,
    /// What met the policy (iptables only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
}

/// NFT_CHAIN_T_*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChainKind {
    #[default]
    Filter,
    /// Only the first packet of a connection passes it.
    Nat,
    /// As `filter`, and a changed header or mark has the packet routed anew.
    Route,
}

/// NF_INET_* and NF_NETDEV_* hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hook {
    Ingress,
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
    Egress,
}

/// What happens at the end of a base chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Policy {
    #[default]
    Accept,
    Drop,
}

/// What a rule or policy has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    pub packets: u64,
    pub bytes: u64,
}

/// One rule of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `-A CHAIN …` as iptables printed it, without counters; for nft, the rule in its own syntax.
    pub text: Box<str>,
    /// Line of the save it stood on; 0 for nft.
    #[serde(default, skip_serializing_if = "is_default")]
    pub line: u32,
    /// By which nft changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<u64>,
    /// None when the save had no counters, or an nft rule has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// In the order in which they run: the first match that fails ends the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
}

impl Rule {
    /// Whether nothing of it is [`Statement::Unknown`].
    pub fn is_understood(&self) -> bool {
        self.statements.iter().all(Statement::is_understood)
    }

    /// The chains that it jumps or goes to, whatever it asks for.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Verdict(verdict) => verdict.target(),
            _ => None,
        })
    }

    /// Its comment; the first of several.
    pub fn comment(&self) -> Option<&str> {
        self.statements.iter().find_map(|statement| match statement {
            Statement::Comment(text) => Some(&**text),
            _ => None,
        })
    }
}

impl Base {
    /// Where iptables hangs a built-in chain: hook from its name, kind and priority from its table
    /// (`include/uapi/linux/netfilter_ipv4.h`: `enum nf_ip_hook_priorities`).
    pub fn of_iptables(table: &str, chain: &str, policy: Policy) -> Option<Self> {
        let hook = match chain {
            "PREROUTING" => Hook::Prerouting,
            "INPUT" => Hook::Input,
            "FORWARD" => Hook::Forward,
            "OUTPUT" => Hook::Output,
            "POSTROUTING" => Hook::Postrouting,
            _ => return None,
        };
        let (kind, priority) = match (table, hook) {
            ("raw", _) => (ChainKind::Filter, -300),
            ("mangle", Hook::Output) => (ChainKind::Route, -150),
            ("mangle", _) => (ChainKind::Filter, -150),
            ("nat", Hook::Prerouting | Hook::Output) => (ChainKind::Nat, -100),
            ("nat", _) => (ChainKind::Nat, 100),
            ("security", _) => (ChainKind::Filter, 50),
            _ => (ChainKind::Filter, 0),
        };
        Some(Self {
            kind,
            hook,
            priority,
            policy,
            devices: Vec::new(),
            counters: None,
        })
    }
}
