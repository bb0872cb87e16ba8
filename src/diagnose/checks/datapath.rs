//! Open vSwitch on its own node: a switch that stands still, rules that let nothing pass, VLANs that don't fit.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::shared::{host_end, pods};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::link::Address;
use crate::state::ovs::{Bridge, Ovs, Port};
use crate::state::process::DaemonKind;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        let Some(ovs) = node.ovs.known() else { continue };
        let dead = stands_still(node, ovs);
        if dead.is_some() {
            found.extend(dead);
            continue;
        }
        for bridge in &ovs.bridges {
            found.extend(refused(node, bridge));
            found.extend(silent(node, bridge));
            found.extend(vlans(node, bridge));
        }
    }
}

/// The database is there, and the switch isn't.
fn stands_still(node: &NodeState, ovs: &Ovs) -> Option<Finding> {
    let processes = node
        .processes
        .known()
        .filter(|processes| processes.host_visible)?;
    let name = &node.name;
    if ovs.bridges.is_empty()
        || processes.daemon_of(DaemonKind::OvsVswitchd).is_some()
        || processes.daemon_of(DaemonKind::OvsdbServer).is_none()
    {
        return None;
    }
    Some(
        Finding::of(
            "ovs-daemon-down",
            name,
            format!(
                "ovs-vswitchd does not run on {name}: its {} bridges learn nothing any more",
                ovs.bridges.len()
            ),
        )
        .about("ovs-vswitchd")
        .shown(format!("ps on {name}"), "ovsdb-server, and no ovs-vswitchd")
        .run("systemctl restart openvswitch-switch", ""),
    )
}

/// A port that the data path did not take: a module is missing, or a link.
fn refused(node: &NodeState, bridge: &Bridge) -> Option<Finding> {
    let (interface, why) = bridge
        .ports
        .iter()
        .flat_map(|port| &port.interfaces)
        .find_map(|interface| {
            let why = interface.error.as_deref().filter(|why| !why.is_empty())?;
            Some((interface, why))
        })?;
    let name = &node.name;
    // The link of a container that was deleted: nobody misses it.
    if why.contains("No such device") && interface.kind.is_empty() {
        return None;
    }
    Some(
        Finding::of(
            "ovs-port-refused",
            name,
            format!("Open vSwitch of {name} could not add {} to {}", interface.name, bridge.name),
        )
        .about(&interface.name)
        .shown(format!("ovs-vsctl show on {name}"), format!("{}: error: {why}", interface.name))
        .step("the module openvswitch must be of the running kernel, and that of the tunnel's kind there: modinfo openvswitch vport_vxlan vport_gre")
        .run("modprobe -a openvswitch vport_vxlan vport_gre vport_geneve", ""),
    )
}

/// Without a controller, a bridge in fail mode secure forwards by its rules only, and has none.
fn silent(node: &NodeState, bridge: &Bridge) -> Option<Finding> {
    let flows = bridge.flows.known()?;
    let forwards = flows
        .iter()
        .filter(|flow| !flow.is_hidden())
        .any(|flow| flow.actions.iter().any(|action| action != "drop"));
    let secure = bridge.fail_mode.as_deref() == Some("secure")
        && !bridge.controllers.iter().any(|target| target.is_connected);
    let ports = bridge
        .ports
        .iter()
        .filter(|port| port.name != bridge.name)
        .count();
    let name = &node.name;
    (secure && !forwards && ports > 1).then(|| {
        Finding::of(
            "ovs-without-rules",
            name,
            format!(
                "{} of {name} has no rule that lets anything pass, and no controller that would write one",
                bridge.name
            ),
        )
        .about(&bridge.name)
        .shown(
            format!("ovs-vsctl show on {name}"),
            format!(
                "{}: fail_mode secure, {} controllers, none connected",
                bridge.name,
                bridge.controllers.len()
            ),
        )
        .shown(
            format!("ovs-ofctl dump-flows {} on {name}", bridge.name),
            format!("{} rules, none forwards", flows.len()),
        )
        .step("bring its controller back; or let the switch learn by itself:")
        .run(
            format!("ovs-vsctl set-fail-mode {} standalone", bridge.name),
            format!("ovs-vsctl set-fail-mode {} secure", bridge.name),
        )
    })
}

/// An access port, whose container has an address.
struct Member<'n> {
    port: &'n Port,
    tag: u16,
    title: String,
    ip: IpAddr,
}

/// Containers of one subnet in different VLANs of a bridge that forwards by learning.
fn vlans(node: &NodeState, bridge: &Bridge) -> Option<Finding> {
    let learns = bridge
        .flows
        .items()
        .iter()
        .any(|flow| !flow.is_hidden() && flow.actions.iter().any(|action| action == "NORMAL"));
    if !learns {
        return None;
    }
    let mut by_net: BTreeMap<IpNet, Vec<Member>> = BTreeMap::new();
    for pod in pods(node) {
        for link in pod.net.links.items() {
            let Some(end) = host_end(node, pod, link) else {
                continue;
            };
            let Some(port) = bridge.ports.iter().find(|port| port.name == end.name) else {
                continue;
            };
            let mut all = pod.net.addresses.items().iter();
            let held = all.find(|address| address.link == link.index && address.ip.is_ipv4());
            let trunk =
                !port.trunks.is_empty() || port.vlan_mode.as_deref().is_some_and(|mode| mode != "access");
            if let Some(net) = held.and_then(Address::network).filter(|_| !trunk)
                && let Some(held) = held
            {
                by_net.entry(net).or_default().push(Member {
                    port,
                    tag: port.tag.unwrap_or(0),
                    title: pod.title(),
                    ip: held.ip,
                });
            }
        }
    }
    // One is alone among several: two against two are two networks of one range.
    let (net, members, odd) = by_net.iter().find_map(|(net, members)| {
        let of = |tag: u16| members.iter().filter(|member| member.tag == tag).count();
        let odd = members.iter().find(|member| of(member.tag) == 1)?;
        let same = members.iter().find(|member| member.tag != odd.tag)?;
        (members.len() > 2 && of(same.tag) == members.len() - 1).then_some((net, members, odd))
    })?;
    let usual = members.iter().find(|member| member.tag != odd.tag)?.tag;
    let name = &node.name;
    let word = |tag: u16| {
        if tag == 0 {
            "no VLAN".to_owned()
        } else {
            format!("VLAN {tag}")
        }
    };
    let change = |tag: u16| match tag {
        0 => format!("ovs-vsctl clear port {} tag", odd.port.name),
        tag => format!("ovs-vsctl set port {} tag={tag}", odd.port.name),
    };
    Some(
        Finding::of(
            "ovs-vlan-differs",
            name,
            format!(
                "{} is in {}, and all others of {net} on {} are in {}",
                odd.title,
                word(odd.tag),
                bridge.name,
                word(usual)
            ),
        )
        .about(&odd.port.name)
        .sure(Sure::Likely)
        .shown(
            format!("ovs-vsctl show on {name}"),
            format!(
                "{}: {}; of {} others: {}",
                odd.port.name,
                word(odd.tag),
                members.len() - 1,
                word(usual)
            ),
        )
        .shown(
            format!("ip addr in {}", odd.title),
            format!("{} of {net}", odd.ip),
        )
        .run(change(usual), change(odd.tag)),
    )
}
