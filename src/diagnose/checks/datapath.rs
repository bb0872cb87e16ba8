//! Open vSwitch on its own node: a switch that stands still, rules that let nothing pass.

use crate::diagnose::finding::Finding;
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::ovs::{Bridge, Ovs};
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
