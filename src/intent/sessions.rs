//! Which BGP sessions each node is meant to have (confd's `bgp_processor.go` and templates).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::cluster::{BgpPeer, Cluster, stored_address};
use crate::calico::node::Node;

/// What a session is configured by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Mesh,
    /// A BGPPeer of this name: for one node, or for all.
    Peer(String),
}

/// One session of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub by: By,
    /// The peer, when it is a Node.
    pub peer: Option<String>,
    pub local: IpAddr,
    pub local_as: u32,
    pub remote: IpAddr,
    pub port: u16,
    /// None where no object says it.
    pub remote_as: Option<u32>,
    /// It waits for the other side to connect.
    pub passive: bool,
    pub password: bool,
    /// The peer is a client of this node, which reflects routes.
    pub client: bool,
}

impl Session {
    /// Whether both sides are of one AS.
    pub fn is_internal(&self) -> bool {
        self.remote_as == Some(self.local_as)
    }
}

const PORT: u16 = 179;

/// The sessions of a node in one family, by the peer's address.
pub fn sessions(cluster: &Cluster, node: &Node, v6: bool) -> Vec<Session> {
    let Some(own) = stored_address(node, v6) else {
        return Vec::new();
    };
    let mut found: BTreeMap<IpAddr, Session> = BTreeMap::new();
    let is_reflector = |node: &Node| node.route_reflector_cluster_id.is_some();
    let with = |other: &Node, by: By, password: bool| {
        let remote = stored_address(other, v6)?.ip;
        let is_client =
            is_reflector(node) && other.route_reflector_cluster_id != node.route_reflector_cluster_id;
        Some(Session {
            // Of two nodes of the mesh, the one whose address is lower as a text waits.
            passive: by == By::Mesh && own.ip.to_string() < remote.to_string(),
            by,
            peer: Some(other.name.clone()),
            local: own.ip,
            local_as: cluster.as_of(node),
            remote,
            port: PORT,
            remote_as: Some(cluster.as_of(other)),
            password,
            client: is_client,
        })
    };
    if cluster.mesh && !is_reflector(node) {
        let others = cluster.nodes.iter().filter(|other| !is_reflector(other));
        for session in others.filter_map(|other| with(other, By::Mesh, false)) {
            if session.remote != own.ip {
                found.insert(session.remote, session);
            }
        }
    }
    for peer in &cluster.peers {
        let by = || By::Peer(peer.name.clone());
        let is_local = is_for(peer, node);
        if let Some(remote) = peer
            .peer_ip
            .filter(|ip| is_local && ip.is_ipv6() == v6 && *ip != own.ip)
        {
            let known = cluster.nodes_at(remote).next();
            let client = is_reflector(node)
                && known
                    .is_none_or(|other| other.route_reflector_cluster_id != node.route_reflector_cluster_id);
            found.insert(
                remote,
                Session {
                    by: by(),
                    peer: known.map(|other| other.name.clone()),
                    local: own.ip,
                    local_as: cluster.as_of(node),
                    remote,
                    port: peer.port.unwrap_or(PORT),
                    remote_as: peer.as_number,
                    passive: false,
                    password: peer.password,
                    client,
                },
            );
        }
        let Some(selector) = &peer.peer_selector else {
            continue;
        };
        let is_peer = |node: &Node| selector.matches(&node.labels);
        let others = cluster.nodes.iter().filter(|other| {
            other.name != node.name
                && ((is_local && is_peer(other)) || (peer.reverse && is_peer(node) && is_for(peer, other)))
        });
        for session in others.filter_map(|other| with(other, by(), peer.password)) {
            if session.remote != own.ip {
                found.insert(session.remote, session);
            }
        }
    }
    found.into_values().collect()
}

/// Whether a BGPPeer is for this node.
fn is_for(peer: &BgpPeer, node: &Node) -> bool {
    peer.node.as_deref().is_none_or(|owner| owner == node.name)
        && peer
            .node_selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&node.labels))
}
