//! Why a BGP session is not Established.
//!
//! The order matters: what the daemons say of their configuration (AS, router id) decides first, then what happens to
//! packets now (unanswered connection attempts), then the last error. Where one node can't tell two causes apart, the
//! explanation names both and is not certain; with the other node's state it becomes so.

use std::net::IpAddr;

use serde::Serialize;

use super::facts::{Facts, Path, down_links};
use super::finding::Evidence;
use super::world::{Peer, World};
use super::{addresses, silence};
use crate::state::NodeState;
use crate::state::bird::{BgpSession, Protocol};

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
}

/// Explains one BGP session of a node. None when BIRD shows no neighbor address.
pub fn explain(
    world: &World,
    node: &NodeState,
    protocol: &Protocol,
    session: &BgpSession,
) -> Option<Explanation> {
    let facts = Facts::new(world, node, protocol, session)?;
    let steps: [fn(&Facts) -> Option<Explanation>; 12] = [
        established,
        disabled,
        peer_is_self,
        wrong_as,
        same_router_id,
        node_address,
        silence::explain,
        hold_timer,
        refused,
        unreachable,
        closed,
        waiting,
    ];
    Some(
        steps
            .iter()
            .find_map(|step| step(&facts))
            .unwrap_or_else(|| other(&facts)),
    )
}

impl Facts<'_> {
    /// An explanation with BIRD's row as its first evidence.
    pub(super) fn because(&self, cause: Cause, text: impl Into<String>) -> Explanation {
        Explanation {
            peer: self.peer.clone(),
            cause,
            certain: true,
            text: text.into(),
            evidence: vec![self.bird_evidence()],
            next: None,
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

fn peer_is_self(facts: &Facts) -> Option<Explanation> {
    if facts.peer != Peer::ThisNode {
        return None;
    }
    let node = &facts.node.name;
    let link = facts
        .node
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == facts.ip)?
        .link;
    let link = facts.node.link(link)?;
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

fn wrong_as(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Bad peer AS") {
        return None;
    }
    let peer = facts.peer_name();
    let node = &facts.node.name;
    let mut evidence = Vec::new();
    let expects = facts.session.neighbor_as.map(|number| number.to_string());
    let expects = expects.as_deref().unwrap_or("another AS");
    let local = facts
        .session
        .local_as
        .or_else(|| facts.configured().and_then(|peer| peer.local_as));
    if let Some(local) = local {
        evidence.push(Evidence::new(
            format!("BIRD on {node}"),
            format!("local AS {local}"),
        ));
    }
    let theirs = facts.mirror().and_then(|mirror| mirror.local_as);
    if let Some(theirs) = theirs {
        evidence.push(Evidence::new(
            format!("bird.cfg on {peer}"),
            format!("local AS {theirs}"),
        ));
    }
    let mut next =
        "make both sides agree: spec.bgp.asNumber of the Node, or spec.asNumber of the BGPPeer".to_owned();
    if let Ok(cluster) = facts.world.cluster {
        for name in [
            Some(node),
            if let Peer::Node(name) = &facts.peer {
                Some(name)
            } else {
                None
            },
        ]
        .into_iter()
        .flatten()
        {
            let Some(object) = cluster.node(name) else {
                continue;
            };
            let meant = cluster.as_of(object);
            let uses = if name == node { local } else { theirs };
            evidence.push(Evidence::new(
                format!("Node({name})"),
                format!("AS {meant} is meant"),
            ));
            if uses.is_some_and(|uses| uses != meant) {
                next = format!(
                    "{name}'s BIRD uses AS {}, not the {meant} of its Node: restart calico-node there",
                    uses.unwrap_or(0)
                );
            }
        }
        for object in cluster.peer_objects(node, facts.ip) {
            if let Some(number) = object.as_number {
                evidence.push(Evidence::new(
                    format!("BGPPeer({})", object.name),
                    format!("asNumber {number}"),
                ));
            }
        }
    }
    let text = if facts.error().starts_with("Received") {
        format!("{peer} refuses this node's AS: it expects another one")
    } else {
        format!("{peer} has another AS than the {expects} configured here")
    };
    Some(facts.because(Cause::WrongAs, text).with(evidence).next(next))
}

fn same_router_id(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Bad BGP identifier") {
        return None;
    }
    let own = facts.node.bird.known().and_then(|bird| bird.router_id);
    let id = own.map_or_else(|| "the same router id".to_owned(), |id| format!("router id {id}"));
    let text = format!(
        "{} has {id}, as {} has: ids must differ",
        facts.peer_name(),
        facts.node.name
    );
    let mut evidence = Vec::new();
    if let Some(own) = own {
        evidence.push(Evidence::new(
            format!("BIRD on {}", facts.node.name),
            format!("router id {own}"),
        ));
    }
    if let Some(theirs) = facts.other().and_then(|other| other.bird.known()?.router_id) {
        evidence.push(Evidence::new(
            format!("BIRD on {}", facts.peer_name()),
            format!("router id {theirs}"),
        ));
    }
    let next = "give one of the two another id: CALICO_ROUTER_ID in the environment of its calico-node, or a unique node address";
    Some(facts.because(Cause::SameRouterId, text).with(evidence).next(next))
}

