//! What agents are meant to put into a node's kernel, beside the sessions and routes of BGP, and what is there: links of
//! tunnels and their addresses, neighbors and FDB entries, routes, settings of pods' links, sets of Felix.
//!
//! What is here is whole: of each kind of entry that is meant, all that the kernel has of it is held against it. The rest
//! is somebody else's, and is listed as such.

mod calico;
mod flannel;
mod held;
pub mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Cluster;
use super::routes::Intent;
use crate::state::NodeState;

/// One entry of a kernel, in the words of the tool that shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A VXLAN link: its network, UDP port, and the address that it sends from.
    Vxlan {
        link: String,
        vni: u32,
        port: u16,
        local: IpAddr,
    },
    Address {
        link: String,
        address: IpNet,
    },
    Route {
        dst: IpNet,
        via: Option<IpAddr>,
        link: String,
    },
    Blackhole(IpNet),
    Neighbor {
        link: String,
        ip: IpAddr,
        mac: String,
    },
    Fdb {
        link: String,
        mac: String,
        dst: IpAddr,
    },
    /// `net.ipv4.conf.LINK.NAME`
    Setting {
        link: String,
        name: &'static str,
        value: i64,
    },
    Member {
        set: &'static str,
        member: IpNet,
    },
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vxlan {
                link,
                vni,
                port,
                local,
            } => write!(f, "link {link} vxlan id {vni} dstport {port} local {local}"),
            Self::Address { link, address } => write!(f, "address {address} dev {link}"),
            Self::Route {
                dst,
                via: Some(via),
                link,
            } => write!(f, "route {dst} via {via} dev {link}"),
            Self::Route { dst, link, .. } => write!(f, "route {dst} dev {link}"),
            Self::Blackhole(dst) => write!(f, "route blackhole {dst}"),
            Self::Neighbor { link, ip, mac } => write!(f, "neigh {ip} lladdr {mac} dev {link}"),
            Self::Fdb { link, mac, dst } => write!(f, "fdb {mac} dev {link} dst {dst}"),
            Self::Setting { link, name, value } => write!(f, "net.ipv4.conf.{link}.{name} = {value}"),
            Self::Member { set, member } => write!(f, "{member} in set {set}"),
        }
    }
}

/// What says that an entry is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// `Node(b)`, `the lease of 10.244.2.0/24`, …
    pub source: String,
    /// The node that the entry is for, or its subnet where that is all that is known.
    pub owner: String,
}

impl By {
    fn new(source: impl Into<String>, owner: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            owner: owner.into(),
        }
    }
}

/// What a node is meant to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meant {
    pub items: BTreeMap<Item, By>,
    /// All that the objects mean is known: whatever is there beside it on a VXLAN's link is nobody's.
    pub is_whole: bool,
    /// Links of which all addresses, neighbors, FDB entries and routes are meant.
    links: BTreeSet<String>,
    /// Ranges of pods: all routes to them by Felix and BIRD are meant.
    pools: Vec<IpNet>,
    /// flannel's: all routes into them are meant, whoever wrote them.
    networks: Vec<IpNet>,
}

impl Meant {
    fn add(&mut self, item: Item, by: By) {
        self.items.entry(item).or_insert(by);
    }

    /// Whether this is a link that an agent alone writes to.
    pub fn is_of_agent(&self, link: &str) -> bool {
        self.links.contains(link)
    }

    /// Whether a destination is of flannel's network.
    pub fn is_of_flannel(&self, dst: &IpNet) -> bool {
        self.networks.iter().any(|net| net.contains(dst))
    }
}

/// How a kernel differs from what is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Meant, and not there; each with what says so.
    pub missing: Vec<(Item, By)>,
    /// There, and not meant.
    pub extra: Vec<Item>,
    /// There, and somebody else's: routes and addresses that no object speaks of.
    pub others: Vec<Item>,
}

/// What the kernels of all nodes are meant to hold; told of each node when it is asked for.
#[derive(Debug)]
pub struct Kernels<'c> {
    cluster: Option<&'c Cluster>,
    intent: Option<&'c Intent<'c>>,
    flannel: flannel::Leases,
}

impl<'c> Kernels<'c> {
    /// By the objects and the routes of IPv4 that follow from them, flannel's leases, and what nodes say of themselves.
    pub fn new(cluster: Option<&'c Cluster>, nodes: &[NodeState], intent: Option<&'c Intent<'c>>) -> Self {
        Self {
            cluster,
            intent,
            flannel: flannel::Leases::new(cluster, nodes),
        }
    }

    /// What one of them is meant to hold.
    pub fn meant(&self, node: &NodeState) -> Meant {
        let mut meant = Meant {
            is_whole: true,
            ..Meant::default()
        };
        if let (Some(cluster), Some(intent)) = (self.cluster, self.intent) {
            calico::mean(cluster, intent, node, &mut meant);
        }
        self.flannel.mean(node, &mut meant);
        meant
    }
}

/// Holds what is meant against what the node has; what could not be read is left out of both.
pub fn differences(meant: &Meant, node: &NodeState) -> Differences {
    let held = held::held(meant, node);
    let readable = |item: &Item| held::is_readable(item, node);
    let missing = meant
        .items
        .iter()
        .filter(|(item, _)| readable(item) && !held.ours.contains(item) && !held.others.contains(item));
    Differences {
        missing: missing.map(|(item, by)| (item.clone(), by.clone())).collect(),
        extra: held
            .ours
            .iter()
            .filter(|item| !meant.items.contains_key(item))
            .cloned()
            .collect(),
        others: held
            .others
            .iter()
            .filter(|item| !meant.items.contains_key(item))
            .cloned()
            .collect(),
    }
}
