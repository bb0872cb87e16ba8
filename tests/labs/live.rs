//! A snapshot says what the node says: each reading command, live and from a snapshot of the same moment.

use std::time::Duration;

use netdiag_lab::{Story, StoryPlan, or_skip};
use serde_json::Value;

use crate::netdiag::{json, netdiag};

/// The commands that read, and fields that only a live node can fill.
const COMMANDS: [(&[&str], &[&str]); 3] = [
    (&["node", "status"], &[]),
    (&["check"], &[]),
    (&["node", "autodetect"], &["canReach"]),
];

fn without(value: &mut Value, fields: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !fields.contains(&key.as_str()));
            map.values_mut().for_each(|value| without(value, fields));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, fields)),
        _ => {}
    }
}

fn is_told_alike(story: &Story) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("node1.zst");
    let file = file.to_str().unwrap();
    for (command, live_only) in COMMANDS {
        let mut last = String::new();
        // The network goes on between the two looks.
        let alike = (0..10).any(|_| {
            let saved = netdiag(story, "node1", &["snapshot", "save", "-o", file]);
            assert_eq!(saved.code(), Some(0), "{}", saved.stderr);
            let (code, mut live) = json(story, "node1", command);
            let mut from_file = command.to_vec();
            from_file.extend(["--snapshot", file]);
            let (code_then, mut then) = json(story, "node1", &from_file);
            without(&mut live, live_only);
            without(&mut then, live_only);
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
}

#[test]
fn a_broken_node_and_its_snapshot_say_the_same() {
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    is_told_alike(&story);
}
