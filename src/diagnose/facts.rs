//! What the tables of one node say about one peer.

use std::net::IpAddr;

use super::finding::Evidence;
use super::path::Path;
use super::world::{Peer, View, World};
use crate::forward::filter::{Blocked, Packet, blocked};
use crate::state::NodeState;
use crate::state::bird::{BgpSession, Bird, ConfiguredPeer, Protocol, seconds_since};
use crate::state::link::Link;
use crate::state::neighbor::Neighbor;
use crate::state::socket::{TcpSocket, TcpState};

/// BGP's port (RFC 4271).
pub(super) const BGP_PORT: u16 = 179;

/// A source port for the packet that the rules are asked about: any of the ephemeral ones.
const EPHEMERAL: u16 = 49_152;

/// One session of one node, and all that bears on it.
pub(super) struct Facts<'a, 'w> {
    pub world: &'a World<'w>,
    pub view: &'a View<'a>,
    pub node: &'a NodeState,
    /// The daemon that has the session.
    pub bird: &'a Bird,
    pub protocol: &'a Protocol,
    pub session: &'a BgpSession,
    /// The peer's address.
    pub ip: IpAddr,
    pub port: u16,
    pub peer: Peer,
    pub path: Path<'a>,
}

impl<'a, 'w> Facts<'a, 'w> {
    pub(super) fn new(
        world: &'a World<'w>,
        node: &str,
        bird: &'a Bird,
        protocol: &'a Protocol,
        session: &'a BgpSession,
    ) -> Option<Self> {
        let ip = session.neighbor_address?;
        let view = world.view(node)?;
        Some(Self {
            world,
            view,
            node: view.state,
            bird,
            protocol,
            session,
            ip,
            port: session
                .neighbor_port
                .or_else(|| port_in_name(&protocol.name))
                .unwrap_or(BGP_PORT),
            peer: peer(world, view.state, &protocol.name, ip),
            path: view.path(ip),
        })
    }

    /// The name the peer goes by in sentences.
    pub(super) fn peer_name(&self) -> String {
        match &self.peer {
            Peer::Unknown | Peer::Nobody => self.ip.to_string(),
            peer => peer.name(),
        }
    }

