//! A snapshot says what the node says: each reading command, live and from a snapshot of the same moment.

use std::time::Duration;

use netdiag_lab::{Story, StoryPlan, or_skip};
use serde_json::Value;

use crate::netdiag::{json, netdiag};

/// The commands that read.
const COMMANDS: [&[&str]; 5] = [
    &["node", "status"],
    &["check"],
    &["node", "autodetect"],
    &["trace", "pod1", "pod2"],
    &["trace", "pod1", "192.168.80.24"],
];

/// Takes out what only a live node can tell: the kernel's answer to one more question.
fn without_lookups(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(without_lookups),
        Value::Array(items) => {
            let asks = |item: &Value| {
                item["method"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("can-reach"))
            };
            items.retain(|item| !asks(item));
            items.iter_mut().for_each(without_lookups);
        }
        _ => {}
    }
}

fn is_told_alike(story: &Story) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("node1.zst");
    let file = file.to_str().unwrap();
    for command in COMMANDS {
        let mut last = String::new();
        // The network goes on between the two looks.
        let alike = (0..10).any(|_| {
            let saved = netdiag(story, "node1", &["snapshot", "save", "-o", file]);
            assert_eq!(saved.code(), Some(0), "{}", saved.stderr);
            let (code, mut live) = json(story, "node1", command);
            let mut from_file = command.to_vec();
            from_file.extend(["--snapshot", file]);
            let (code_then, mut then) = json(story, "node1", &from_file);
            without_lookups(&mut live);
            without_lookups(&mut then);
            last = format!("{command:?}\nlive {code} {live:#}\nsnapshot {code_then} {then:#}");
            code == code_then && live == then
        });
        assert!(alike, "{last}");
    }
}

#[test]
fn a_healthy_node_and_its_snapshot_say_the_same() {
    let Some(story) = or_skip(StoryPlan::first_found().healthy().up()) else {
        return;
    };
    story.wait_established(Duration::from_secs(30)).unwrap();
    is_told_alike(&story);
    nothing_changes_by_itself(&story);
}

/// What a network at rest does is no change.
fn nothing_changes_by_itself(story: &Story) {
    let directory = tempfile::tempdir().unwrap();
    let save = |name: &str| {
        let file = directory.path().join(name).to_str().unwrap().to_owned();
        let saved = netdiag(story, "node1", &["snapshot", "save", "-o", &file]);
        assert_eq!(saved.code(), Some(0), "{}", saved.stderr);
        file
    };
    let before = save("before.zst");
    std::thread::sleep(Duration::from_secs(4));
    let after = save("after.zst");
    let diff = |files: [&str; 2]| netdiag(story, "node1", &["snapshot", "diff", files[0], files[1]]);
    let same = diff([&before, &after]);
    assert_eq!(same.code(), Some(0), "{}", same.stdout);
    let change =
        "ip link set eth0 mtu 1400; ip route add blackhole 10.99.0.0/16; ip rule add pref 99 table 7;
        sysctl -qw net.ipv4.conf.all.forwarding=0";
    story.node("node1").sh(change).ok().unwrap();
    let changed = diff([&after, &save("changed.zst")]);
    assert_eq!(changed.code(), Some(2), "{}", changed.stdout);
    for words in [
        "~ eth0 mtu 1500 → 1400",
        "+ blackhole 10.99.0.0/16 proto boot",
        "+ 99: from all lookup 7",
    ] {
        assert!(changed.stdout.contains(words), "{words}: {}", changed.stdout);
    }
}

#[test]
fn a_broken_node_and_its_snapshot_say_the_same() {
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    is_told_alike(&story);
}
