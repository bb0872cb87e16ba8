//! What a match compares: fields of a packet, and values.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::statement::Verdict;
use crate::state::link::is_default;

/// `key op value`.
///
/// A value that is a [`Expr::Set`] or [`Expr::Named`] set holds when it contains the key (`Eq`) or not (`Ne`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    pub key: Expr,
    #[serde(default, skip_serializing_if = "is_default")]
    pub op: Op,
    pub value: Expr,
}

/// How key and value compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Op {
    #[default]
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// At least one of these bits is set.
    AnyBit,
    /// None of these bits is set.
    NoBit,
}

/// A field of the packet, something computed of it, or a value. Numbers are in host order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expr {
    Key(Key),
    /// `ip daddr . tcp dport`, and the elements of sets with such keys.
    Concat(Vec<Expr>),
    Binary(Box<(Expr, BitOp, Expr)>),
    /// The value that a map ([`Expr::Named`], or a [`Expr::Set`] of [`Expr::Pair`]) has for a key.
    Map(Box<(Expr, Expr)>),
    /// `numgen`: a number below `modulo`, plus `offset`; random, or one after the other.
    #[serde(rename_all = "camelCase")]
    Numgen {
        random: bool,
        modulo: u32,
        #[serde(default, skip_serializing_if = "is_default")]
        offset: u32,
    },
    /// `jhash` of an expression, or `symhash` of the connection when there is none.
    #[serde(rename_all = "camelCase")]
    Hash {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Box<Expr>>,
        modulo: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u32>,
        #[serde(default, skip_serializing_if = "is_default")]
        offset: u32,
    },
    /// A number, and every symbol that has one (`tcp`, `echo-request`, `established`, `local`).
    Number(u64),
    Addr(IpAddr),
    Net(IpNet),
    /// First and last.
    Range(Box<(Expr, Expr)>),
    /// An anonymous set or map.
    Set(Vec<Expr>),
    /// An element of an anonymous map: key and value.
    Pair(Box<(Expr, Expr)>),
    /// A set or map of the same table.
    Named(Box<str>),
    /// A value of a verdict map.
    Verdict(Box<Verdict>),
    /// A name (of a link), or a symbol that has no number here.
    Text(Box<str>),
    /// Every name that begins so (`cali+` of iptables, `cali*` of nft).
    Prefix(Box<str>),
    /// Six octets.
    Mac([u8; 6]),
    /// `*` in a set: what no other element has.
    Any,
    /// Whether the field exists at all (`exthdr frag exists`, `fib … oif exists`).
    Exists(bool),
    /// What netdiag doesn't understand, as JSON.
    Unknown(Box<str>),
}

impl Expr {
    /// Whether nothing in it is unknown.
    pub fn is_understood(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Concat(items) | Self::Set(items) => items.iter().all(Self::is_understood),
            Self::Binary(parts) => parts.0.is_understood() && parts.2.is_understood(),
            Self::Map(parts) | Self::Range(parts) | Self::Pair(parts) => {
                parts.0.is_understood() && parts.1.is_understood()
            }
            Self::Hash { of: Some(of), .. } => of.is_understood(),
            _ => true,
        }
    }

    /// `left op right`.
    pub fn binary(left: Self, op: BitOp, right: Self) -> Self {
        Self::Binary(Box::new((left, op, right)))
    }

    /// `key & mask`, and the key alone for a mask of all 32 bits.
    pub fn masked(key: Self, mask: u32) -> Self {
        if mask == u32::MAX {
            key
        } else {
            Self::binary(key, BitOp::And, Self::Number(mask.into()))
        }
    }
}

/// What is computed of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BitOp {
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

/// Source or destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dir {
    Src,
    Dst,
}

/// By which link a packet came, or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    In,
    Out,
}

/// Of which direction of a connection (IP_CT_DIR_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tuple {
    Original,
    Reply,
}

/// How a link is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkBy {
    Name,
    /// `iif`: the index; tools show the name.
    Index,
    Kind,
    Group,
    /// ARPHRD_*.
    Type,
    /// The bridge that a port belongs to (`ibrname`).
    Bridge,
    /// The bridge's port (`-m physdev`).
    Port,
    /// `sdifname`: the port of a VRF.
    Slave,
}

