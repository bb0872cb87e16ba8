//! Many writers, and servers that go away in the middle: nothing is lost, nothing is half written.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use netdiag::apply::{Mode, patch};
use netdiag::calico::kind::Kind;
use netdiag::calico::patch::PatchType;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::server::Etcd;
use crate::{open, run};

const SETS: &str = "/calico/resources/v3/projectcalico.org/globalnetworksets/";

/// So many that a writer can be met in the middle of them: they are written by hundreds.
const MANY: usize = 10_000;

fn sets(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(
            text,
            "- {{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {{name: set-{number:04}}}, spec: {{nets: \
             [10.{}.{}.0/24]}}}}",
            number / 256,
            number % 256
        )
        .unwrap();
        text
    })
}

/// The names of all sets, each of which must be whole.
fn stored(etcd: &Etcd) -> BTreeSet<String> {
    let values = etcd.ctl(3, "", &["get", "--prefix", "--print-value-only", SETS]);
    values
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let set: Value = serde_json::from_str(line).unwrap();
            assert!(set["spec"]["nets"][0].is_string(), "{line}");
            set["metadata"]["name"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn of_a_hundred_writers_of_one_object_each_wins_or_gets_a_conflict() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    netdiag.done(&["create", "-f", "-"], &sets(1));
    let url = etcd.url();
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let url = url.clone();
            thread::spawn(move || {
                run(async {
                    let store = open(&[("ETCD_ENDPOINTS", &url)]).await;
                    let label = json!({"metadata": {"labels": {format!("writer-{number}"): "was-here"}}});
                    let done = patch(
                        &*store,
                        (Kind::GlobalNetworkSet, "set-0000"),
                        &label,
                        PatchType::Merge,
                        Mode::Write,
                    )
                    .await;
                    match done {
                        Ok(_) => true,
                        Err(error) => {
                            assert!(error.to_string().contains("update conflict"), "{error}");
                            false
                        }
                    }
                })
            })
        })
        .collect();
    let won: BTreeSet<String> = writers
        .into_iter()
        .enumerate()
        .filter_map(|(number, writer)| writer.join().unwrap().then(|| format!("writer-{number}")))
        .collect();
    assert!(!won.is_empty());
    let set = netdiag.done(&["get", "globalnetworkset", "set-0000", "-o", "json"], "");
    let set: Value = serde_json::from_str(&set).unwrap();
    let labels: BTreeSet<String> = set["metadata"]["labels"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(labels, won);
}

#[test]
fn etcd_may_go_and_come_back_in_the_middle_of_thousands() {
    let Some(mut etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let manifest = sets(MANY);
    let child = netdiag.start(&["apply", "-f", "-"], &manifest);
    while stored(&etcd).len() < 100 {
        thread::sleep(Duration::from_millis(5));
    }
    etcd.restart(Duration::from_millis(300));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let names = stored(&etcd);
    match output.status.code() {
        // It was through already.
        Some(0) => assert_eq!(names.len(), MANY),
        Some(1) => {
            let told: usize = said
                .split("the first ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next()?.parse().ok())
                .unwrap_or_else(|| panic!("{said}"));
            // What was under way when it went, eight requests with 64 each, may be there without an answer.
            assert!(
                told <= names.len() && names.len() <= told + 512,
                "{told} told, {} there",
                names.len()
            );
        }
        other => panic!("{other:?}: {said}"),
    }
    assert_eq!(
        netdiag.done(&["apply", "-f", "-"], &manifest),
        format!("Successfully applied {MANY} 'GlobalNetworkSet' resource(s)\n")
    );
    assert_eq!(stored(&etcd).len(), MANY);
}

#[test]
fn an_interrupt_ends_what_is_under_way_and_says_what_was_done() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let manifest = sets(MANY);
    let child = netdiag.start(&["apply", "-f", "-"], &manifest);
    while stored(&etcd).is_empty() {
        thread::sleep(Duration::from_millis(2));
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, error) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    let there = stored(&etcd).len();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("applied the first {there} out of {MANY}")),
        "{there}: {said}"
    );
    assert!(error.contains("not tried, because it was interrupted"));
    netdiag.done(&["apply", "-f", "-"], &manifest);
    assert_eq!(stored(&etcd).len(), MANY);
}

#[test]
fn killed_in_the_middle_of_thousands_it_leaves_whole_objects_and_running_again_finishes() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let manifest = sets(MANY);
    let mut before = 0;
    for least in [1, MANY / 3, MANY / 2] {
        let mut child = netdiag.start(&["apply", "-f", "-"], &manifest);
        while stored(&etcd).len() < least && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let there = stored(&etcd).len();
        assert!(there >= least && there >= before, "{there} after {before}");
        before = there;
    }
    assert_eq!(
        netdiag.done(&["apply", "-f", "-"], &manifest),
        format!("Successfully applied {MANY} 'GlobalNetworkSet' resource(s)\n")
    );
    assert_eq!(stored(&etcd).len(), MANY);
}

#[test]
fn a_difference_is_a_finding_and_nothing_is_written() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let output = netdiag.output(&["diff", "-f", "-"], &sets(2));
    assert_eq!(output.status.code(), Some(2));
    assert!(stored(&etcd).is_empty());
    netdiag.done(&["apply", "-f", "-"], &sets(2));
    let output = netdiag.output(&["diff", "-f", "-"], &sets(2));
    assert_eq!(output.status.code(), Some(0));
    let changed = sets(2).replace("10.0.1.0/24", "10.0.9.0/24");
    let output = netdiag.output(&["diff", "-f", "-"], &changed);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("spec.nets") && text.contains("10.0.9.0/24"),
        "{text}"
    );
    assert!(text.contains("0 to create, 1 to update, 1 unchanged"), "{text}");
    assert!(
        netdiag
            .done(&["version", "--client"], "")
            .starts_with("Client Version:    v")
    );
}
