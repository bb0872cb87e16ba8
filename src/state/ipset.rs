//! Sets of ipset(8), which iptables' rules name (`include/uapi/linux/netfilter/ipset/ip_set.h`).

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::link::is_default;

/// One set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpSet {
    pub name: Box<str>,
    /// `hash:ip,port`, `bitmap:port`, `list:set`
    pub kind: Box<str>,
    #[serde(skip_serializing_if = "is_default")]
    pub v6: bool,
    /// Seconds that an element without its own stays; 0: elements may have a timeout, and by default have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashsize: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxelem: Option<u32>,
    /// Addresses are cut to this many bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netmask: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markmask: Option<u32>,
    /// What a bitmap holds: addresses or ports, first and last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(Part, Part)>,
    /// How many sets a `list:set` may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub flags: IpSetFlags,
    /// How many rules and lists name it; none where the source doesn't tell (`ipset save`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<u32>,
    /// In no order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<Element>,
}

impl IpSet {
    /// What is in a set of addresses or networks.
    pub fn nets(&self) -> impl Iterator<Item = IpNet> {
        self.elements.iter().filter_map(Element::net)
    }
}

/// IPSET_FLAG_WITH_*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpSetFlags {
    #[serde(skip_serializing_if = "is_default")]
    pub counters: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub comment: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub skbinfo: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub forceadd: bool,
}

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Element {
    /// One for each part of the set's kind.
    pub parts: Vec<Part>,
    /// An exception: what it covers is not in the set.
    #[serde(skip_serializing_if = "is_default")]
    pub nomatch: bool,
    /// Seconds left; 0: it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    /// `--map-set` gives a packet this mark: value and mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skbmark: Option<(u32, u32)>,
    /// Major and minor of a class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skbprio: Option<(u16, u16)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skbqueue: Option<u16>,
}

impl Element {
    /// What its first part covers, of a set of addresses or networks.
    pub fn net(&self) -> Option<IpNet> {
        match self.parts.first()? {
            Part::Net(net) => Some(*net),
            Part::Addr(ip) => Some(IpNet::from(*ip)),
            _ => None,
        }
    }
}

/// One part of an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    Addr(IpAddr),
    /// Of kinds with `net`, also for single addresses.
    Net(IpNet),
    Port {
        /// IPPROTO_*; none in `bitmap:port`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proto: Option<u8>,
        /// Of ICMP and ICMPv6: type × 256 + code.
        port: u16,
    },
    Mac([u8; 6]),
    Mark(u32),
    #[serde(rename_all = "camelCase")]
    Link {
        name: Box<str>,
        /// The bridge's port, not the bridge.
        #[serde(default, skip_serializing_if = "is_default")]
        physdev: bool,
        /// Every name that begins so.
        #[serde(default, skip_serializing_if = "is_default")]
        wildcard: bool,
    },
    /// Another set, of a list.
    Set(Box<str>),
}
