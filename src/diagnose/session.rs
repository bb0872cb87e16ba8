//! Why a BGP session is not Established.
//!
//! The order matters: what the daemons say of their configuration (AS, router id) decides first, then what happens to
//! packets now (unanswered connection attempts), then the last error. Where one node can't tell two causes apart, the
//! explanation names both and is not certain; with the other node's state it becomes so.

use std::net::IpAddr;

use serde::Serialize;

use super::facts::{BGP_PORT, Facts};
use super::finding::{Command, Evidence};
use super::world::{Peer, World};
use super::{messages, refusal, silence};
use crate::state::NodeState;
use crate::state::bird::{BgpSession, Bird, Protocol};

/// Causes, as scripts see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The session is up.
    Established,
    /// It started moments ago.
    Connecting,
    /// Disabled on this node.
    Disabled,
    /// Disabled on the peer.
    DisabledOnPeer,
    /// The peer's address is one of this node's.
    PeerIsSelf,
    /// Two daemons with one router id.
    SameRouterId,
    WrongAs,
    PasswordMismatch,
    /// A stored node address that no peer can reach: the wrong link was detected.
    NodeAddress,
    /// No Node and no BGPPeer has the peer's address.
    NobodyHasAddress,
    /// The node is there in the objects but doesn't answer on its segment.
    NodeDown,
    NoRoute,
    PortDropped,
    PortRejected,
    /// The peer's host answers, its BIRD doesn't run.
    BirdDown,
    /// The peer refuses the port: no BIRD, or a rule that rejects.
    PeerRefuses,
    /// This node's BIRD lacks a session that the objects mean.
    NotConfigured,
    /// The peer's BIRD has no session with this node.
    NotConfiguredOnPeer,
    /// The peer closes at once: no session with this node, or a disabled one.
    PeerCloses,
    /// This side waits, and nobody connects.
    NobodyConnects,
    /// The peer went silent within a session.
    HoldTimerExpired,
    /// Packets to the peer vanish.
    Unanswered,
    /// BIRD could not listen, there or here, and took its sessions down.
    NoPort,
    /// BIRD shows an error that says enough by itself.
    Other,
}

/// Why a session is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub peer: Peer,
    pub cause: Cause,
    /// Whether what is known leaves no other cause.
    pub certain: bool,
    /// One or two sentences for the person on call.
    pub text: String,
    pub evidence: Vec<Evidence>,
    /// What to type or to do.
    pub next: Option<String>,
    /// What mends it, typed as it stands: the node, the command, and what takes it back.
    pub command: Option<Command>,
    /// What takes it down, in words that are the same for all sessions that it takes down.
    pub root: Option<String>,
}

/// Explains one BGP session of a node. None when BIRD shows no neighbor address.
pub fn explain(
    world: &World,
    node: &NodeState,
    bird: &Bird,
    protocol: &Protocol,
    session: &BgpSession,
) -> Option<Explanation> {
    let facts = Facts::new(world, &node.name, bird, protocol, session)?;
    let steps: [fn(&Facts) -> Option<Explanation>; 12] = [
        established,
        disabled,
        peer_is_self,
        messages::wrong_as,
        messages::same_router_id,
        node_address,
        silence::explain,
        refusal::closed,
        refusal::waiting,
        messages::hold_timer,
        refusal::refused,
        refusal::unreachable,
    ];
    Some(
        steps
            .iter()
            .find_map(|step| step(&facts))
            .unwrap_or_else(|| other(&facts)),
    )
}

impl Facts<'_, '_> {
    /// An explanation with BIRD's row as its first evidence.
    pub(super) fn because(&self, cause: Cause, text: impl Into<String>) -> Explanation {
        Explanation {
            peer: self.peer.clone(),
            cause,
            certain: true,
            text: text.into(),
            evidence: vec![self.bird_evidence()],
            next: None,
            command: None,
            root: None,
        }
    }
}

