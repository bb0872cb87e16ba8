//! The founding story with its objects in Kubernetes, on a real API server: `node status`, `check`, `trace` and the fix say
//! what they say where the same objects are in etcd.

use std::time::Duration;

use netdiag::calico::crd::{Group, definition};
use netdiag_lab::{HOSTS, Kubernetes, Run, Story, StoryPlan, or_skip, wait_until};
use serde_json::{Value, json};

use crate::netdiag::{PROGRAM, findings, peer};

/// Where commands get the objects from.
#[derive(Clone, Copy)]
enum From<'a> {
    Etcd,
    /// A kubeconfig that leads to the API server from node1.
    Kubernetes(&'a str),
}

/// netdiag on node1.
fn run(story: &Story, from: From, arguments: &[&str]) -> Run {
    let run = match from {
        From::Etcd => story.netdiag(PROGRAM, "node1", arguments),
        From::Kubernetes(file) => {
            let command = std::iter::once(PROGRAM).chain(arguments.iter().copied());
            let run = story.node("node1").run(command).within(Duration::from_secs(30));
            run.env("DATASTORE_TYPE", "kubernetes").env("KUBECONFIG", file)
        }
    };
    run.env("COLUMNS", "80")
}

/// Exit status and document.
fn told(story: &Story, from: From, arguments: &[&str]) -> (i32, Value) {
    let output = run(story, from, &[arguments, &["-o", "json"]].concat())
        .output()
        .unwrap();
    let document = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", output.stdout, output.stderr));
    (output.code().unwrap(), document)
}

/// Takes the story's objects from etcd to a new API server.
fn moved(story: &Story, kubernetes: &Kubernetes, file: &str) {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for definition in definition::all(Group::Classic) {
        kubernetes.create(definitions, &definition).unwrap();
    }
    wait_until("Calico's kinds", Duration::from_secs(60), || {
        kubernetes
            .get("/apis/crd.projectcalico.org/v1/ippools")
            .is_ok_and(|found| found.is_some())
    })
    .unwrap();
    for host in HOSTS {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": host.name}});
        kubernetes.create("/api/v1/nodes", &node).unwrap();
    }
    for kind in ["node", "ippool", "bgpconfiguration"] {
        let (_, mut list) = told(story, From::Etcd, &["get", kind]);
        for item in list["items"].as_array_mut().unwrap() {
            let metadata = item["metadata"].as_object_mut().unwrap();
            for key in ["uid", "resourceVersion", "creationTimestamp"] {
                metadata.remove(key);
            }
        }
        if list["items"] == json!([]) {
            continue;
        }
        let output = run(story, From::Kubernetes(file), &["apply", "--yes", "-f", "-"])
            .input(list.to_string())
            .output()
            .unwrap();
        assert_eq!(output.code(), Some(0), "{kind}: {}", output.stderr);
    }
}

#[test]
fn a_story_is_told_from_kubernetes_as_from_etcd() {
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    let (_door, url) = kubernetes.door(story.node("node1")).unwrap();
    let file = kubernetes.kubeconfig("admin", &url).unwrap();
    let file = file.to_str().unwrap();
    moved(&story, &kubernetes, file);
    let both = [From::Etcd, From::Kubernetes(file)];

    // Sessions come and go while they are tried: the causes settle.
    wait_until("the same causes", Duration::from_secs(60), || {
        both.iter().all(|from| {
            let (code, status) = told(&story, *from, &["node", "status"]);
            let cause = |address: &str| peer(&status, address)["cause"].clone();
            code == 2
                && ["10.244.2.1", "10.244.3.1"]
                    .iter()
                    .all(|peer| cause(peer) == "node-address")
        })
    })
    .unwrap();
    let (_, status) = told(&story, both[1], &["node", "status"]);
    assert_eq!(peer(&status, "10.244.2.1")["node"], "node2");

    let found = both.map(|from| {
        let (code, check) = told(&story, from, &["check"]);
        assert_eq!(code, 2);
        let found: Vec<[Value; 3]> = findings(&check)
            .iter()
            .map(|finding| {
                [
                    finding["code"].clone(),
                    finding["node"].clone(),
                    finding["change"]["value"].clone(),
                ]
            })
            .collect();
        found
    });
    assert_eq!(found[0].len(), HOSTS.len(), "{found:?}");
    assert_eq!(found[0], found[1]);

    // A pod of this node to its neighbor, and to one of a node that isn't seen.
    for to in [HOSTS[0].pods[1], HOSTS[1].pods[0]] {
        let ends = both.map(|from| {
            let (code, trace) = told(&story, from, &["trace", HOSTS[0].pods[0], to]);
            (code, trace["verdict"].clone())
        });
        assert_eq!(ends[0], ends[1], "to {to}");
    }

    // The fix goes where the objects are.
    let fix = run(&story, both[1], &["check", "--fix-to", "-"])
        .output()
        .unwrap();
    assert_eq!(fix.code(), Some(2), "{}", fix.stderr);
    let applied = run(&story, both[1], &["apply", "--yes", "-f", "-"])
        .input(&fix.stdout)
        .output()
        .unwrap();
    assert_eq!(applied.code(), Some(0), "{}\n{}", applied.stderr, fix.stdout);
    for host in HOSTS {
        let node = kubernetes
            .get(&format!("/api/v1/nodes/{}", host.name))
            .unwrap()
            .unwrap();
        assert_eq!(
            node["metadata"]["annotations"]["projectcalico.org/IPv4Address"],
            format!("{}/24", host.address)
        );
    }
    let (_, check) = told(&story, both[1], &["check"]);
    assert!(
        findings(&check)
            .iter()
            .all(|finding| finding["code"] != "node-address-on-bridge"),
        "{check:#}"
    );
}
