//! A thousand nodes with 25 faults.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use netdiag::archive;
use netdiag::state::snapshot::VERSION;
use netdiag::state::{Fact, Snapshot};
use netdiag_bench::cluster::{Cluster as Plan, Flavour};

use serde_json::Value;

use crate::made::{objects, resource, with_default_route};
use crate::planted::{FAULTS, Planted};

#[test]
fn of_a_thousand_nodes_the_25_that_are_broken_are_found_and_no_others() {
    let plan = Plan {
        rules: 200,
        ..Plan::new(Flavour::CalicoVxlan, 1_000, 8)
    };
    let mut nodes = plan.states();
    nodes.iter_mut().for_each(with_default_route);
    let objects = objects(Flavour::CalicoVxlan, &nodes);
    let faults: Vec<&Planted> = FAULTS
        .iter()
        .filter(|fault| fault.of.contains(&Flavour::CalicoVxlan))
        .collect();
    let mut planted = BTreeSet::new();
    for number in 0..25 {
        let fault = faults[number % faults.len()];
        let node = &mut nodes[17 + number * 39];
        (fault.harm)(node);
        planted.insert((fault.id.to_owned(), node.name.clone()));
    }
    let snapshot = Snapshot {
        nodes,
        netdiag_snapshot: VERSION,
        objects: Fact::Known(objects),
    };
    let directory = tempfile::tempdir().unwrap();
    // For figures of the program as it is released: `NETDIAG_KEEP=FILE`, then `netdiag check --snapshot FILE`.
    let kept = std::env::var_os("NETDIAG_KEEP").map(PathBuf::from);
    let saved = kept.unwrap_or_else(|| directory.path().join("cluster.zst"));
    let file = std::fs::File::create(&saved).unwrap();
    archive::write(&snapshot, archive::Form::Zstd, file).unwrap();
    drop(snapshot);
    // The shell's own: what this one child took, whatever else runs here.
    let output = Command::new("bash")
        .args(["-c", "TIMEFORMAT='%U %S'; time \"$@\" 2>/dev/null", "bash"])
        .arg(env!("CARGO_BIN_EXE_netdiag"))
        .args(["check", "-o", "json", "--snapshot"])
        .arg(&saved)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let told: BTreeSet<_> = findings
        .iter()
        .map(|finding| (text(finding, "code"), text(finding, "node")))
        .collect();
    assert_eq!(told, planted);
    assert_eq!(findings.len(), 25);
    // As released it takes a tenth of what it takes built for debugging. In time of processors, as other tests run beside it,
    // and with room for slow ones: what grows faster than nodes do takes far more.
    let took = String::from_utf8(output.stderr).unwrap();
    let took: f64 = took
        .split_whitespace()
        .map(|part| part.parse::<f64>().unwrap())
        .sum();
    assert!(took < 100.0, "{took} s");
}

#[test]
fn what_becomes_of_hundreds_of_nodes_without_their_tunnel_is_told_in_time() {
    let mut nodes = Plan::new(Flavour::CalicoVxlan, 400, 1).states();
    nodes.iter_mut().for_each(with_default_route);
    let objects = objects(Flavour::CalicoVxlan, &nodes);
    let snapshot = Snapshot {
        nodes,
        netdiag_snapshot: VERSION,
        objects: Fact::Known(objects),
    };
    let directory = tempfile::tempdir().unwrap();
    let [saved, wanted] = ["cluster.zst", "pool.json"].map(|name| directory.path().join(name));
    let file = std::fs::File::create(&saved).unwrap();
    archive::write(&snapshot, archive::Form::Zstd, file).unwrap();
    drop(snapshot);
    let spec = serde_json::json!({"cidr": "10.0.0.0/8", "vxlanMode": "Never", "natOutgoing": true});
    let pool = resource("IPPool", "default-ipv4-ippool", spec);
    std::fs::write(&wanted, pool.to_string()).unwrap();
    let start = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .arg("plan")
        .args([
            "-f".as_ref(),
            wanted.as_os_str(),
            "--snapshot".as_ref(),
            saved.as_os_str(),
        ])
        .env_clear()
        .output()
        .unwrap();
    let took = start.elapsed();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text:.2000}");
    assert!(text.contains("399 routes"), "{text:.2000}");
    assert!(
        text.contains("of 159600 pairs of kinds of pods, 12800 were walked"),
        "{text:.2000}"
    );
    // Built for debugging, and beside other tests.
    assert!(took.as_secs() < 300, "{took:?}");
}
