//! Switches that tunnels join in circles.

use std::collections::BTreeSet;

use crate::diagnose::finding::{Command, Finding};
use crate::diagnose::world::World;
use crate::intent::ovs::meshes::{Circle, circles};
use crate::intent::ovs::tunnels::Tunnels;

/// Named in one finding.
const NAMED: usize = 4;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    if world.nodes.iter().any(|node| node.ovs.known().is_some()) {
        let tunnels = Tunnels::new(world.nodes);
        found.extend(circles(&tunnels).iter().filter_map(finding));
    }
}

fn finding(circle: &Circle) -> Option<Finding> {
    let first = circle.ends.first()?;
    let bridges: BTreeSet<(&str, &str)> = circle
        .ends
        .iter()
        .map(|end| (end.node.name.as_str(), end.bridge.name.as_str()))
        .collect();
    let mut names: Vec<String> = bridges
        .iter()
        .take(NAMED)
        .map(|(node, bridge)| format!("{bridge} of {node}"))
        .collect();
    if let Some(more) = bridges.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    let mut finding = Finding::of(
        "bridge-loop",
        &first.node.name,
        format!(
            "{} are joined in a circle by tunnels, and none runs STP: frames go round for ever",
            names.join(", ")
        ),
    )
    .about(&first.bridge.name);
    for end in circle.ends.iter().take(2 * NAMED) {
        finding = finding.shown(
            format!("ovs-vsctl show on {}", end.node.name),
            format!("{}: remote_ip {}", end.interface.name, end.remote),
        );
    }
    finding = finding.shown(
        "ovs-ofctl dump-flows, ovs-vsctl list bridge",
        "all switches learn and flood; stp_enable and rstp_enable are false",
    );
    for (node, bridge) in bridges {
        finding.fix.commands.push(Command::on(
            node,
            format!("ovs-vsctl set bridge {bridge} rstp_enable=true"),
            format!("ovs-vsctl set bridge {bridge} rstp_enable=false"),
        ));
    }
    Some(finding.step("in a mesh, rules do as well: what came by a tunnel goes to no other tunnel"))
}
