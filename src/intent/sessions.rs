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

/// The sessions of a node in one family, by the peer's address. A node of the mesh that an object names as well has two
/// (the templates write a protocol for each): that of the mesh comes first. BIRD keeps the one that is up already; the
/// other stays Idle.
pub fn sessions(cluster: &Cluster, node: &Node, v6: bool) -> Vec<Session> {
    let Some(own) = stored_address(node, v6) else {
        return Vec::new();
    };
    let mut mesh: BTreeMap<IpAddr, Session> = BTreeMap::new();
    let mut found: BTreeMap<IpAddr, Session> = BTreeMap::new();
    let is_reflector = |node: &Node| node.route_reflector_cluster_id.is_some();
    let with = |other: &Node, by: By, password: bool| {
        let remote = stored_address(other, v6)?.ip;
        let is_client = is_reflector(node)
            && other.route_reflector_cluster_id != node.route_reflector_cluster_id
            && cluster.as_of(other) == cluster.as_of(node);
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
                mesh.insert(session.remote, session);
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
            // Whose reflector's cluster a peer by address is of, confd doesn't look up.
            let client = is_reflector(node) && peer.as_number == Some(cluster.as_of(node));
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
                    passive: peer.is_global() && known.is_some() && own.ip.to_string() < remote.to_string(),
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
    for (peer, other) in back(cluster, node, own.ip) {
        let Some(session) = with(other, By::Peer(peer.name.clone()), peer.password) else {
            continue;
        };
        // What an object says of the node itself counts more.
        if session.remote != own.ip && !found.contains_key(&session.remote) {
            found.insert(session.remote, session);
        }
    }
    let mut all: Vec<Session> = mesh.into_values().chain(found.into_values()).collect();
    all.sort_by_key(|session| session.remote);
    all
}

/// Whether a session's peer has one before it in the list: only one of them comes up.
pub fn is_second(all: &[Session], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| all.get(before));
    let own = all.get(at);
    own.zip(before)
        .is_some_and(|(own, before)| own.remote == before.remote)
}

/// Peers by address that are this node: it gets the session back, by each object, with each node that it is for (confd's
/// `updatePeersV1`, the reverse peerings).
fn back<'c>(
    cluster: &'c Cluster,
    node: &'c Node,
    own: IpAddr,
) -> impl Iterator<Item = (&'c BgpPeer, &'c Node)> {
    let mine = cluster.peers_at(own).filter(move |peer| {
        peer.reverse
            && peer.as_number.unwrap_or(cluster.default_as) == cluster.as_of(node)
            && peer.port.is_none_or(|port| port == PORT)
    });
    mine.flat_map(move |peer| {
        let others = cluster.nodes.iter();
        others
            .filter(move |other| other.name != node.name && is_for(peer, other))
            .map(move |other| (peer, other))
    })
}

/// Whether a BGPPeer is for this node.
fn is_for(peer: &BgpPeer, node: &Node) -> bool {
    peer.node.as_deref().is_none_or(|owner| owner == node.name)
        && peer
            .node_selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&node.labels))
}