/// A field of a packet, or what the kernel knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Key {
    Link {
        way: Way,
        by: LinkBy,
    },
    /// The packet crosses a bridge, or came in or goes out by a port of one (`--physdev-is-…`): 1 or 0.
    Bridged(Option<Way>),
    /// Of the IPv4 header, or the IPv6 one; fails for packets of the other.
    Addr {
        dir: Dir,
        #[serde(default, skip_serializing_if = "is_default")]
        v6: bool,
    },
    /// IPPROTO_*: of the transport header, past IPv6's extensions.
    L4Proto,
    /// `protocol` of IPv4's header, `nexthdr` of IPv6's.
    #[serde(rename_all = "camelCase")]
    IpProto {
        #[serde(default, skip_serializing_if = "is_default")]
        v6: bool,
    },
    /// NFPROTO_*: 2 IPv4, 10 IPv6.
    NfProto,
    /// ETH_P_*.
    EtherType,
    /// Of tcp, udp, sctp, dccp, udplite (IPPROTO_*), which the match demands, or of whatever the packet has.
    Port {
        dir: Dir,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proto: Option<u8>,
    },
    /// The source's or the destination's (`-m multiport --ports`).
    EitherPort,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    TcpFlags,
    /// An option of this number is there: 1 or 0.
    TcpOption(u8),
    /// A packet of ICMP, or ICMPv6.
    IcmpType {
        #[serde(default, skip_serializing_if = "is_default")]
        v6: bool,
    },
    IcmpCode {
        #[serde(default, skip_serializing_if = "is_default")]
        v6: bool,
    },
    /// Of Ethernet's header.
    Mac(Dir),
    /// TTL, or IPv6's hop limit.
    Ttl {
        #[serde(default, skip_serializing_if = "is_default")]
        v6: bool,
    },
    /// Six bits.
    Dscp {
        #[serde(default, skip_serializing_if = "is_default")]
        v6: bool,
    },
    /// All eight bits of TOS, or IPv6's traffic class.
    Tos,
    /// IPv4: not the first fragment (1 or 0).
    Fragment,
    Meta(MetaKey),
    Ct {
        key: CtKey,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tuple: Option<Tuple>,
    },
    /// What the routing table says of an address. iptables' `addrtype` is `type` of this.
    Fib {
        flags: FibFlags,
        result: FibResult,
    },
    Socket(SocketKey),
    /// The connection is one of IPVS: 1 or 0.
    Ipvs,
    /// Any other header field by nft's names: protocol and field.
    Payload(Box<(Box<str>, Box<str>)>),
    /// Bits of a header by place: base (`ll`, `nh`, `th`), offset and length in bits.
    Raw {
        base: Box<str>,
        offset: u32,
        len: u32,
    },
    /// Any other thing that nft(8) knows to look up, as its JSON.
    Other(Box<str>),
}

/// `meta …` of nft(8): what the kernel keeps beside a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetaKey {
    Mark,
    /// Of the whole packet in bytes.
    Length,
    Priority,
    /// PACKET_*: 0 host, 1 broadcast, 2 multicast, 3 other host, 5 loopback.
    PktType,
    SkUid,
    SkGid,
    Rtclassid,
    Cpu,
    Cgroup,
    Nftrace,
    Random,
    /// Whether it came out of IPsec (`meta ipsec`): 1 or 0.
    Secpath,
    Time,
    Day,
    Hour,
}

/// What conntrack knows (`ct …`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CtKey {
    /// Bits: invalid 1, established 2, related 4, new 8, untracked 64; SNAT 0x10000 and DNAT 0x20000 of iptables.
    State,
    /// IPS_*: expected 1, seen-reply 2, assured 4, confirmed 8, snat 16, dnat 32, dying 512.
    Status,
    /// 0 original, 1 reply.
    Direction,
    Mark,
    Zone,
    Helper,
    /// Seconds until it expires.
    Expiration,
    Label,
    Id,
    L3Proto,
    L4Proto,
    SrcAddr,
    DstAddr,
    SrcPort,
    DstPort,
    Packets,
    Bytes,
    AvgPkt,
    Count,
}

/// What a lookup in the routing table is by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FibFlags {
    #[serde(skip_serializing_if = "is_default")]
    pub saddr: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub daddr: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub mark: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub iif: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub oif: bool,
}

/// What is asked of the routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FibResult {
    /// Index of the link that a route leads to; 0 without one.
    Oif,
    OifName,
    /// RTN_*: 1 unicast, 2 local, 3 broadcast, 5 multicast, 6 blackhole, …
    Type,
}

/// What is asked of the local socket a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SocketKey {
    Transparent,
    Mark,
    Wildcard,
}