impl Explanation {
    pub(super) fn with(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    pub(super) fn rooted(mut self, root: impl Into<String>) -> Self {
        self.root = Some(root.into());
        self
    }

    pub(super) const fn uncertain(mut self) -> Self {
        self.certain = false;
        self
    }
}

fn established(facts: &Facts) -> Option<Explanation> {
    (facts.session.state == "Established").then(|| facts.because(Cause::Established, "Established"))
}

fn disabled(facts: &Facts) -> Option<Explanation> {
    if facts.protocol.state != "down" {
        return None;
    }
    let name = &facts.protocol.name;
    if facts.error().contains(NO_PORT) {
        return Some(no_port(facts, &facts.node.name));
    }
    if !facts.error().is_empty() {
        let text = format!("BIRD took this session down: {}", facts.error());
        return Some(
            facts
                .because(Cause::Disabled, text)
                .next(format!("birdc enable {name}, once its reason is gone")),
        );
    }
    let in_file = facts.configured().is_some_and(|peer| peer.disabled);
    let (how, next) = if in_file {
        (
            "in bird.cfg",
            format!("remove `disabled` from protocol {name} in bird.cfg"),
        )
    } else {
        ("by hand (birdc disable)", format!("birdc enable {name}"))
    };
    let text = format!(
        "the administrator disabled this session on {} {how}",
        facts.node.name
    );
    Some(facts.because(Cause::Disabled, text).next(next))
}

/// What BIRD says of a session when it could not listen.
pub(super) const NO_PORT: &str = "No listening socket";

/// BIRD of a node took its sessions down, since somebody else has the port.
pub(super) fn no_port(facts: &Facts, node: &str) -> Explanation {
    let text = format!("BIRD on {node} could not listen on port {BGP_PORT}, and took its sessions down");
    facts
        .because(Cause::NoPort, text)
        .next(format!(
            "ss -ltnp sport = :{BGP_PORT}   (on {node}), then birdc restart all"
        ))
        .rooted(port_of(node))
}

/// What sessions come of that have no port.
pub(super) fn port_of(node: &str) -> String {
    format!("BGP's port on {node}")
}

fn peer_is_self(facts: &Facts) -> Option<Explanation> {
    if facts.peer != Peer::ThisNode {
        return None;
    }
    let node = &facts.node.name;
    let link = facts
        .node
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == facts.ip)?
        .link;
    let link = facts.node.net.link(link)?;
    let text = format!(
        "{} is an address of {node} itself: it peers with itself",
        facts.ip
    );
    let next = match facts.world.cluster.ok().and_then(|cluster| {
        let object = cluster.peer_objects(node, facts.ip).next()?;
        Some(format!("correct spec.peerIP of BGPPeer {}", object.name))
    }) {
        Some(next) => next,
        None => format!("remove protocol {} from the configuration", facts.protocol.name),
    };
    let evidence = Evidence::new(
        format!("ip addr on {node}"),
        format!("{} is on {}", facts.ip, link.name),
    );
    Some(facts.because(Cause::PeerIsSelf, text).with([evidence]).next(next))
}

/// The stored address of one of the two nodes is on a link that leads to no peer.
fn node_address(facts: &Facts) -> Option<Explanation> {
    let own = facts.world.wrong_address(&facts.node.name, facts.ip.is_ipv6());
    let theirs = match &facts.peer {
        Peer::Node(name) => facts.world.wrong_address(name, facts.ip.is_ipv6()),
        _ => None,
    };
    let wrong = theirs.or(own)?;
    let text = format!("wrong address stored for {}: {}", wrong.node, wrong.why);
    let evidence = wrong.evidence.iter().cloned();
    let certain = own.iter().chain(&theirs).any(|wrong| wrong.certain);
    let explanation = facts
        .because(Cause::NodeAddress, text)
        .with([facts.path_evidence()])
        .with(evidence)
        .next("netdiag check --fix-to fix.yaml, then netdiag apply -f fix.yaml");
    Some(if certain {
        explanation
    } else {
        explanation.uncertain()
    })
}

/// No Node and no BGPPeer has the address.
pub(super) fn nobody(facts: &Facts) -> Explanation {
    let ip = facts.ip;
    let next = match nearest(facts) {
        Some((name, near)) => format!("{near} is {name}: correct the peer's address"),
        None => format!(
            "correct or remove protocol {} (BGPPeer, or a Node object of a host that is gone)",
            facts.protocol.name
        ),
    };
    facts
        .because(
            Cause::NobodyHasAddress,
            format!("no Node and no BGPPeer has {ip}"),
        )
        .with(facts.neighbor_evidence())
        .next(next)
}

/// The stored node address that differs from the peer's in one character, if there is just one.
fn nearest(facts: &Facts) -> Option<(String, IpAddr)> {
    let text = facts.ip.to_string();
    let cluster = facts.world.cluster.ok()?;
    let mut near = cluster
        .nodes
        .iter()
        .filter(|node| node.name != facts.node.name)
        .filter_map(|node| {
            let ip = crate::intent::cluster::stored_address(node, facts.ip.is_ipv6())?.ip;
            let other = ip.to_string();
            let differ = text.len() == other.len()
                && text.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count() == 1;
            differ.then(|| (node.name.clone(), ip))
        });
    near.next().filter(|_| near.next().is_none())
}

/// Nothing above fits: BIRD's own words, or that it only just started.
fn other(facts: &Facts) -> Explanation {
    if facts.peer == Peer::Nobody {
        return nobody(facts);
    }
    if let Some(explanation) = silence::now(facts) {
        return explanation;
    }
    if facts.error().is_empty() || matches!(facts.session.state.as_str(), "OpenSent" | "OpenConfirm") {
        return facts
            .because(
                Cause::Connecting,
                format!("no error so far: BIRD is in state {}", facts.session.state),
            )
            .uncertain()
            .with([facts.path_evidence()])
            .with(facts.neighbor_evidence())
            .next("netdiag node status --watch");
    }
    let error = facts.error();
    let who = if error.starts_with("Received") {
        facts.peer_name()
    } else {
        facts.node.name.clone()
    };
    let error = error.strip_prefix("Received: ").unwrap_or(error);
    facts
        .because(Cause::Other, format!("{who} ended the session: {error}"))
        .uncertain()
        .next(format!(
            "the log of BIRD on {}, and on {}",
            facts.node.name,
            facts.peer_name()
        ))
}
