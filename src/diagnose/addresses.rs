//! The address stored for a node is one that its peers can't reach.
//!
//! Calico's address detection took the wrong link: a bridge of another CNI or of Docker, a management network. Or the
//! host changed its address, or two Nodes claim one. The stored address alone proves nothing (hosts behind a bridge,
//! addresses on loopbacks are fine); what proves it is that no route to any peer leaves by the link that has it, while
//! another link has an address on a segment that the nodes share.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::candidate::{Candidate, candidate, known_as, neighbour_of};
use super::finding::Evidence;
use super::path::Path;
use super::world::{View, World};
use crate::calico::node::{Node, NodeAddress};
use crate::intent::cluster::{Cluster, stored_address};
use crate::state::NodeState;
use crate::state::bird::Bird;
use crate::state::link::{Address, Link, is_link_local};

/// A stored address that is wrong.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    pub node: String,
    /// The check's id.
    pub code: &'static str,
    pub stored: NodeAddress,
    /// What is wrong with it: the middle of a sentence.
    pub why: String,
    pub evidence: Vec<Evidence>,
    /// Seen on the node itself, not only from another one.
    pub certain: bool,
    pub candidate: Option<Candidate>,
}

/// What is wrong with the addresses stored for a node, in the middle of a sentence; empty when nothing is.
pub fn own_address_fault(world: &World, name: &str) -> Vec<String> {
    [false, true]
        .into_iter()
        .filter_map(|v6| world.wrong_address(name, v6))
        .map(|wrong| wrong.why.clone())
        .collect()
}

/// What is wrong with a node's IPv4 address, and with its IPv6 address.
pub(super) type Judged = [Option<Wrong>; 2];

/// Judges the stored addresses of all nodes: first of those that can be seen, since what is wrong with them bears on
/// the others.
pub(super) fn wrong_addresses<'a>(world: &World<'a>) -> HashMap<&'a str, Judged> {
    let Ok(cluster) = world.cluster else {
        return HashMap::new();
    };
    let is_seen = |node: &&Node| {
        world
            .state(&node.name)
            .is_some_and(|state| state.net.addresses.known().is_some())
    };
    let (visible, hidden): (Vec<&Node>, Vec<&Node>) = cluster.nodes.iter().partition(is_seen);
    let mut judged = HashMap::new();
    let mut found: Vec<Found> = Vec::new();
    for node in visible {
        let wrong = [false, true].map(|v6| {
            let stored = stored_address(node, v6)?;
            let wrong = seen(world, cluster, node, world.view(&node.name)?, stored);
            shared(world, cluster, node, stored, wrong)
        });
        let own = wrong
            .iter()
            .flatten()
            .filter(|wrong| wrong.code != "node-address-shared");
        found.extend(own.filter_map(Found::new));
        judged.insert(node.name.as_str(), wrong);
    }
    for node in hidden {
        let wrong = [false, true].map(|v6| {
            let stored = stored_address(node, v6)?;
            let wrong = unseen(world, cluster, node, stored, &found);
            shared(world, cluster, node, stored, wrong)
        });
        judged.insert(node.name.as_str(), wrong);
    }
    judged
}

/// `node-address-shared`, when several Nodes have the address; else what was found otherwise. Nothing is wrong with the one
/// whose machine alone has the address.
fn shared(
    world: &World,
    cluster: &Cluster,
    object: &Node,
    stored: NodeAddress,
    wrong: Option<Wrong>,
) -> Option<Wrong> {
    let others: Vec<&str> = cluster
        .nodes_at(stored.ip)
        .filter(|other| other.name != object.name)
        .map(|other| other.name.as_str())
        .collect();
    if others.is_empty() {
        return wrong;
    }
    let everywhere = world.is_elsewhere(&object.name, stored.ip);
    let candidate = match (wrong, world.state(&object.name)) {
        (Some(wrong), _) => wrong.candidate,
        // On a bridge, or a link that several machines have alike (the NAT of virtual ones), it is nobody's in particular.
        (None, Some(state)) if everywhere || is_on_bridge(state, stored.ip) => {
            candidate(world, object, state, stored, true)
        }
        (None, Some(_)) => return None,
        (None, None) => known_as(world, object, stored),
    };
    let holder = others.iter().find(|other| world.has_address(other, stored.ip));
    let held = holder.map(|other| {
        let text = format!("{other} has {} on a link", stored.ip);
        Evidence::new(format!("ip addr on {other}"), text)
    });
    Some(Wrong {
        node: object.name.clone(),
        code: "node-address-shared",
        stored,
        why: format!("{} is stored for {} as well", stored.ip, others.join(", ")),
        evidence: others
            .iter()
            .map(|other| Evidence::new(format!("Node({other})"), format!("spec.bgp {} too", stored.ip)))
            .chain(held)
            .collect(),
        certain: true,
        candidate,
    })
}

