//! Whether pools fit what is below them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::json;

use super::shared::{addresses, is_cali, names, pods};
use crate::calico::resource::Kind;
use crate::diagnose::facts::is_by_calico;
use crate::diagnose::finding::{Consequence, Finding, Manifest, Sure};
use crate::diagnose::path::Path;
use crate::diagnose::world::{Peer, World};
use crate::intent::Cluster;
use crate::intent::pool::is_same_subnet;
use crate::intent::routes::Way;
use crate::state::NodeState;
use crate::state::bird::Bird;

/// Blocks hold 64 addresses unless said.
const BLOCK: u8 = 26;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Ok(cluster) = world.cluster else { return };
    found.extend(no_pool(world, cluster));
    routers(world, cluster, found);
}

/// Calico routes to pods whose addresses are of no pool.
fn no_pool(world: &World, cluster: &Cluster) -> Option<Finding> {
    if !cluster.knows(Kind::IpPool) || cluster.pools.iter().any(|pool| pool.cidr.addr().is_ipv4()) {
        return None;
    }
    let mut by: BTreeMap<&str, Vec<Ipv4Addr>> = BTreeMap::new();
    for node in world.nodes.iter().filter(|node| routes_by_calico(node)) {
        for pod in pods(node).filter(|_| node.net.links.items().iter().any(is_cali)) {
            let ips = addresses(pod).filter_map(|ip| match ip {
                IpAddr::V4(ip) => Some(ip),
                IpAddr::V6(_) => None,
            });
            by.entry(&node.name).or_default().extend(ips);
        }
    }
    let all: Vec<Ipv4Addr> = by.values().flatten().copied().collect();
    let range = around(&all)?;
    let holders: Vec<&str> = by.keys().copied().collect();
    let links = world.nodes.iter().flat_map(|node| node.net.links.items());
    let has = |name: &str| links.clone().any(|link| link.name == name && link.is_up());
    let mode = |on: bool| if on { "Always" } else { "Never" };
    let mut finding = Finding::of(
        "pool-missing",
        "",
        format!("there is no IPPool, and {} have pods at {range}", names(&holders)),
    )
    .about(range.to_string())
    .sure(Sure::Likely)
    .shown("IPPool", "none for IPv4");
    for (node, ips) in by.iter().take(3) {
        if let Some(ip) = ips.first() {
            finding = finding.shown(format!("pods of {node}"), ip.to_string());
        }
    }
    finding = finding.step(format!(
        "{range} is what the pods' addresses need: make it the range that the cluster was made with (CALICO_IPV4POOL_CIDR, --cluster-cidr)"
    ));
    let vxlan = has("vxlan.calico");
    let tunl0 = !vxlan && has("tunl0");
    finding.fix.manifest = Some(Manifest {
        kind: "IPPool",
        name: "default-ipv4-ippool".into(),
        fields: vec![
            ("cidr", json!(range.to_string())),
            ("ipipMode", json!(mode(tunl0))),
            (
                "vxlanMode",
                json!(if tunl0 || vxlan || !is_in_subnets(cluster) {
                    mode(vxlan)
                } else {
                    "CrossSubnet"
                }),
            ),
            ("natOutgoing", json!(true)),
        ],
    });
    Some(finding)
}

/// Whether nodes are of several subnets: routers between them need not know pods where packets are wrapped.
fn is_in_subnets(cluster: &Cluster) -> bool {
    let mut all = cluster.nodes.iter().filter_map(|node| node.ipv4);
    all.next()
        .is_some_and(|first| all.any(|other| !is_same_subnet(first, other)))
}

fn routes_by_calico(node: &NodeState) -> bool {
    let protocols = node.bird.known().into_iter().flat_map(Bird::sessions);
    protocols
        .into_iter()
        .any(|(protocol, _)| is_by_calico(&protocol.name))
}

/// The smallest range that has whole blocks of all of them.
fn around(ips: &[Ipv4Addr]) -> Option<Ipv4Net> {
    let first = u32::from(*ips.first()?);
    let differ = ips.iter().fold(0, |bits, ip| bits | (u32::from(*ip) ^ first));
    let same = u8::try_from(differ.leading_zeros()).ok()?;
    Ipv4Net::new(first.into(), same.min(BLOCK))
        .ok()
        .map(|net| net.trunc())
}

/// Packets for pods leave without a tunnel, over a router that has no route to them.
fn routers(world: &World, cluster: &Cluster, found: &mut Vec<Finding>) {
    let Some(intent) = world.intent() else { return };
    let mut by_pool: BTreeMap<&str, Finding> = BTreeMap::new();
    for node in world.nodes {
        let Some(object) = cluster.node(&node.name) else {
            continue;
        };
        let routers = cluster.nodes.iter().filter_map(|other| {
            let ip = other.ipv4?.ip;
            match world.view(&node.name)?.path(ip) {
                Path::Gateway { gateway, .. } => Some((ip, gateway)),
                _ => None,
            }
        });
        let routers: BTreeMap<IpAddr, IpAddr> = routers.collect();
        if routers.is_empty() {
            continue;
        }
        for route in intent.routes(object) {
            let Way::Direct(ip) = route.way else { continue };
            let Some(gateway) = routers.get(&ip) else { continue };
            let Some(pool) = cluster.pool_of(route.dst.addr()) else {
                continue;
            };
            let Some(router) = ignorant(world, cluster, node, *gateway, route.dst) else {
                continue;
            };
            let title = format!(
                "{} sends packets for {} of {} to {router} without a tunnel, and {router} has no route to them",
                node.name, route.dst, route.owner
            );
            if let Some(known) = by_pool.get_mut(pool.name.as_str()) {
                known.consequences.push(Consequence {
                    id: "pool-without-tunnel",
                    node: node.name.clone(),
                    title,
                });
                continue;
            }
            let finding = Finding::of("pool-without-tunnel", &node.name, title)
                .about(format!("IPPool({})", pool.name))
                .shown(
                    format!("IPPool({})", pool.name),
                    format!(
                        "spec.ipipMode is {:?}, spec.vxlanMode is {:?}",
                        pool.ipip, pool.vxlan
                    ),
                )
                .shown(
                    format!("ip route get {ip} on {}", node.name),
                    format!("via {gateway}, which is {router}"),
                )
                .shown(
                    format!("ip route on {router}"),
                    format!("no route to {}", route.dst),
                )
                .step(format!(
                    "or give {router} routes to the pods: a BGPPeer with it, or ip route add there"
                ));
            let mode = if world
                .nodes
                .iter()
                .any(|node| node.net.link_named("tunl0").is_some())
            {
                "ipipMode"
            } else {
                "vxlanMode"
            };
            let finding = finding.set("IPPool", &pool.name, mode, "CrossSubnet");
            by_pool.insert(&pool.name, finding);
        }
    }
    found.extend(by_pool.into_values());
}

/// The router, where it was seen, is no node of the cluster, and has no route to these pods or a wrong one.
fn ignorant(
    world: &World,
    cluster: &Cluster,
    node: &NodeState,
    gateway: IpAddr,
    dst: IpNet,
) -> Option<String> {
    let Peer::Node(name) = world.peer_at(node, gateway) else {
        return None;
    };
    if cluster.node(&name).is_some() {
        return None;
    }
    let path = world.view(&name)?.path(dst.addr());
    matches!(path, Path::None).then_some(name)
}
