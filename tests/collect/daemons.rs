//! Real daemons in labs: Open vSwitch, Docker, containerd.

mod cgroup;
mod containerd;
mod docker;
mod ovs;

use std::time::Duration;

use netdiag::state::NodeState;
use netdiag_lab::{Daemon, Lab, Node, Plan, Result};

/// The node as netdiag's program, run inside, saves it.
fn collected(node: &Node) -> NodeState {
    let text = node
        .run([env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"])
        .within(Duration::from_secs(30))
        .ok()
        .unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(text.as_bytes()).unwrap();
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

/// Starts a program of an unpacked package; directories in `path` come before the node's own.
fn start(
    node: &Node,
    package: &str,
    file: &str,
    arguments: &[&str],
    path: &str,
    environment: &[(&str, &str)],
) -> Result<()> {
    let program = netdiag_lab::unpacked(package, file)?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let path = format!("{path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let environment = environment.iter().copied().chain([("PATH", path.as_str())]);
    let daemon = Daemon {
        program,
        called: name.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        log: format!("/var/log/{name}.log"),
    };
    node.start(name, &daemon)
}
