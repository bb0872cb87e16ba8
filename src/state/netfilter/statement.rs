//! What a rule does: matches, actions, verdicts, in their order.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Counters;
use super::expr::{Dir, Expr, Key, Match};
use crate::state::link::is_default;

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Statement {
    Match(Match),
    /// `-m NAME`: the matches that follow are of this extension; also the target `CT`, whose options follow. It always
    /// holds.
    Extension(Box<str>),
    /// It always holds.
    Comment(Box<str>),
    /// `-m set --match-set`
    IpSet(Box<IpSetMatch>),
    /// A match whose answer depends on packets before this one, or on chance.
    Stateful(Box<Stateful>),
    /// `-m rpfilter`: the packet came in by the link to which its source is routed. `invert`: it did not.
    #[serde(rename_all = "camelCase")]
    RpFilter {
        #[serde(default, skip_serializing_if = "is_default")]
        loose: bool,
        #[serde(default, skip_serializing_if = "is_default")]
        valid_mark: bool,
        #[serde(default, skip_serializing_if = "is_default")]
        accept_local: bool,
        #[serde(default, skip_serializing_if = "is_default")]
        invert: bool,
    },
    /// `-m socket`: a local socket takes the packet.
    #[serde(rename_all = "camelCase")]
    Socket {
        #[serde(default, skip_serializing_if = "is_default")]
        transparent: bool,
        /// Sockets bound to any address count, too.
        #[serde(default, skip_serializing_if = "is_default")]
        no_wildcard: bool,
        /// The packet takes the socket's mark.
        #[serde(default, skip_serializing_if = "is_default")]
        restore_mark: bool,
    },
    Verdict(Verdict),
    /// The verdict that a map has for the key; goes on where it has none. Key, and map.
    Vmap(Box<(Expr, Expr)>),
    Reject(Reject),
    Nat(Box<Nat>),
    /// Every address of a network becomes the one at its place in this network: DNAT before routing, SNAT after.
    Netmap(IpNet),
    /// Writes a field: mark, connection's mark or zone, DSCP, TTL, priority, …
    Set(Box<(Key, Expr)>),
    /// The connection isn't tracked (`-j CT --notrack`).
    Notrack,
    /// `-j CT --helper`, or `ct helper set`
    Helper(Box<str>),
    #[serde(rename_all = "camelCase")]
    Tproxy {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addr: Option<Box<Expr>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// The packet's mark becomes `(mark & !1) ^ 0`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<(u32, u32)>,
        /// `ip` or `ip6` of nft.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<super::Family>,
    },
    /// Sets the MSS of SYN packets; none: to the path's MTU.
    TcpMss(Option<u16>),
    Log(Box<Log>),
    Trace,
    /// Fills in checksums that were left to the network card.
    Checksum,
    /// Adds to, or takes from, an ipset: `-j SET`.
    IpSetUpdate(Box<IpSetUpdate>),
    /// A copy goes to this gateway.
    #[serde(rename_all = "camelCase")]
    Tee {
        gateway: IpAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oif: Option<Box<str>>,
    },
    /// Adds to, updates, or takes from a set or map of the table.
    SetUpdate(Box<SetUpdate>),
    /// The flowtable takes the connection over: its later packets pass no chain.
    Flow(Box<str>),
    /// `counter`, with what it counted.
    Counter(Counters),
    /// An object of the table: kind (`counter`, `quota`, `limit`, `synproxy`, …) and name.
    Object(Box<(Box<str>, Expr)>),
    /// `synproxy` and SYNPROXY: options as words.
    Synproxy(Box<str>),
    /// What netdiag doesn't understand, as its tool shows it.
    #[serde(rename_all = "camelCase")]
    Unknown {
        text: Box<str>,
        /// It is a target or statement, not a match: the packet may end here.
        #[serde(default, skip_serializing_if = "is_default")]
        acts: bool,
    },
}

impl Statement {
    /// Whether nothing of it is unknown.
    pub fn is_understood(&self) -> bool {
        match self {
            Self::Unknown { .. } => false,
            Self::Match(Match { key, value, .. }) => {
                key.is_understood() && value.is_understood() && !matches!(key, Expr::Key(Key::Other(_)))
            }
            Self::Vmap(parts) => parts.0.is_understood() && parts.1.is_understood(),
            Self::Set(parts) => parts.1.is_understood() && !matches!(parts.0, Key::Other(_)),
            Self::Nat(nat) => [&nat.addr, &nat.port]
                .into_iter()
                .flatten()
                .all(Expr::is_understood),
            _ => true,
        }
    }
}

/// What becomes of the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Ends the base chain; those of later priority still run.
    Accept,
    Drop,
    /// Back to the rule after the jump; in a base chain, its policy.
    Return,
    /// On with the next rule.
    Continue,
    Jump(Box<str>),
    /// As a jump that comes back to where the chain before was called.
    Goto(Box<str>),
    Queue(Box<Queue>),
}

