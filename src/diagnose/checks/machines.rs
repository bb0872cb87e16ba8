//! Machines that take each other's place: clones, and two of one name.

use std::collections::BTreeMap;

use crate::diagnose::finding::{Evidence, Finding};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::kernel::Kernel;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    cloned(world, found);
    one_name(world, found);
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
                .step("on the clones: rm -f /etc/machine-id /var/lib/dbus/machine-id /var/lib/calico/nodename; systemd-machine-id-setup; reboot"),
        );
    }
}

/// Two machines that call themselves by one name for Calico: they write one Node by turns.
fn one_name(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<&str, Vec<&NodeState>> = BTreeMap::new();
    for node in world.nodes {
        let stored = stored_name(node);
        by.entry(stored.filter(|name| !name.is_empty()).unwrap_or(node.own_name()))
            .or_default()
            .push(node);
    }
    for (name, nodes) in by {
        let [first, others @ ..] = nodes.as_slice() else {
            continue;
        };
        let Some(other) = others.iter().find(|other| other.is_other_machine(first)) else {
            continue;
        };
        let evidence = [first, other].into_iter().flat_map(|node| said_by(node, name));
        let steps = [
            (host_name(other) == name).then(|| {
                format!(
                    "give {} a name of its own: hostnamectl set-hostname NAME",
                    other.name
                )
            }),
            environment_name(other).map(|_| {
                format!(
                    "take NODENAME={name} out of calico-node's environment on {}, or set another",
                    other.name
                )
            }),
        ];
        let again = format!(
            "then start calico-node again on {}, and on {} after it",
            other.name, first.name
        );
        let title =
            format!("two machines call themselves {name}: each overwrites the other's address and tunnel");
        let mut finding = Finding::of("node-name-shared", &other.name, title).about(format!("Node({name})"));
        finding.evidence = evidence.collect();
        finding = steps.into_iter().flatten().fold(finding, Finding::step);
        if stored_name(other) == Some(name) {
            finding = finding.run("rm /var/lib/calico/nodename", "");
        }
        found.push(finding.step(again));
    }
}

/// What calico-node stored at its first start.
fn stored_name(node: &NodeState) -> Option<&str> {
    node.calico_files.nodename.known().map(|stored| stored.trim())
}

/// By what a machine has that name, and that it is one of its own.
fn said_by(node: &NodeState, name: &str) -> Vec<Evidence> {
    let file = stored_name(node).filter(|stored| *stored == name);
    let machine = node.kernel.known().and_then(|kernel| {
        let id = kernel.machine_id.known().map(|id| format!("machine-id {id}"));
        id.or_else(|| Some(format!("boot id {}", kernel.boot_id.known()?)))
    });
    let sources = [
        environment_name(node).map(|_| format!("NODENAME of calico-node on {}", host_name(node))),
        file.map(|_| format!("/var/lib/calico/nodename of {}", host_name(node))),
        (host_name(node) == name).then(|| format!("hostname of {}", node.name)),
    ];
    let mut said = sources
        .into_iter()
        .flatten()
        .map(|source| Evidence::new(source, name))
        .collect::<Vec<_>>();
    if let (Some(first), Some(machine)) = (said.first_mut(), machine) {
        first.text = format!("{name}, on the machine with {machine}");
    }
    said
}

fn host_name(node: &NodeState) -> &str {
    node.kernel.known().map_or(&node.name, |kernel| &kernel.hostname)
}

fn environment_name(node: &NodeState) -> Option<&String> {
    node.processes.known()?.environment.get("NODENAME")
}
