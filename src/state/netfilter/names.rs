//! Words that stand for numbers in rules: `tcp`, `established`, `echo-request`.

use super::expr::{CtKey, Expr, FibResult, Key, LinkBy, MetaKey};

/// Kinds of values, each with its own words (nft(8): DATA TYPES; `nft describe`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// IPPROTO_*, by `/etc/protocols` of Debian; iptables and nft print these.
    Protocol,
    /// Names of links.
    LinkName,
    CtState,
    CtStatus,
    CtDirection,
    IcmpType,
    IcmpCode,
    Icmp6Type,
    Icmp6Code,
    TcpFlag,
    /// RTN_*.
    AddrType,
    PktType,
    /// NFPROTO_*.
    NfProto,
    /// ETH_P_*.
    EtherType,
    Dscp,
    /// Numbers and addresses without words.
    Other,
}

type Words = &'static [(&'static str, u64)];

const PROTOCOLS: Words = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("eigrp", 88),
    ("ospf", 89),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
    ("sctp", 132),
    ("fc", 133),
    ("mobility-header", 135),
    ("udplite", 136),
    ("mpls-in-ip", 137),
    ("manet", 138),
    ("hip", 139),
    ("shim6", 140),
    ("wesp", 141),
    ("rohc", 142),
    // Other words for the same, which are read but never printed here.
    ("icmpv6", 58),
    ("icmp6", 58),
    ("ipip4", 4),
    ("mh", 135),
    ("all", 0),
];

const CT_STATE: Words = &[
    ("invalid", 1),
    ("new", 8),
    ("established", 2),
    ("related", 4),
    ("untracked", 64),
    // Of iptables' `--ctstate` alone.
    ("snat", 1 << 16),
    ("dnat", 1 << 17),
];

const CT_STATUS: Words = &[
    ("expected", 1),
    ("seen-reply", 2),
    ("assured", 4),
    ("confirmed", 8),
    ("snat", 16),
    ("dnat", 32),
    ("dying", 512),
    ("seen_reply", 2),
];

const ICMP_TYPES: Words = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("info-request", 15),
    ("info-reply", 16),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

const ICMP_CODES: Words = &[
    ("net-unreachable", 0),
    ("host-unreachable", 1),
    ("prot-unreachable", 2),
    ("port-unreachable", 3),
    ("net-prohibited", 9),
    ("host-prohibited", 10),
    ("admin-prohibited", 13),
    ("frag-needed", 4),
];

const ICMP6_TYPES: Words = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("ind-neighbor-solicit", 141),
    ("ind-neighbor-advert", 142),
    ("mld2-listener-report", 143),
    ("mld-listener-reduction", 132),
];

const ICMP6_CODES: Words = &[
    ("no-route", 0),
    ("admin-prohibited", 1),
    ("addr-unreachable", 3),
    ("port-unreachable", 4),
    ("policy-fail", 5),
    ("reject-route", 6),
];

const TCP_FLAGS: Words = &[
    ("fin", 1),
    ("syn", 2),
    ("rst", 4),
    ("psh", 8),
    ("ack", 16),
    ("urg", 32),
    ("ecn", 64),
    ("cwr", 128),
];

const ADDR_TYPES: Words = &[
    ("unspec", 0),
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
    ("throw", 9),
    ("nat", 10),
    ("xresolve", 11),
];

const PKT_TYPES: Words = &[
    ("host", 0),
    ("broadcast", 1),
    ("multicast", 2),
    ("other", 3),
    ("unicast", 0),
    ("otherhost", 3),
];

const ETHER_TYPES: Words = &[
    ("ip", 0x0800),
    ("arp", 0x0806),
    ("ip6", 0x86dd),
    ("8021q", 0x8100),
    ("8021ad", 0x88a8),
    ("vlan", 0x8100),
];

const DSCP: Words = &[
    ("cs0", 0),
    ("cs1", 0x08),
    ("cs2", 0x10),
    ("cs3", 0x18),
    ("cs4", 0x20),
    ("cs5", 0x28),
    ("cs6", 0x30),
    ("cs7", 0x38),
    ("lephb", 0x01),
    ("af11", 0x0a),
    ("af12", 0x0c),
    ("af13", 0x0e),
    ("af21", 0x12),
    ("af22", 0x14),
    ("af23", 0x16),
    ("af31", 0x1a),
    ("af32", 0x1c),
    ("af33", 0x1e),
    ("af41", 0x22),
    ("af42", 0x24),
    ("af43", 0x26),
    ("va", 0x2c),
    ("ef", 0x2e),
    ("df", 0),
    ("be", 0),
];

