//! One network namespace: everything the kernel keeps per namespace.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fact;
use super::kind::PortVlan;
use super::link::{Address, IfIndex, Link};
use super::neighbor::{FdbEntry, Neighbor};
use super::netfilter::Ruleset;
use super::route::{NexthopObject, Route};
use super::rule::PolicyRule;
use super::socket::TcpSocket;

/// The number by which one namespace knows another (`ip netns list-id`, IFLA_LINK_NETNSID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NsId(pub i32);

impl fmt::Display for NsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
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
    pub netfilter: Fact<Vec<Ruleset>>,
    pub tcp: Fact<Vec<TcpSocket>>,
    /// `TcpExt` of `/proc/net/netstat`.
    pub tcp_counters: Fact<BTreeMap<String, u64>>,
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
}