    /// What is known of the peer itself, when it is a node that can be seen.
    pub(super) fn other(&self) -> Option<&'a NodeState> {
        Some(self.other_view()?.state)
    }

    fn other_view(&self) -> Option<&'a View<'a>> {
        match &self.peer {
            Peer::Node(name) => self.world.view(name),
            _ => None,
        }
    }

    /// The session's last error: of the details, else of the table's last column.
    pub(super) fn error(&self) -> &'a str {
        let info = self.protocol.info.split_once(' ').map_or("", |(_, error)| error);
        self.session.last_error.as_deref().unwrap_or(info)
    }

    /// This node's address for the session.
    pub(super) fn local_ip(&self) -> Option<IpAddr> {
        self.session
            .source_address
            .or_else(|| self.configured().and_then(|peer| peer.source_address))
            .or_else(|| match self.path {
                Path::OnLink { link } | Path::Gateway { link, .. } => self
                    .node
                    .net
                    .addresses
                    .items()
                    .iter()
                    .find(|address| address.link == link.index && address.ip.is_ipv6() == self.ip.is_ipv6())
                    .map(|address| address.ip),
                _ => None,
            })
    }

    /// Whether [`Facts::local_ip`] is BIRD's own word, not the first address of the link that leads to the peer.
    pub(super) fn knows_local_ip(&self) -> bool {
        self.session.source_address.is_some()
            || self
                .configured()
                .is_some_and(|peer| peer.source_address.is_some())
    }

    /// This session in the node's `bird.cfg`.
    pub(super) fn configured(&self) -> Option<&'a ConfiguredPeer> {
        self.view.configured(&self.protocol.name)
    }

    /// Whether this side is passive: it waits for the peer to connect.
    pub(super) fn waits(&self) -> bool {
        self.session.state == "Passive" || self.configured().is_some_and(|peer| peer.passive)
    }

    /// The session that the peer has with us, in its `bird.cfg`.
    pub(super) fn mirror(&self) -> Option<&'a ConfiguredPeer> {
        self.other_view()?.configured_towards(self.local_ip()?)
    }

    /// The peer's session with us, as its BIRD shows it.
    pub(super) fn mirror_session(&self) -> Option<(&'a Protocol, &'a BgpSession)> {
        self.other_view()?.session(self.local_ip()?)
    }

    /// The neighbor entry of the next hop.
    pub(super) fn neighbor(&self) -> Option<&'a Neighbor> {
        let (next_hop, link) = match self.path {
            Path::OnLink { link } => (self.ip, link),
            Path::Gateway { gateway, link, .. } => (gateway, link),
            _ => return None,
        };
        self.view.neighbor(next_hop, link.index)
    }

    /// Seconds since BIRD last changed the protocol's state: since the session broke.
    fn down_for(&self) -> Option<u64> {
        seconds_since(&self.protocol.since, &self.bird.server_time)
    }

    /// Whether the next hop has answered ARP since the session broke. None when it can't be told: an entry stays
    /// REACHABLE for up to a minute after its host is gone.
    pub(super) fn answers_arp(&self) -> Option<bool> {
        let neighbor = self.neighbor()?;
        if neighbor.state.unanswered() {
            return Some(false);
        }
        let confirmed = neighbor.confirmed_seconds?;
        (confirmed + 1 < self.down_for()?).then_some(true)
    }

    /// A connection attempt that has no answer yet.
    pub(super) fn syn_sent(&self) -> Option<&'a TcpSocket> {
        self.socket_in(TcpState::SynSent)
    }

    /// A TCP connection with the peer, whichever side opened it.
    pub(super) fn established(&self) -> Option<&'a TcpSocket> {
        self.socket_in(TcpState::Established)
    }

    fn socket_in(&self, state: TcpState) -> Option<&'a TcpSocket> {
        let is_bgp =
            |socket: &TcpSocket| socket.remote.port() == self.port || socket.local.port() == BGP_PORT;
        self.view
            .sockets(self.ip)
            .find(|socket| socket.state == state && is_bgp(socket))
    }

    /// The rule of the node that stops BGP with the peer.
    pub(super) fn rule_here(&self) -> Option<Blocked> {
        rule(self.view, self.local_ip()?, self.ip, self.port, self.dialling())
    }

    /// The rule of the peer that stops BGP with us.
    pub(super) fn rule_there(&self) -> Option<Blocked> {
        let (we, they) = self.dialling();
        rule(
            self.other_view()?,
            self.ip,
            self.local_ip()?,
            BGP_PORT,
            (they, we),
        )
    }

    /// Whether this side opens connections, and whether the peer does.
    fn dialling(&self) -> (bool, bool) {
        let they = self.waits() || self.mirror().is_none_or(|mirror| !mirror.passive);
        (!self.waits(), they)
    }

    /// `BIRD on node1`: the session's row.
    pub(super) fn bird_evidence(&self) -> Evidence {
        let mut text = format!("{} is {}", self.protocol.name, self.protocol.state);
        if !self.protocol.info.is_empty() {
            text = format!("{text}: {}", self.protocol.info);
        }
        if !self.error().is_empty() && !self.protocol.info.contains(self.error()) {
            text = format!("{text} (last error: {})", self.error());
        }
        Evidence::new(format!("BIRD on {}", self.node.name), text)
    }

    /// The way to the peer, in a line.
    pub(super) fn path_evidence(&self) -> Evidence {
        let text = match self.path {
            Path::OnLink { link } => format!("{} is on the segment of {}", self.ip, link.name),
            Path::Gateway {
                gateway,
                link,
                default: true,
            } => format!(
                "only the default route leads to {}: via {gateway} dev {}",
                self.ip, link.name
            ),
            Path::Gateway { gateway, link, .. } => {
                format!("{} is reached via {gateway} dev {}", self.ip, link.name)
            }
            Path::None => format!("no route to {}", self.ip),
            Path::Unknown => "routes are not known".to_owned(),
        };
        Evidence::new(format!("ip route on {}", self.node.name), text)
    }

    /// The neighbor entry, in a line.
    pub(super) fn neighbor_evidence(&self) -> Option<Evidence> {
        let neighbor = self.neighbor()?;
        let link = self
            .node
            .net
            .link(neighbor.link)
            .map_or("?", |link| link.name.as_str());
        let mac = neighbor.mac.as_deref().unwrap_or("no answer");
        let ago = match neighbor.confirmed_seconds {
            Some(seconds) if neighbor.mac.is_some() => format!(", heard of {seconds} s ago"),
            _ => String::new(),
        };
        Some(Evidence::new(
            format!("ip neigh on {}", self.node.name),
            format!("{} dev {link}: {mac}, {}{ago}", neighbor.ip, neighbor.state),
        ))
    }
}

