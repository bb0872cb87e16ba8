//! What links of one kind have, and no others (IFLA_INFO_DATA, IFLA_INFO_SLAVE_DATA; `include/uapi/linux/if_link.h`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::link::IfIndex;
use super::link::is_default;
use super::route::TableId;

/// The data of a link's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkData {
    Bridge(Bridge),
    Vxlan(Vxlan),
    Geneve(Geneve),
    /// ipip, sit, ip6tnl, gre, gretap, ip6gre, ip6gretap, vti.
    Tunnel(Tunnel),
    Tun(Tun),
    Macvlan(Macvlan),
    Ipvlan(Ipvlan),
    Vlan(Vlan),
    Bond(Bond),
    Vrf(Vrf),
    Wireguard(Wireguard),
}

/// IFLA_BR_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bridge {
    /// 0 off, 1 the kernel's STP, 2 a daemon's.
    pub stp_state: u32,
    pub priority: u16,
    /// `8000.aabbccddeeff`, as brctl(8) shows it.
    pub bridge_id: String,
    pub root_id: String,
    /// The port towards the root; 0 on the root itself.
    pub root_port: u16,
    /// 1/100 s.
    pub ageing_time: u32,
    /// 1/100 s.
    pub forward_delay: u32,
    pub vlan_filtering: bool,
    /// `802.1Q` or `802.1ad`.
    pub vlan_protocol: String,
    pub vlan_default_pvid: u16,
    pub mcast_snooping: bool,
    pub group_fwd_mask: u16,
    /// Per bridge; the sysctl `net.bridge.bridge-nf-call-iptables` is for all.
    pub nf_call_iptables: bool,
    pub nf_call_ip6tables: bool,
    pub nf_call_arptables: bool,
}

/// BR_STATE_* of `include/uapi/linux/if_bridge.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PortState {
    #[default]
    Disabled,
    Listening,
    Learning,
    Forwarding,
    Blocking,
}

/// IFLA_BRPORT_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BridgePort {
    pub state: PortState,
    pub number: u16,
    pub priority: u16,
    pub cost: u32,
    pub hairpin: bool,
    pub guard: bool,
    pub root_block: bool,
    pub fast_leave: bool,
    pub learning: bool,
    pub flood: bool,
    pub mcast_flood: bool,
    pub bcast_flood: bool,
    pub proxy_arp: bool,
    pub proxy_arp_wifi: bool,
    pub neigh_suppress: bool,
    pub vlan_tunnel: bool,
    pub isolated: bool,
    pub locked: bool,
}

/// A VLAN of a bridge's port, or of the bridge itself (`bridge vlan`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortVlan {
    pub link: IfIndex,
    pub vid: u16,
    /// Untagged frames that come in belong to it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pvid: bool,
    /// Its frames leave without a tag.
    #[serde(default, skip_serializing_if = "is_default")]
    pub untagged: bool,
}

/// IFLA_VXLAN_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vxlan {
    /// None where metadata of the packet decides (`external`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vni: Option<u32>,
    /// UDP destination port.
    pub port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<IpAddr>,
    /// The multicast group or the one remote of all unknown destinations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<IpAddr>,
    /// The link that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<IfIndex>,
    /// 0: inherit with IPv6, automatic with IPv4.
    pub ttl: u8,
    pub tos: u8,
    /// Seconds.
    pub ageing: u32,
    pub learning: bool,
    pub proxy: bool,
    pub rsc: bool,
    pub l2miss: bool,
    pub l3miss: bool,
    /// IFLA_VXLAN_COLLECT_METADATA.
    pub external: bool,
    pub udp_csum: bool,
    pub udp_zero_csum6_tx: bool,
    pub udp_zero_csum6_rx: bool,
    pub gbp: bool,
    /// IFLA_VXLAN_LOCALBYPASS is off (Linux 6.5): what is for an address of the sender's own becomes a packet all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_local_bypass: bool,
    /// First and last UDP source port; 0-0: the range of `net.ipv4.ip_local_port_range`.
    pub source_ports: (u16, u16),
}

/// IFLA_GENEVE_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Geneve {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vni: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<IpAddr>,
    pub port: u16,
    pub ttl: u8,
    pub tos: u8,
    pub external: bool,
    pub udp_csum: bool,
}

/// IFLA_IPTUN_* and IFLA_GRE_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tunnel {
    /// None: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<IfIndex>,
    /// 0: inherit.
    pub ttl: u8,
    pub tos: u8,
    pub pmtudisc: bool,
    /// Keys of GRE; none where the tunnel has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ikey: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub okey: Option<u32>,
    pub icsum: bool,
    pub ocsum: bool,
    pub iseq: bool,
    pub oseq: bool,
    /// Metadata of the packet or of the route decides.
    pub external: bool,
}

/// IFLA_TUN_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tun {
    /// `tun` or `tap`.
    pub mode: String,
    pub pi: bool,
    pub vnet_hdr: bool,
    pub multi_queue: bool,
    pub persist: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
}

/// IFLA_MACVLAN_*, of macvlan and macvtap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Macvlan {
    /// `private`, `vepa`, `bridge`, `passthru`, `source`.
    pub mode: String,
}

/// IFLA_IPVLAN_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ipvlan {
    /// `l2`, `l3`, `l3s`.
    pub mode: String,
}

/// IFLA_VLAN_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vlan {
    pub id: u16,
    /// `802.1Q` or `802.1ad`.
    pub protocol: String,
}

/// IFLA_BOND_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bond {
    /// `balance-rr`, `active-backup`, `802.3ad`, …
    pub mode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<IfIndex>,
    /// Milliseconds.
    pub miimon: u32,
}

/// IFLA_VRF_*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vrf {
    pub table: TableId,
}

/// A WireGuard link without its private key (`include/uapi/linux/wireguard.h`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wireguard {
    pub public_key: String,
    pub listen_port: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub fwmark: u32,
    pub peers: Vec<WireguardPeer>,
}

/// One peer of a WireGuard link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireguardPeer {
    pub public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<std::net::SocketAddr>,
    pub allowed_ips: Vec<ipnet::IpNet>,
    /// Unix time; 0: never.
    pub last_handshake: u64,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
}
