//! A whole datastore moved: from etcd to Kubernetes, and back into another etcd.

use netdiag::datastore::Entry;
use netdiag_lab::{Kubernetes, or_skip};
use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::ipam::{DUMP, load};
use crate::kinds::OBJECTS;
use crate::kubernetes::{as_user, create};
use crate::server::Etcd;
use crate::{open, run};

/// What is moved, but for Nodes.
const KINDS: [&str; 16] = [
    "ippool",
    "bgppeer",
    "tier",
    "gnp",
    "sgnp",
    "globalnetworkset",
    "hostendpoint",
    "kubecontrollersconfiguration",
    "networkpolicy",
    "stagednetworkpolicy",
    "stagedkubernetesnetworkpolicy",
    "networkset",
    "bgpconfiguration",
    "felixconfiguration",
    "ipreservation",
    "bgpfilter",
];

/// Everything of these kinds, but for what each datastore gives anew.
fn everything(netdiag: &Netdiag) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in KINDS {
        let namespaced = [
            "networkpolicy",
            "stagednetworkpolicy",
            "stagedkubernetesnetworkpolicy",
            "networkset",
        ];
        let all_namespaces: &[&str] = if namespaced.contains(&kind) { &["-A"] } else { &[] };
        let text = netdiag.done(&[&["get", kind, "-o", "json"], all_namespaces].concat(), "");
        let list: Value = serde_json::from_str(&text).unwrap();
        for mut item in list["items"].as_array().unwrap().clone() {
            let metadata = item["metadata"].as_object_mut().unwrap();
            for key in ["uid", "resourceVersion", "creationTimestamp"] {
                metadata.remove(key);
            }
            all.push(item);
        }
    }
    all
}

/// IPAM's keys and values.
fn ipam(variables: &[(&str, &str)]) -> Vec<(String, Value)> {
    run(async {
        let entries = open(variables).await.entries("/calico/ipam/v2/").await.unwrap();
        let value = |entry: Entry| (entry.key, serde_json::from_slice(&entry.value).unwrap());
        let mut all: Vec<(String, Value)> = entries.into_iter().map(value).collect();
        // Markers of hosts are not moved.
        all.retain(|(key, _)| !key.contains("/host/") || key.contains("/block/"));
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    })
}

fn variables(netdiag: &Netdiag) -> Vec<(&str, &str)> {
    netdiag
        .0
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// A cluster with one of each kind, and the addresses of two nodes.
fn fill(etcd: &Etcd) -> Netdiag {
    let netdiag = Netdiag::etcd(etcd);
    let document = |(kind, name, spec): &(&str, &str, &str)| {
        format!(
            "---\n{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n"
        )
    };
    let moved: String = OBJECTS
        .iter()
        .filter(|object| {
            ![
                "Node",
                "IPAMConfiguration",
                "CalicoNodeStatus",
                "Profile",
                "WorkloadEndpoint",
            ]
            .contains(&object.0)
        })
        .map(document)
        .collect();
    netdiag.done(&["apply", "-f", "-"], &moved);
    // Two nodes, one of which Kubernetes calls otherwise; settings and a peer of its own.
    let nodes = "
- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node-1},
   spec: {bgp: {ipv4Address: 192.0.2.1/24}, orchRefs: [{nodeName: kube-1, orchestrator: k8s}]}}
- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node-2},
   spec: {bgp: {ipv4Address: 192.0.2.2/24}, orchRefs: [{nodeName: node-2, orchestrator: k8s}]}}
- {apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: node.node-1}, spec: {ipipEnabled: true}}
- {apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: {name: own}, spec: {node: node-1, peerIP: 10.9.9.9, asNumber: 1}}
";
    netdiag.done(&["apply", "-f", "-"], nodes);
    run(async { load(&*open(&[("ETCD_ENDPOINTS", &etcd.url())]).await).await });
    netdiag
}

