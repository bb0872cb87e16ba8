//! All that a diagnosis may look at, and who is who in it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;

use super::addresses::{self, Judged, Wrong};
use super::lacking::Down;
use super::path::Path;
use crate::calico::node::Node;
use crate::intent::Cluster;
use crate::intent::autodetect::internal_ips;
use crate::intent::blocks::{Block, blocks};
use crate::intent::routes::Intent;
use crate::policy::Policies;
use crate::state::bird::{BgpSession, Bird, ConfiguredPeer, Protocol};
use crate::state::link::IfIndex;
use crate::state::neighbor::Neighbor;
use crate::state::route::Fib;
use crate::state::socket::TcpSocket;
use crate::state::{NodeState, Objects};

/// The nodes that can be seen, and the objects, indexed: a diagnosis of thousands of peers looks up, it doesn't search.
pub struct World<'a> {
    pub nodes: &'a [NodeState],
    /// The cluster, or why the objects are not known.
    pub cluster: Result<&'a Cluster, &'a str>,
    /// The objects as they were read: for policies.
    pub objects: Option<&'a Objects>,
    views: HashMap<&'a str, View<'a>>,
    /// How many visible nodes have an address on a link.
    holders: HashMap<IpAddr, Vec<&'a str>>,
    /// Names in the nodes' `/etc/hosts`.
    names: HashMap<(&'a str, bool), IpAddr>,
    /// Judged once for all nodes.
    wrong: HashMap<&'a str, Judged>,
    /// Worked out when they are asked for.
    blocks: OnceLock<Vec<Block>>,
    intent: OnceLock<Option<Intent<'a>>>,
    down: OnceLock<Option<Down<'a>>>,
    policies: OnceLock<Option<Policies>>,
}

/// One visible node, indexed.
pub(super) struct View<'a> {
    pub state: &'a NodeState,
    /// None when the routes are not known.
    fib: Option<Fib<'a>>,
    sessions: HashMap<IpAddr, (&'a Protocol, &'a BgpSession)>,
    /// Of `bird.cfg`, by the protocol's name and by the neighbor.
    configured: HashMap<&'a str, &'a ConfiguredPeer>,
    towards: HashMap<IpAddr, &'a ConfiguredPeer>,
    neighbors: HashMap<(IpAddr, IfIndex), &'a Neighbor>,
    /// By the remote address.
    sockets: HashMap<IpAddr, Vec<&'a TcpSocket>>,
}

/// Of two sessions with one peer, the one that is up.
fn by_neighbor<'a>(
    sessions: impl Iterator<Item = (&'a Protocol, &'a BgpSession)>,
) -> HashMap<IpAddr, (&'a Protocol, &'a BgpSession)> {
    let mut by: HashMap<IpAddr, (&Protocol, &BgpSession)> = HashMap::new();
    for (protocol, session) in sessions {
        let Some(ip) = session.neighbor_address else {
            continue;
        };
        if by.get(&ip).is_none_or(|(_, known)| known.state != "Established") {
            by.insert(ip, (protocol, session));
        }
    }
    by
}

impl<'a> View<'a> {
    fn new(state: &'a NodeState) -> Self {
        let configured = || {
            state
                .bird_config
                .known()
                .into_iter()
                .flat_map(|config| &config.peers)
        };
        let mut sockets: HashMap<IpAddr, Vec<&TcpSocket>> = HashMap::new();
        for socket in state.net.tcp.items() {
            sockets.entry(socket.remote.ip()).or_default().push(socket);
        }
        let daemons = [state.bird.known(), state.bird6.known()];
        let sessions = daemons.into_iter().flatten().flat_map(Bird::sessions);
        Self {
            state,
            fib: state.net.routes.known().map(|routes| Fib::new(routes)),
            sessions: by_neighbor(sessions),
            configured: configured().map(|peer| (peer.name.as_str(), peer)).collect(),
            towards: configured()
                .filter_map(|peer| Some((peer.neighbor?, peer)))
                .collect(),
            neighbors: state
                .net
                .neighbors
                .items()
                .iter()
                .map(|neighbor| ((neighbor.ip, neighbor.link), neighbor))
                .collect(),
            sockets,
        }
    }

