//! netdiag on the nodes of a story, and its answers as JSON.

use std::fs;

use netdiag_lab::{HOSTS, Output, Story};
use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_netdiag");

/// Runs netdiag on a node: output, whatever the exit status.
pub(crate) fn netdiag(story: &Story, on: &str, arguments: &[&str]) -> Output {
    story
        .netdiag(PROGRAM, on, arguments)
        .env("COLUMNS", "80")
        .output()
        .unwrap()
}

/// Runs netdiag on a node with `-o json`: exit status and document.
pub(crate) fn json(story: &Story, on: &str, arguments: &[&str]) -> (i32, Value) {
    let mut all = arguments.to_vec();
    all.extend(["-o", "json"]);
    let output = netdiag(story, on, &all);
    let document = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", output.stdout, output.stderr));
    (output.code().unwrap(), document)
}

/// The row of `node status` for a peer's address.
pub(crate) fn peer<'a>(status: &'a Value, address: &str) -> &'a Value {
    status["peers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["peerAddress"] == address)
        .unwrap_or_else(|| panic!("no peer {address} in {status:#}"))
}

/// `check` over the snapshots of all nodes that are alive, taken now.
pub(crate) fn check_all(story: &Story, alive: impl Fn(&str) -> bool) -> (i32, Value) {
    let directory = tempfile::tempdir().unwrap();
    for host in HOSTS.iter().filter(|host| alive(host.name)) {
        let snapshot = netdiag(story, host.name, &["snapshot", "save", "--json"]);
        assert_eq!(snapshot.code(), Some(0), "{}", snapshot.stderr);
        fs::write(
            directory.path().join(format!("{}.json", host.name)),
            snapshot.stdout,
        )
        .unwrap();
    }
    let output = std::process::Command::new(PROGRAM)
        .args(["check", "-o", "json", "--snapshot"])
        .arg(directory.path())
        .output()
        .unwrap();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), document)
}

/// The findings of a `check`.
pub(crate) fn findings(check: &Value) -> &[Value] {
    check["findings"].as_array().unwrap()
}
