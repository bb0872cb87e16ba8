//! One network namespace: everything the kernel keeps per namespace.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fact;
use super::conntrack::Conntrack;
use super::ipset::IpSet;
use super::ipvs::VirtualServer;
use super::kind::PortVlan;
use super::link::{Address, IfIndex, Link};
use super::neighbor::{FdbEntry, Neighbor};
use super::netfilter::Ruleset;
use super::recent::RecentList;
use super::route::{NexthopObject, Route};
use super::rule::PolicyRule;
use super::socket::{PacketSocket, RawSocket, TcpSocket, UdpSocket};

/// The number by which one namespace knows another (`ip netns list-id`, IFLA_LINK_NETNSID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NsId(pub i32);

impl fmt::Display for NsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which namespace: the device and inode of its file in nsfs (`stat -L /proc/PID/ns/net`). An inode is used again after
/// the namespace is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NsIdentity {
    pub device: u64,
    pub inode: u64,
}

impl fmt::Display for NsIdentity {
    /// As the kernel's links say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.inode)
    }
}

/// A namespace that another one has a number for (RTM_GETNSID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    pub id: NsId,
    /// None for a namespace that was not found: of another node, or kept by an open file only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NsIdentity>,
}

/// What the kernel holds in one network namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Netns {
    /// When each item was read, by its name here: RFC 3339, UTC, milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, String>,
    pub links: Fact<Vec<Link>>,
    pub addresses: Fact<Vec<Address>>,
    pub routes: Fact<Vec<Route>>,
    /// Objects that routes and FDB entries refer to by number.
    pub nexthops: Fact<Vec<NexthopObject>>,
    pub rules: Fact<Vec<PolicyRule>>,
    /// ARP, ND, and proxy entries.
    pub neighbors: Fact<Vec<Neighbor>>,
    pub fdb: Fact<Vec<FdbEntry>>,
    /// VLANs of bridges' ports.
    pub vlans: Fact<Vec<PortVlan>>,
    /// iptables' rules of both back ends, then what only nftables has. Absent as missing in a kernel without any of them.
    pub netfilter: Fact<Vec<Ruleset>>,
    /// Sets that iptables' rules name.
    pub ipsets: Fact<Vec<IpSet>>,
    /// Without those in TIME-WAIT.
    pub tcp: Fact<Vec<TcpSocket>>,
    pub udp: Fact<Vec<UdpSocket>>,
    pub raw: Fact<Vec<RawSocket>>,
    pub packet: Fact<Vec<PacketSocket>>,
    /// `TcpExt` of `/proc/net/netstat`.
    pub tcp_counters: Fact<BTreeMap<String, u64>>,
    /// Values of `/proc/sys/net`, keys as sysctl(8) writes them: `net.ipv4.ip_forward`, and
    /// `net.ipv4.conf.eth0/100.rp_filter` for the link `eth0.100`. Of most links only what decides where packets go.
    pub sysctls: Fact<BTreeMap<String, String>>,
    pub conntrack: Fact<Conntrack>,
    /// Absent where the kernel has no IPVS.
    pub ipvs: Fact<Vec<VirtualServer>>,
    /// Absent as missing where no rule has the match.
    pub recent: Fact<Vec<RecentList>>,
    /// The namespaces that this one has a number for.
    pub peers: Fact<Vec<Peer>>,
}

impl Netns {
    /// The link with this number.
    pub fn link(&self, index: IfIndex) -> Option<&Link> {
        self.links.items().iter().find(|link| link.index == index)
    }

    /// The link with this name.
    pub fn link_named(&self, name: &str) -> Option<&Link> {
        self.links.items().iter().find(|link| link.name == name)
    }

    /// The addresses of IPv4 that a link has.
    pub fn ipv4_on(&self, link: &Link) -> impl Iterator<Item = &Address> {
        let link = link.index;
        let all = self.addresses.items().iter();
        all.filter(move |address| address.link == link && address.ip.is_ipv4())
    }

    /// The set of ipset(8) with this name.
    pub fn ipset(&self, name: &str) -> Option<&IpSet> {
        self.ipsets.items().iter().find(|set| &*set.name == name)
    }

    /// The value of a sysctl; none when it was not read.
    pub fn sysctl(&self, key: &str) -> Option<&str> {
        self.sysctls.known()?.get(key).map(String::as_str)
    }

    /// `net.ipv4.conf.LINK.NAME`, or that of ipv6, as a number; none when it was not read.
    pub fn link_setting(&self, v6: bool, link: &str, name: &str) -> Option<i64> {
        let family = if v6 { "ipv6" } else { "ipv4" };
        // sysctl(8) writes a dot in a link's name as a slash.
        let link = link.replace('.', "/");
        self.sysctl(&format!("net.{family}.conf.{link}.{name}"))?
            .parse()
            .ok()
    }

    /// Which namespace the number stands for here.
    pub fn peer(&self, id: NsId) -> Option<NsIdentity> {
        self.peers.items().iter().find(|peer| peer.id == id)?.namespace
    }
}
