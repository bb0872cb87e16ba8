//! Links and their addresses (rtnetlink(7): RTM_GETLINK, RTM_GETADDR). What belongs to one kind only is in
//! [`super::kind`].

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::kind::{BridgePort, LinkData};
use super::netns::NsId;

/// The kernel's number of a link within its network namespace; 1 is `lo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IfIndex(pub u32);

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// IFF_* of `include/uapi/linux/if.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkFlags(pub u32);

impl LinkFlags {
    pub const UP: Self = Self(1);
    pub const BROADCAST: Self = Self(1 << 1);
    pub const LOOPBACK: Self = Self(1 << 3);
    pub const POINTOPOINT: Self = Self(1 << 4);
    pub const RUNNING: Self = Self(1 << 6);
    pub const NOARP: Self = Self(1 << 7);
    pub const PROMISC: Self = Self(1 << 8);
    pub const ALLMULTI: Self = Self(1 << 9);
    pub const MULTICAST: Self = Self(1 << 12);
    pub const LOWER_UP: Self = Self(1 << 16);

    /// The flags of `ip link`, each with its name there.
    pub const NAMES: [(&'static str, Self); 18] = [
        ("UP", Self::UP),
        ("BROADCAST", Self::BROADCAST),
        ("DEBUG", Self(1 << 2)),
        ("LOOPBACK", Self::LOOPBACK),
        ("POINTOPOINT", Self::POINTOPOINT),
        ("NOTRAILERS", Self(1 << 5)),
        ("NOARP", Self::NOARP),
        ("PROMISC", Self::PROMISC),
        ("ALLMULTI", Self::ALLMULTI),
        ("MASTER", Self(1 << 10)),
        ("SLAVE", Self(1 << 11)),
        ("MULTICAST", Self::MULTICAST),
        ("PORTSEL", Self(1 << 13)),
        ("AUTOMEDIA", Self(1 << 14)),
        ("DYNAMIC", Self(1 << 15)),
        ("LOWER_UP", Self::LOWER_UP),
        ("DORMANT", Self(1 << 17)),
        ("ECHO", Self(1 << 18)),
    ];

    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }
}

/// One link. Lists of links keep the order of the kernel's dump: Calico's autodetection depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub index: IfIndex,
    pub name: String,
    /// IFLA_INFO_KIND (`bridge`, `veth`, `vxlan`, …); none for hardware and for `lo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    pub flags: LinkFlags,
    /// IFLA_OPERSTATE in lower case (`up`, `down`, `unknown`, …).
    pub operstate: String,
    /// IFLA_CARRIER: whether the cable, or what stands for it, is in. None where it was not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<bool>,
    /// Bytes.
    pub mtu: u32,
    /// `aa:bb:cc:dd:ee:ff`; none on links without Ethernet addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The bridge, bond or VRF it is a port of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IfIndex>,
    /// IFLA_LINK: the other end of a veth, the link below a VLAN, a macvlan or a tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<LowerLink>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alt_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qdisc: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<LinkCounters>,
    /// IFLA_INFO_DATA of the kinds that netdiag knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<LinkData>,
    /// IFLA_INFO_SLAVE_DATA of a bridge's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<BridgePort>,
    /// Offload features that are on (`ethtool -k`); none where they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
}

impl Link {
    /// Whether the link is a bridge of this host.
    pub fn is_bridge(&self) -> bool {
        self.kind.as_deref() == Some("bridge")
    }

    /// IFF_UP: set by the administrator.
    pub const fn is_up(&self) -> bool {
        self.flags.has(LinkFlags::UP)
    }

    /// `bridge`, `veth`, … or `device` for hardware: for people.
    pub fn kind_name(&self) -> &str {
        self.kind.as_deref().unwrap_or("device")
    }
}

/// A link by its number, perhaps in another network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LowerLink {
    pub index: IfIndex,
    /// IFLA_LINK_NETNSID: in which namespace that number holds; none for the link's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<NsId>,
}

/// IFLA_STATS64, since the link was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkCounters {
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
    pub tx_carrier_errors: u64,
}

/// How far an address or a route reaches (RT_SCOPE_* of `include/uapi/linux/rtnetlink.h`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(pub u8);

impl Scope {
    pub const GLOBAL: Self = Self(0);
    pub const SITE: Self = Self(200);
    pub const LINK: Self = Self(253);
    pub const HOST: Self = Self(254);
    pub const NOWHERE: Self = Self(255);
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::GLOBAL => "global",
            Self::SITE => "site",
            Self::LINK => "link",
            Self::HOST => "host",
            Self::NOWHERE => "nowhere",
            Self(other) => return other.fmt(f),
        })
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: AddressFlags,
    /// IFA_LABEL: `eth0:1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it was added, in hundredths of a second since the kernel began (`ifa_cacheinfo.cstamp`); listings of
    /// ip-address(8) don't tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
}

/// IFA_F_* of `include/uapi/linux/if_addr.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressFlags(pub u32);

impl AddressFlags {
    /// `temporary` with IPv6.
    pub const SECONDARY: Self = Self(1);
    pub const DADFAILED: Self = Self(1 << 3);
    pub const DEPRECATED: Self = Self(1 << 5);
    pub const TENTATIVE: Self = Self(1 << 6);
    pub const PERMANENT: Self = Self(1 << 7);

    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }
}

impl Address {
    /// An address as it is without anything special about it.
    pub const fn new(link: IfIndex, ip: IpAddr, prefix_len: u8) -> Self {
        Self {
            link,
            ip,
            prefix_len,
            peer: None,
            broadcast: None,
            scope: Scope::GLOBAL,
            flags: AddressFlags::PERMANENT,
            label: None,
            created: None,
        }
    }

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

/// For `skip_serializing_if`: values that say nothing are left out of snapshots.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