impl Domain {
    const fn words(self) -> Words {
        match self {
            Self::Protocol => PROTOCOLS,
            Self::CtState => CT_STATE,
            Self::CtStatus => CT_STATUS,
            Self::CtDirection => &[("original", 0), ("reply", 1)],
            Self::IcmpType => ICMP_TYPES,
            Self::IcmpCode => ICMP_CODES,
            Self::Icmp6Type => ICMP6_TYPES,
            Self::Icmp6Code => ICMP6_CODES,
            Self::TcpFlag => TCP_FLAGS,
            Self::AddrType => ADDR_TYPES,
            Self::PktType => PKT_TYPES,
            Self::NfProto => &[("ipv4", 2), ("ipv6", 10)],
            Self::EtherType => ETHER_TYPES,
            Self::Dscp => DSCP,
            Self::LinkName | Self::Other => &[],
        }
    }

    /// The number of a word; none when the word is not known here.
    pub fn number(self, word: &str) -> Option<u64> {
        let find = |(name, _): &&(&str, u64)| name.eq_ignore_ascii_case(word);
        self.words().iter().find(find).map(|(_, number)| *number)
    }

    /// The word that tools print for a number.
    pub fn word(self, number: u64) -> Option<&'static str> {
        let find = |(_, value): &&(&'static str, u64)| *value == number;
        self.words().iter().find(find).map(|(name, _)| *name)
    }

    /// Whether values are sets of bits.
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::CtState | Self::CtStatus | Self::TcpFlag)
    }

    /// What the values of a key are.
    pub const fn of(key: &Key) -> Self {
        match key {
            Key::Link {
                by:
                    LinkBy::Name | LinkBy::Index | LinkBy::Kind | LinkBy::Bridge | LinkBy::Port | LinkBy::Slave,
                ..
            }
            | Key::Fib {
                result: FibResult::OifName,
                ..
            } => Self::LinkName,
            Key::L4Proto
            | Key::IpProto { .. }
            | Key::Ct {
                key: CtKey::L4Proto, ..
            } => Self::Protocol,
            Key::NfProto
            | Key::Ct {
                key: CtKey::L3Proto, ..
            } => Self::NfProto,
            Key::EtherType => Self::EtherType,
            Key::TcpFlags => Self::TcpFlag,
            Key::IcmpType { v6: false } => Self::IcmpType,
            Key::IcmpType { v6: true } => Self::Icmp6Type,
            Key::IcmpCode { v6: false } => Self::IcmpCode,
            Key::IcmpCode { v6: true } => Self::Icmp6Code,
            Key::Dscp { .. } => Self::Dscp,
            Key::Meta(MetaKey::PktType) => Self::PktType,
            Key::Ct {
                key: CtKey::State, ..
            } => Self::CtState,
            Key::Ct {
                key: CtKey::Status, ..
            } => Self::CtStatus,
            Key::Ct {
                key: CtKey::Direction,
                ..
            } => Self::CtDirection,
            Key::Fib {
                result: FibResult::Type,
                ..
            } => Self::AddrType,
            _ => Self::Other,
        }
    }

    /// What the values of a set's type are, by nft's name for it.
    pub fn of_type(name: &str) -> Self {
        match name {
            "inet_proto" => Self::Protocol,
            "ifname" | "iface_index" => Self::LinkName,
            "ct_state" => Self::CtState,
            "ct_status" => Self::CtStatus,
            "ct_dir" => Self::CtDirection,
            "icmp_type" => Self::IcmpType,
            "icmp_code" => Self::IcmpCode,
            "icmpv6_type" => Self::Icmp6Type,
            "icmpv6_code" => Self::Icmp6Code,
            "tcp_flag" => Self::TcpFlag,
            "fib_addrtype" => Self::AddrType,
            "pkt_type" => Self::PktType,
            "nf_proto" => Self::NfProto,
            "ether_type" => Self::EtherType,
            "dscp" => Self::Dscp,
            _ => Self::Other,
        }
    }

    /// What the values of an expression are, for each part of a concatenation.
    pub fn of_expr(expr: &Expr) -> Vec<Self> {
        match expr {
            Expr::Key(key) => vec![Self::of(key)],
            Expr::Concat(parts) => parts.iter().flat_map(Self::of_expr).collect(),
            Expr::Binary(parts) => Self::of_expr(&parts.0),
            _ => vec![Self::Other],
        }
    }
}
