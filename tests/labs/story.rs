//! The founding story: broken → diagnosed → mended → Established → ping, with three commands.

use std::collections::BTreeSet;
use std::time::Duration;

use netdiag_lab::{Bird, HOSTS, Store, Story, StoryPlan, or_skip, wait_until};

use crate::netdiag::{check_all, findings, json, netdiag, peer};

/// The three commands, on node1 only.
fn story(bird: Bird, store: Store) {
    let Some(story) = or_skip(StoryPlan::first_found().bird(bird).store(store).up()) else {
        return;
    };
    let pod = story.node("node1").pod("pod1");
    assert!(!pod.pings(HOSTS[1].pods[0]).unwrap(), "broken to begin with");

    broken_status(&story);
    let fix = diagnosed(&story);
    let told = foretold(&story, &fix);
    let before = reached(&story);
    mended(&story, &fix);

    story.wait_established(Duration::from_secs(30)).unwrap();
    for host in HOSTS {
        wait_until("routes to the other blocks", Duration::from_secs(10), || {
            story.learned_blocks(host.name).unwrap().len() == HOSTS.len() - 1
        })
        .unwrap();
        for other in HOSTS {
            let pod = story.node(host.name).pod("pod2");
            assert!(
                pod.pings(other.pods[0]).unwrap(),
                "{} to {}",
                host.name,
                other.name
            );
        }
    }
    healthy(&story);
    let after = reached(&story);
    let gained = after.difference(&before).count();
    assert_eq!(before.difference(&after).count(), 0);
    assert!(
        told.contains(&format!("{gained} pairs of pods become reachable")),
        "{gained} did: {told}"
    );
}