#[test]
fn everything_goes_from_etcd_to_kubernetes_and_back() {
    let (Some(old), Some(new)) = (Etcd::start(), Etcd::start()) else {
        return;
    };
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    let from = fill(&old);
    from.refused(&["datastore", "migrate", "export"], "", "datastore is not locked");
    assert_eq!(
        from.done(&["datastore", "migrate", "lock"], ""),
        "Datastore locked.\n"
    );
    let file = from.done(&["datastore", "migrate", "export"], "");
    assert_eq!(file.matches("===\n").count(), 2);
    assert!(
        file.starts_with("apiVersion: projectcalico.org/v3\nitems:\n"),
        "{file}"
    );

    // Kubernetes knows the nodes, and nothing of Calico.
    let to = as_user(&kubernetes, "admin");
    for node in ["kube-1", "node-2"] {
        create(&kubernetes, "/api/v1/nodes", "Node", node, &json!({}));
    }
    let said = to.done(&["datastore", "migrate", "import", "-f", "-"], &file);
    assert!(said.contains("Defined "), "{said}");
    assert!(
        said.contains("Datastore information successfully imported."),
        "{said}"
    );
    let renamed = |value: &Value| -> Value {
        let text = value.to_string().replace("node.node-1", "node.kube-1");
        serde_json::from_str(&text.replace(r#""node":"node-1""#, r#""node":"kube-1""#)).unwrap()
    };
    let expected: Vec<Value> = everything(&from).iter().map(renamed).collect();
    assert_eq!(everything(&to), expected);
    let node: Value = serde_json::from_str(&to.done(&["get", "node", "kube-1", "-o", "json"], "")).unwrap();
    assert_eq!(node["spec"]["bgp"]["ipv4Address"], "192.0.2.1/24");
    let cluster = |netdiag: &Netdiag| -> Value {
        serde_json::from_str(&netdiag.done(&["get", "clusterinfo", "default", "-o", "json"], "")).unwrap()
    };
    assert_eq!(
        cluster(&to)["spec"]["clusterGUID"],
        cluster(&from)["spec"]["clusterGUID"]
    );
    assert_eq!(cluster(&to)["spec"]["datastoreReady"], false);
    let there = ipam(&variables(&to));
    assert_eq!(there.len(), ipam(&variables(&from)).len());
    assert!(DUMP.contains("/host/node-1/"), "the dump has this node");
    assert!(
        there.iter().any(|(key, _)| key.contains("/host/kube-1/")),
        "{there:?}"
    );
    let text = format!("{there:?}");
    assert!(
        !text.contains("host:node-1") && !text.contains("tunnel-addr-node-1"),
        "{text}"
    );

    // Again is nothing new; an interrupted import goes on.
    to.done(&["delete", "globalnetworkset", "gs1"], "");
    to.done(&["datastore", "migrate", "import", "-f", "-"], &file);
    assert_eq!(everything(&to), expected);
    // Another cluster's file is refused where something is.
    let foreign = file.replace(
        cluster(&from)["spec"]["clusterGUID"].as_str().unwrap(),
        "0123456789abcdef0123456789abcdef",
    );
    to.refused(
        &["datastore", "migrate", "import", "-f", "-"],
        &foreign,
        "datastore already has Calico resources: found IPPool pool1",
    );

    // And back.
    let back = to.done(&["datastore", "migrate", "export"], "");
    let into = Netdiag::etcd(&new);
    into.done(&["datastore", "migrate", "import", "-f", "-"], &back);
    assert_eq!(everything(&into), expected);
    assert_eq!(ipam(&variables(&into)), there);
    assert_eq!(
        into.done(&["datastore", "migrate", "unlock"], ""),
        "Datastore unlocked.\n"
    );
}

#[test]
fn an_invalid_file_changes_nothing_and_unknown_nodes_are_left_out() {
    let (Some(old), Some(new)) = (Etcd::start(), Etcd::start()) else {
        return;
    };
    let from = fill(&old);
    from.done(&["datastore", "migrate", "lock"], "");
    let file = from.done(&["datastore", "migrate", "export"], "");
    let into = Netdiag::etcd(&new);
    for (broken, why) in [
        (file.replace("===", "=="), "parts with ==="),
        (
            file.replace("natOutgoing", "natOutgoin")
                .replace("cidr: 10.244.0.0/16", "cidr: 10.244.0.0"),
            "spec.cidr",
        ),
        (
            file.replace("/calico/ipam/v2/handle/", "/elsewhere/"),
            "is no key of IPAM",
        ),
    ] {
        into.refused(&["datastore", "migrate", "import", "-f", "-"], &broken, why);
    }
    assert_eq!(new.ctl(3, "", &["get", "--prefix", "--keys-only", "/"]), "");
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    let to = as_user(&kubernetes, "admin");
    let output = to.output(&["datastore", "migrate", "import", "-f", "-"], &file);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("[WARNING] Attempted to import node kube-1"),
        "{told}"
    );
}

/// The keys of an etcd, and what calicoctl exported of them.
const EXPORT_OF: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-export-of.txt");
const EXPORT: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-export.txt");

#[test]
fn an_export_is_that_of_calicoctl_to_the_byte() {
    let Some(etcd) = Etcd::start() else { return };
    let lines: Vec<&str> = EXPORT_OF.lines().collect();
    for pair in lines.chunks(2) {
        etcd.put3(pair[0], pair[1]);
    }
    let ours = Netdiag::etcd(&etcd).done(&["datastore", "migrate", "export"], "");
    // The revision of this etcd is another one.
    let documents = |text: &str| -> Vec<String> {
        let same = |line: &&str| !line.contains("resourceVersion");
        let whole: Vec<&str> = text.lines().filter(same).collect();
        whole.join("\n").split("\n---\n").map(str::to_owned).collect()
    };
    let (ours, theirs) = (documents(&ours), documents(EXPORT));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        // calicoctl takes these along from the namespace default only.
        if ["StagedNetworkPolicyList", "StagedKubernetesNetworkPolicyList"]
            .iter()
            .any(|kind| theirs.contains(&format!("kind: {kind}\n")))
        {
            assert!(
                theirs.contains("items: []") && ours.contains("namespace: production"),
                "{ours}"
            );
            continue;
        }
        assert_eq!(ours, theirs);
    }
}