fn is_on_bridge(state: &NodeState, ip: IpAddr) -> bool {
    let holder = state
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == ip);
    holder.is_some_and(|holder| state.net.link(holder.link).is_some_and(Link::is_bridge))
}

/// Judges with the node's own tables.
fn seen(world: &World, cluster: &Cluster, object: &Node, view: &View, stored: NodeAddress) -> Option<Wrong> {
    let state = view.state;
    let wrong = |code, why: String, evidence, candidate| Wrong {
        node: object.name.clone(),
        code,
        stored,
        why,
        evidence,
        certain: true,
        candidate,
    };
    let Some(holder) = state
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == stored.ip)
    else {
        // The kernel holds none while IPv6 is disabled: `ipv6-disabled`.
        if stored.ip.is_ipv6() && is_disabled(object, state) {
            return None;
        }
        let evidence = Evidence::new(format!("ip addr on {}", object.name), addresses_text(state));
        return Some(wrong(
            "node-address-not-local",
            format!("no link of {} has {}", object.name, stored.ip),
            vec![evidence],
            candidate(world, object, state, stored, false),
        ));
    };
    let link = state.net.link(holder.link)?;
    // A host address on a loopback leads nowhere by design: routes bring packets to it.
    if is_host(holder) && matches!(link.kind.as_deref(), None | Some("dummy")) {
        return None;
    }
    if has_session(state, stored.ip) || leads_to_a_peer(cluster, object, view, link, stored.ip.is_ipv6()) {
        return None;
    }
    // Without a better address, the links are not to blame.
    let candidate = candidate(world, object, state, stored, link.is_bridge())?;
    let mut evidence = vec![Evidence::new(
        format!("ip addr on {}", object.name),
        format!(
            "{holder} is on {} ({}, index {})",
            link.name,
            link.kind_name(),
            link.index
        ),
    )];
    evidence.extend(path_to_a_peer(cluster, object, view, stored.ip.is_ipv6()));
    let (code, why) = if link.is_bridge() {
        (
            "node-address-on-bridge",
            format!(
                "{} is on {}, a bridge that no peer is behind",
                stored.ip, link.name
            ),
        )
    } else {
        (
            "node-address-unreachable",
            format!("{} is on {}, which leads to no peer", stored.ip, link.name),
        )
    };
    Some(wrong(code, why, evidence, Some(candidate)))
}

/// Whether IPv6 is disabled, or is so on the link with the node's IPv4 address.
fn is_disabled(object: &Node, state: &NodeState) -> bool {
    let lacks = |link: &str| state.net.link_setting(true, link, "disable_ipv6") == Some(1);
    let mut own = state.net.addresses.items().iter();
    let own = own.find(|own| object.ipv4.is_some_and(|stored| stored.ip == own.ip));
    let bearer = own.and_then(|own| state.net.link(own.link));
    lacks("all") || bearer.is_some_and(|link| lacks(&link.name))
}

fn is_host(address: &Address) -> bool {
    address
        .network()
        .is_some_and(|net| net.prefix_len() == net.max_prefix_len())
}

/// Whether a session from this address is up: then it can't be wrong, whatever the tables look like.
fn has_session(state: &NodeState, ip: IpAddr) -> bool {
    let daemons = [state.bird.known(), state.bird6.known()];
    daemons
        .into_iter()
        .flatten()
        .flat_map(Bird::sessions)
        .any(|(_, session)| session.state == "Established" && session.source_address == Some(ip))
}

/// Whether a packet to any peer leaves by this link, or there is no peer at all to tell by.
fn leads_to_a_peer(cluster: &Cluster, object: &Node, view: &View, link: &Link, v6: bool) -> bool {
    let mut peers = peer_addresses(cluster, object, v6).peekable();
    if peers.peek().is_none() {
        return true;
    }
    peers.any(|(_, ip)| match view.path(ip) {
        Path::Unknown => true,
        path => path.link().is_some_and(|out| out.index == link.index),
    })
}

/// Names and stored addresses of the other Nodes, and the addresses of its BGPPeer objects.
fn peer_addresses<'a>(
    cluster: &'a Cluster,
    object: &'a Node,
    v6: bool,
) -> impl Iterator<Item = (&'a str, IpAddr)> {
    let own = stored_address(object, v6).map(|address| address.ip);
    let nodes = cluster
        .nodes
        .iter()
        .filter(|other| other.name != object.name)
        .filter_map(move |other| Some((other.name.as_str(), stored_address(other, v6)?.ip)));
    let objects = cluster
        .peers
        .iter()
        .filter(|peer| peer.node.as_deref().is_none_or(|node| node == object.name))
        .filter_map(|peer| Some((peer.name.as_str(), peer.peer_ip?)));
    nodes
        .chain(objects)
        .filter(move |(_, ip)| ip.is_ipv6() == v6 && Some(*ip) != own)
}

