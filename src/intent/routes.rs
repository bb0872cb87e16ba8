//! Which routes to pods each node is meant to have.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Cluster;
use super::blocks::{Block, by_node};
use super::cluster::stored_address;
use super::pool::Encap;
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
    /// The node that has the block.
    pub owner: &'c str,
}

/// What nodes are meant to have, in one family; told of each node when it is asked for.
#[derive(Debug)]
pub struct Intent<'c> {
    cluster: &'c Cluster,
    blocks: BTreeMap<&'c str, Vec<&'c Block>>,
    heard: Heard<'c>,
    v6: bool,
}

impl<'c> Intent<'c> {
    /// Works out who hears of whose routes.
    pub fn new(cluster: &'c Cluster, blocks: &'c [Block], v6: bool) -> Self {
        Self {
            cluster,
            blocks: by_node(blocks),
            heard: Heard::new(cluster, v6),
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
            let other = self
                .cluster
                .node(owner)
                .and_then(|other| stored_address(other, self.v6));
            for block in blocks
                .iter()
                .filter(|block| block.cidr.addr().is_ipv6() == self.v6)
            {
                let way = if *owner == node.name {
                    Some(Way::Blackhole)
                } else {
                    other.and_then(|other| self.way(node, own, owner, other, block))
                };
                routes.extend(way.map(|way| MeantRoute {
                    dst: block.cidr,
                    way,
                    owner,
                }));
            }
        }
        routes
    }

    fn way(
        &self,
        node: &Node,
        own: NodeAddress,
        owner: &str,
        other: NodeAddress,
        block: &Block,
    ) -> Option<Way> {
        let pool = self.cluster.pool_of(block.cidr.addr())?;
        let told = !pool.no_export && self.heard.tells(owner, &node.name);
        match pool.encap(own, other) {
            Encap::Vxlan => Some(Way::Vxlan(other.ip)),
            Encap::None if pool.is_of_felix() => Some(Way::Direct(other.ip)),
            _ if !told => None,
            Encap::Ipip => Some(Way::Ipip(other.ip)),
            Encap::None => {
                let hop = self.heard.next_hop(owner, &node.name);
                Some(Way::Direct(hop.unwrap_or(other.ip)))
            }
        }
    }
}

/// Which node hears of which other node's routes, through sessions that both sides have.
#[derive(Debug)]
struct Heard<'c> {
    /// From whom, to whom: the next hop, where it isn't the first one's own address.
    told: HashMap<&'c str, HashMap<&'c str, Option<IpAddr>>>,
    /// All nodes hear of all others.
    mesh: bool,
}

impl<'c> Heard<'c> {
    fn new(cluster: &'c Cluster, v6: bool) -> Self {
        let plain = |node: &Node| node.route_reflector_cluster_id.is_none();
        if cluster.mesh && cluster.nodes.iter().all(plain) {
            return Self {
                told: HashMap::new(),
                mesh: true,
            };
        }
        let all: HashMap<&str, Vec<Session>> = cluster
            .nodes
            .iter()
            .map(|node| (node.name.as_str(), sessions(cluster, node, v6)))
            .collect();
        let told = cluster
            .nodes
            .iter()
            .map(|node| (node.name.as_str(), from(cluster, &all, &node.name)));
        Self {
            told: told.collect(),
            mesh: false,
        }
    }

    fn tells(&self, from: &str, to: &str) -> bool {
        self.mesh || self.told.get(from).is_some_and(|told| told.contains_key(to))
    }

    fn next_hop(&self, from: &str, to: &str) -> Option<IpAddr> {
        *self.told.get(from)?.get(to)?
    }
}

/// Who hears of a node's own routes. RFC 4271, 9.2 and RFC 4456, 6: what is heard from an internal peer goes on to
/// external ones, and to internal ones only by a reflector: to all of them when it came from a client, else to clients.
fn from<'c>(
    cluster: &'c Cluster,
    sessions: &HashMap<&str, Vec<Session>>,
    origin: &str,
) -> HashMap<&'c str, Option<IpAddr>> {
    let mut told: HashMap<&'c str, Option<IpAddr>> = HashMap::new();
    let mut seen: HashSet<(&str, bool)> = HashSet::new();
    // Whom, whether it came from a client or from outside (so that it may go to all), the next hop, and the clusters
    // that it went through.
    let mut queue: VecDeque<(&str, bool, Option<IpAddr>, Vec<std::net::Ipv4Addr>)> =
        VecDeque::from([(origin, true, None, Vec::new())]);
    while let Some((at, to_all, hop, path)) = queue.pop_front() {
        if !seen.insert((at, to_all)) {
            continue;
        }
        let Some(node) = cluster.node(at) else { continue };
        let own_cluster = node.route_reflector_cluster_id;
        if at != origin && own_cluster.is_some_and(|id| path.contains(&id)) {
            continue;
        }
        if at != origin {
            told.entry(&node.name).or_insert(hop);
        }
        for session in sessions.get(at).into_iter().flatten() {
            let Some(peer) = session.peer.as_deref().filter(|peer| *peer != origin) else {
                continue;
            };
            let back = sessions
                .get(peer)
                .and_then(|theirs| theirs.iter().find(|back| back.remote == session.local));
            let Some(back) = back else { continue };
            let internal = session.is_internal();
            let own = at == origin;
            let passes = own || !internal || (own_cluster.is_some() && (to_all || session.client));
            if !passes {
                continue;
            }
            let mut path = path.clone();
            if !own && internal {
                path.extend(own_cluster);
            }
            let hop = if internal {
                hop
            } else {
                Some(session.local).filter(|_| !own)
            };
            queue.push_back((peer, !internal || back.client, hop, path));
        }
    }
    told
}
