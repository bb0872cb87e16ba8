//! Snapshots as files: written, shown, compared, merged; damaged ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::story::story;
use crate::{Output, netdiag};

const HEALTHY: &str = "fixtures/first_found/healthy";
const BROKEN: &str = "fixtures/first_found/broken";

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn run(command: &str, files: &[&Path], more: &[&str]) -> Output {
    netdiag(["snapshot", command]).args(files).args(more).run()
}

/// A snapshot, packed.
fn packed(directory: &TempDir, name: &str, snapshot: &Value) -> PathBuf {
    let plain = directory.path().join(format!("{name}.json"));
    fs::write(&plain, snapshot.to_string()).unwrap();
    let file = directory.path().join(format!("{name}.zst"));
    run("merge", &[&plain], &["-o", file.to_str().unwrap()]).exits(0);
    fs::remove_file(plain).unwrap();
    file
}

fn with_node(change: impl FnOnce(&mut Value)) -> Value {
    let mut snapshot = story();
    change(&mut snapshot["nodes"][0]);
    snapshot
}

#[test]
fn a_saved_file_is_packed_and_its_owners_and_saved_again_it_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("node1.zst");
    netdiag(["snapshot", "save", "-o"])
        .args([&first])
        .run()
        .exits(0)
        .says("node1.zst written");
    let bytes = fs::read(&first).unwrap();
    assert!(bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    let again = directory.path().join("again.zst");
    netdiag(["snapshot", "save", "--snapshot"])
        .args([first.as_os_str(), "-o".as_ref(), again.as_os_str()])
        .run()
        .exits(0);
    assert_eq!(fs::read(&again).unwrap(), bytes);
    let piped = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["snapshot", "merge"])
        .arg(&first)
        .output()
        .unwrap();
    assert_eq!(piped.stdout, bytes, "a pipe gets the same");
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        2,
        "nothing beside them"
    );
}

#[test]
fn only_the_node_is_saved_when_asked_for() {
    let output = netdiag(["snapshot", "save", "--only-node", "--json"]).run();
    let why = output.exits(0).json()["objects"]["absent"]["why"].clone();
    assert_eq!(why, "saved without the datastore (--only-node)");
}

#[test]
fn a_terminal_is_not_filled_with_packed_bytes() {
    let netdiag = env!("CARGO_BIN_EXE_netdiag");
    let output = Command::new("script")
        .args(["-qec", &format!("{netdiag} snapshot save"), "/dev/null"])
        .output();
    let Ok(output) = output else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("nothing for a terminal") && said.contains("-o FILE.zst"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_cluster_is_shown_on_one_screen() {
    let output = run("show", &[&fixture(HEALTHY)], &[]);
    output
        .exits(0)
        .fits(80)
        .says("4 nodes, taken 2026-")
        .says("4 Node")
        .says("FACT node1 node2 node3 node4")
        .says("namespaces, nexthops, ovs, packet, peers, raw, recent, rules, sysctls, udp, vlans: not collected");
    assert!(output.stdout.lines().count() <= 24, "{output}");
    let json = run("show", &[&fixture(HEALTHY)], &["-o", "json"]).json();
    assert_eq!(json["netdiagSnapshotShow"], 1);
    assert_eq!(json["nodes"][3]["name"], "node4");
    assert_eq!(json["nodes"][0]["items"]["links"], 6);
    assert!(json["nodes"][0]["ageSeconds"].is_i64(), "{json:#}");
}

#[test]
fn a_thousand_nodes_do_not_fill_the_screen() {
    let directory = tempfile::tempdir().unwrap();
    let mut snapshot = story();
    let node = snapshot["nodes"][0].clone();
    let nodes = (0..1000).map(|number| {
        let mut node = node.clone();
        node["name"] = format!("node{number}").into();
        node["bird6"]["absent"]["why"] = format!("reason {number}").into();
        node
    });
    snapshot["nodes"] = nodes.collect();
    let before = packed(&directory, "before", &snapshot);
    let shown = run("show", &[&before], &[]);
    shown.exits(0).fits(80).says("1000 nodes").says("and 981 more");
    assert!(shown.stdout.lines().count() < 60, "{shown}");
    for node in snapshot["nodes"].as_array_mut().unwrap() {
        node["links"]["known"][1]["mtu"] = 1400.into();
    }
    let after = packed(&directory, "after", &snapshot);
    let told = run("diff", &[&before, &after], &[]);
    told.exits(2)
        .fits(80)
        .says("node0, node1, node10, node100 and 996 more (1000 nodes alike)")
        .says("~ eth0 mtu 1500 → 1400");
    assert!(told.stdout.lines().count() < 10, "{told}");
}

#[test]
fn a_comparison_ends_with_what_it_found() {
    run("diff", &[&fixture(HEALTHY), &fixture(HEALTHY)], &[])
        .exits(0)
        .says("No changes.");
    let output = run("diff", &[&fixture(BROKEN), &fixture(HEALTHY)], &[]);
    output
        .exits(2)
        .fits(80)
        .says("~ Node node1 spec.bgp.ipv4Address 10.244.1.1/24 → 192.168.80.23/24")
        .says("+ Mesh_192_168_80_24 Established")
        .says("+ 192.168.131.0/26 via 192.168.80.25 dev eth0 proto bird");
    let json = run("diff", &[&fixture(BROKEN), &fixture(HEALTHY)], &["-o", "json"]).json();
    assert_eq!(json["netdiagSnapshotDiff"], 1);
    assert_eq!(json["changes"][0]["what"], "Node node1");
    let one = fixture(&format!("{HEALTHY}/node1.json"));
    run("diff", &[&fixture(HEALTHY), &one], &[])
        .exits(2)
        .says("- 3 nodes: node2, node3, node4");
    let directory = tempfile::tempdir().unwrap();
    let mut without = story();
    without["objects"] = json!({"absent": {"why": "no etcd"}});
    let (with, without) = (
        packed(&directory, "with", &story()),
        packed(&directory, "without", &without),
    );
    run("diff", &[&with, &without], &[])
        .exits(3)
        .says("not compared: the datastore's objects: not in the second (no etcd)");
}

#[test]
fn counters_are_compared_when_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let before = packed(&directory, "before", &story());
    let after = packed(
        &directory,
        "after",
        &with_node(|node| node["tcpCounters"]["known"]["TCPMD5NotFound"] = 7.into()),
    );
    run("diff", &[&before, &after], &[]).exits(0);
    run("diff", &[&before, &after], &["--counters"])
        .exits(2)
        .says("~ TCPMD5NotFound 0 → 7");
    run("diff", &[&before, &after], &["--all"]).exits(2);
}

#[test]
fn nodes_are_merged_into_one_file_and_one_that_is_twice_there_is_named_with_both() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster.zst");
    run("merge", &[&fixture(HEALTHY)], &["-o", file.to_str().unwrap()]).exits(0);
    run("show", &[&file], &[]).exits(0).says("4 nodes");
    let twice = run("merge", &[&fixture(HEALTHY), &fixture(BROKEN)], &["--json"]);
    twice
        .exits(1)
        .says("broken/node1.json: node node1 is in ")
        .says("healthy/node1.json already")
        .says("--newest");
    let newest = run(
        "merge",
        &[&fixture(BROKEN), &fixture(HEALTHY)],
        &["--newest", "--json"],
    );
    newest
        .exits(0)
        .says("warning: node node1: the one of ")
        .says("the datastore's objects differ between ");
    assert_eq!(newest.json()["nodes"].as_array().unwrap().len(), 4);
}

