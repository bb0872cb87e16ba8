//! Neighbors and forwarding databases (rtnetlink(7): RTM_GETNEIGH; `include/uapi/linux/neighbour.h`).

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::link::{IfIndex, is_default};

/// NUD state of a neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NeighborState {
    Incomplete,
    Reachable,
    Stale,
    Delay,
    Probe,
    Failed,
    Noarp,
    Permanent,
    None,
}

impl NeighborState {
    /// The kernel had an answer from it, now or a while ago.
    pub const fn answered(self) -> bool {
        matches!(self, Self::Reachable | Self::Stale | Self::Delay | Self::Probe)
    }

    /// NUD_CONNECTED: good without asking.
    pub const fn connected(self) -> bool {
        matches!(self, Self::Permanent | Self::Noarp | Self::Reachable)
    }

    /// NUD_VALID: its address is known.
    pub const fn valid(self) -> bool {
        self.connected() || self.answered()
    }

    /// The kernel asks and has no answer.
    pub const fn unanswered(self) -> bool {
        matches!(self, Self::Incomplete | Self::Failed)
    }
}

impl fmt::Display for NeighborState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "INCOMPLETE",
            Self::Reachable => "REACHABLE",
            Self::Stale => "STALE",
            Self::Delay => "DELAY",
            Self::Probe => "PROBE",
            Self::Failed => "FAILED",
            Self::Noarp => "NOARP",
            Self::Permanent => "PERMANENT",
            Self::None => "NONE",
        })
    }
}

/// NTF_* of a neighbor or FDB entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NeighborFlags(pub u8);

impl NeighborFlags {
    /// `use`
    pub const USE: Self = Self(1);
    /// In the FDB of the link itself (a VXLAN's, a NIC's).
    pub const SELF: Self = Self(1 << 1);
    /// In the FDB of the bridge that the link is a port of.
    pub const MASTER: Self = Self(1 << 2);
    /// Answered for on this link (`ip neigh add proxy`).
    pub const PROXY: Self = Self(1 << 3);
    pub const EXT_LEARNED: Self = Self(1 << 4);
    pub const OFFLOADED: Self = Self(1 << 5);
    pub const STICKY: Self = Self(1 << 6);
    pub const ROUTER: Self = Self(1 << 7);

    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }
}

/// One entry of the ARP or ND table, or a proxy entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Neighbor {
    /// 0 for a proxy entry of all links.
    pub link: IfIndex,
    pub ip: IpAddr,
    /// `aa:bb:cc:dd:ee:ff`; none while unresolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    pub state: NeighborState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: NeighborFlags,
    /// Seconds since it last proved to be there (NDA_CACHEINFO): an entry stays REACHABLE for a while after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_seconds: Option<u64>,
}

/// One entry of a forwarding database: of a bridge, of a VXLAN link (its remote VTEPs), or of a NIC's filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FdbEntry {
    /// `aa:bb:cc:dd:ee:ff`; all zeros is the default destination of a VXLAN.
    pub mac: String,
    /// The port or the VXLAN link.
    pub link: IfIndex,
    /// The bridge whose database it is; none for the link's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IfIndex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Remote VTEP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<IpAddr>,
    /// UDP port of the remote VTEP, where it isn't the link's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Where it isn't the link's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<u32>,
    /// The link that leads to the remote VTEP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IfIndex>,
    /// A nexthop object in place of `dst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nexthop: Option<u32>,
    pub state: NeighborState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: NeighborFlags,
}
