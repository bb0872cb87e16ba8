//! The address a node should have: what its own links, its name and its neighbours tell.

use std::net::IpAddr;

use ipnet::IpNet;

use super::world::World;
use crate::calico::node::{Node, NodeAddress};
use crate::intent::autodetect::internal_ips;
use crate::state::NodeState;
use crate::state::link::{Address, Link, is_link_local};
use crate::state::route::{RouteType, TableId};

/// The address that the node should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub address: IpNet,
    /// The link that has it; none when the node can't be seen.
    pub link: Option<String>,
    pub why: String,
}

/// The address on the segment that most other nodes are known to be on; none when two are as good. Where nothing is known
/// of the others, `uplink_will_do` lets the link of the default route stand in: the stored address is on a bridge.
pub(super) fn candidate(
    world: &World,
    object: &Node,
    state: &NodeState,
    stored: NodeAddress,
    uplink_will_do: bool,
) -> Option<Candidate> {
    let mut best: Option<(usize, Candidate)> = None;
    let mut tie = false;
    let of_family = |address: &&Address| address.ip.is_ipv6() == stored.ip.is_ipv6();
    for address in state.net.addresses.items().iter().filter(of_family) {
        let Some((score, candidate)) = judge(world, object, state, address, (stored.ip, uplink_will_do))
        else {
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
fn judge(
    world: &World,
    object: &Node,
    state: &NodeState,
    address: &Address,
    (wrong, uplink_will_do): (IpAddr, bool),
) -> Option<(usize, Candidate)> {
    let link = state.net.link(address.link)?;
    let segment = address.network()?;
    let host_only = segment.prefix_len() == segment.max_prefix_len();
    let usable = address.ip != wrong
        && !address.ip.is_loopback()
        && !is_link_local(address.ip)
        && link.is_up()
        && !world.is_elsewhere(&object.name, address.ip)
        && !host_only;
    if !usable {
        return None;
    }
    let neighbours: Vec<&str> = world
        .cluster
        .ok()?
        .nodes
        .iter()
        .filter(|other| other.name != object.name)
        .filter(|other| {
            world
                .places(other, address.ip.is_ipv6())
                .iter()
                .any(|ip| segment.contains(ip))
        })
        .map(|other| other.name.as_str())
        .collect();
    let default = is_uplink(state, link, address.ip.is_ipv6());
    // Without a sign of other nodes, the segment of a bridge is a pod or container network.
    if neighbours.is_empty() && !(uplink_will_do && default && !link.is_bridge()) {
        return None;
    }
    let mut why = Vec::new();
    match neighbours[..] {
        [] => {}
        [..] if neighbours.len() > 5 => {
            why.push(format!("{segment} is shared with {} nodes", neighbours.len()));
        }
        [..] => why.push(format!("{segment} is shared with {}", neighbours.join(", "))),
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

/// Whether the default route leaves by this link.
fn is_uplink(state: &NodeState, link: &Link, v6: bool) -> bool {
    state.net.routes.items().iter().any(|route| {
        route.table == TableId::MAIN
            && route.kind == RouteType::Unicast
            && route.dst.prefix_len() == 0
            && route.dst.addr().is_ipv6() == v6
            && route.next_hops.iter().any(|hop| hop.link == Some(link.index))
    })
}

/// The address a node that can't be seen goes by, when it is on a segment of a node that can.
pub(super) fn known_as(world: &World, object: &Node, stored: NodeAddress) -> Option<Candidate> {
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
pub(super) fn neighbour_of<'a>(world: &World<'a>, ip: IpAddr) -> Option<(&'a NodeState, &'a Address)> {
    world.nodes.iter().find_map(|state| {
        let address = state
            .net
            .addresses
            .items()
            .iter()
            .filter(|address| !address.ip.is_loopback() && address.ip != ip)
            .find(|address| address.network().is_some_and(|segment| segment.contains(&ip)))?;
        Some((state, address))
    })
}
