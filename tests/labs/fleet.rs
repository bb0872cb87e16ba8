//! Snapshots of many nodes at once, and captures on one: by real ssh to real servers, and by exec into pods.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use netdiag_lab::kubelet::{Exec, Kubelet, Pods, Protocol};
use netdiag_lab::{Fault, Node, Output, SshKeys, Story, StoryPlan, or_skip, wait_until};
use serde_json::{Value, json};

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

/// Calico's pods on the story's nodes: each has its node's namespaces, as pods of the host network have.
struct CalicoNodes(Vec<Box<dyn Fn() -> Command + Send + Sync>>);

impl Pods for CalicoNodes {
    fn document(&self, path: &str) -> Option<Value> {
        let here = match path.strip_prefix("/api/v1/namespaces/")?.strip_suffix("/pods")? {
            "kube-system" => self.0.len(),
            _ => 0,
        };
        let pod = |number: usize| {
            json!({
                "metadata": {"namespace": "kube-system", "name": format!("calico-node-{number}")},
                "spec": {"nodeName": format!("node{number}"), "containers": [{"name": "calico-node"}]},
                "status": {"phase": "Running"}})
        };
        let items: Vec<Value> = (1..=here).map(pod).collect();
        Some(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))
    }

    fn command(&self, exec: &Exec) -> Result<Command, String> {
        let number = exec.place.strip_prefix("kube-system/calico-node-");
        let number = number.and_then(|rest| rest.strip_suffix("/calico-node"));
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let enter = number.and_then(|number| self.0.get(number - 1));
        let mut command = enter.ok_or(&exec.place)?();
        command.env("TMPDIR", "/run/tmp").args(&exec.words);
        Ok(command)
    }
}

#[test]
fn pods_are_entered_through_the_api_server() {
    let directory = tempfile::tempdir().unwrap();
    let Some(story) = or_skip(StoryPlan::first_found().healthy().up()) else {
        return;
    };
    let all = ["node1", "node2", "node3", "node4"].map(|name| story.node(name));
    for node in all {
        node.run(["mkdir", "-p", "/run/tmp"]).ok().unwrap();
    }
    let leaves_nothing = || {
        for node in all {
            wait_until("nothing is left", Duration::from_secs(5), || is_clean(node)).unwrap();
        }
    };
    for protocol in [Protocol::V4, Protocol::V5] {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let pods = all.map(|node| Box::new(node.entrance()) as Box<_>);
        let listener = all[0].in_network(listen).unwrap();
        let kubelet = Kubelet::start(listener, protocol, CalicoNodes(pods.into())).unwrap();
        let config = directory.path().join("kubeconfig");
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": kubelet.url()}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
            "users": [{"name": "lab", "user": {}}]});
        std::fs::write(&config, text.to_string()).unwrap();
        let netdiag = |words: &[&str]| {
            let run = story.netdiag(PROGRAM, "node1", words);
            let run = run.env("COLUMNS", "80").env("KUBECONFIG", &config);
            run.within(Duration::from_secs(60)).output().unwrap()
        };
        let file = directory.path().join("cluster.zst");
        let path = file.to_str().unwrap();
        let saved = netdiag(&[
            "snapshot", "save", "-o", path, "--nodes", "all", "--via", "kubectl",
        ]);
        assert_eq!(saved.code(), Some(0), "{protocol:?}: {}", saved.stderr);
        assert_eq!(nodes(&file), ["node1", "node2", "node3", "node4"]);
        leaves_nothing();

        // What is captured there comes here, and a whole file of it; then it ends there, too.
        let captured = directory.path().join("node2.pcap");
        let words = [
            "capture", "--node", "node2", "--via", "kubectl", "-i", "any", "-w",
        ];
        let capture = [&words[..], &[captured.to_str().unwrap(), "icmp"]].concat();
        let pings = |output: &dyn Fn() -> Output| {
            std::thread::scope(|scope| {
                let ping =
                    all[0].sh("for i in $(seq 45); do ping -c 1 -W 1 192.168.80.24 >&2; sleep 0.1; done");
                scope.spawn(move || ping.within(Duration::from_secs(60)).output());
                output()
            })
        };
        let counted = pings(&|| netdiag(&[&capture[..], &["-c", "4"]].concat()));
        assert_eq!(counted.code(), Some(0), "{protocol:?}: {}", counted.stderr);
        assert_eq!(packets(&captured), 4, "{}", counted.stderr);
        leaves_nothing();
        let stopped = pings(&|| {
            let words = [
                "timeout",
                "--foreground",
                "--preserve-status",
                "-s",
                "INT",
                "4",
                PROGRAM,
            ];
            let run = all[0]
                .run(words.iter().chain(&capture))
                .env("KUBECONFIG", &config);
            let run = story
                .environment()
                .into_iter()
                .fold(run, |run, (name, value)| run.env(name, value));
            run.within(Duration::from_secs(30)).output().unwrap()
        });
        assert_eq!(stopped.code(), Some(0), "{protocol:?}: {}", stopped.stderr);
        assert!(packets(&captured) > 4, "{protocol:?}: {}", stopped.stderr);
        leaves_nothing();
    }
}

fn packets(file: &Path) -> usize {
    let output = Command::new(PROGRAM)
        .args(["capture", "-r"])
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).lines().count()
}
