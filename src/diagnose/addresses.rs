//! A01, A02, A03, A04: the address stored for a node is one that its peers can't reach.
//!
//! Calico's address detection took the wrong link: a bridge of another CNI or of Docker, a management network. Or the
//! host changed its address, or two Nodes claim one. The stored address alone proves nothing (hosts behind a bridge,
//! addresses on loopbacks are fine); what proves it is that no route to any peer leaves by the link that has it, while
//! another link has an address on a segment that the nodes share.

use std::net::IpAddr;

use ipnet::IpNet;

use super::facts::{Path, path};
use super::finding::Evidence;
use super::world::{World, has_address};
use crate::calico::node::{Node, NodeAddress};
use crate::intent::autodetect::internal_ips;
use crate::intent::cluster::{Cluster, stored_address};
use crate::state::NodeState;
use crate::state::link::{Address, Link};
use crate::state::route::{RouteType, TableId};

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

/// The address that the node should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub address: IpNet,
    /// The link that has it; none when the node can't be seen.
    pub link: Option<String>,
    pub why: String,
}

/// What is wrong with the addresses stored for a node, in the middle of a sentence; empty when nothing is.
pub fn own_address_fault(world: &World, name: &str) -> Vec<String> {
    [false, true]
        .into_iter()
        .filter_map(|v6| wrong(world, name, v6))
        .map(|wrong| wrong.why)
        .collect()
}

/// Judges the stored address of a node in one family.
pub(super) fn wrong(world: &World, name: &str, v6: bool) -> Option<Wrong> {
    let cluster = world.cluster.ok()?;
    let object = cluster.node(name)?;
    let stored = stored_address(object, v6)?;
    let wrong = match world.state(name) {
        Some(state) if state.addresses.known().is_some() => seen(world, cluster, object, state, stored),
        _ => unseen(world, cluster, object, stored),
    };
    let others: Vec<&str> = cluster
        .nodes_at(stored.ip)
        .into_iter()
        .filter(|other| other.name != name)
        .map(|other| other.name.as_str())
        .collect();
    if others.is_empty() {
        return wrong;
    }
    Some(shared(world, object, stored, &others, wrong))
}

/// A03: several Nodes have it.
fn shared(world: &World, object: &Node, stored: NodeAddress, others: &[&str], wrong: Option<Wrong>) -> Wrong {
    let candidate = match wrong {
        Some(wrong) => wrong.candidate,
        None => known_as(world, object, stored),
    };
    Wrong {
        node: object.name.clone(),
        code: "A03",
        stored,
        why: format!("{} is stored for {} as well", stored.ip, others.join(", ")),
        evidence: others
            .iter()
            .map(|other| Evidence::new(format!("Node({other})"), format!("spec.bgp {} too", stored.ip)))
            .collect(),
        certain: true,
        candidate,
    }
}

/// Judges with the node's own tables.
fn seen(
    world: &World,
    cluster: &Cluster,
    object: &Node,
    state: &NodeState,
    stored: NodeAddress,
) -> Option<Wrong> {
    let wrong = |code, why: String, evidence| Wrong {
        node: object.name.clone(),
        code,
        stored,
        why,
        evidence,
        certain: true,
        candidate: None,
    };
    let Some(holder) = state
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == stored.ip)
    else {
        let mut wrong = wrong(
            "A04",
            format!("no link of {} has {}", object.name, stored.ip),
            vec![Evidence::new(
                format!("ip addr on {}", object.name),
                addresses_text(state),
            )],
        );
        wrong.candidate = candidate(world, object, state, stored);
        return Some(wrong);
    };
    let link = state.link(holder.link)?;
    if has_session(state, stored.ip) || leads_to_a_peer(cluster, object, state, link, stored.ip.is_ipv6()) {
        return None;
    }
    let candidate = candidate(world, object, state, stored)?;
    let on = Evidence::new(
        format!("ip addr on {}", object.name),
        format!(
            "{holder} is on {} ({}, index {})",
            link.name,
            link.kind_name(),
            link.index
        ),
    );
    let mut wrong = if link.is_bridge() {
        let why = format!(
            "{} is on {}, a bridge that no peer is behind",
            stored.ip, link.name
        );
        wrong("A01", why, vec![on])
    } else {
        let why = format!("{} is on {}, which leads to no peer", stored.ip, link.name);
        wrong("A02", why, vec![on])
    };
    wrong
        .evidence
        .extend(paths_to_peers(cluster, object, state, stored.ip.is_ipv6()));
    wrong.candidate = Some(candidate);
    Some(wrong)
}

