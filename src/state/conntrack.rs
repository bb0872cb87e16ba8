//! Connection tracking of one namespace (`include/uapi/linux/netfilter/nf_conntrack_common.h`,
//! `nfnetlink_conntrack.h`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Fact;
use super::link::is_default;

/// The table of tracked connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Conntrack {
    /// `nf_conntrack_count`: how many entries there are.
    pub count: u32,
    /// `nf_conntrack_max`: how many there may be; the host's value holds in every namespace, each counts its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// In the order of the kernel's dump. Where `omitted` isn't 0: those that got no answer first, then others.
    pub entries: Fact<Vec<Flow>>,
    /// How many entries were read but are not in `entries`.
    #[serde(skip_serializing_if = "is_default")]
    pub omitted: u32,
}

/// One tracked connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// IPPROTO_*.
    pub proto: u8,
    /// Of TCP, SCTP, DCCP: `SYN_SENT`, `ESTABLISHED`, … as conntrack(8) names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The direction of the first packet.
    pub original: Tuple,
    /// What answers look like: other than the original turned around, where addresses are translated.
    pub reply: Tuple,
    #[serde(default, skip_serializing_if = "is_default")]
    pub status: FlowStatus,
    /// Seconds until it is forgotten; none where it isn't shown (offloaded).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mark: u32,
    /// Of both directions, or of the one whose tuple has none of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub zone: u16,
}

impl Flow {
    /// The destination was translated: answers don't come from where the first packet went.
    pub fn is_dnat(&self) -> bool {
        self.status.has(FlowStatus::DST_NAT)
            || self.reply.src != self.original.dst
            || (self.original.dport.is_some() && self.reply.sport != self.original.dport)
    }

    /// The source was translated: answers don't go to where the first packet came from.
    pub fn is_snat(&self) -> bool {
        self.status.has(FlowStatus::SRC_NAT)
            || self.reply.dst != self.original.src
            || (self.original.sport.is_some() && self.reply.dport != self.original.sport)
    }
}

/// One direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuple {
    pub src: IpAddr,
    pub dst: IpAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
    /// With `net.netfilter.nf_conntrack_acct` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// A zone of this direction only (`-j CT --zone-orig`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<u16>,
}

/// What stands for the ports with ICMP and ICMPv6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Icmp {
    #[serde(rename = "type")]
    pub kind: u8,
    pub code: u8,
    pub id: u16,
}

/// IPS_* of `nf_conntrack_common.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowStatus(pub u32);

impl FlowStatus {
    pub const EXPECTED: Self = Self(1);
    /// Packets went both ways; without it the entry is `[UNREPLIED]`.
    pub const SEEN_REPLY: Self = Self(1 << 1);
    pub const ASSURED: Self = Self(1 << 2);
    pub const CONFIRMED: Self = Self(1 << 3);
    pub const SRC_NAT: Self = Self(1 << 4);
    pub const DST_NAT: Self = Self(1 << 5);
    pub const SRC_NAT_DONE: Self = Self(1 << 7);
    pub const DST_NAT_DONE: Self = Self(1 << 8);
    pub const DYING: Self = Self(1 << 9);
    pub const FIXED_TIMEOUT: Self = Self(1 << 10);
    pub const OFFLOAD: Self = Self(1 << 14);
    pub const HW_OFFLOAD: Self = Self(1 << 15);

    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }

    /// No answer was seen.
    pub const fn is_unreplied(self) -> bool {
        !self.has(Self::SEEN_REPLY)
    }
}

impl std::ops::BitOr for FlowStatus {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