/// Whether a protocol has one of the names that confd gives.
pub(super) fn is_by_calico(protocol: &str) -> bool {
    ["Mesh_", "Node_", "Global_"]
        .iter()
        .any(|prefix| protocol.starts_with(prefix))
}

/// Who the peer is. What Calico didn't write, or a selector may have, is not held against anybody.
fn peer(world: &World, node: &NodeState, protocol: &str, ip: IpAddr) -> Peer {
    match world.peer_at(node, ip) {
        Peer::Nobody if !is_by_calico(protocol) || !world.knows_all_peers() => Peer::Unknown,
        peer => peer,
    }
}

/// The rule of a node that stops its own side of a BGP session between `ours` and `theirs`. One connection is enough for
/// a session: where both sides dial, both ways have to be stopped.
fn rule(view: &View, ours: IpAddr, theirs: IpAddr, port: u16, (we, they): (bool, bool)) -> Option<Blocked> {
    let rulesets = view.state.net.netfilter.known()?;
    let link = view.path(theirs).link().map(|link| link.name.as_str());
    let out = Packet {
        src: ours,
        dst: theirs,
        sport: EPHEMERAL,
        dport: port,
        in_link: None,
        out_link: link,
        new: true,
    };
    let incoming = Packet {
        src: theirs,
        dst: ours,
        dport: BGP_PORT,
        in_link: link,
        out_link: None,
        ..out.clone()
    };
    let answer = Packet {
        sport: port,
        dport: EPHEMERAL,
        new: false,
        ..incoming.clone()
    };
    let stops_ours = || blocked(rulesets, "OUTPUT", &out).or_else(|| blocked(rulesets, "INPUT", &answer));
    let stops_theirs = || blocked(rulesets, "INPUT", &incoming);
    match (we, they) {
        (true, true) => stops_theirs().filter(|_| stops_ours().is_some()),
        (true, false) => stops_ours(),
        (false, _) => stops_theirs(),
    }
}

/// Links with an address that are down; a bridge without ports is down by nature.
pub(super) fn down_links(node: &NodeState) -> impl Iterator<Item = Evidence> {
    node.net
        .links
        .items()
        .iter()
        .filter(|link| is_down(link) && !link.is_bridge())
        .filter(|link| {
            node.net
                .addresses
                .items()
                .iter()
                .any(|address| address.link == link.index)
        })
        .map(|link| {
            Evidence::new(
                format!("ip link on {}", node.name),
                format!("{} is down", link.name),
            )
        })
}

/// Whether packets can't leave by the link.
pub(super) fn is_down(link: &Link) -> bool {
    !link.is_up() || matches!(link.operstate.as_str(), "down" | "lowerlayerdown")
}

/// confd writes a peer's port into the protocol's name: `Global_10_0_0_1_port_1790`.
fn port_in_name(name: &str) -> Option<u16> {
    name.rsplit_once("_port_")?.1.parse().ok()
}
