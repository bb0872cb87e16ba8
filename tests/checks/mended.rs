//! Real networks, whole and broken: the whole ones give no finding, and what is printed for the broken ones mends them.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_lab::kinds::{Broken, Network, Way, systems};
use netdiag_lab::{Node, or_skip};

use crate::made::found;

/// How many networks are up at once: they wait, most of the time.
const AT_ONCE: usize = 4;

/// A node as netdiag's program, run inside, saves it.
fn collected(node: &Node) -> NodeState {
    let text = node
        .run([env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"])
        .within(Duration::from_secs(60))
        .ok()
        .unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(&mut text.as_bytes()).unwrap();
    snapshot.nodes.remove(0)
}

fn state(network: &Network) -> Snapshot {
    Snapshot {
        nodes: network.lab().nodes().map(collected).collect(),
        objects: Fact::absent("no datastore"),
        ..Snapshot::default()
    }
}

/// Does the work for each, so many at a time; gives what went wrong.
fn each<T: Send>(all: Vec<T>, work: impl Fn(T) -> Option<String> + Sync) -> Vec<String> {
    let queue = Mutex::new(all.into_iter());
    let next = || queue.lock().unwrap().next();
    thread::scope(|scope| {
        let worker = || std::iter::from_fn(next).filter_map(&work).collect::<Vec<_>>();
        // Long walks take room where nothing is optimised.
        let big = || thread::Builder::new().stack_size(64 << 20);
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| big().spawn_scoped(scope, worker).unwrap())
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

#[test]
fn whole_networks_of_every_kind_give_no_finding() {
    let wrong = each(systems(), |system| {
        let network = or_skip(system.whole.up())?;
        network.works().unwrap();
        let findings = found(&state(&network));
        (!findings.is_empty()).then(|| format!("{}: {findings:#?}", system.name))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs what a finding prints, as it stands there; what went wrong, if anything did.
fn mend(network: &Network, finding: &Finding) -> Option<String> {
    for command in &finding.fix.commands {
        let node = network.lab().node(command.node.as_deref()?);
        if let Err(error) = node.sh(&command.run).ok() {
            return Some(format!("{}: {error}", command.run));
        }
    }
    None
}

/// Networks whose faults are mended by what is printed: the system, what is wrong there, and the finding's id.
const MENDED: [(&str, &str, &str); 11] = [
    ("flannel vxlan", "a pod's link is no port", "link-without-bridge"),
    (
        "flannel vxlan",
        "the VTEP's neighbor entry is gone",
        "vxlan-entry-missing",
    ),
    (
        "flannel vxlan",
        "the forwarding database has no VTEP",
        "vxlan-entry-missing",
    ),
    (
        "flannel vxlan",
        "a VTEP has another address now",
        "vtep-mac-stale",
    ),
    (
        "flannel vxlan",
        "the forwarding database leads to another host",
        "vtep-at-wrong-node",
    ),
    ("docker", "docker0 is down", "link-down"),
    ("docker", "the host does not forward", "forwarding-off"),
    ("static routes", "one side is forgotten", "route-on-one-side"),
    (
        "calico vxlan",
        "the VTEP's neighbor entry is gone",
        "vxlan-entry-missing",
    ),
    ("calico vxlan", "the FDB has an old node", "vtep-at-wrong-node"),
    ("calico mesh", "the node does not forward", "forwarding-off"),
];

/// Breaks, finds, mends, and sees that packets pass.
fn broken(of: &str, broken: Broken, id: &str) -> Option<String> {
    let what = format!("{of}: {} on {}", broken.what, broken.node);
    let network = or_skip(broken.draft.up())?;
    let lost = |way: &Way| way.answered && !network.answers(way).unwrap();
    // The first packets fill the tables of neighbors.
    for _ in 0..2 {
        if !network.ways().iter().any(lost) {
            return Some(format!("{what}: it works, broken as it is"));
        }
    }
    let findings = found(&state(&network));
    let ids: Vec<&str> = findings.iter().map(|finding| finding.id).collect();
    let Some(finding) = findings.iter().find(|finding| finding.id == id) else {
        return Some(format!("{what}: {ids:?}, and not {id}"));
    };
    if let Some(error) = mend(&network, finding) {
        return Some(format!("{what}: {ids:?}: {error}"));
    }
    if let Err(error) = network.works() {
        return Some(format!("{what}: {id} by {:?}: {error}", finding.fix.commands));
    }
    let left = found(&state(&network));
    (!left.is_empty()).then(|| format!("{what}: mended, and yet {left:#?}"))
}

#[test]
fn what_is_printed_mends_what_is_broken() {
    let mut rows = Vec::new();
    for system in systems() {
        for state in system.broken {
            let row = MENDED
                .iter()
                .find(|(of, what, _)| *of == system.name && *what == state.what);
            if let Some((.., id)) = row {
                rows.push((system.name, state, *id));
            }
        }
    }
    assert_eq!(rows.len(), MENDED.len(), "a row names no state");
    let wrong = each(rows, |(of, state, id)| broken(of, state, id));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