/// The stored address of one of the two nodes is on a link that leads to no peer.
fn node_address(facts: &Facts) -> Option<Explanation> {
    let own = addresses::wrong(facts.world, &facts.node.name, facts.ip.is_ipv6());
    let theirs = match &facts.peer {
        Peer::Node(name) => addresses::wrong(facts.world, name, facts.ip.is_ipv6()),
        _ => None,
    };
    let wrong = theirs.as_ref().or(own.as_ref())?;
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

fn hold_timer(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Hold timer expired") {
        return None;
    }
    let connected = facts.established().is_some() || facts.session.state == "OpenSent";
    if !connected && let Some(explanation) = silence::now(facts) {
        return Some(explanation);
    }
    let peer = facts.peer_name();
    let (text, next) = if facts.error().starts_with("Received") {
        (
            format!(
                "{peer} stopped hearing {}: keepalives to it get lost",
                facts.node.name
            ),
            "look for loss on the way: netdiag node status on the peer, link counters, MTU",
        )
    } else if connected {
        (
            format!(
                "{peer} accepts the connection but its BIRD says nothing: the daemon hangs or is stopped"
            ),
            "look at the bird process there (state T or D in ps), restart calico-node",
        )
    } else {
        (
            format!("{peer} went silent within a session: no keepalive came within the hold time"),
            "look whether the node and its BIRD are alive, then for loss on the way",
        )
    };
    let evidence = facts.established().map(|socket| {
        Evidence::new(
            format!("ss on {}", facts.node.name),
            format!(
                "TCP {} to {} is open, {} bytes unacknowledged",
                socket.local, socket.remote, socket.tx_queue
            ),
        )
    });
    Some(
        facts
            .because(Cause::HoldTimerExpired, text)
            .with(evidence)
            .next(next),
    )
}

fn refused(facts: &Facts) -> Option<Explanation> {
    if !facts.error().contains("Connection refused") {
        return None;
    }
    let peer = facts.peer_name();
    if let Some(explanation) = silence::rule(facts) {
        return Some(explanation);
    }
    let port = facts.port;
    Some(match facts.other().map(|other| &other.bird) {
        Some(bird) => match bird.why() {
            Some(why) => facts
                .because(Cause::BirdDown, format!("{peer} is alive, but its BIRD doesn't run: it refuses port {port}"))
                .with([Evidence::new(format!("BIRD on {peer}"), why)])
                .next(format!("start calico-node on {peer}, and look at its log")),
            None => facts
                .because(Cause::PeerRefuses, format!("{peer} refuses port {port} though its BIRD runs: it listens elsewhere, or a device in between answers"))
                .uncertain()
                .next(format!("ss -ltnp sport = :{port}   (on {peer})")),
        },
        None => facts
            .because(
                Cause::PeerRefuses,
                format!("{peer} is alive but refuses port {port}: its BIRD doesn't run, or a rule there rejects the port"),
            )
            .uncertain()
            .with(facts.neighbor_evidence())
            .next(format!("netdiag check   (on {peer}: it tells which)")),
    })
}

fn unreachable(facts: &Facts) -> Option<Explanation> {
    let error = facts.error();
    if error.contains("Network is unreachable") || matches!(facts.path, Path::None) {
        let down: Vec<Evidence> = down_links(facts.node).collect();
        let text = if down.is_empty() {
            format!("{} has no route to {}", facts.node.name, facts.ip)
        } else {
            format!("{} is cut off: its link is down", facts.node.name)
        };
        return Some(
            facts
                .because(Cause::NoRoute, text)
                .with([facts.path_evidence()])
                .with(down)
                .next(format!("ip route get {}   (on {})", facts.ip, facts.node.name)),
        );
    }
    if !error.contains("No route to host") {
        return None;
    }
    if facts.neighbor().is_some_and(|neighbor| neighbor.state.answered()) {
        // The next hop answers ARP: the error came from further on, as ICMP.
        return Some(silence::rule(facts).unwrap_or_else(|| {
            facts
                .because(
                    Cause::PortRejected,
                    format!("{} answers ARP, and an ICMP error comes back: a firewall there or on the way rejects port {}", facts.peer_name(), facts.port),
                )
                .uncertain()
                .with(facts.neighbor_evidence())
                .next("netdiag check   (on the peer: it names the rule)")
        }));
    }
    Some(silence::nobody_answers(facts))
}

