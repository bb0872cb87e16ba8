//! Open vSwitch's segments over all nodes: VLANs that keep members of a subnet apart, and hosts that are not in it.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::shared::{host_end, pods};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::ovs::segments::{Apart, Closed, Member, Segments, is_trunk};
use crate::intent::ovs::tunnels::Tunnels;
use crate::state::NodeState;
use crate::state::link::Address;
use crate::state::ovs::{Bridge, Port};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    if world.nodes.iter().all(|node| node.ovs.known().is_none()) {
        return;
    }
    let tunnels = Tunnels::new(world.nodes);
    let members: Vec<Member> = world.nodes.iter().flat_map(members).collect();
    let segments = Segments::new(world.nodes, &tunnels, &members);
    found.extend(segments.apart().iter().map(apart));
    found.extend(segments.closed(&tunnels).iter().map(closed));
    for node in world.nodes {
        found.extend(local(&tunnels, node, &members));
    }
}

/// Containers and hosts with an address of IPv4 on a port of a bridge.
pub(in crate::diagnose) fn members(node: &NodeState) -> Vec<Member<'_>> {
    let mut all = Vec::new();
    let Some(ovs) = node.ovs.known() else { return all };
    let is_plain = |port: &Port| !is_trunk(port) || (port.trunks.is_empty() && port.vlan_mode.is_none());
    let mut add = |bridge, port, title: String, address: Option<&Address>| {
        let net = address.and_then(|address| Some((address.ip, address.network()?)));
        if let Some((ip, net)) = net.filter(|_| is_plain(port)) {
            all.push(Member {
                node,
                bridge,
                port,
                title,
                ip,
                net,
            });
        }
    };
    let port_of = |name: &str| {
        let mut ports = ovs
            .bridges
            .iter()
            .flat_map(|bridge| bridge.ports.iter().map(move |port| (bridge, port)));
        ports.find(|(_, port)| port.name == name)
    };
    for pod in pods(node) {
        for link in pod.net.links.items() {
            if let Some((bridge, port)) = host_end(node, pod, link).and_then(|end| port_of(&end.name)) {
                add(bridge, port, pod.title(), pod.net.ipv4_on(link).next());
            }
        }
    }
    for bridge in &ovs.bridges {
        let port = bridge.ports.iter().find(|port| port.name == bridge.name);
        let own = node
            .net
            .link_named(&bridge.name)
            .and_then(|link| node.net.ipv4_on(link).next());
        if let Some(port) = port {
            add(bridge, port, format!("{} of {}", bridge.name, node.name), own);
        }
    }
    all
}

fn word(vlan: u16) -> String {
    match vlan {
        0 => "no VLAN".to_owned(),
        vlan => format!("VLAN {vlan}"),
    }
}

/// What puts a port's frames into a VLAN.
fn change(port: &Port, vlan: u16) -> String {
    match vlan {
        0 => format!("ovs-vsctl clear port {} tag", port.name),
        vlan => format!("ovs-vsctl set port {} tag={vlan}", port.name),
    }
}

fn apart(apart: &Apart) -> Finding {
    let Apart {
        member,
        together,
        vlan,
    } = apart;
    let (name, port, own) = (&member.node.name, member.port, member.vlan());
    let finding = Finding::of(
        "ovs-vlan-differs",
        name,
        format!(
            "{} is in {} of {}, and {together} others of {} are together elsewhere",
            member.title,
            word(own),
            member.bridge.name,
            member.net
        ),
    )
    .about(&port.name)
    .sure(Sure::Likely)
    .shown(
        format!("ovs-vsctl show on {name}"),
        format!("{}: {}", port.name, word(own)),
    )
    .shown(
        format!("ip addr in {}", member.title),
        format!("{} of {}", member.ip, member.net),
    );
    match vlan {
        Some(vlan) => finding
            .shown(
                "ovs-vsctl show",
                format!("the others are behind {} of {}", word(*vlan), member.bridge.name),
            )
            .run(change(port, *vlan), change(port, own)),
        None => finding.step("give its port the VLAN of the others, and tunnels and uplinks that carry it"),
    }
}

