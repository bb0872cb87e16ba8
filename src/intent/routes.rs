//! Which routes to pods each node is meant to have.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Cluster;
use super::blocks::Block;
use super::cluster::stored_address;
use super::pool::Encap;
use super::propagation::{Hops, Speakers};
use super::sessions::{Session, sessions};
use crate::calico::node::{Node, NodeAddress};

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A block of the node's own.
    Blackhole,
    /// To a node, by its address.
    Direct(IpAddr),
    /// To a node, through `tunl0`.
    Ipip(IpAddr),
    /// To a node, through `vxlan.calico`; by the address of the node's VXLAN link where it is stored.
    Vxlan(IpAddr),
}

impl Way {
    /// The node that it leads to next.
    pub const fn hop(&self) -> Option<IpAddr> {
        match self {
            Self::Blackhole => None,
            Self::Direct(ip) | Self::Ipip(ip) | Self::Vxlan(ip) => Some(*ip),
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Blackhole => f.write_str("blackhole"),
            Self::Direct(ip) => write!(f, "via {ip}"),
            Self::Ipip(ip) => write!(f, "via {ip} dev tunl0 onlink"),
            Self::Vxlan(ip) => write!(f, "to {ip} by vxlan.calico"),
        }
    }
}

/// A route to a block that a node is meant to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeantRoute<'c> {
    pub dst: IpNet,
    pub way: Way,
    /// Next hops of equal paths, beside the way's own (`merge paths`).
    pub others: Vec<IpAddr>,
    /// The node that has the block.
    pub owner: &'c str,
}

/// Sessions that don't work: pairs of nodes, in both orders.
pub type Silent = HashSet<(String, String)>;

/// What nodes are meant to have, in one family; told of each node when it is asked for.
#[derive(Debug)]
pub struct Intent<'c> {
    cluster: &'c Cluster,
    /// Nodes by name, each with its blocks.
    blocks: Vec<(&'c Node, Vec<IpNet>)>,
    heard: Heard<'c>,
    v6: bool,
}

impl<'c> Intent<'c> {
    /// Works out who hears of whose routes.
    pub fn new(cluster: &'c Cluster, blocks: &[Block], v6: bool) -> Self {
        Self::without(cluster, blocks, v6, &Silent::new())
    }

    /// As [`Self::new`], where these sessions don't work.
    pub fn without(cluster: &'c Cluster, blocks: &[Block], v6: bool, silent: &Silent) -> Self {
        Self {
            cluster,
            blocks: by_node(cluster, blocks, v6),
            heard: Heard::new(cluster, v6, silent),
            v6,
        }
    }

    /// The sessions of a node.
    pub fn sessions(&self, node: &Node) -> Vec<Session> {
        sessions(self.cluster, node, self.v6)
    }

    /// The routes of a node to blocks, its own and others'.
    pub fn routes(&self, node: &Node) -> Vec<MeantRoute<'c>> {
        let Some(own) = stored_address(node, self.v6) else {
            return Vec::new();
        };
        let mut routes = Vec::new();
        for (owner, blocks) in &self.blocks {
            let other = stored_address(owner, self.v6);
            for dst in blocks.iter().copied() {
                let ways = if owner.name == node.name {
                    vec![Way::Blackhole]
                } else {
                    other.map_or_else(Vec::new, |other| {
                        self.ways((node, own), (&owner.name, other), dst)
                    })
                };
                let mut ways = ways.into_iter();
                routes.extend(ways.next().map(|way| MeantRoute {
                    dst,
                    way,
                    others: ways.filter_map(|way| way.hop()).collect(),
                    owner: &owner.name,
                }));
            }
        }
        routes
    }

    fn ways(
        &self,
        (node, own): (&Node, NodeAddress),
        (owner, other): (&str, NodeAddress),
        dst: IpNet,
    ) -> Vec<Way> {
        let Some(pool) = self.cluster.pool_of(dst.addr()) else {
            return Vec::new();
        };
        match pool.encap(own, other) {
            Encap::Vxlan => return vec![Way::Vxlan(other.ip)],
            Encap::None if pool.is_of_felix() => return vec![Way::Direct(other.ip)],
            _ => {}
        }
        let told = self.heard.hops(owner, &node.name).filter(|_| !pool.no_export);
        // BIRD asks of each next hop whether it is in the node's subnet.
        let way = |hop: Option<IpAddr>| {
            let ip = hop.unwrap_or(other.ip);
            match pool.encap(own, NodeAddress { ip, ..other }) {
                Encap::Ipip => Way::Ipip(ip),
                _ => Way::Direct(ip),
            }
        };
        told.into_iter().flatten().map(way).collect()
    }
}

/// The blocks of one family by their nodes; those of nodes that have no object are nobody's routes.
fn by_node<'c>(cluster: &'c Cluster, blocks: &[Block], v6: bool) -> Vec<(&'c Node, Vec<IpNet>)> {
    let mut by: BTreeMap<&str, (&Node, Vec<IpNet>)> = BTreeMap::new();
    for block in blocks.iter().filter(|block| block.cidr.addr().is_ipv6() == v6) {
        if let Some(node) = cluster.node(&block.node) {
            let (_, blocks) = by.entry(&node.name).or_insert_with(|| (node, Vec::new()));
            blocks.push(block.cidr);
        }
    }
    by.into_values().collect()
}

/// Which node hears of which other node's routes, through sessions that both sides have.
#[derive(Debug)]
enum Heard<'c> {
    /// All nodes of all others, but for these.
    Mesh(Silent),
    /// From whom, to whom.
    Told(HashMap<&'c str, HashMap<&'c str, Hops>>),
}

impl<'c> Heard<'c> {
    fn new(cluster: &'c Cluster, v6: bool, silent: &Silent) -> Self {
        let plain = |node: &Node| node.route_reflector_cluster_id.is_none() && node.as_number.is_none();
        // Routes that a peer has of others are none of its peers' in a full mesh of one AS.
        if cluster.mesh && cluster.nodes.iter().all(plain) {
            return Self::Mesh(silent.clone());
        }
        let speakers = Speakers::new(cluster, v6, silent);
        let nodes = cluster.nodes.iter();
        Self::Told(
            nodes
                .map(|node| (node.name.as_str(), speakers.from(&node.name)))
                .collect(),
        )
    }

    /// The next hops by which a node hears of another one's routes; none where it doesn't.
    fn hops(&self, from: &str, to: &str) -> Option<Hops> {
        match self {
            Self::Mesh(silent) => {
                let quiet = !silent.is_empty() && silent.contains(&(from.to_owned(), to.to_owned()));
                (!quiet).then(|| vec![None])
            }
            Self::Told(told) => told.get(from)?.get(to).cloned(),
        }
    }
}