fn closed(facts: &Facts) -> Option<Explanation> {
    let error = facts.error();
    let told = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let peer = facts.peer_name();
    let ours = facts
        .local_ip()
        .map_or_else(|| facts.node.name.clone(), |ip| ip.to_string());
    if told(&[
        "Connection reset by peer",
        "Connection closed",
        "Peer de-configured",
        "Administrative shutdown",
    ]) {
        if let Some((protocol, _)) = facts
            .mirror_session()
            .filter(|(protocol, _)| protocol.state == "down")
        {
            let text = format!("the administrator disabled the session on {peer}");
            let evidence = Evidence::new(format!("BIRD on {peer}"), format!("{} is down", protocol.name));
            return Some(
                facts
                    .because(Cause::DisabledOnPeer, text)
                    .with([evidence])
                    .next(format!("birdc enable {}   (on {peer})", protocol.name)),
            );
        }
        let known = facts.other().is_some_and(|other| other.bird.known().is_some());
        if known && facts.mirror_session().is_none() {
            let text = format!("{peer}'s BIRD has no session with {ours}: only this side is configured");
            return Some(
                facts
                    .because(Cause::NotConfiguredOnPeer, text)
                    .next(one_sided(facts, &peer)),
            );
        }
    }
    if told(&["Administrative shutdown"]) {
        return Some(
            facts
                .because(
                    Cause::DisabledOnPeer,
                    format!("{peer} said goodbye: its session was disabled, or its BIRD stopped"),
                )
                .uncertain()
                .next(format!("netdiag node status   (on {peer})")),
        );
    }
    if told(&[
        "Connection reset by peer",
        "Connection closed",
        "Peer de-configured",
    ]) {
        return Some(
            facts
                .because(
                    Cause::PeerCloses,
                    format!("{peer} accepts the connection and closes it at once: its BIRD has no session with {ours}, or a disabled one"),
                )
                .uncertain()
                .next(format!("netdiag check   (on {peer}: it tells which)")),
        );
    }
    None
}

/// What to do about a session that one side lacks.
fn one_sided(facts: &Facts, peer: &str) -> String {
    match &facts.peer {
        Peer::Node(_) if facts.protocol.name.starts_with("Mesh_") => {
            format!("restart calico-node on {peer}: its bird.cfg is out of step with the datastore")
        }
        _ => format!("add the session on {peer} too: a BGPPeer for both sides"),
    }
}

fn waiting(facts: &Facts) -> Option<Explanation> {
    if facts.session.state != "Passive" && !facts.configured().is_some_and(|peer| peer.passive) {
        return None;
    }
    let peer = facts.peer_name();
    let node = &facts.node.name;
    if facts.peer == Peer::Nobody {
        return Some(nobody(facts));
    }
    if let Some(explanation) = silence::rule(facts) {
        return Some(explanation);
    }
    let explanation = facts.because(
        Cause::NobodyConnects,
        format!("{node} waits (passive), and {peer} doesn't connect"),
    );
    let Some(other) = facts.other() else {
        return Some(
            explanation
                .uncertain()
                .with(facts.neighbor_evidence())
                .next(format!(
                    "netdiag check   (on {peer}: whether it has the session, and whether port 179 is open)"
                )),
        );
    };
    Some(match (other.bird.why(), facts.mirror_session(), facts.mirror()) {
        (Some(why), ..) => facts
            .because(
                Cause::BirdDown,
                format!("{node} waits (passive), and {peer}'s BIRD doesn't run"),
            )
            .with([Evidence::new(format!("BIRD on {peer}"), why)]),
        (None, Some((protocol, _)), _) if protocol.state == "down" => facts
            .because(
                Cause::DisabledOnPeer,
                format!("the administrator disabled the session on {peer}"),
            )
            .next(format!("birdc enable {}   (on {peer})", protocol.name)),
        (None, None, _) => facts
            .because(
                Cause::NotConfiguredOnPeer,
                format!(
                    "{node} waits (passive), and {peer} has no session with it: only this side is configured"
                ),
            )
            .next(one_sided(facts, &peer)),
        (None, _, Some(mirror)) if mirror.passive => explanation
            .with([Evidence::new(
                format!("bird.cfg on {peer}"),
                format!("{} is passive too", mirror.name),
            )])
            .next("make one of the two sides active"),
        _ => explanation.uncertain(),
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
