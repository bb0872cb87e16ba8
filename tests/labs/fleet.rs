//! Snapshots of many nodes at once, by real ssh to real servers.

use std::path::Path;
use std::time::Duration;

use netdiag_lab::{Fault, Node, Output, SshKeys, Story, StoryPlan, or_skip, wait_until};
use serde_json::Value;

use crate::netdiag::PROGRAM;

/// node1 asks; node2, node3 and node4 have servers.
fn fleet(directory: &Path) -> Option<Story> {
    let keys = or_skip(SshKeys::make(directory))?;
    let story = or_skip(StoryPlan::first_found().healthy().up())?;
    keys.use_on(story.node("node1")).unwrap();
    // Who asks for other names is told at once that nobody answers.
    let resolver =
        "echo nameserver 127.0.0.1 >/run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf";
    story.node("node1").sh(resolver).ok().unwrap();
    for name in ["node2", "node3", "node4"] {
        or_skip(keys.serve(story.node(name)))?;
    }
    Some(story)
}

fn install(node: &Node, script: &str) {
    node.write("/run/lab/bin/netdiag", script).unwrap();
    node.sh("chmod +x /run/lab/bin/netdiag").ok().unwrap();
}

fn save(story: &Story, file: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["snapshot", "save", "-o", file.to_str().unwrap()];
    all.extend(arguments);
    story
        .netdiag(PROGRAM, "node1", &all)
        .env("COLUMNS", "80")
        .within(Duration::from_secs(60))
        .output()
        .unwrap()
}

fn nodes(file: &Path) -> Vec<String> {
    let output = std::process::Command::new(PROGRAM)
        .args(["snapshot", "show", "-o", "json"])
        .arg(file)
        .output()
        .unwrap();
    let contents: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = contents["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

/// No file, and no process of ours.
fn is_clean(node: &Node) -> bool {
    let left = node.sh(
        "ls -A /run/tmp; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done |
            grep -E 'only-node|sleep 600' | grep -v grep || true",
    );
    left.output().unwrap().stdout.trim().is_empty()
}

#[test]
fn all_nodes_are_saved_at_once_and_nothing_stays_on_them() {
    let directory = tempfile::tempdir().unwrap();
    let Some(story) = fleet(directory.path()) else {
        return;
    };
    let file = directory.path().join("cluster.zst");
    let without = save(&story, &file, &["--nodes", "all"]);
    assert_eq!(without.code(), Some(3), "{}", without.stderr);
    assert!(
        without.stderr.contains("netdiag is not installed on node3")
            && without.stderr.contains("--push brings this one along"),
        "{}",
        without.stderr
    );
    assert_eq!(nodes(&file), ["node1"]);
    let pushed = save(&story, &file, &["--nodes", "all", "--push", "--parallel", "2"]);
    assert_eq!(pushed.code(), Some(0), "{}", pushed.stderr);
    assert!(
        pushed.stderr.contains("4 of 4 nodes answered"),
        "{}",
        pushed.stderr
    );
    assert_eq!(nodes(&file), ["node1", "node2", "node3", "node4"]);
    let by_script = save(&story, &file, &["--nodes", "all", "--script"]);
    assert_eq!(by_script.code(), Some(0), "{}", by_script.stderr);
    assert_eq!(nodes(&file), ["node1", "node2", "node3", "node4"]);
    for name in ["node2", "node3", "node4"] {
        let node = story.node(name);
        wait_until("nothing is left", Duration::from_secs(5), || is_clean(node)).unwrap();
    }
    let check = std::process::Command::new(PROGRAM)
        .args(["check", "-o", "json", "--snapshot"])
        .arg(&file)
        .output()
        .unwrap();
    let check: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(check["seen"].to_string().matches("node4").count(), 1, "{check:#}");
}

#[test]
fn nodes_that_hang_or_can_not_be_reached_are_named_and_the_others_are_saved() {
    let directory = tempfile::tempdir().unwrap();
    let Some(story) = fleet(directory.path()) else {
        return;
    };
    let file = directory.path().join("cluster.json");
    install(
        story.node("node2"),
        &format!("#!/bin/sh\nexec {PROGRAM} \"$@\"\n"),
    );
    install(story.node("node4"), "#!/bin/sh\nexec sleep 600\n");
    story.inject(Fault::NodeDown { on: "node3" }).unwrap();
    let arguments = ["--nodes", "all,node9", "--node-timeout", "6"];
    let output = save(&story, &file, &arguments);
    assert_eq!(output.code(), Some(3), "{}", output.stderr);
    let said = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "2 of 5 nodes answered",
        "node4 no answer within 6 s",
        "node9 ssh to node9: Could not resolve hostname node9",
        "--host NODE=ADDRESS",
    ] {
        assert!(said.contains(words), "{words}: {}", output.stderr);
    }
    assert!(
        said.contains("node3 ssh to node3: connect to host node3 port 22: ")
            || said.contains("node3 no answer within"),
        "{said}"
    );
    assert_eq!(nodes(&file), ["node1", "node2"]);
    let hung = story.node("node4");
    wait_until("what hung is stopped", Duration::from_secs(5), || is_clean(hung)).unwrap();
    // Pushed to a node where it hangs, it is taken away all the same.
    let output = save(
        &story,
        &file,
        &[
            "--nodes",
            "node3",
            "--host",
            "node3=192.168.80.99",
            "--node-timeout",
            "2",
        ],
    );
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("no node answered: nothing is written"),
        "{}",
        output.stderr
    );
    assert_eq!(nodes(&file), ["node1", "node2"], "the old file stays");
}