impl Verdict {
    /// The chain that goes on with the packet.
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            _ => None,
        }
    }
}

/// NFQUEUE: a program decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Queue {
    /// First and last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(u16, u16)>,
    /// Chosen by an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Expr>,
    /// Passes when no program listens.
    #[serde(skip_serializing_if = "is_default")]
    pub bypass: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub fanout: bool,
}

/// How the sender hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reject {
    /// Said by nothing: port unreachable.
    Default,
    TcpReset,
    /// By name (`port-unreachable`, `icmp-port-unreachable` of iptables is told without `icmp-`).
    Icmp(Box<str>),
    Icmp6(Box<str>),
    Icmpx(Box<str>),
}

/// Which address a translation writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NatKind {
    Dnat,
    Snat,
    /// SNAT to the address of the link the packet goes out by.
    Masquerade,
    /// DNAT to this host.
    Redirect,
}

/// A translation of the connection's first packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nat {
    pub kind: NatKind,
    /// `dnat ip to` of nft in tables of family inet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<super::Family>,
    /// Address, range, map, or a concatenation with the port in it. None: the address stays, or is the link's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addr: Option<Expr>,
    /// Port or range. None: it stays where that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Expr>,
    /// Ports are shifted: the range's first belongs to this one (`--to-destination :80-90/8080`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_base: Option<u16>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: NatFlags,
}

/// NF_NAT_RANGE_*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NatFlags {
    #[serde(skip_serializing_if = "is_default")]
    pub random: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub fully_random: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub persistent: bool,
    /// Addresses of networks map one to one.
    #[serde(skip_serializing_if = "is_default")]
    pub netmap: bool,
}

/// `-m set --match-set NAME src,dst`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpSetMatch {
    pub name: Box<str>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub negated: bool,
    /// Which end each part of an element is compared with.
    pub dirs: Vec<Dir>,
    /// `--return-nomatch`: elements flagged `nomatch` hold.
    #[serde(default, skip_serializing_if = "is_default")]
    pub return_nomatch: bool,
    /// `--update-counters` and comparisons of counters, as words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: Box<str>,
}

/// `-j SET --add-set NAME src`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpSetUpdate {
    pub op: SetOp,
    pub name: Box<str>,
    pub dirs: Vec<Dir>,
    /// `--exist`, `--timeout`, `--map-mark`, … as words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: Box<str>,
}

/// What is done to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SetOp {
    Add,
    Update,
    Delete,
    /// `--map-set`: the element's mark and priority are copied.
    Map,
}

/// `add @set { key … }` of nft, also `meter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetUpdate {
    pub op: SetOp,
    /// Without `@`.
    pub set: Box<str>,
    pub key: Expr,
    /// The value for a map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Expr>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// What each element keeps: a limit, a counter, a count of connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// An old `meter`, of this size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<u64>,
}

/// `limit`: a bucket of tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    pub rate: u64,
    /// `second`, `minute`, `hour`, `day`, `week`.
    pub per: Box<str>,
    /// `packets`, or bytes (`bytes`, `kbytes`, `mbytes`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub burst_unit: Box<str>,
    /// Holds when the rate is exceeded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub over: bool,
}

/// What can't be told from one packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stateful {
    Limit(Limit),
    /// A limit for each address, port, …: options as words.
    HashLimit {
        options: Box<str>,
    },
    /// A list of addresses seen (`/proc/net/xt_recent`): options as words.
    Recent {
        options: Box<str>,
    },
    /// Holds for this share of packets, in 1/2³¹.
    Random {
        #[serde(default, skip_serializing_if = "is_default")]
        negated: bool,
        probability: u32,
    },
    /// Holds for one packet of `every`: that with the number `packet`.
    Nth {
        #[serde(default, skip_serializing_if = "is_default")]
        negated: bool,
        every: u32,
        packet: u32,
    },
    /// How many connections an address has: options as words.
    ConnLimit {
        options: Box<str>,
    },
    /// `ct count`: more (`over`) or at most this many connections.
    CtCount {
        count: u64,
        #[serde(default, skip_serializing_if = "is_default")]
        over: bool,
    },
    /// Bytes that may pass: options as words.
    Quota {
        options: Box<str>,
    },
    /// What a connection has carried: options as words.
    ConnBytes {
        options: Box<str>,
    },
    /// The time of the day or week (xt_time): options as words.
    Time {
        options: Box<str>,
    },
    /// When the set's element was last used (`last used …`).
    Last,
}

/// LOG and NFLOG, `log` of nft.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Log {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Box<str>>,
    /// nfnetlink_log's group; none: the kernel's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u16>,
    /// By syslog's number (4: warning), or nft's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snaplen: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_threshold: Option<u32>,
    /// `--log-uid`, … without dashes; nft's flags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Box<str>>,
}
