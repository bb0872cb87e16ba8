//! All that a diagnosis may look at, and who is who in it.

use std::net::IpAddr;

use crate::calico::node::Node;
use crate::intent::Cluster;
use crate::state::NodeState;

/// The nodes that can be seen, and the objects.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub nodes: &'a [NodeState],
    /// The cluster, or why the objects are not known.
    pub cluster: Result<&'a Cluster, &'a str>,
}

/// Who has a peer's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A Node of the datastore, or one that can be seen.
    Node(String),
    /// A BGPPeer object names it: a router outside the cluster.
    Object(String),
    /// The node itself.
    ThisNode,
    /// No Node and no BGPPeer has it.
    Nobody,
    /// The objects are not known.
    Unknown,
}

impl Peer {
    /// `node2`, `BGPPeer(tor)`, …: for people.
    pub fn name(&self) -> String {
        match self {
            Self::Node(name) => name.clone(),
            Self::Object(name) => format!("BGPPeer({name})"),
            Self::ThisNode => "this node itself".to_owned(),
            Self::Nobody => "nobody".to_owned(),
            Self::Unknown => "the peer".to_owned(),
        }
    }
}

impl<'a> World<'a> {
    /// What can be seen of a node.
    pub fn state(&self, name: &str) -> Option<&'a NodeState> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The stored Node of this name.
    pub fn object(&self, name: &str) -> Option<&'a Node> {
        self.cluster.ok()?.node(name)
    }

    /// Who has this address, from the point of view of a node.
    pub fn peer_at(&self, node: &'a NodeState, ip: IpAddr) -> Peer {
        if has_address(node, ip) {
            return Peer::ThisNode;
        }
        if let Some(other) = self
            .nodes
            .iter()
            .find(|other| other.name != node.name && has_unique_address(self, other, ip))
        {
            return Peer::Node(other.name.clone());
        }
        let Ok(cluster) = self.cluster else {
            return Peer::Unknown;
        };
        if let Some(other) = cluster
            .nodes_at(ip)
            .into_iter()
            .find(|other| other.name != node.name)
        {
            return Peer::Node(other.name.clone());
        }
        match cluster.peer_objects(&node.name, ip).next() {
            Some(object) => Peer::Object(object.name.clone()),
            None => Peer::Nobody,
        }
    }

    /// What the nodes call this name in their `/etc/hosts`: the first address of the family that is not a loopback.
    pub fn resolve(&self, name: &str, v6: bool) -> Option<IpAddr> {
        self.nodes
            .iter()
            .flat_map(|node| node.hosts.items())
            .find(|entry| {
                entry.names.iter().any(|other| other == name)
                    && entry.ip.is_ipv6() == v6
                    && !entry.ip.is_loopback()
            })
            .map(|entry| entry.ip)
    }
}

/// Whether a link of the node has this address.
pub(super) fn has_address(node: &NodeState, ip: IpAddr) -> bool {
    node.addresses.items().iter().any(|address| address.ip == ip)
}

/// Whether this node has the address and no other visible one has (docker0 is 172.17.0.1 everywhere).
fn has_unique_address(world: &World, node: &NodeState, ip: IpAddr) -> bool {
    has_address(node, ip) && world.nodes.iter().filter(|other| has_address(other, ip)).count() == 1
}