    /// How packets to an address leave the node, by its main table.
    pub(super) fn path(&self, ip: IpAddr) -> Path<'a> {
        self.fib
            .as_ref()
            .map_or(Path::Unknown, |fib| Path::new(self.state, fib.lookup(ip)))
    }

    /// A session of `bird.cfg`, by its name.
    pub(super) fn configured(&self, name: &str) -> Option<&'a ConfiguredPeer> {
        self.configured.get(name).copied()
    }

    /// The session of `bird.cfg` with a neighbor.
    pub(super) fn configured_towards(&self, neighbor: IpAddr) -> Option<&'a ConfiguredPeer> {
        self.towards.get(&neighbor).copied()
    }

    /// The ARP or ND entry of an address on a link.
    pub(super) fn neighbor(&self, ip: IpAddr, link: IfIndex) -> Option<&'a Neighbor> {
        self.neighbors.get(&(ip, link)).copied()
    }

    /// The TCP sockets whose other end is at this address.
    pub(super) fn sockets(&self, remote: IpAddr) -> impl Iterator<Item = &'a TcpSocket> {
        self.sockets.get(&remote).into_iter().flatten().copied()
    }

    /// The BGP session with a neighbor.
    pub(super) fn session(&self, neighbor: IpAddr) -> Option<(&'a Protocol, &'a BgpSession)> {
        self.sessions.get(&neighbor).copied()
    }
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
    /// Indexes what is known.
    pub fn new(nodes: &'a [NodeState], cluster: Result<&'a Cluster, &'a str>) -> Self {
        let mut holders: HashMap<IpAddr, Vec<&str>> = HashMap::new();
        let mut names = HashMap::new();
        for node in nodes {
            for address in node.net.addresses.items() {
                holders.entry(address.ip).or_default().push(&node.name);
            }
            for entry in node.hosts.items().iter().filter(|entry| !entry.ip.is_loopback()) {
                for name in &entry.names {
                    names
                        .entry((name.as_str(), entry.ip.is_ipv6()))
                        .or_insert(entry.ip);
                }
            }
        }
        let mut world = Self {
            nodes,
            cluster,
            objects: None,
            views: nodes
                .iter()
                .map(|node| (node.name.as_str(), View::new(node)))
                .collect(),
            holders,
            names,
            wrong: HashMap::new(),
            blocks: OnceLock::new(),
            intent: OnceLock::new(),
            down: OnceLock::new(),
            policies: OnceLock::new(),
        };
        world.wrong = addresses::wrong_addresses(&world);
        world
    }

    /// With the objects that the cluster was read from.
    #[must_use]
    pub const fn with_objects(mut self, objects: Option<&'a Objects>) -> Self {
        self.objects = objects;
        self
    }

    /// What can be seen of a node.
    pub fn state(&self, name: &str) -> Option<&'a NodeState> {
        Some(self.view(name)?.state)
    }

    pub(super) fn view(&self, name: &str) -> Option<&View<'a>> {
        self.views.get(name)
    }

    /// The visible nodes, in their given order.
    pub(super) fn views(&self) -> impl Iterator<Item = &View<'a>> {
        self.nodes.iter().filter_map(|node| self.view(&node.name))
    }

    /// The stored Node of this name.
    pub fn object(&self, name: &str) -> Option<&'a Node> {
        self.cluster.ok()?.node(name)
    }

    /// What is wrong with the address stored for a node.
    pub(super) fn wrong_address(&self, node: &str, v6: bool) -> Option<&Wrong> {
        self.wrong.get(node)?[usize::from(v6)].as_ref()
    }

    /// Who has this address, from the point of view of a node.
    pub fn peer_at(&self, node: &NodeState, ip: IpAddr) -> Peer {
        let stored = self.cluster.ok().and_then(|cluster| {
            let mut nodes = cluster.nodes_at(ip);
            nodes.find(|other| other.name != node.name)
        });
        if self.has_address(&node.name, ip) {
            // An address that this node has as well may be stored for another one: docker0 is 172.17.0.1 everywhere.
            return stored.map_or(Peer::ThisNode, |other| Peer::Node(other.name.clone()));
        }
        // An address that several nodes have (docker0 is 172.17.0.1 everywhere) tells nothing.
        if let Some([other]) = self.holders.get(&ip).map(Vec::as_slice) {
            return Peer::Node((*other).to_owned());
        }
        let Ok(cluster) = self.cluster else {
            return Peer::Unknown;
        };
        if let Some(other) = stored {
            return Peer::Node(other.name.clone());
        }
        match cluster.peer_objects(&node.name, ip).next() {
            Some(object) => Peer::Object(object.name.clone()),
            None => Peer::Nobody,
        }
    }

    /// Whether every peer that Calico may have configured would be found: all objects are understood, and of every
    /// BGPPeer it can be said who its peers are.
    pub(super) fn knows_all_peers(&self) -> bool {
        self.cluster.is_ok_and(|cluster| {
            cluster.unreadable.is_empty() && !cluster.peers.iter().any(|peer| peer.undecided)
        })
    }

    /// Which node has which block: by IPAM, or by what nodes say.
    pub(super) fn blocks(&self) -> &[Block] {
        self.blocks.get_or_init(|| {
            self.cluster
                .map_or_else(|_| Vec::new(), |cluster| blocks(cluster, self.nodes))
        })
    }

    /// The routes of IPv4 that nodes are meant to have; none where the objects are not known.
    pub(super) fn intent(&self) -> Option<&Intent<'a>> {
        let work = || {
            let cluster = self.cluster.ok()?;
            Some(Intent::new(cluster, self.blocks(), false))
        };
        self.intent.get_or_init(work).as_ref()
    }

    /// What keeps such routes from nodes.
    pub(super) fn down(&self) -> Option<&Down<'a>> {
        let work = || {
            let cluster = self.cluster.ok()?;
            Some(Down::new(self, cluster, self.blocks()))
        };
        self.down.get_or_init(work).as_ref()
    }

    /// The objects that decide about packets; none where no objects were read.
    pub(super) fn policies(&self) -> Option<&Policies> {
        let read = || {
            let objects = self.objects?;
            let is_read = !objects.kinds.is_empty() || objects.kubernetes.known().is_some();
            is_read.then(|| Policies::new(objects))
        };
        self.policies.get_or_init(read).as_ref()
    }

    /// Whether a link of this visible node has the address.
    pub(super) fn has_address(&self, node: &str, ip: IpAddr) -> bool {
        self.holders
            .get(&ip)
            .is_some_and(|holders| holders.contains(&node))
    }

    /// Whether another visible node than this one has the address on a link.
    pub(super) fn is_elsewhere(&self, node: &str, ip: IpAddr) -> bool {
        self.holders
            .get(&ip)
            .is_some_and(|holders| holders.iter().any(|other| *other != node))
    }

    /// What the nodes call this name in their `/etc/hosts`: the first address of the family that is not a loopback.
    pub(super) fn resolve(&self, name: &str, v6: bool) -> Option<IpAddr> {
        self.names.get(&(name, v6)).copied()
    }

    /// Where a node is known to be, in one family: on its own links, by its InternalIP, by its name in `/etc/hosts`.
    /// Not by what Calico stored.
    pub(super) fn places(&self, object: &Node, v6: bool) -> Vec<IpAddr> {
        let mut ips = internal_ips(Some(object)).unwrap_or_default();
        ips.extend(self.resolve(&object.name, v6));
        if let Some(state) = self.state(&object.name) {
            ips.extend(state.net.addresses.items().iter().map(|address| address.ip));
        }
        ips.retain(|ip| ip.is_ipv6() == v6);
        ips
    }
}
