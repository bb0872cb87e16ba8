//! Two machines that call themselves by one name: the Node is that of whoever wrote it last.

use std::time::Duration;

use netdiag_lab::{HOSTS, StoryPlan, or_skip, wait_until};
use serde_json::Value;

use crate::netdiag::{check_all, findings};

fn texts<'f>(finding: &'f Value, list: &str, key: &str) -> Vec<&'f str> {
    let list = finding[list].as_array().unwrap();
    list.iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[test]
fn two_machines_that_write_one_node_are_told_and_named_apart() {
    let plan = StoryPlan::first_found().healthy().twin("node4", "node3");
    let Some(mut story) = or_skip(plan.up()) else {
        return;
    };
    let [first, second, third, fourth] = HOSTS;
    // The others and the twin are a mesh of three.
    for host in [first, second, fourth] {
        wait_until("routes to two blocks", Duration::from_secs(20), || {
            story.learned_blocks(host.name).unwrap().len() == 2
        })
        .unwrap();
    }
    let pings = |story: &netdiag_lab::Story, to: &str| story.node(first.name).pod("pod1").pings(to).unwrap();
    assert!(!pings(&story, third.pods[0]), "broken to begin with");

    let (code, check) = check_all(&story, |_| true);
    assert_eq!(code, 2);
    let [finding] = findings(&check) else {
        panic!("{check:#}");
    };
    assert_eq!(finding["code"], "node-name-shared", "{finding:#}");
    assert_eq!(finding["subject"], "Node(node3)", "{finding:#}");
    // That the stored address isn't there, and that sessions are down, comes of it.
    let brings = texts(finding, "consequences", "id");
    assert!(
        brings.contains(&"node-address-not-local") && brings.contains(&"bgp-session-down"),
        "{finding:#}"
    );
    let sources = texts(finding, "evidence", "source");
    for source in [
        "NODENAME of calico-node on node4",
        "/var/lib/calico/nodename of node4",
        "hostname of node3",
    ] {
        assert!(sources.contains(&source), "{source}: {finding:#}");
    }
    assert!(!sources.contains(&"hostname of node4"), "{finding:#}");
    // Another way of detection would not help.
    assert_eq!(check["settings"], serde_json::json!([]));

    let command = &finding["commands"][0];
    assert_eq!(command["node"], fourth.name);
    story
        .node(fourth.name)
        .sh(command["run"].as_str().unwrap())
        .ok()
        .unwrap();
    story.part_twins().unwrap();
    story.wait_established(Duration::from_secs(30)).unwrap();
    wait_until("packets to both", Duration::from_secs(10), || {
        pings(&story, third.pods[0]) && pings(&story, fourth.pods[0])
    })
    .unwrap();
    let (code, check) = check_all(&story, |_| true);
    assert_eq!((code, findings(&check)), (0, [].as_slice()), "{check:#}");
}
