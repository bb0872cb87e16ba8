//! Docker's rules beside its networks and published ports.

use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::docker::{Lacking, Purpose, lacking};
use crate::state::NodeState;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        let Some(docker) = node.docker.known() else {
            continue;
        };
        found.extend(differs(node, &lacking(node, docker)));
    }
}

/// What packets of a network miss.
fn lost(purpose: &Purpose) -> String {
    match purpose {
        Purpose::Out => "its containers don't get out".to_owned(),
        Purpose::Back => "answers don't come back in".to_owned(),
        Purpose::Between => "its containers don't reach each other".to_owned(),
        Purpose::Published(port, container, _) => {
            format!("what comes by port {port} is not let through to {container}")
        }
        Purpose::Translated(port, container, ip) => {
            format!("port {port} of {container} leads to {ip}, which no container has")
        }
        Purpose::Isolated(other) => format!("its containers reach those of {other}"),
    }
}

fn differs(node: &NodeState, all: &[Lacking]) -> Option<Finding> {
    let [first, rest @ ..] = all else { return None };
    let (name, command) = (&node.name, first.dialect.command());
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!(" (and {} more)", rest.len())
    };
    let mut finding = Finding::of(
        "docker-rules-differ",
        name,
        format!("Docker's rules on {name} for network {} are not whole: {}{more}", first.network, lost(&first.purpose)),
    )
    .about(&first.network)
    .sure(Sure::Likely)
    .step("a firewall that reloaded its rules took Docker's away: have it start before Docker, and restart Docker after it");
    for one in all {
        for rule in &one.rules {
            let text = format!("without -A {}", rule.text());
            if !finding.evidence.iter().any(|known| known.text == text) {
                finding = finding.shown(format!("{command} -t {} -S on {name}", rule.table()), text);
            }
        }
        for (table, rule) in &one.stale {
            finding = finding.shown(format!("{command} -t {table} -S on {name}"), format!("-A {rule}"));
        }
        if let Purpose::Published(port, container, ip) | Purpose::Translated(port, container, ip) =
            &one.purpose
        {
            finding = finding.shown(
                format!("docker ps on {name}"),
                format!("{container} publishes {port}; {ip}"),
            );
        }
    }
    Some(mended(finding, command, all))
}

/// What keeps networks apart is typed before what lets packets pass, of whichever network.
fn mended(mut finding: Finding, command: &str, all: &[Lacking]) -> Finding {
    if all.iter().any(|one| !one.is_safe) {
        return finding
            .step("more of what Docker needs is gone, too: it alone writes all of it, in its order, so that networks stay apart")
            .run("systemctl restart docker", "");
    }
    for one in all {
        for (table, rule) in &one.stale {
            finding = finding.run(
                format!("{command} -t {table} -D {rule}"),
                format!("{command} -t {table} -A {rule}"),
            );
        }
        for rule in &one.rules {
            let run = format!("{command} {}", rule.add());
            // Two networks may ask for the same.
            if !finding.fix.commands.iter().any(|known| known.run == run) {
                finding = finding.run(run, format!("{command} {}", rule.delete()));
            }
        }
    }
    finding
}
