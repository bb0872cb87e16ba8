//! Which node has which block of addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Cluster;
use crate::state::route::{Route, RouteProtocol, RouteType, TableId};
use crate::state::{Fact, NodeState};

/// Felix's routes (`FELIX_DEVICEROUTEPROTOCOL`).
pub const FELIX: RouteProtocol = RouteProtocol(80);

/// A block, and its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub cidr: IpNet,
    pub node: String,
}

/// A block as the datastore has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub cidr: IpNet,
    /// None for a block that belongs to nobody.
    pub node: Option<String>,
    /// Addresses that are given out, each with the node of its handle where that says one.
    pub given: Vec<(IpAddr, Option<String>)>,
    /// How many addresses it has left.
    pub free: usize,
}

/// What the datastore says of Calico's IPAM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ipam {
    /// Whether it was read.
    pub known: bool,
    pub blocks: Vec<Stored>,
    /// Block, node, and the affinity's state (`confirmed`, `pending`, …).
    pub affinities: Vec<(IpNet, String, String)>,
}

impl Ipam {
    pub(super) fn new(entries: &Fact<Vec<(String, Value)>>) -> Self {
        let mut ipam = Self {
            known: entries.known().is_some(),
            ..Self::default()
        };
        for (key, value) in entries.items() {
            if key.contains("/assignment/") {
                ipam.blocks.extend(stored(value));
            } else if let Some((_, rest)) = key.split_once("/host/") {
                ipam.affinities.extend(affinity(rest, value));
            }
        }
        ipam
    }
}

/// `NODE/ipv4/block/10.0.0.0-26`
fn affinity(key: &str, value: &Value) -> Option<(IpNet, String, String)> {
    let (node, rest) = key.split_once("/ipv")?;
    let (_, block) = rest.rsplit_once("/block/")?;
    let cidr = block.replacen('-', "/", 1).parse().ok()?;
    let state = value.get("state").and_then(Value::as_str).unwrap_or("confirmed");
    Some((cidr, node.to_owned(), state.to_owned()))
}

fn stored(value: &Value) -> Option<Stored> {
    let cidr: IpNet = value.get("cidr")?.as_str()?.parse().ok()?;
    let affinity = value.get("affinity").and_then(Value::as_str);
    let allocations = value.get("allocations")?.as_array()?;
    let attributes = value
        .get("attributes")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let given = allocations.iter().enumerate().filter_map(|(ordinal, attribute)| {
        let attribute = attributes.get(usize::try_from(attribute.as_u64()?).ok()?);
        let node = attribute.and_then(|attribute| attribute.get("secondary")?.get("node")?.as_str());
        Some((nth(cidr, ordinal)?, node.map(str::to_owned)))
    });
    Some(Stored {
        cidr,
        node: affinity
            .and_then(|affinity| affinity.strip_prefix("host:"))
            .map(str::to_owned),
        given: given.collect(),
        free: allocations.iter().filter(|entry| entry.is_null()).count(),
    })
}

fn nth(cidr: IpNet, ordinal: usize) -> Option<IpAddr> {
    match cidr.network() {
        IpAddr::V4(first) => {
            let ip = u32::from(first).checked_add(u32::try_from(ordinal).ok()?)?;
            Some(IpAddr::V4(ip.into()))
        }
        IpAddr::V6(first) => {
            let ip = u128::from(first).checked_add(ordinal as u128)?;
            Some(IpAddr::V6(ip.into()))
        }
    }
}

/// The blocks of all nodes: by IPAM, where it was read, and by the blackholes that each node that is seen has for its own.
pub fn blocks(cluster: &Cluster, nodes: &[NodeState]) -> Vec<Block> {
    let mut found: BTreeMap<IpNet, String> = BTreeMap::new();
    for node in nodes {
        for route in own_blocks(cluster, node) {
            found.entry(route.dst).or_insert_with(|| node.name.clone());
        }
    }
    let stored = cluster.ipam.blocks.iter();
    let stored = stored.filter_map(|block| Some((block.cidr, block.node.clone()?)));
    found.extend(stored);
    found
        .into_iter()
        .map(|(cidr, node)| Block { cidr, node })
        .collect()
}

/// The blackholes of a node for its own blocks.
pub fn own_blocks<'n>(cluster: &'n Cluster, node: &'n NodeState) -> impl Iterator<Item = &'n Route> {
    node.net.routes.items().iter().filter(|route| {
        route.kind == RouteType::Blackhole
            && route.table == TableId::MAIN
            && matches!(route.proto, RouteProtocol::BIRD | FELIX)
            && cluster.pools.iter().any(|pool| pool.cidr.contains(&route.dst))
    })
}

/// Addresses that pods have of other nodes' blocks, with the nodes of these pods: by IPAM, and by the routes to pods that
/// each node that is seen has.
pub fn lent(cluster: &Cluster, nodes: &[NodeState], blocks: &[Block]) -> Vec<Block> {
    let mut found: BTreeMap<IpNet, String> = BTreeMap::new();
    for block in &cluster.ipam.blocks {
        for (ip, node) in &block.given {
            if let Some(node) = node.as_ref().filter(|_| block.node.is_some()) {
                found.insert(IpNet::from(*ip), node.clone());
            }
        }
    }
    for node in nodes {
        for route in to_pods(cluster, node) {
            found.insert(route.dst, node.name.clone());
        }
    }
    let owners: HashMap<IpNet, &str> = blocks
        .iter()
        .map(|block| (block.cidr, block.node.as_str()))
        .collect();
    let lengths: BTreeSet<u8> = blocks.iter().map(|block| block.cidr.prefix_len()).collect();
    found.retain(|ip, node| {
        let around = |length: &u8| Some(IpNet::new(ip.addr(), *length).ok()?.trunc());
        let mut around = lengths.iter().filter_map(around);
        let owner = around.find_map(|block| owners.get(&block));
        owner.is_some_and(|owner| *owner != node.as_str())
    });
    found
        .into_iter()
        .map(|(cidr, node)| Block { cidr, node })
        .collect()
}

/// A node's routes to its own pods.
fn to_pods<'n>(cluster: &'n Cluster, node: &'n NodeState) -> impl Iterator<Item = &'n Route> {
    node.net.routes.items().iter().filter(|route| {
        route.kind == RouteType::Unicast
            && route.table == TableId::MAIN
            && route.dst.prefix_len() == route.dst.max_prefix_len()
            && route.next_hops.iter().all(|hop| hop.gateway.is_none())
            && cluster.pool_of(route.dst.addr()).is_some()
    })
}
