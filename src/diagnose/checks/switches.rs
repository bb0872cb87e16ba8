//! Tunnels of Open vSwitch, held against each other.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::IpAddr;

use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::link::Address;
use crate::state::ovs::Interface;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let mut owners: HashMap<IpAddr, &NodeState> = HashMap::new();
    for node in world.nodes {
        for address in node
            .net
            .addresses
            .items()
            .iter()
            .filter(|address| !address.ip.is_loopback())
        {
            owners.insert(address.ip, node);
        }
    }
    for node in world.nodes {
        for port in tunnels(node) {
            found.extend(judge(&owners, world, node, port));
        }
    }
}

fn tunnels(node: &NodeState) -> impl Iterator<Item = &Interface> {
    let all = node
        .ovs
        .known()
        .into_iter()
        .flat_map(|ovs| &ovs.bridges)
        .flat_map(|bridge| &bridge.ports)
        .flat_map(|port| &port.interfaces);
    all.filter(|interface| ["vxlan", "gre", "geneve"].contains(&interface.kind.as_str()))
}

fn option<'i>(interface: &'i Interface, key: &str) -> Option<&'i str> {
    interface.options.get(key).map(String::as_str)
}

fn remote(interface: &Interface) -> Option<IpAddr> {
    option(interface, "remote_ip")?.parse().ok()
}

/// The address of a node on that segment of another one's in which the mistyped address lies.
fn beside(node: &NodeState, other: &NodeState, mistyped: IpAddr) -> Option<IpAddr> {
    let mut segments = other.net.addresses.items().iter().filter_map(Address::network);
    let segment = segments.find(|net| net.contains(&mistyped))?;
    let mut there = node.net.addresses.items().iter();
    Some(there.find(|address| segment.contains(&address.ip))?.ip)
}

fn judge(
    owners: &HashMap<IpAddr, &NodeState>,
    world: &World,
    node: &NodeState,
    port: &Interface,
) -> Option<Finding> {
    let remote_ip = remote(port)?;
    let name = &node.name;
    let key = option(port, "key").unwrap_or("0");
    let finding = |title: String| {
        Finding::of("ovs-tunnel-mismatch", name, title)
            .about(&port.name)
            .shown(
                format!("ovs-vsctl show on {name}"),
                format!(
                    "{}: type {}, remote_ip {remote_ip}, key {key}",
                    port.name, port.kind
                ),
            )
    };
    let Some(other) = owners.get(&remote_ip) else {
        // All other ends are seen, so this one leads to a typing error.
        let others = || {
            world
                .nodes
                .iter()
                .filter(|other| other.name != *name && tunnels(other).next().is_some())
        };
        let back: Vec<&NodeState> = others()
            .filter(|other| {
                tunnels(other)
                    .filter_map(remote)
                    .any(|ip| owners.get(&ip).is_some_and(|owner| owner.name == *name))
            })
            .collect();
        let mine: Vec<IpAddr> = tunnels(node).filter_map(remote).collect();
        let lonely = back.iter().find(|other| {
            !other
                .net
                .addresses
                .items()
                .iter()
                .any(|address| mine.contains(&address.ip))
        })?;
        let finding = finding(format!(
            "{} of {name} leads to {remote_ip}, which nobody has; {} has a tunnel to {name}",
            port.name, lonely.name
        ))
        .sure(Sure::Likely);
        let set = |ip: &dyn Display| format!("ovs-vsctl set interface {} options:remote_ip={ip}", port.name);
        return Some(match beside(lonely, node, remote_ip) {
            Some(ip) => finding.run(set(&ip), set(&remote_ip)),
            None => finding.step(format!(
                "{}   (on {name})",
                set(&format!("ADDRESS-OF-{}", lonely.name))
            )),
        });
    };
    if other.name == *name || other.ovs.known().is_none() {
        return None;
    }
    let back: Vec<&Interface> = tunnels(other)
        .filter(|back| {
            remote(back).is_some_and(|ip| owners.get(&ip).is_some_and(|owner| owner.name == *name))
        })
        .collect();
    if back.is_empty() {
        // One that leads to nobody is told there: it is this one's other end.
        let astray = tunnels(other)
            .filter_map(remote)
            .any(|ip| !owners.contains_key(&ip));
        return (!astray).then(|| {
            finding(format!(
                "{} of {name} leads to {}, which has no tunnel back",
                port.name, other.name
            ))
            .step(format!(
                "add a {} port with remote_ip of {name} on {}",
                port.kind, other.name
            ))
        });
    }
    let fits = |back: &&Interface| back.kind == port.kind && option(back, "key").unwrap_or("0") == key;
    // Of both ends, the first by name is told.
    if back.iter().any(fits) || *name > other.name {
        return None;
    }
    let theirs = back.first()?;
    let their_key = option(theirs, "key").unwrap_or("0");
    Some(
        finding(format!(
            "{} of {name} and {} of {} don't fit: {} with key {key}, {} with key {their_key}",
            port.name, theirs.name, other.name, port.kind, theirs.kind
        ))
        .shown(
            format!("ovs-vsctl show on {}", other.name),
            format!("{}: type {}, key {their_key}", theirs.name, theirs.kind),
        )
        .run(
            format!(
                "ovs-vsctl set interface {} type={} options:key={their_key}",
                port.name, theirs.kind
            ),
            format!(
                "ovs-vsctl set interface {} type={} options:key={key}",
                port.name, port.kind
            ),
        ),
    )
}
