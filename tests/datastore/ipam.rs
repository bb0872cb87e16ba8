//! IPAM's commands on what Calico's own IPAM wrote, in etcd and in Kubernetes.

use netdiag::calico::crd::Group;
use netdiag::datastore::{Datastore, Entry};
use netdiag_lab::{Kubernetes, or_skip};
use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::kubernetes::{as_user, create, define};
use crate::server::Etcd;
use crate::{open, run};

/// Two nodes with six and seven addresses, and one of IPv6.
pub(crate) const DUMP: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-ipam-dump.txt");

pub(crate) async fn load(store: &dyn Datastore) {
    let lines: Vec<&str> = DUMP.lines().collect();
    for pair in lines.chunks(2) {
        let entry = Entry {
            key: pair[0].to_owned(),
            value: Vec::new(),
            revision: 0,
        };
        assert!(
            store.swap_entry(&entry, Some(pair[1])).await.unwrap(),
            "{}",
            pair[0]
        );
        assert!(
            !store.swap_entry(&entry, Some(pair[1])).await.unwrap(),
            "it is there already"
        );
    }
}

/// Pools, two nodes of which one has a tunnel, and one endpoint are there; everything else follows.
fn story(netdiag: &Netdiag) {
    let pool =
        "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.244.0.0/16}}";
    netdiag.done(&["apply", "-f", "-"], pool);
    let check = |arguments: &[&str], code: i32| {
        let output = netdiag.output(&[&["ipam", "check"], arguments].concat(), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}{error}");
        text
    };
    let json = |arguments: &[&str]| -> Value {
        let text = netdiag.done(&[&["ipam", "show", "-o", "json"], arguments].concat(), "");
        serde_json::from_str(&text).unwrap()
    };

    // Who has what.
    let shown = json(&["--show-blocks"]);
    let counts = |row: &Value| {
        (
            row["cidr"].as_str().unwrap().to_owned(),
            row["inUse"].as_u64().unwrap(),
        )
    };
    let all: Vec<_> = shown.as_array().unwrap().iter().map(counts).collect();
    assert_eq!(
        all,
        [
            ("10.244.0.0/16".to_owned(), 14),
            ("10.244.247.0/26".to_owned(), 6),
            ("10.244.84.128/26".to_owned(), 8),
            ("fd00:10:244::/122".to_owned(), 1)
        ]
    );
    assert_eq!(shown[3]["grouping"], "No pool");
    let table = netdiag.done(&["ipam", "show"], "");
    assert!(
        table.contains("| IP Pool  | 10.244.0.0/16     |     65536 | 14 (0%)    | 65522 (100%) |"),
        "{table}"
    );
    let owner = netdiag.done(&["ipam", "show", "--ip=10.244.84.129"], "");
    assert_eq!(
        owner,
        "IP 10.244.84.129 is in use\nHandle ID: k8s-pod-network.node-1-01\nActive Owner Attributes:\n  namespace: \
         default\n  node: node-1\n  pod: pod-1\n  timestamp: 2026-01-01 00:00:00 +0000 UTC\n"
    );
    assert_eq!(
        netdiag.done(&["ipam", "show", "--ip", "10.244.84.200"], ""),
        "10.244.84.200 is not assigned\n"
    );
    netdiag.refused(
        &["ipam", "show", "--ip", "x"],
        "",
        "invalid IP address specified: x",
    );
    assert_eq!(json(&["--show-nodes"])[0]["node"], "node-1");
    let borrowed = netdiag.done(&["ipam", "show", "--show-borrowed"], "");
    assert!(
        borrowed.contains("found 3 IP allocations without an explicit node"),
        "{borrowed}"
    );

    // What nobody uses: all but one pod's and one tunnel's.
    let text = check(&["--show-problem-ips"], 2);
    for line in [
        "Found 3 IPAM blocks.",
        "IPAM blocks record 15 allocations.",
        "Found 1 active IP pools.",
        "Found 1 node tunnel IPs.",
        "Found 1 workload IPs.",
        "  node-1 has 6 allocations",
        "  10.244.84.130 leaked; attrs Main:k8s-pod-network.node-1-02 Extra:namespace=default,node=node-1,pod=pod-2,timestamp=2026-01-01 00:00:00 +0000 UTC",
        "Found 13 IPs that are allocated in IPAM but not actually in use.",
        "Found 0 in-use IPs that are in active IP pools but have no corresponding IPAM allocation.",
        "Found 0 handles with no matching IPs (and 14 handles with matches).",
        "Check complete; found 13 problems.",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }

    // Giving back.
    netdiag.refused(
        &["ipam", "release", "--ip=10.244.84.129"],
        "",
        "10.244.84.129 is in use by Workload(default/node--1-k8s-pod--1-eth0)",
    );
    assert_eq!(
        netdiag.done(&["ipam", "release", "--ip=10.244.84.150"], ""),
        "Successfully released IP address 10.244.84.150\n"
    );
    netdiag.refused(
        &["ipam", "release", "--ip=10.244.84.150"],
        "",
        "IP address 10.244.84.150 is not assigned",
    );
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report.json");
    let report = report.to_str().unwrap();
    let from_report = ["ipam", "release", "--from-report", report];
    check(&["-o", report], 2);
    netdiag.refused(&from_report, "", "it must be locked");
    assert_eq!(
        netdiag.done(&["datastore", "migrate", "lock"], ""),
        "Datastore locked.\n"
    );
    netdiag.refused(&from_report, "", "all stale");
    check(&["-o", report], 2);
    let text = netdiag.done(&from_report, "");
    assert!(text.contains("Released 12 IPs successfully"), "{text}");
    let again = netdiag.done(&from_report, "");
    assert!(
        again.contains("Releasing 0 old IPs...") && again.contains("12 addresses marked"),
        "{again}"
    );
    let text = check(&["--show-all-ips"], 0);
    assert!(text.contains("IPAM blocks record 2 allocations."), "{text}");
    assert!(text.contains("and 2 handles with matches"), "{text}");

    // Settings, and smaller pools.
    netdiag.refused(&["ipam", "configure"], "", "at least one configuration option");
    netdiag.refused(
        &["ipam", "configure", "--max-blocks-per-host=4"],
        "",
        "needs strict affinity",
    );
    assert_eq!(
        netdiag.done(
            &[
                "ipam",
                "configure",
                "--strictaffinity=true",
                "--max-blocks-per-host=4"
            ],
            ""
        ),
        "Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 4\n"
    );
    assert_eq!(json(&["--show-configuration"])["MaxBlocksPerHost"], 4);
    netdiag.refused(
        &["ipam", "split", "3", "--name=p"],
        "",
        "not a valid power of 2: 3",
    );
    let text = netdiag.done(&["ipam", "split", "4", "--cidr=10.244.0.0/16"], "");
    assert!(
        text.contains("Created split-p-3 with CIDR 10.244.192.0/18."),
        "{text}"
    );
    let pools = netdiag.done(&["get", "ippool", "-o", "name"], "");
    assert_eq!(
        pools,
        "ippool/split-p-0\nippool/split-p-1\nippool/split-p-2\nippool/split-p-3\n"
    );
    assert_eq!(
        netdiag.done(&["datastore", "migrate", "unlock"], ""),
        "Datastore unlocked.\n"
    );
    netdiag.refused(
        &["ipam", "split", "2", "--name=split-p-0"],
        "",
        "datastore is not locked",
    );
    check(&[], 0);
}

