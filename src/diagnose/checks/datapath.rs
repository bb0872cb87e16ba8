//! Open vSwitch on its own node: a switch that stands still, rules that let nothing pass.

use crate::diagnose::finding::Finding;
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::ovs::{Bridge, Interface, Ovs};
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
            let unmade = unmade(node, bridge);
            if unmade.is_some() {
                found.extend(unmade);
                continue;
            }
            found.extend(refused(node, bridge));
            found.extend(silent(node, bridge));
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

/// A bridge whose data path could not be made: nothing is said of its ports, not even of its own.
fn unmade(node: &NodeState, bridge: &Bridge) -> Option<Finding> {
    node.processes.known()?.daemon_of(DaemonKind::OvsVswitchd)?;
    let mut own = bridge.ports.iter().filter(|port| port.name == bridge.name);
    let own = own.next()?.interfaces.first()?;
    if own.ofport.is_some()
        || bridge
            .ports
            .iter()
            .flat_map(|port| &port.interfaces)
            .any(has_number)
    {
        return None;
    }
    let (name, bridge_name) = (&node.name, &bridge.name);
    let kind = match bridge.datapath_type.as_str() {
        "" => "system",
        kind => kind,
    };
    let finding = Finding::of(
        "ovs-port-refused",
        name,
        format!("{bridge_name} of {name} takes no packets: Open vSwitch could not make its data path"),
    )
    .about(bridge_name)
    .shown(
        format!("ovs-vsctl list interface {bridge_name} on {name}"),
        "ofport is empty, as those of all its ports are",
    )
    .shown(
        format!("ovs-vsctl list bridge {bridge_name} on {name}"),
        format!("datapath_type {kind}"),
    );
    Some(if kind == "system" {
        finding
            .step(MODULE)
            .step(format!(
                "in user space: ovs-vsctl set bridge {bridge_name} datapath_type=netdev"
            ))
            .run("modprobe openvswitch", "")
    } else {
        finding.step(format!(
            "see what ovs-vswitchd logs of {bridge_name}: /var/log/openvswitch/ovs-vswitchd.log"
        ))
    })
}

fn has_number(interface: &Interface) -> bool {
    interface.ofport.is_some()
}

const MODULE: &str = "the module openvswitch must be of the running kernel, and that of the tunnel's kind there: modinfo openvswitch vport_vxlan vport_gre";

/// A port that the data path did not take: a module is missing, or a link, or it is there already.
fn refused(node: &NodeState, bridge: &Bridge) -> Option<Finding> {
    let (interface, why) = bridge
        .ports
        .iter()
        .flat_map(|port| &port.interfaces)
        .find_map(|interface| {
            let why = interface.error.as_deref().filter(|why| !why.is_empty())?;
            Some((interface, why))
        })?;
    let (name, refused) = (&node.name, &interface.name);
    // The link of a container that was deleted: nobody misses it.
    if why.contains("No such device") && interface.kind.is_empty() {
        return None;
    }
    let finding = Finding::of(
        "ovs-port-refused",
        name,
        format!(
            "Open vSwitch of {name} could not add {refused} to {}",
            bridge.name
        ),
    )
    .about(refused)
    .shown(
        format!("ovs-vsctl show on {name}"),
        format!("{refused}: error: {why}"),
    );
    let like = |other: &&Interface| {
        let of_tunnel =
            |one: &Interface| ["remote_ip", "local_ip", "key"].map(|key| one.options.get(key).cloned());
        other.name != *refused && other.kind == interface.kind && of_tunnel(other) == of_tunnel(interface)
    };
    let mut others = node.ovs.known()?.interfaces().map(|(_, _, other)| other);
    if let Some(other) = others.find(like).filter(|_| why.contains("File exists")) {
        return Some(
            finding
                .shown(
                    format!("ovs-vsctl show on {name}"),
                    format!("{}: the same tunnel", other.name),
                )
                .step(format!(
                    "of two ports of one tunnel, {refused} and {}, keep the one that rules name",
                    other.name
                ))
                .run(format!("ovs-vsctl del-port {} {refused}", bridge.name), ""),
        );
    }
    // What options lack, no module mends.
    Some(if why.contains("requires") {
        finding.step(format!(
            "set what it lacks: ovs-vsctl set interface {refused} options:…"
        ))
    } else {
        finding
            .step(MODULE)
            .run("modprobe -a openvswitch vport_vxlan vport_gre vport_geneve", "")
    })
}

/// A bridge forwards by its rules only. Without a controller it writes the one that learns itself, once, and in fail mode
/// secure not even that.
fn silent(node: &NodeState, bridge: &Bridge) -> Option<Finding> {
    let flows = bridge.flows.known()?;
    let forwards = flows
        .iter()
        .filter(|flow| !flow.is_hidden())
        .any(|flow| flow.actions.iter().any(|action| action != "drop"));
    let alone = !bridge.controllers.iter().any(|target| target.is_connected);
    let ports = bridge
        .ports
        .iter()
        .filter(|port| port.name != bridge.name)
        .count();
    if !alone || forwards || ports < 2 {
        return None;
    }
    let name = &node.name;
    let secure = bridge.fail_mode.as_deref() == Some("secure");
    let finding = Finding::of(
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
            "{}: fail_mode {}, {} controllers, none connected",
            bridge.name,
            bridge.fail_mode.as_deref().unwrap_or("standalone"),
            bridge.controllers.len()
        ),
    )
    .shown(
        format!("ovs-ofctl dump-flows {} on {name}", bridge.name),
        format!("{} rules, none forwards", flows.len()),
    );
    Some(if secure {
        finding
            .step("bring its controller back; or let the switch learn by itself:")
            .run(
                format!("ovs-vsctl set-fail-mode {} standalone", bridge.name),
                format!("ovs-vsctl set-fail-mode {} secure", bridge.name),
            )
    } else {
        finding
            .step("whoever wrote its rules has to write them again; or let the switch learn by itself:")
            .run(
                format!("ovs-ofctl add-flow {} priority=0,actions=NORMAL", bridge.name),
                format!("ovs-ofctl --strict del-flows {} priority=0", bridge.name),
            )
    })
}
