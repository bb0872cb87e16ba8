//! What the bytes of a frame start with: the link types of capture files (tcpdump.org/linktypes.html).

use super::wire::Next;
use super::wire::ethernet::ether_type;

/// A link type's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    pub const NULL: Self = Self(0);
    pub const ETHERNET: Self = Self(1);
    pub const PPP: Self = Self(9);
    pub const RAW: Self = Self(101);
    pub const LOOP: Self = Self(108);
    pub const SLL: Self = Self(113);
    pub const IPV4: Self = Self(228);
    pub const IPV6: Self = Self(229);
    pub const SLL2: Self = Self(276);

    /// The name in tcpdump's words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NULL => "NULL",
            Self::ETHERNET => "EN10MB",
            Self::PPP => "PPP",
            Self(12 | 14 | 101) => "RAW",
            Self::LOOP => "LOOP",
            Self::SLL => "LINUX_SLL",
            Self::IPV4 => "IPV4",
            Self::IPV6 => "IPV6",
            Self::SLL2 => "LINUX_SLL2",
            _ => "unknown",
        }
    }

    /// Whether its frames are decoded.
    pub fn is_known(self) -> bool {
        self.start() != Start::Unknown
    }

    pub(super) const fn start(self) -> Start {
        match self {
            Self::NULL | Self::LOOP => Start::Null,
            Self::ETHERNET => Start::Next(Next::Ethernet),
            Self::PPP => Start::Next(Next::Ppp),
            // 12 and 14 are RAW of OpenBSD and of others.
            Self(12 | 14 | 101) => Start::Next(Next::Ip),
            Self::IPV4 => Start::Next(Next::Type(ether_type::IPV4)),
            Self::IPV6 => Start::Next(Next::Type(ether_type::IPV6)),
            Self::SLL => Start::Sll,
            Self::SLL2 => Start::Sll2,
            _ => Start::Unknown,
        }
    }
}

/// How a frame starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Next(Next),
    Null,
    Sll,
    Sll2,
    Unknown,
}