#[test]
fn a_push_that_is_given_up_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let Some(story) = fleet(directory.path()) else {
        return;
    };
    let file = directory.path().join("cluster.zst");
    // What is pushed meets a BIRD that accepts and says nothing: it waits for it.
    story.node("node2").freeze("bird").unwrap();
    let arguments = [
        "--nodes",
        "node2",
        "--push",
        "--node-timeout",
        "1",
        "--timeout",
        "30",
    ];
    let output = save(&story, &file, &arguments);
    let node = story.node("node2");
    wait_until("nothing is left", Duration::from_secs(8), || is_clean(node)).unwrap();
    assert!(matches!(output.code(), Some(0 | 1)), "{}", output.stderr);
}

#[test]
fn trace_fetches_the_nodes_it_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let Some(story) = fleet(directory.path()) else {
        return;
    };
    let trace = |arguments: &[&str]| {
        let all = [&["trace", "node1", "node2"], arguments].concat();
        story
            .netdiag(PROGRAM, "node1", &all)
            .env("COLUMNS", "80")
            .within(Duration::from_secs(60))
            .output()
            .unwrap()
    };
    let alone = trace(&[]);
    assert_eq!(alone.code(), Some(1), "node2 is not this node: {}", alone.stdout);
    let both = trace(&["--nodes", "node1,node2", "--push", "-o", "json"]);
    assert_eq!(both.code(), Some(0), "{}{}", both.stdout, both.stderr);
    let answer: Value = serde_json::from_str(&both.stdout).unwrap();
    let hops = answer["ways"][0]["hops"].as_array().unwrap();
    let nodes: Vec<&str> = hops.iter().map(|hop| hop["node"].as_str().unwrap()).collect();
    assert_eq!(nodes.first(), Some(&"node1"), "{answer:#}");
    assert_eq!(nodes.last(), Some(&"node2"), "{answer:#}");
    // The same without names: who is on the way is found out. node2's address stands in the datastore, pods don't.
    let auto = trace(&["--nodes", "auto", "--push", "-o", "json"]);
    assert_eq!(auto.code(), Some(0), "{}{}", auto.stdout, auto.stderr);
    let found: Value = serde_json::from_str(&auto.stdout).unwrap();
    assert_eq!(lasting(&found), lasting(&answer), "{}", auto.stderr);
    assert!(auto.stderr.contains("2 of 2 nodes answered"), "{}", auto.stderr);
}

/// The ways, without neighbor entries: the kernel learns and forgets those from one reading to the next.
fn lasting(answer: &Value) -> Value {
    let mut ways = answer["ways"].clone();
    for way in ways.as_array_mut().unwrap() {
        for hop in way["hops"].as_array_mut().unwrap() {
            let steps = hop["steps"].as_array_mut().unwrap();
            steps.retain(|step| step["kind"] != "neighbor");
        }
    }
    ways
}
