//! Addresses of nodes, beside those that the wrong link gave them.

use std::collections::BTreeMap;

use super::shared::{link_of, uplinks};
use crate::diagnose::finding::{Finding, Severity, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::intent::pool::Mode;
use crate::state::NodeState;
use crate::state::link::Address;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    same_mac(world, found);
    if let Ok(cluster) = world.cluster {
        for node in world.nodes {
            found.extend(mask(cluster, node));
        }
        found.extend(stale(cluster));
    }
}

/// The stored length is not the link's.
fn mask(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let stored = cluster.node(&node.name)?.ipv4?;
    let held = node
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == stored.ip)?;
    // Addresses of hosts (/32) are made so on purpose: on loopbacks, by keepalived, in clouds.
    if held.prefix_len == stored.prefix_len || held.prefix_len == 32 {
        return None;
    }
    let across = |mode| mode == Mode::CrossSubnet;
    let matters = cluster
        .pools
        .iter()
        .any(|pool| across(pool.ipip) || across(pool.vxlan));
    let link = link_of(node, stored.ip)?;
    let name = &node.name;
    let mut finding = Finding::of(
        "node-address-mask-differs",
        name,
        format!("{name} is stored as {stored}, and {} has {held}", link.name),
    )
    .about(&link.name)
    .shown(
        format!("Node({name})"),
        format!("spec.bgp.ipv4Address is {stored}"),
    )
    .shown(format!("ip addr on {name}"), format!("{held} on {}", link.name))
    .set("Node", name, "bgp.ipv4Address", held.to_string());
    if matters {
        finding.severity = Severity::Error;
        finding = finding.shown(
            "IPPool",
            "a pool is CrossSubnet: the stored length decides what is encapsulated",
        );
    }
    Some(finding)
}

/// Two uplinks in one segment with one MAC.
fn same_mac(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<&str, Vec<(&NodeState, &str, ipnet::IpNet)>> = BTreeMap::new();
    for node in world.nodes {
        for link in uplinks(node) {
            let segment = node
                .net
                .addresses
                .items()
                .iter()
                .find(|address| address.link == link.index && address.ip.is_ipv4());
            if let (Some(mac), Some(segment)) = (&link.mac, segment.and_then(Address::network)) {
                by.entry(mac).or_default().push((node, &link.name, segment));
            }
        }
    }
    for (mac, links) in by {
        let [(first, link, segment), rest @ ..] = links.as_slice() else {
            continue;
        };
        let Some((other, ..)) = rest
            .iter()
            .find(|(other, _, theirs)| theirs == segment && other.name != first.name)
        else {
            continue;
        };
        found.push(
            Finding::of(
                "mac-shared",
                &first.name,
                format!(
                    "{} and {} have one MAC in {segment}: switches send their frames to either",
                    first.name, other.name
                ),
            )
            .about(mac)
            .shown(format!("ip link show dev {link} on {}", first.name), mac)
            .shown(format!("ip link on {}", other.name), mac)
            .step("give the cloned machine's link a MAC of its own"),
        );
    }
}

/// Calico's Node of a machine that Kubernetes doesn't know any more.
fn stale(cluster: &Cluster) -> Vec<Finding> {
    let Some(inventory) = cluster
        .kubernetes
        .as_ref()
        .filter(|inventory| !inventory.nodes.is_empty())
    else {
        return Vec::new();
    };
    let known = |name: &str| inventory.nodes.iter().any(|node| node.metadata.name == name);
    // Where most names are unknown, Calico names its nodes otherwise.
    let strange: Vec<&str> = cluster
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .filter(|name| !known(name))
        .collect();
    if strange.len() * 2 > cluster.nodes.len() {
        return Vec::new();
    }
    strange
        .into_iter()
        .map(|name| {
            Finding::of(
                "node-object-stale",
                name,
                format!("Calico has a Node {name} that Kubernetes doesn't"),
            )
            .sure(Sure::Likely)
            .shown(format!("Node({name})"), "in Calico's datastore")
            .shown(
                "kubectl get nodes",
                format!("{} nodes, none of them {name}", inventory.nodes.len()),
            )
            .step(format!(
                "if the machine is gone for good: netdiag delete node {name}"
            ))
        })
        .collect()
}