/// Whether a session from this address is up: then it can't be wrong, whatever the tables look like.
fn has_session(state: &NodeState, ip: IpAddr) -> bool {
    let daemons = [state.bird.known(), state.bird6.known()];
    daemons
        .into_iter()
        .flatten()
        .flat_map(|bird| bird.sessions())
        .any(|(_, session)| session.state == "Established" && session.source_address == Some(ip))
}

/// Whether a packet to any peer leaves by this link, or there is no peer at all to tell by.
fn leads_to_a_peer(cluster: &Cluster, object: &Node, state: &NodeState, link: &Link, v6: bool) -> bool {
    let mut peers = peer_addresses(cluster, object, v6).peekable();
    if peers.peek().is_none() {
        return true;
    }
    peers.any(|(_, ip)| match path(state, ip) {
        Path::OnLink { link: out } | Path::Gateway { link: out, .. } => out.index == link.index,
        Path::Unknown => true,
        Path::None => false,
    })
}

/// Names and stored addresses of the other Nodes, and the addresses of its BGPPeer objects.
fn peer_addresses<'a>(
    cluster: &'a Cluster,
    object: &'a Node,
    v6: bool,
) -> impl Iterator<Item = (String, IpAddr)> + 'a {
    let own = stored_address(object, v6).map(|address| address.ip);
    let nodes = cluster
        .nodes
        .iter()
        .filter(|other| other.name != object.name)
        .filter_map(move |other| Some((other.name.clone(), stored_address(other, v6)?.ip)));
    let objects = cluster
        .peers
        .iter()
        .filter(|peer| peer.node.as_deref().is_none_or(|node| node == object.name))
        .filter_map(|peer| Some((format!("BGPPeer({})", peer.name), peer.peer_ip?)));
    nodes
        .chain(objects)
        .filter(move |(_, ip)| ip.is_ipv6() == v6 && Some(*ip) != own)
}