/// What `plan` says of the fix, from the snapshots of all nodes.
fn foretold(story: &Story, fix: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fix.yaml");
    std::fs::write(&file, fix).unwrap();
    let nodes = directory.path().join("nodes");
    std::fs::create_dir(&nodes).unwrap();
    for host in HOSTS {
        // Where IPAM is not read, blocks are known by what BIRD put into the kernel.
        wait_until("its own block", Duration::from_secs(10), || {
            story.has_own_block(host.name).unwrap()
        })
        .unwrap();
        let saved = netdiag(story, host.name, &["snapshot", "save", "--json"]);
        std::fs::write(nodes.join(host.name).with_extension("json"), saved.stdout).unwrap();
    }
    let output = std::process::Command::new(crate::netdiag::PROGRAM)
        .args(["plan", "--snapshot"])
        .arg(&nodes)
        .arg("-f")
        .arg(&file)
        .env("COLUMNS", "200")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["12 sessions come up", "3 routes appear on each node"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(output.status.code(), Some(0), "{text}");
    text
}

/// Which pods get answers from which.
fn reached(story: &Story) -> BTreeSet<(String, String)> {
    let pods = story.pods();
    let mut pairs = BTreeSet::new();
    std::thread::scope(|scope| {
        let work: Vec<_> = pods
            .iter()
            .map(|from| {
                let others = pods.iter().filter(move |to| to.address != from.address);
                scope.spawn(move || {
                    let pod = story.node(&from.node).pod(&from.name);
                    others
                        .filter(|to| pod.pings(&to.address).unwrap())
                        .map(|to| (from.address.clone(), to.address.clone()))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for work in work {
            pairs.extend(work.join().unwrap());
        }
    });
    pairs
}

fn broken_status(story: &Story) {
    let output = netdiag(story, "node1", &["node", "status"]);
    assert_eq!(output.code(), Some(2), "{}", output.stderr);
    let text = &output.stdout;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for words in [
        "Calico process is running.",
        "IPv4 BGP status",
        "| PEER ADDRESS |",
        "| 10.244.2.1   | node-to-node mesh | start |",
        "No IPv6 peers found.",
        "This node: node1, 10.244.1.1/24, AS 64512, router id 10.244.1.1",
        "10.244.1.1 is on cni0, a bridge",
        "10.244.3.1 (node3)",
        "node4 is known as 192.168.80.26",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    let (_, status) = json(story, "node1", &["node", "status"]);
    assert_eq!(status["established"], 0);
    assert_eq!(peer(&status, "10.244.2.1")["cause"], "node-address");
    assert_eq!(peer(&status, "10.244.2.1")["node"], "node2");
    assert_eq!(peer(&status, "10.244.2.1")["session"]["neighborAs"], 64512);
}

/// `check` on node1; gives what `--fix-to -` writes.
fn diagnosed(story: &Story) -> String {
    let (code, check) = json(story, "node1", &["check"]);
    assert_eq!(code, 2);
    let told: Vec<(&str, &str)> = findings(&check)
        .iter()
        .map(|finding| {
            (
                finding["node"].as_str().unwrap(),
                finding["change"]["value"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let expected = HOSTS.map(|host| (host.name, format!("{}/24", host.address)));
    assert_eq!(
        told,
        expected
            .each_ref()
            .map(|(name, address)| (*name, address.as_str())),
        "{check:#}"
    );
    assert_eq!(findings(&check)[0]["code"], "node-address-on-bridge");
    assert_eq!(
        check["settings"],
        serde_json::json!(["IP_AUTODETECTION_METHOD=interface=^eth0$"])
    );
    assert!(
        check["unseen"].to_string().contains("node2, node3, node4"),
        "{check:#}"
    );

    // From the inside of all nodes, every one of them is on its bridge.
    let (_, all) = check_all(story, |_| true);
    let codes: Vec<&str> = findings(&all)
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["node-address-on-bridge"; 4], "{all:#}");

    let output = netdiag(story, "node1", &["check", "--fix-to", "-"]);
    assert_eq!(output.code(), Some(2));
    output.stdout
}

/// `apply`: first a dry run that writes nothing, then for good.
fn mended(story: &Story, fix: &str) {
    let apply = |arguments: &[&str]| {
        let mut all = vec!["apply", "-f", "-"];
        all.extend(arguments);
        story
            .netdiag(crate::netdiag::PROGRAM, "node1", &all)
            .input(fix)
            .output()
            .unwrap()
    };
    let before = netdiag(story, "node1", &["get", "node", "-o", "yaml"]).stdout;
    let dry = apply(&["--dry-run"]);
    assert_eq!(dry.code(), Some(0), "{}", dry.stderr);
    assert!(
        dry.stdout
            .contains("spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24"),
        "{}",
        dry.stdout
    );
    assert_eq!(
        netdiag(story, "node1", &["get", "node", "-o", "yaml"]).stdout,
        before,
        "a dry run writes nothing"
    );

    let applied = apply(&[]);
    assert_eq!(applied.code(), Some(0), "{}", applied.stderr);
    assert_eq!(applied.stdout, "Successfully applied 4 'Node' resource(s)\n");
    let wide = netdiag(story, "node1", &["get", "node", "-o", "wide"]).stdout;
    for host in HOSTS {
        assert!(wide.contains(&format!("{}/24", host.address)), "{wide}");
    }
}

fn healthy(story: &Story) {
    for host in HOSTS {
        let status = netdiag(story, host.name, &["node", "status"]);
        assert_eq!(status.code(), Some(0), "{}", status.stdout);
        assert!(
            status.stdout.contains("All 3 peers are Established."),
            "{}",
            status.stdout
        );
        let (code, check) = json(story, host.name, &["check"]);
        assert_eq!((code, findings(&check).len()), (0, 0), "{check:#}");
        let restart = check["notes"]
            .to_string()
            .contains("restart of calico-node there would take 10.244.");
        assert!(restart, "the setting is as it was: {check:#}");
    }
    let (code, all) = check_all(story, |_| true);
    assert_eq!((code, findings(&all).len()), (0, 0), "{all:#}");
}

#[test]
fn three_commands_mend_the_cluster_with_bird_1_and_etcd_v3() {
    story(Bird::V1, Store::V3);
}

#[test]
fn three_commands_mend_the_cluster_with_bird_2_and_etcd_v3() {
    story(Bird::V2, Store::V3);
}

#[test]
fn three_commands_mend_the_cluster_with_bird_1_and_etcd_v2() {
    story(Bird::V1, Store::V2);
}

#[test]
fn three_commands_mend_the_cluster_with_bird_2_and_etcd_v2() {
    story(Bird::V2, Store::V2);
}

/// A cluster as Calico 3 sets it up: of two nodes one waits for the other, and the setting is right.
#[test]
fn a_healthy_cluster_whose_sessions_are_passive_on_one_side_gives_no_finding() {
    for bird in [Bird::V1, Bird::V2] {
        let plan = StoryPlan::first_found().healthy().one_directional().bird(bird);
        let Some(story) = or_skip(plan.up()) else { return };
        story.wait_established(Duration::from_secs(30)).unwrap();
        for host in HOSTS {
            let (code, check) = json(&story, host.name, &["check"]);
            assert_eq!(
                (code, &check["findings"], &check["notes"]),
                (0, &serde_json::json!([]), &serde_json::json!([])),
                "{check:#}"
            );
        }
        let (code, all) = check_all(&story, |_| true);
        assert_eq!(
            (code, &all["findings"], &all["notes"], &all["unseen"]),
            (
                0,
                &serde_json::json!([]),
                &serde_json::json!([]),
                &serde_json::json!([])
            ),
            "{all:#}"
        );
    }
}

/// Without names in /etc/hosts, one node alone can't know the others' right addresses: it says so, and mends itself.
#[test]
fn a_node_without_names_of_the_others_mends_only_itself_and_says_what_it_can_not_see() {
    let Some(story) = or_skip(StoryPlan::first_found().without_hosts_file().up()) else {
        return;
    };
    let (code, check) = json(&story, "node1", &["check"]);
    assert_eq!(code, 2);
    let changes: Vec<&str> = findings(&check)
        .iter()
        .filter_map(|finding| finding["change"]["node"].as_str())
        .collect();
    assert_eq!(changes, ["node1"], "{check:#}");
    assert!(
        check["unseen"].to_string().contains("node2, node3, node4"),
        "{check:#}"
    );
    // The snapshots of all nodes together tell all.
    let (_, all) = check_all(&story, |_| true);
    let changes: Vec<&str> = findings(&all)
        .iter()
        .filter_map(|finding| finding["change"]["node"].as_str())
        .collect();
    assert_eq!(changes, ["node1", "node2", "node3", "node4"], "{all:#}");
}

/// As in the old story: somebody made a route by hand, and pods of two nodes met. netdiag names it, before and after.
#[test]
fn a_hand_made_route_is_named_before_the_repair_and_after() {
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    let block = HOSTS[0].block;
    let route = format!("ip route add {block} via {}", HOSTS[0].address);
    story.node("node2").sh(&route).ok().unwrap();
    let note = |words: &str| {
        let (_, check) = json(&story, "node2", &["check"]);
        let told = check["notes"].to_string();
        assert!(
            told.contains(words) && told.contains(&format!("ip route del {block}")),
            "{check:#}"
        );
    };
    note("keep it until BGP with node1 is up");
    story.mend().unwrap();
    story.wait_established(Duration::from_secs(30)).unwrap();
    note("BGP with node1 is up, it is not needed");
}

/// The list that was written by hand in the old articles, for calicoctl 1.x, on today's store: it names one field, and
/// the others stay.
#[test]
fn the_hand_written_list_of_old_articles_mends_the_cluster_too() {
    let Some(story) = or_skip(StoryPlan::first_found().bird(Bird::V2).up()) else {
        return;
    };
    let documents: Vec<String> = HOSTS
        .iter()
        .map(|host| {
            format!(
                "- apiVersion: v1\n  kind: node\n  metadata:\n    name: {}\n  spec:\n    bgp:\n      ipv4Address: {}/24\n",
                host.name, host.address
            )
        })
        .collect();
    let applied = story
        .netdiag(crate::netdiag::PROGRAM, "node1", &["apply", "-f", "-"])
        .input(documents.concat())
        .output()
        .unwrap();
    assert_eq!(
        applied.stdout, "Successfully applied 4 'Node' resource(s)\n",
        "{}",
        applied.stderr
    );
    let (_, node) = json(&story, "node1", &["get", "node", "node2"]);
    assert_eq!(node["spec"]["orchRefs"][0]["nodeName"], "node2", "{node:#}");
    story.wait_established(Duration::from_secs(30)).unwrap();
    let pod = story.node("node1").pod("pod1");
    wait_until("pods of two nodes meet", Duration::from_secs(10), || {
        pod.pings(HOSTS[1].pods[0]).unwrap()
    })
    .unwrap();
}