/// Where packets to the first peer go instead.
fn path_to_a_peer(cluster: &Cluster, object: &Node, view: &View, v6: bool) -> Option<Evidence> {
    let (name, ip) = peer_addresses(cluster, object, v6).next()?;
    let text = match view.path(ip) {
        Path::OnLink { link } => format!("{ip} ({name}) is reached by {}", link.name),
        Path::Gateway {
            gateway,
            link,
            default,
        } => {
            let route = if default { "by the default route, " } else { "" };
            format!("{ip} ({name}) is reached {route}via {gateway} dev {}", link.name)
        }
        _ => format!("no route to {ip} ({name})"),
    };
    Some(Evidence::new(format!("ip route on {}", object.name), text))
}

/// Judges from the tables of the nodes that can be seen: none of them has a way to the address, and the node is known
/// to be on the segment that the cluster uses.
fn unseen(
    world: &World,
    cluster: &Cluster,
    object: &Node,
    stored: NodeAddress,
    found: &[Found],
) -> Option<Wrong> {
    let candidate = known_as(world, object, stored)?;
    let segment = candidate.address.trunc();
    let alike = found
        .iter()
        .any(|found| found.segment == segment && found.resembles(stored.ip));
    if !alike && !is_cluster_segment(cluster, object, segment) {
        return None;
    }
    let mut evidence = Vec::new();
    let mut is_down = false;
    for view in world
        .views()
        .filter(|view| view.state.net.routes.known().is_some())
    {
        let text = match view.path(stored.ip) {
            _ if world.has_address(&view.state.name, stored.ip) => {
                format!("{} is an address of {} itself", stored.ip, view.state.name)
            }
            Path::None => format!("no route to {}", stored.ip),
            Path::Gateway {
                gateway,
                link,
                default: true,
            } => {
                format!(
                    "only the default route leads to {}: via {gateway} dev {}",
                    stored.ip, link.name
                )
            }
            // A way that was made on purpose: the address may well be right.
            _ => return None,
        };
        evidence.push(Evidence::new(format!("ip route on {}", view.state.name), text));
        let Some((_, session)) = view.session(stored.ip) else {
            continue;
        };
        if session.state == "Established" {
            return None;
        }
        is_down = true;
    }
    // Without a session that doesn't come up, nothing says that the address is in anybody's way.
    if !is_down {
        return None;
    }
    let right = candidate.address.addr();
    let (state, beside) = neighbour_of(world, right)?;
    let link = state.net.link(beside.link)?;
    evidence.push(Evidence::new(
        format!("ip addr on {}", state.name),
        format!("{right} is on the segment of {} {beside}", link.name),
    ));
    Some(Wrong {
        node: object.name.clone(),
        code: "node-address-unreachable",
        stored,
        why: format!(
            "nobody has a way to {}; {} is known as {right}",
            stored.ip, object.name
        ),
        evidence,
        certain: false,
        candidate: Some(candidate),
    })
}

/// What was found on a node that can be seen: its wrong address, and the segment of the right one.
struct Found {
    wrong: IpAddr,
    segment: IpNet,
}

impl Found {
    fn new(wrong: &Wrong) -> Option<Self> {
        Some(Self {
            wrong: wrong.stored.ip,
            segment: wrong.candidate.as_ref()?.address.trunc(),
        })
    }

    /// Whether an address is of the same range (10.244.1.1 and 10.244.2.1): bridges of one kind on many nodes are.
    fn resembles(&self, ip: IpAddr) -> bool {
        const RANGE: [u8; 2] = [16, 48];
        let length = RANGE[usize::from(ip.is_ipv6())];
        IpNet::new(self.wrong, length).is_ok_and(|range| range.contains(&ip))
    }
}

/// Whether most of the other Nodes are stored on this segment. A management network that the names in `/etc/hosts`
/// point to is none.
fn is_cluster_segment(cluster: &Cluster, object: &Node, segment: IpNet) -> bool {
    let v6 = segment.addr().is_ipv6();
    let stored = cluster
        .nodes
        .iter()
        .filter(|other| other.name != object.name)
        .filter_map(|other| stored_address(other, v6));
    let (inside, outside): (Vec<_>, Vec<_>) = stored.partition(|address| segment.contains(&address.ip));
    inside.len() > outside.len()
}

fn addresses_text(state: &NodeState) -> String {
    let texts: Vec<String> = state
        .net
        .addresses
        .items()
        .iter()
        .filter(|address| !address.ip.is_loopback() && !is_link_local(address.ip))
        .filter_map(|address| Some(format!("{} {address}", state.net.link(address.link)?.name)))
        .collect();
    texts.join(", ")
}
