//! Links, their addresses, and neighbors (rtnetlink(7): RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH).

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The kernel's number of a link within its network namespace; 1 is `lo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfIndex(pub u32);

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One link. Lists of links keep the order of the kernel's dump: Calico's autodetection depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub index: IfIndex,
    pub name: String,
    /// IFLA_INFO_KIND (`bridge`, `veth`, `vxlan`, …); none for hardware and for `lo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// IFF_UP: set by the administrator.
    pub up: bool,
    /// IFLA_OPERSTATE in lower case (`up`, `down`, `unknown`, …).
    pub operstate: String,
    /// Bytes.
    pub mtu: u32,
    /// The bridge, bond or VRF it is a port of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IfIndex>,
}

impl Link {
    /// Whether the link is a bridge of this host.
    pub fn is_bridge(&self) -> bool {
        self.kind.as_deref() == Some("bridge")
    }

    /// `bridge`, `veth`, … or `device` for hardware: for people.
    pub fn kind_name(&self) -> &str {
        self.kind.as_deref().unwrap_or("device")
    }
}

/// One address of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub link: IfIndex,
    pub ip: IpAddr,
    /// With a peer, the length of the peer's segment.
    pub prefix_len: u8,
    /// The other end of a point-to-point address (`ADDRESS peer PEER/LENGTH` of ip-address(8)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
}

impl Address {
    /// The segment that the address makes on-link, host bits cleared.
    pub fn network(&self) -> Option<IpNet> {
        IpNet::new(self.ip, self.prefix_len).ok().map(|net| net.trunc())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_len)
    }
}

/// Whether an address holds on its link only (169.254.0.0/16, fe80::/10).
pub const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// NUD state of a neighbor (`include/uapi/linux/neighbour.h`).
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

/// One entry of the ARP or ND table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Neighbor {
    pub link: IfIndex,
    pub ip: IpAddr,
    /// `aa:bb:cc:dd:ee:ff`; none while unresolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    pub state: NeighborState,
    /// Seconds since it last proved to be there (NDA_CACHEINFO): an entry stays REACHABLE for a while after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_seconds: Option<u64>,
}