#[test]
fn on_etcd() {
    let Some(etcd) = Etcd::start() else { return };
    run(async { load(&*open(&[("ETCD_ENDPOINTS", &etcd.url())]).await).await });
    let netdiag = Netdiag::etcd(&etcd);
    let objects = "- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node-1}, spec: {bgp: {ipv4Address: \
                   192.168.80.21/24, ipv4IPIPTunnelAddr: 10.244.84.133}}}\n\
                   - {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node-2}}\n\
                   - {apiVersion: projectcalico.org/v3, kind: WorkloadEndpoint, metadata: {name: \
                   node--1-k8s-pod--1-eth0}, spec: {node: node-1, orchestrator: k8s, pod: pod-1, endpoint: eth0, \
                   interfaceName: cali1, ipNetworks: [10.244.84.129/32]}}\n";
    netdiag.done(&["create", "-f", "-"], objects);
    story(&netdiag);
}

#[test]
fn on_kubernetes() {
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    define(&kubernetes, Group::Classic);
    let netdiag = as_user(&kubernetes, "admin");
    let variables: Vec<(&str, &str)> = netdiag
        .0
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    run(async { load(&*open(&variables).await).await });
    let block = kubernetes
        .get("/apis/crd.projectcalico.org/v1/ipamblocks/10-244-84-128-26")
        .unwrap()
        .unwrap();
    assert_eq!(block["spec"]["affinity"], "host:node-1");
    assert_eq!(block["spec"]["allocations"].as_array().unwrap().len(), 64);
    let tunnel =
        json!({"metadata": {"annotations": {"projectcalico.org/IPv4IPIPTunnelAddr": "10.244.84.133"}}});
    create(&kubernetes, "/api/v1/nodes", "Node", "node-1", &tunnel);
    create(&kubernetes, "/api/v1/nodes", "Node", "node-2", &json!({}));
    let pod = json!({
        "spec": {"nodeName": "node-1", "containers": [{"name": "c", "image": "x"}]},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.244.84.129"}]},
    });
    create(
        &kubernetes,
        "/api/v1/namespaces/default/pods",
        "Pod",
        "pod-1",
        &pod,
    );
    story(&netdiag);
}