#[test]
fn a_file_that_can_not_be_written_keeps_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("missing/x.zst");
    run("merge", &[&fixture(HEALTHY)], &["-o", target.to_str().unwrap()])
        .exits(1)
        .says("missing/x.zst: No such file or directory");
    run("merge", &[&fixture(HEALTHY)], &["-o", "/dev/full"])
        .exits(1)
        .says("/dev/full: No space left on device");
}

#[test]
fn nodes_are_asked_for_with_what_reaches_them() {
    for (args, why) in [
        (&["--nodes", "all"][..], "the datastore's Nodes are not known"),
        (&["--nodes", "a,,b"], "a name is empty"),
        (&["--nodes", "a", "--host", "b=c"], "b is none of --nodes"),
        (&["--nodes", "a", "--host", "b"], "node1=192.168.80.23"),
        (&["--push"], "--nodes"),
        (&["--nodes", "a", "--only-node"], "cannot be used with"),
        (&["--nodes", "a", "--parallel", "0"], "--parallel"),
        (
            &["--nodes", "a", "--via", "kubectl"],
            "Kubernetes' configuration: ",
        ),
    ] {
        let output = netdiag(["snapshot", "save"]).args(args).run();
        output.exits(1).says(why);
        assert_eq!(output.stdout, "", "{output}");
    }
    let output = netdiag(["snapshot", "save", "--json", "--nodes", "other"])
        .env("PATH", "/nowhere")
        .run();
    output
        .exits(1)
        .says("[1/1] other failed: ssh: ")
        .says("OpenSSH's client")
        .says("no node answered");
    let own = netdiag(["snapshot", "save", "--json", "--nodes", "node1"]).run();
    own.exits(0).says("1 of 1 node answered");
    assert_eq!(own.json()["nodes"][0]["name"], "node1");
}

#[test]
fn a_damaged_file_is_named_with_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = packed(&directory, "whole", &story());
    let bytes = fs::read(&file).unwrap();
    let half = directory.path().join("half.zst");
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    run("show", &[&half], &[])
        .exits(1)
        .says("half.zst: cut short at byte ")
        .says("bytes unpacked");
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(25));
    let flips = prop::collection::vec((any::<Index>(), 0..8_u8), 1..3);
    let damaged = directory.path().join("damaged.zst");
    let result = runner.run(&(flips, any::<bool>()), |(flips, plain)| {
        let mut bytes = if plain {
            story().to_string().into_bytes()
        } else {
            bytes.clone()
        };
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        fs::write(&damaged, &bytes).unwrap();
        let output = run("show", &[&damaged], &["-o", "json"]);
        if output.status != Some(0) {
            output.exits(1).says("damaged.zst: ");
        }
        Ok(())
    });
    result.unwrap();
}
