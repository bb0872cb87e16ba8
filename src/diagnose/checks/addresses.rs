//! Addresses of nodes, beside those that the wrong link gave them.

use std::collections::BTreeMap;

use super::shared::{link_of, uplinks};
use crate::diagnose::finding::{Finding, Severity, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::intent::pool::Mode;
use crate::state::NodeState;
use crate::state::kernel::Kernel;
use crate::state::link::Address;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    cloned(world, found);
    one_name(world, found);
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

/// Two machines with one machine-id: one is a clone of the other. Nodes of one kernel are no machines.
fn cloned(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<&str, Vec<(&NodeState, &Kernel)>> = BTreeMap::new();
    for node in world.nodes {
        if let Some(kernel) = node.kernel.known()
            && let Some(id) = kernel.machine_id.known()
        {
            by.entry(id).or_default().push((node, kernel));
        }
    }
    for (id, nodes) in by {
        let mut boots: Vec<&str> = nodes
            .iter()
            .filter_map(|(_, kernel)| kernel.boot_id.known().map(String::as_str))
            .collect();
        boots.sort_unstable();
        boots.dedup();
        if boots.len() < 2 || boots.len() != nodes.len() {
            continue;
        }
        let names: Vec<&str> = nodes.iter().map(|(node, _)| node.name.as_str()).collect();
        found.push(
            Finding::of("machine-id-shared", names.first().copied().unwrap_or_default(), format!("{} have one machine-id: they were cloned", names.join(", ")))
                .about(id)
                .shown("/etc/machine-id", format!("{id} on each, with boot ids of their own"))
                .step("on the clones: rm /etc/machine-id /var/lib/calico/nodename; systemd-machine-id-setup; reboot"),
        );
    }
}

/// Two machines that call themselves by one name for Calico: they write one Node by turns.
fn one_name(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<&str, Vec<&NodeState>> = BTreeMap::new();
    for node in world.nodes {
        let stored = node.calico_files.nodename.known().map(|name| name.trim());
        by.entry(stored.filter(|name| !name.is_empty()).unwrap_or(&node.name))
            .or_default()
            .push(node);
    }
    for (name, nodes) in by {
        let machine = |node: &NodeState| {
            let kernel = node.kernel.known()?;
            let boot = kernel.boot_id.known()?.clone();
            Some((kernel.machine_id.known().cloned(), boot))
        };
        let [first, others @ ..] = nodes.as_slice() else {
            continue;
        };
        let Some(other) = others.iter().find(|other| {
            machine(first).is_some() && machine(other).is_some() && machine(first) != machine(other)
        }) else {
            continue;
        };
        let host = |node: &NodeState| {
            node.kernel
                .known()
                .map_or_else(|| node.name.clone(), |kernel| kernel.hostname.clone())
        };
        found.push(
            Finding::of(
                "node-name-shared",
                &other.name,
                format!(
                    "two machines call themselves {name}: each overwrites the other's address and tunnel"
                ),
            )
            .about(format!("Node({name})"))
            .shown(format!("/var/lib/calico/nodename of {}", host(first)), name)
            .shown(
                format!("/var/lib/calico/nodename of {}", host(other)),
                format!("{name}, on another machine (machine-id, boot id)"),
            )
            .step("give one of them a name of its own: hostnamectl set-hostname NAME")
            .run("rm /var/lib/calico/nodename", "")
            .step("then make its calico-node pod anew"),
        );
    }
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
