//! Nothing of a lab is left behind, however it ends.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader},
    panic,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use netdiag_lab::{Story, StoryPlan, or_skip, wait_until};

/// Set for the process that is going to be killed.
const VICTIM: &str = "NETDIAG_LAB_VICTIM";

/// What the machine itself has: mounts, links and addresses, routes.
fn machine() -> [String; 4] {
    ["mountinfo", "net/dev_mcast", "net/fib_trie", "net/route"]
        .map(|file| fs::read_to_string(format!("/proc/self/{file}")).unwrap())
}

/// Network namespaces of all nodes.
fn namespaces(story: &Story) -> BTreeSet<PathBuf> {
    let nodes = story.lab().nodes().chain([story.lab().fabric()]);
    nodes
        .map(|node| fs::read_link(format!("/proc/{}/ns/net", node.pid())).unwrap())
        .collect()
}

/// How many processes are in one of these namespaces.
fn processes(namespaces: &BTreeSet<PathBuf>) -> usize {
    let all = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    all.filter_map(|entry| fs::read_link(entry.path().join("ns/net")).ok())
        .filter(|namespace| namespaces.contains(namespace))
        .count()
}

#[test]
fn a_dropped_story_leaves_nothing() {
    let before = machine();
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    let namespaces = namespaces(&story);
    assert_eq!(namespaces.len(), 5);
    // Four nodes with a first process, BIRD twice and Felix, etcd on one of them, and the fabric.
    assert!(processes(&namespaces) >= 18, "{}", processes(&namespaces));
    assert_eq!(machine(), before);
    drop(story);
    assert_eq!(processes(&namespaces), 0);
    assert_eq!(machine(), before);
}

#[test]
fn a_panic_takes_the_story_with_it() {
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    let namespaces = namespaces(&story);
    story.node("node2").freeze("bird").unwrap();
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(move || {
        let _story = story;
        panic!("on purpose");
    }));
    assert!(outcome.is_err());
    assert_eq!(processes(&namespaces), 0);
}

#[test]
fn a_killed_process_takes_its_story_with_it() {
    let before = machine();
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "cleanup::the_one_that_is_killed", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let namespaces: BTreeSet<_> = lines
        .by_ref()
        .take_while(|line| line != "ready")
        .filter_map(|line| {
            line.split_once("namespace ")
                .map(|(_, namespace)| PathBuf::from(namespace))
        })
        .collect();
    let running = processes(&namespaces);
    victim.kill().unwrap();
    victim.wait().unwrap();
    if namespaces.is_empty() {
        return; // skipped there
    }
    assert!(running >= 18, "{running}");
    wait_until("all processes gone", Duration::from_secs(5), || {
        processes(&namespaces) == 0
    })
    .unwrap();
    assert_eq!(machine(), before);
}

#[test]
#[expect(clippy::print_stdout, reason = "it speaks to the test above")]
fn the_one_that_is_killed() {
    if env::var_os(VICTIM).is_none() {
        return;
    }
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    for namespace in namespaces(&story) {
        println!("\nnamespace {}", namespace.display());
    }
    println!("ready");
    std::thread::sleep(Duration::from_mins(1));
}
