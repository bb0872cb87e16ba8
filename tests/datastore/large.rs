//! Many objects: memory, and lists of several pages.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::server::Etcd;

const ROOT: &str = "/calico/resources/v3/projectcalico.org";
/// Keys of one transaction.
const BATCH: usize = 1000;

fn server() -> Option<Etcd> {
    Etcd::start_with("http", &["--max-txn-ops=1000", "--max-request-bytes=10000000"])
}

/// Stores so many objects without netdiag.
fn fill(etcd: &Etcd, count: usize, object: impl Fn(usize) -> (String, Value)) {
    for batch in 0..count.div_ceil(BATCH) {
        let mut txn = String::from("\n");
        for number in batch * BATCH..count.min((batch + 1) * BATCH) {
            let (key, value) = object(number);
            let value = value.to_string().replace('"', "\\\"");
            writeln!(txn, "put {ROOT}/{key} \"{value}\"").unwrap();
        }
        txn.push_str("\n\n");
        etcd.ctl(3, &txn, &["txn"]);
    }
}

fn set(number: usize) -> (String, Value) {
    let name = format!("set-{number:05}");
    let value = json!({"kind": "GlobalNetworkSet", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": name}, "spec": {"nets": ["10.0.0.0/24"]}});
    (format!("globalnetworksets/{name}"), value)
}

/// As Calico's CNI plugin stores them.
fn endpoint(number: usize) -> (String, Value) {
    let (node, pod) = (
        format!("node-{}", number / 20),
        format!("web-5d9f8b7c6d-{number:06}"),
    );
    let name = format!("{}-k8s-{}-eth0", node.replace('-', "--"), pod.replace('-', "--"));
    let (namespace, address) = (
        format!("ns-{:03}", number % 100),
        format!("10.{}.{}.{}/32", number >> 16, number >> 8 & 255, number & 255),
    );
    let value = json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": name, "namespace": namespace, "generateName": "web-5d9f8b7c6d-",
            "uid": format!("0b6bd0a2-7a52-4f6e-9c0b-{number:012}"), "creationTimestamp": "2026-08-22T10:00:00Z",
            "labels": {"app": "web", "pod-template-hash": "5d9f8b7c6d", "projectcalico.org/namespace": namespace,
                "projectcalico.org/orchestrator": "k8s", "projectcalico.org/serviceaccount": "default"}},
        "spec": {"orchestrator": "k8s", "workload": "", "node": node, "containerID": format!("{number:064}"),
            "pod": pod, "endpoint": "eth0", "serviceAccountName": "default", "ipNetworks": [address],
            "profiles": [format!("kns.{namespace}"), format!("ksa.{namespace}.default")],
            "interfaceName": format!("cali{number:011}"), "mac": "ee:ee:ee:ee:ee:ee"}});
    (format!("workloadendpoints/{namespace}/{name}"), value)
}

/// The most memory that a command held, MB; its output goes nowhere.
fn peak(netdiag: &Netdiag, arguments: &[&str]) -> u64 {
    let mut command = netdiag.command(arguments);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        // It only grows; a process that has ended has none.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = most.max(line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap()));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{arguments:?}");
            return most / 1024;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_hundred_thousand_endpoints_take_less_than_300_mb_in_any_output() {
    let Some(etcd) = server() else { return };
    fill(&etcd, 100_000, endpoint);
    let netdiag = Netdiag::etcd(&etcd);
    let path = "jsonpath={range .items[*]}{.metadata.name} {.spec.ipNetworks[*]}{end}";
    let template = "go-template={{range .}}{{range .items}}{{.metadata.name}} {{end}}{{end}}";
    for output in [
        template,
        "ps",
        "wide",
        "json",
        "yaml",
        "name",
        "custom-columns=NAME,NODE",
        path,
    ] {
        let arguments = ["--timeout", "60", "get", "wep", "-A", "-o", output];
        let peak = peak(&netdiag, &arguments);
        // What holds nothing has not looked.
        assert!((20..300).contains(&peak), "-o {output}: {peak} MB");
    }
}

#[test]
fn a_list_of_many_pages_is_of_one_moment_also_when_that_is_compacted_meanwhile() {
    let Some(etcd) = server() else { return };
    let count = 33_000;
    fill(&etcd, count, set);
    let netdiag = Netdiag::etcd(&etcd);
    let all: Vec<String> = (0..count)
        .map(|number| format!("globalnetworkset/set-{number:05}"))
        .collect();
    let names = || netdiag.done(&["--timeout", "60", "get", "globalnetworkset", "-o", "name"], "");
    assert!(names().lines().eq(&all));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            for number in 0.. {
                // Not for ever, should the other side have failed.
                if over.load(Ordering::Relaxed) || started.elapsed() > Duration::from_secs(60) {
                    return;
                }
                let put = etcd.ctl(3, "", &["put", "/other", &number.to_string(), "-w", "json"]);
                let put: Value = serde_json::from_str(&put).unwrap();
                etcd.ctl(3, "", &["compact", &put["header"]["revision"].to_string()]);
            }
        });
        for _ in 0..3 {
            assert!(names().lines().eq(&all));
            let list = netdiag.done(&["--timeout", "60", "get", "globalnetworkset", "-o", "json"], "");
            let list: Value = serde_json::from_str(&list).unwrap();
            let items = list["items"].as_array().unwrap();
            let told: BTreeSet<&str> = items
                .iter()
                .filter_map(|item| item["metadata"]["name"].as_str())
                .collect();
            assert_eq!((items.len(), told.len()), (count, count));
            assert!(list["metadata"]["resourceVersion"].is_string());
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_list_that_breaks_off_is_an_error_and_nothing_of_it_is_shown() {
    let Some(mut etcd) = server() else { return };
    fill(&etcd, 33_000, set);
    let netdiag = Netdiag::etcd(&etcd);
    let mut broken = 0;
    for delay in (0..).step_by(300).take(6) {
        let child = netdiag.start(&["--timeout", "2", "get", "globalnetworkset", "-o", "yaml"], "");
        thread::sleep(Duration::from_millis(delay));
        etcd.restart(Duration::from_millis(2500));
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            break;
        }
        broken += 1;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.stdout.is_empty(), "{error}: {} bytes", output.stdout.len());
        assert!(error.contains(&etcd.url()), "{error}");
    }
    assert!(broken > 0);
}