/// `tag=5`, `trunks=1,2`: what a port says of VLANs.
fn vlans(port: &Port) -> String {
    let mut words = Vec::new();
    words.extend(port.tag.map(|tag| format!("tag={tag}")));
    if !port.trunks.is_empty() {
        let trunks: Vec<String> = port.trunks.iter().map(ToString::to_string).collect();
        words.push(format!("trunks={}", trunks.join(",")));
    }
    words.extend(port.vlan_mode.as_ref().map(|mode| format!("vlan_mode={mode}")));
    words.join(" ")
}

/// What gives a port these settings, and no others.
fn like(name: &str, port: &Port) -> String {
    let clear = format!("ovs-vsctl clear port {name} tag trunks vlan_mode");
    match vlans(port) {
        settings if settings.is_empty() => clear,
        settings => format!("{clear} -- set port {name} {settings}"),
    }
}

fn closed(closed: &Closed) -> Finding {
    let Closed { end, other, net } = closed;
    let name = &end.node.name;
    let said = |port: &Port| match vlans(port) {
        settings if settings.is_empty() => "all VLANs".to_owned(),
        settings => settings,
    };
    Finding::of(
        "ovs-vlan-differs",
        name,
        format!(
            "{} of {name} lets nobody of {net} through to {}: it has {}, and {} there has {}",
            end.port.name,
            other.node.name,
            said(end.port),
            other.port.name,
            said(other.port)
        ),
    )
    .about(&end.port.name)
    .sure(Sure::Likely)
    .shown(
        format!("ovs-vsctl list port {} on {name}", end.port.name),
        said(end.port),
    )
    .shown(
        format!("ovs-vsctl list port {} on {}", other.port.name, other.node.name),
        said(other.port),
    )
    .run(like(&end.port.name, other.port), like(&end.port.name, end.port))
}

/// Whether nodes' hosts are in the subnet of their containers: what a host's local port says otherwise than all others'.
fn local(tunnels: &Tunnels, node: &NodeState, members: &[Member]) -> Option<Finding> {
    let bridges: Vec<&Bridge> = tunnels.of(node).map(|end| end.bridge).collect();
    let bridge = bridges.first()?;
    let is_pod = |member: &&Member| member.port.name != member.bridge.name;
    let mut own = members
        .iter()
        .filter(|member| member.node.name == node.name && member.bridge.name == bridge.name);
    let net: IpNet = own.find(is_pod)?.net;
    let others: BTreeSet<&str> = tunnels
        .of(node)
        .filter_map(|end| Some(tunnels.owner(end.remote)?.name.as_str()))
        .collect();
    let in_net = |other: &&str| {
        let mut locals = members
            .iter()
            .filter(|member| member.node.name == **other && !is_pod(member));
        locals.any(|member| member.net == net)
    };
    if others.is_empty() || !others.iter().all(in_net) {
        return None;
    }
    let link = node.net.link_named(&bridge.name)?;
    let address = node.net.ipv4_on(link).next();
    let name = &node.name;
    let finding = |why: String| {
        Finding::of(
            "ovs-local-port-differs",
            name,
            format!("{name} itself is not in {net}, as the other hosts are: {why}"),
        )
        .about(&bridge.name)
        .sure(Sure::Likely)
        .shown(
            format!("ip address show dev {} on {name}", bridge.name),
            address.map_or_else(|| "no address of IPv4".to_owned(), ToString::to_string),
        )
        .shown(
            "the other hosts",
            format!(
                "{} of {} have an address of {net} on theirs",
                others.len(),
                others.len()
            ),
        )
    };
    match address {
        Some(own) if own.network() == Some(net) => (!link.is_up()).then(|| {
            finding(format!("{} is down", bridge.name)).run(
                format!("ip link set {} up", bridge.name),
                format!("ip link set {} down", bridge.name),
            )
        }),
        Some(own) if net.contains(&own.ip) => Some({
            let change = |from: u8, to: u8| {
                let (ip, link) = (own.ip, &bridge.name);
                format!("ip address add {ip}/{to} brd + dev {link}; ip address del {ip}/{from} dev {link}")
            };
            let (from, to) = (own.prefix_len, net.prefix_len());
            finding(format!("{} has the length {from}", bridge.name)).run(change(from, to), change(to, from))
        }),
        Some(_) => None,
        // Of two hosts, one may be the gateway of both.
        None => (others.len() > 1).then(|| {
            finding(format!("{} has no address", bridge.name)).step(format!(
                "give it one of {net} that nobody has: ip address add ADDRESS/{} dev {}   (on {name})",
                net.prefix_len(),
                bridge.name
            ))
        }),
    }
}
