//! Real daemons in labs: Open vSwitch, Docker, containerd.

mod containerd;
mod docker;
mod ovs;

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use netdiag::state::{Absence, NodeState};
use netdiag_lab::{Lab, Node, Plan, Result, or_skip};

/// The node as netdiag's program, run inside, saves it.
pub(crate) fn collected(node: &Node) -> NodeState {
    let text = node
        .run([env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"])
        .within(Duration::from_secs(30))
        .ok()
        .unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(&mut text.as_bytes()).unwrap();
    assert_eq!(snapshot.nodes.len(), 1);
    snapshot.nodes.remove(0)
}

/// Two nodes on one segment.
fn two_nodes() -> Result<Lab> {
    Plan::new()
        .segment("lan", "")
        .node("h1", |node| node.link("eth0", "lan", "192.168.70.11/24"))
        .node("h2", |node| node.link("eth0", "lan", "192.168.70.12/24"))
        .up()
}

/// Sockets that accept and never answer, in the places of real daemons.
#[test]
fn daemons_that_hang_cost_one_timeout_together() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("h1");
    let save = |timeout: &str| {
        let start = Instant::now();
        let arguments = ["--timeout", timeout, "snapshot", "save", "--json"];
        let run = node.run([env!("CARGO_BIN_EXE_netdiag")].into_iter().chain(arguments));
        let text = run.within(Duration::from_secs(60)).ok().unwrap();
        let mut snapshot = netdiag::parse::snapshot::snapshot(&mut text.as_bytes()).unwrap();
        (snapshot.nodes.remove(0), start.elapsed())
    };
    let (_, without) = save("3");
    let sockets = ["openvswitch/db.sock", "docker.sock", "containerd/containerd.sock"];
    let hanging: Vec<UnixListener> = sockets
        .iter()
        .map(|socket| {
            let path = format!("/proc/{}/root/run/{socket}", node.pid());
            std::fs::create_dir_all(path.rsplit_once('/').unwrap().0).unwrap();
            UnixListener::bind(path).unwrap()
        })
        .collect();
    let (state, with) = save("3");
    for (absence, why) in [
        (state.ovs.absence(), state.ovs.why()),
        (state.docker.absence(), state.docker.why()),
        (state.cri.absence(), state.cri.why()),
    ] {
        assert_eq!(absence, Some(Absence::Unreadable), "{why:?}");
        assert!(why.unwrap().contains("no answer within 3 s"), "{why:?}");
    }
    let cost = with.saturating_sub(without);
    assert!(cost < Duration::from_secs(6), "{cost:?}");
    drop(hanging);
}