/// Where packets to the first peer go instead.
fn paths_to_peers(cluster: &Cluster, object: &Node, state: &NodeState, v6: bool) -> Option<Evidence> {
    let (name, ip) = peer_addresses(cluster, object, v6).next()?;
    let text = match path(state, ip) {
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

/// The address on the segment that most other nodes are known to be on; none when two links are as good.
fn candidate(world: &World, object: &Node, state: &NodeState, stored: NodeAddress) -> Option<Candidate> {
    let v6 = stored.ip.is_ipv6();
    let mut best: Option<(usize, Candidate)> = None;
    let mut tie = false;
    for address in state
        .addresses
        .items()
        .iter()
        .filter(|address| address.ip.is_ipv6() == v6)
    {
        let Some((score, candidate)) = judge_candidate(world, object, state, address, stored.ip) else {
            continue;
        };
        match &best {
            Some((other, _)) if *other > score => {}
            Some((other, _)) if *other == score => tie = true,
            _ => {
                tie = false;
                best = Some((score, candidate));
            }
        }
    }
    best.filter(|_| !tie).map(|(_, candidate)| candidate)
}

/// How good an address of the node is: the number of other nodes on its segment, and whether the default route is there.
fn judge_candidate(
    world: &World,
    object: &Node,
    state: &NodeState,
    address: &Address,
    wrong: IpAddr,
) -> Option<(usize, Candidate)> {
    let link = state.link(address.link)?;
    let segment = address.network()?;
    let elsewhere = world
        .nodes
        .iter()
        .any(|other| other.name != object.name && has_address(other, address.ip));
    let usable = address.ip != wrong
        && !address.ip.is_loopback()
        && !is_link_local(address.ip)
        && link.up
        && !elsewhere
        && usize::from(address.prefix_len) < if address.ip.is_ipv6() { 128 } else { 32 };
    if !usable {
        return None;
    }
    let cluster = world.cluster.ok()?;
    let neighbours: Vec<&str> = cluster
        .nodes
        .iter()
        .filter(|other| other.name != object.name)
        .filter(|other| {
            addresses_of(world, other, address.ip.is_ipv6())
                .iter()
                .any(|ip| segment.contains(ip))
        })
        .map(|other| other.name.as_str())
        .collect();
    let default = state.routes.items().iter().any(|route| {
        route.table == TableId::MAIN
            && route.kind == RouteType::Unicast
            && route.dst.prefix_len() == 0
            && route.dst.addr().is_ipv6() == address.ip.is_ipv6()
            && route.next_hops.iter().any(|hop| hop.link == Some(link.index))
    });
    // Without a sign of other nodes, the segment of a bridge is a pod or container network.
    if neighbours.is_empty() && (!default || link.is_bridge()) {
        return None;
    }
    let mut why = Vec::new();
    if !neighbours.is_empty() {
        why.push(format!("{segment} is shared with {}", neighbours.join(", ")));
    }
    if default {
        why.push("the default route leaves there".to_owned());
    }
    let candidate = Candidate {
        address: IpNet::new(address.ip, address.prefix_len).ok()?,
        link: Some(link.name.clone()),
        why: why.join("; "),
    };
    Some((neighbours.len() * 2 + usize::from(default), candidate))
}

/// Where a node is known to be: its own links, its InternalIP, its name in `/etc/hosts`. Not what Calico stored.
fn addresses_of(world: &World, object: &Node, v6: bool) -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> = internal_ips(Some(object)).unwrap_or_default();
    ips.extend(world.resolve(&object.name, v6));
    if let Some(state) = world.state(&object.name) {
        ips.extend(state.addresses.items().iter().map(|address| address.ip));
    }
    ips.retain(|ip| ip.is_ipv6() == v6);
    ips
}

/// Judges from the tables of the nodes that can be seen: none of them has a way to the address, and the node is known
/// to be elsewhere.
fn unseen(world: &World, cluster: &Cluster, object: &Node, stored: NodeAddress) -> Option<Wrong> {
    let candidate = known_as(world, object, stored)?;
    let mut evidence = Vec::new();
    for state in world.nodes.iter().filter(|state| state.routes.known().is_some()) {
        let text = match path(state, stored.ip) {
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
        evidence.push(Evidence::new(format!("ip route on {}", state.name), text));
        let up = state
            .bird
            .known()
            .into_iter()
            .flat_map(|bird| bird.sessions())
            .any(|(_, session)| {
                session.neighbor_address == Some(stored.ip) && session.state == "Established"
            });
        if up {
            return None;
        }
    }
    if evidence.is_empty() || cluster.nodes.len() < 2 {
        return None;
    }
    let (state, beside) = neighbour_of(world, candidate.address.addr())?;
    let link = state.link(beside.link)?;
    evidence.push(Evidence::new(
        format!("ip addr on {}", state.name),
        format!(
            "{} is on the segment of {} {beside}",
            candidate.address.addr(),
            link.name
        ),
    ));
    Some(Wrong {
        node: object.name.clone(),
        code: "A02",
        stored,
        why: format!(
            "no node has a way to {}, and {} is known as {}",
            stored.ip,
            object.name,
            candidate.address.addr()
        ),
        evidence,
        certain: false,
        candidate: Some(candidate),
    })
}

/// The address a node that can't be seen goes by, when it is on a segment of a node that can.
fn known_as(world: &World, object: &Node, stored: NodeAddress) -> Option<Candidate> {
    let v6 = stored.ip.is_ipv6();
    let internal = internal_ips(Some(object)).unwrap_or_default();
    let internal = internal
        .into_iter()
        .find(|ip| ip.is_ipv6() == v6)
        .map(|ip| (ip, "InternalIP of its Node object"));
    let (ip, why) =
        internal.or_else(|| Some((world.resolve(&object.name, v6)?, "its name in /etc/hosts")))?;
    if ip == stored.ip {
        return None;
    }
    let (_, beside) = neighbour_of(world, ip)?;
    Some(Candidate {
        address: IpNet::new(ip, beside.prefix_len).ok()?,
        link: None,
        why: why.to_owned(),
    })
}

/// The address of a visible node on whose segment another address is.
fn neighbour_of<'a>(world: &World<'a>, ip: IpAddr) -> Option<(&'a NodeState, &'a Address)> {
    world.nodes.iter().find_map(|state| {
        let address = state
            .addresses
            .items()
            .iter()
            .filter(|address| !address.ip.is_loopback() && address.ip != ip)
            .find(|address| address.network().is_some_and(|segment| segment.contains(&ip)))?;
        Some((state, address))
    })
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn addresses_text(state: &NodeState) -> String {
    let texts: Vec<String> = state
        .addresses
        .items()
        .iter()
        .filter(|address| !address.ip.is_loopback() && !is_link_local(address.ip))
        .filter_map(|address| Some(format!("{} {address}", state.link(address.link)?.name)))
        .collect();
    texts.join(", ")
}
