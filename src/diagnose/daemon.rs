//! The node's own BIRD doesn't run, or stands still: no sessions, and no routes to the pods of other nodes.

use super::facts::is_by_calico;
use super::finding::{Evidence, Finding, Fix};
use super::session::Cause;
use super::world::World;
use crate::state::bird::Bird;
use crate::state::process::CalicoProcesses;
use crate::state::{Absence, NodeState};

/// Judges `bird` on a node whose object says that it takes part in BGP. None where it answers, where processes can't be
/// seen, or where calico-node is told to do without BGP.
pub(super) fn finding(world: &World, node: &NodeState) -> Option<Finding> {
    world.object(&node.name)?.ipv4?;
    let processes = node.processes.known()?;
    let why = node.bird.why()?;
    if !(uses_bgp(processes) || (processes.environment.is_empty() && is_missed(world, node))) {
        return None;
    }
    let mut evidence = vec![Evidence::new(format!("BIRD on {}", node.name), why)];
    let name = &node.name;
    let (cause, title, step) = match processes.daemon("bird") {
        Some(process) => {
            let state = process
                .state
                .filter(|state| matches!(state, 'T' | 't' | 'D' | 'Z'))?;
            evidence.push(Evidence::new(
                format!("ps on {name}"),
                format!("process {} (bird) is in state {state}", process.pid),
            ));
            let title = format!("BIRD on {name} stands still: peers will end their sessions with it");
            let step = match state {
                'T' | 't' => format!(
                    "kill -CONT {}   (on {name}), and find out who stopped it",
                    process.pid
                ),
                _ => format!("restart calico-node on {name}"),
            };
            (Cause::HoldTimerExpired, title, step)
        }
        None if node.bird.absence() == Some(Absence::Missing) => (
            Cause::BirdDown,
            format!("BIRD does not run on {name}: it has no BGP sessions"),
            format!("start calico-node on {name}, and look at its log"),
        ),
        None => return None,
    };
    Some(Finding {
        cause: Some(cause),
        evidence,
        fix: Fix {
            steps: vec![step],
            ..Fix::default()
        },
        ..Finding::of("bird-not-running", name, title)
    })
}

/// Whether calico-node is there and runs BIRD (`CALICO_NETWORKING_BACKEND`: bird unless it says otherwise). Its settings
/// must be readable: without them a cluster without BGP looks the same.
pub(super) fn uses_bgp(processes: &CalicoProcesses) -> bool {
    let backend = processes.environment.get("CALICO_NETWORKING_BACKEND");
    let bgp = backend.is_none_or(|backend| backend.is_empty() || backend == "bird");
    bgp && !processes.environment.is_empty()
}

/// Whether another node's BIRD, by Calico's configuration, is to have a session with this node, and is refused.
fn is_missed(world: &World, node: &NodeState) -> bool {
    let object = world.object(&node.name);
    let Some(own) = object.and_then(|object| object.ipv4).map(|own| own.ip) else {
        return false;
    };
    let others = world.nodes.iter().filter(|other| other.name != node.name);
    let mut sessions = others
        .filter_map(|other| other.bird.known())
        .flat_map(Bird::sessions);
    sessions.any(|(protocol, session)| {
        let error = session.last_error.as_deref();
        session.neighbor_address == Some(own)
            && session.state != "Established"
            && is_by_calico(&protocol.name)
            && error.is_some_and(|error| error.contains("Connection refused"))
    })
}

/// Whether calico-node is told to do without BIRD.
pub(super) fn does_without_bgp(processes: &CalicoProcesses) -> bool {
    let backend = processes.environment.get("CALICO_NETWORKING_BACKEND");
    backend.is_some_and(|backend| !backend.is_empty() && backend != "bird")
}
