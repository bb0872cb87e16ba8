//! Every kind on a real etcd, through every command: create, get in all outputs, apply, patch, label, replace, delete.

use netdiag::calico::kind::Kind;

use crate::command::Netdiag;
use crate::server::Etcd;

/// Kind, name, and spec in flow style, for one object of each kind; what they refer to comes first.
pub(crate) const OBJECTS: [(&str, &str, &str); 21] = [
    (
        "Node",
        "n1",
        "{bgp: {ipv4Address: 192.0.2.1/24, asNumber: '1.10'}}",
    ),
    (
        "BGPConfiguration",
        "default",
        "{nodeToNodeMeshEnabled: false, asNumber: 64513, listenPort: 178}",
    ),
    (
        "BGPFilter",
        "f1",
        "{exportV4: [{action: Accept, matchOperator: In, cidr: 10.0.0.0/8}]}",
    ),
    (
        "BGPPeer",
        "p1",
        "{peerIP: 192.0.2.9, asNumber: 64512, filters: [f1], maxRestartTime: 90s}",
    ),
    ("IPPool", "pool1", "{cidr: 10.244.0.0/16}"),
    ("IPReservation", "r1", "{reservedCIDRs: [10.244.0.0/30]}"),
    ("IPAMConfiguration", "default", "{strictAffinity: true}"),
    (
        "FelixConfiguration",
        "default",
        "{ipipEnabled: true, iptablesRefreshInterval: 90s}",
    ),
    (
        "KubeControllersConfiguration",
        "default",
        "{controllers: {node: {syncLabels: Enabled}}}",
    ),
    (
        "CalicoNodeStatus",
        "s1",
        "{node: n1, classes: [Agent], updatePeriodSeconds: 0}",
    ),
    ("Tier", "t1", "{order: 100}"),
    (
        "GlobalNetworkPolicy",
        "t1.g1",
        "{tier: t1, order: 5, ingress: [{action: Pass}]}",
    ),
    (
        "NetworkPolicy",
        "np1",
        "{egress: [{action: Allow, protocol: TCP, destination: {ports: [80, '90:95', http]}}]}",
    ),
    ("StagedGlobalNetworkPolicy", "sg1", "{selector: all()}"),
    ("StagedNetworkPolicy", "sn1", "{selector: has(a)}"),
    (
        "StagedKubernetesNetworkPolicy",
        "sk1",
        "{podSelector: {matchLabels: {a: b}}}",
    ),
    ("GlobalNetworkSet", "gs1", "{nets: [10.0.0.0/8]}"),
    ("NetworkSet", "ns1", "{nets: [10.0.0.0/8]}"),
    (
        "Profile",
        "pr1",
        "{ingress: [{action: Allow}], labelsToApply: {a: b}}",
    ),
    ("HostEndpoint", "h1", "{node: n1, interfaceName: eth0}"),
    (
        "WorkloadEndpoint",
        "n1-k8s-pod1-eth0",
        "{node: n1, orchestrator: k8s, pod: pod1, endpoint: eth0, interfaceName: cali1, ipNetworks: [10.244.0.5/32]}",
    ),
];

/// One object: created, shown in every form, changed in every way.
pub(crate) fn goes_its_way(netdiag: &Netdiag, (kind, name, spec): (&str, &str, &str)) {
    let manifest = format!(
        "{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
    );
    let row = Kind::from_document(kind).unwrap();
    netdiag.refused(&["replace", "-f", "-"], &manifest, "resource does not exist: ");
    netdiag.refused(&["get", kind, name], "", "resource does not exist: ");
    let one = |done: &str| format!("Successfully {done} 1 '{kind}' resource(s)\n");
    assert_eq!(
        netdiag.done(&["validate", "-f", "-"], &manifest),
        one("validated")
    );
    assert_eq!(netdiag.done(&["create", "-f", "-"], &manifest), one("created"));
    netdiag.refused(&["create", "-f", "-"], &manifest, "resource already exists: ");
    assert_eq!(
        netdiag.done(&["create", "-f", "-", "--skip-exists"], &manifest),
        one("created")
    );
    let before = netdiag.done(&["get", kind, name, "-o", "json"], "");
    assert_eq!(netdiag.done(&["apply", "-f", "-"], &manifest), one("applied"));
    assert_eq!(
        netdiag.done(&["get", kind, name, "-o", "json"], ""),
        before,
        "unchanged"
    );

    for output in ["ps", "wide"] {
        let table = netdiag.done(&["get", kind, "-o", output], "");
        let headings: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(headings, row.headings(output == "wide"), "{table}");
        assert!(table.lines().count() > 1, "{table}");
    }
    let names = netdiag.done(&["get", kind, "-o", "name"], "");
    assert!(
        names.contains(&format!("{}/{name}\n", kind.to_lowercase())),
        "{names}"
    );
    let columns = netdiag.done(&["get", kind, name, "-o", "custom-columns=NAME"], "");
    assert_eq!(columns, format!("NAME\n{name}\n"));
    let template = "go-template={{range .}}{{.ObjectMeta.Name}} {{.Kind}}{{end}}";
    assert_eq!(
        netdiag.done(&["get", kind, name, "-o", template], ""),
        format!("{name} {kind}")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{{range .}}{{.Kind}}{{end}}").unwrap();
    let from_file = format!("go-template-file={}", file.path().display());
    assert_eq!(netdiag.done(&["get", kind, name, "-o", &from_file], ""), kind);
    let path = "jsonpath={.metadata.name}";
    assert_eq!(netdiag.done(&["get", kind, name, "-o", path], ""), name);
    // What get prints, replace reads back.
    for output in ["yaml", "json"] {
        let text = netdiag.done(&["get", kind, name, "-o", output], "");
        assert_eq!(netdiag.done(&["replace", "-f", "-"], &text), one("replaced"));
    }

    // An apply that changes something replaces annotations whole, and keeps who it is.
    let noted = manifest.replacen("metadata: {", "metadata: {annotations: {note: changed}, ", 1);
    assert_eq!(netdiag.done(&["apply", "-f", "-"], &noted), one("applied"));
    let path = "jsonpath={.metadata.annotations.note} {.metadata.uid}";
    let shown = netdiag.done(&["get", kind, name, "-o", path], "");
    let uid: serde_json::Value = serde_json::from_str(&before).unwrap();
    let uid = uid["metadata"]["uid"].as_str().unwrap();
    assert_eq!(shown, format!("changed {uid}"), "{kind}");

    let patch = r#"{"metadata":{"labels":{"patched":"yes"}}}"#;
    assert_eq!(
        netdiag.done(&["patch", kind, name, "-p", patch], ""),
        format!("Successfully patched 1 '{kind}' resource\n")
    );
    let operation = r#"[{"op": "test", "path": "/metadata/labels/patched", "value": "yes"}]"#;
    netdiag.done(&["patch", kind, name, "-t", "json", "-p", operation], "");
    netdiag.refused(
        &["patch", kind, name, "-p", r#"{"spec":{"nonsense":1}}"#],
        "",
        "spec.nonsense: unknown field",
    );
    assert_eq!(
        netdiag.done(&["label", kind, name, "rack=r1"], ""),
        format!("Successfully set label rack on {kind} {name}\n")
    );
    netdiag.refused(&["label", kind, name, "rack=r2"], "", "already present");
    netdiag.done(&["label", kind, name, "rack=r2", "--overwrite"], "");
    let labelled = netdiag.done(
        &[
            "get",
            kind,
            "-l",
            "rack == 'r2' && has(patched)",
            "-L",
            "rack",
            "-o",
            "custom-columns=NAME",
        ],
        "",
    );
    assert_eq!(labelled.lines().count(), 2, "{labelled}");
    assert!(labelled.lines().nth(1).unwrap().ends_with("r2"));
    netdiag.done(&["label", kind, name, "rack", "--remove"], "");
    assert_eq!(netdiag.done(&["replace", "-f", "-"], &manifest), one("replaced"));
    let replaced = netdiag.done(&["get", kind, name, "-o", "json"], "");
    assert!(!replaced.contains("patched"), "{replaced}");
    let before = before.replacen(
        "\"metadata\": {",
        "\"metadata\": {\"annotations\": {\"other\": \"x\"},",
        1,
    );
    netdiag.refused(&["replace", "-f", "-"], &before, "update conflict: ");
    netdiag.refused(&["delete", "--yes", "-f", "-"], &before, "update conflict: ");
}

#[test]
fn every_kind_is_created_shown_changed_and_deleted() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    for object in OBJECTS {
        goes_its_way(&netdiag, object);
    }
    let all = netdiag.done(&["get", "all", "-A", "-o", "name"], "");
    assert!(all.lines().count() >= OBJECTS.len(), "{all}");
    netdiag.refused(&["delete", "tier", "t1"], "", "Cannot delete a non-empty tier");
    for (kind, name, _) in OBJECTS.into_iter().rev() {
        let deleted = netdiag.done(&["delete", kind, name, "--yes"], "");
        assert_eq!(deleted, format!("Successfully deleted 1 '{kind}' resource(s)\n"));
        netdiag.refused(&["delete", kind, name], "", "resource does not exist: ");
        netdiag.done(&["delete", kind, name, "--skip-not-exists"], "");
    }
    let left = netdiag.done(&["get", "all", "-A", "-o", "name"], "");
    assert_eq!(
        left,
        "clusterinformation/default\ntier/kube-admin\ntier/default\ntier/kube-baseline\nprofile/projectcalico-default-allow\n"
    );
}

/// What only Calico itself writes: it is shown in every form, and may be patched and labelled, but nothing else.
pub(crate) fn cluster_information_goes_its_way(netdiag: &Netdiag) {
    // The first write makes it.
    netdiag.done(
        &["apply", "-f", "-"],
        "{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: first}, spec: {order: 7}}",
    );
    netdiag.done(&["delete", "tier", "first"], "");
    let get = |output: &str| netdiag.done(&["get", "clusterinfo", "default", "-o", output], "");
    for output in ["ps", "wide"] {
        let table = get(output);
        assert!(table.starts_with("NAME      CLUSTERGUID"), "{table}");
        assert!(table.lines().nth(1).unwrap().contains("true"), "{table}");
    }
    assert_eq!(get("name"), "clusterinformation/default\n");
    assert_eq!(get("jsonpath={.spec.datastoreReady}"), "true");
    assert_eq!(get("custom-columns=DATASTOREREADY"), "DATASTOREREADY\ntrue\n");
    let (yaml, json) = (get("yaml"), get("json"));
    for verb in ["create", "apply", "replace", "delete"] {
        for text in [&yaml, &json] {
            let told = format!("operation {verb} is not supported on ClusterInformation");
            netdiag.refused(&[verb, "-f", "-"], text, &told);
        }
    }
    assert_eq!(get("json"), json, "nothing was written");
}

#[test]
fn cluster_information_is_read_only() {
    let Some(etcd) = Etcd::start() else { return };
    cluster_information_goes_its_way(&Netdiag::etcd(&etcd));
}

#[test]
fn what_calico_keeps_to_itself_is_refused() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let manifest = |kind: &str, name: &str, spec: &str| {
        format!(
            "{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
        )
    };
    let apply = ["apply", "-f", "-"];
    for (kind, name, spec, why) in [
        (
            "ClusterInformation",
            "default",
            "{clusterGUID: x}",
            "operation apply is not supported on ClusterInformation: resource is readonly",
        ),
        (
            "Profile",
            "projectcalico-default-allow",
            "{}",
            "is a default provided by Calico",
        ),
        (
            "NetworkPolicy",
            "knp.default.x",
            "{}",
            "kubernetes network policies must be managed through the kubernetes API",
        ),
        (
            "GlobalNetworkPolicy",
            "ghost.p",
            "{tier: ghost}",
            "resource does not exist: Tier(ghost)",
        ),
        (
            "BGPPeer",
            "p",
            "{peerIP: 192.0.2.1, filters: [none]}",
            "resource does not exist: BGPFilter(none)",
        ),
    ] {
        netdiag.refused(&apply, &manifest(kind, name, spec), why);
    }
    netdiag.done(&apply, &manifest("IPPool", "a", "{cidr: 10.244.0.0/16}"));
    netdiag.refused(
        &apply,
        &manifest("IPPool", "b", "{cidr: 10.244.128.0/20}"),
        "IPPool(b) CIDR overlaps with IPPool(a) CIDR 10.244.0.0/16",
    );
    netdiag.refused(
        &apply,
        &manifest("IPPool", "a", "{cidr: 10.245.0.0/16}"),
        "IPPool CIDR cannot be modified",
    );
    netdiag.refused(
        &apply,
        &manifest("IPPool", "a", "{cidr: 10.244.0.0/16, blockSize: 28}"),
        "IPPool BlockSize cannot be modified",
    );
    netdiag.refused(&["delete", "tier", "default"], "", "Cannot delete default tier");
    netdiag.refused(
        &["delete", "profile", "projectcalico-default-allow"],
        "",
        "cannot be deleted",
    );
    netdiag.refused(
        &["delete", "clusterinfo", "default"],
        "",
        "operation delete is not supported on ClusterInformation",
    );
    netdiag.refused(&["get", "node", "-n", "x"], "", "Node is not namespaced");
    netdiag.refused(
        &["get", "wep", "-n", "x", "-A"],
        "",
        "cannot use both --namespace and --all-namespaces flags at the same time",
    );
}

#[test]
fn policies_that_older_releases_stored_are_found_changed_and_deleted_under_their_keys() {
    let Some(etcd) = Etcd::start() else { return };
    let root = "/calico/resources/v3/projectcalico.org";
    let cluster = r#"{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"u","creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"calicoVersion":"v3.30.2"}}"#;
    etcd.put3(&format!("{root}/clusterinformations/default"), cluster);
    let old = r#"{"kind":"NetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"default.old","namespace":"ns","uid":"u","creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"selector":"all()","types":["Ingress"]}}"#;
    etcd.put3(&format!("{root}/networkpolicies/ns/default.old"), old);
    let netdiag = Netdiag::etcd(&etcd);
    let keys = || {
        etcd.ctl(
            3,
            "",
            &[
                "get",
                "--prefix",
                "--keys-only",
                &format!("{root}/networkpolicies"),
            ],
        )
    };
    assert_eq!(
        netdiag.done(&["get", "np", "-A", "-o", "name"], ""),
        "networkpolicy/old\n"
    );
    netdiag.done(&["label", "np", "old", "-n", "ns", "a=b"], "");
    let new = "{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: new, namespace: ns}}";
    netdiag.done(&["create", "-f", "-"], new);
    netdiag.done(&["get", "np", "new", "-n", "ns"], "");
    netdiag.refused(
        &["create", "-f", "-"],
        &new.replace("new", "old"),
        "resource already exists: NetworkPolicy(ns/old)",
    );
    let found: Vec<String> = keys().split_whitespace().map(str::to_owned).collect();
    assert_eq!(
        found,
        [
            format!("{root}/networkpolicies/ns/default.new"),
            format!("{root}/networkpolicies/ns/default.old")
        ]
    );
    netdiag.done(&["delete", "np", "old", "new", "-n", "ns"], "");
    assert_eq!(keys(), "");
}

const IPAM: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-ipam-dump.txt");

#[test]
fn a_patch_keeps_what_a_newer_release_wrote() {
    let Some(etcd) = Etcd::start() else { return };
    let key = "/calico/resources/v3/projectcalico.org/bgppeers/p";
    etcd.put3(key, r#"{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u","creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"peerIP":"192.0.2.1","brandNew":{"a":1}}}"#);
    let netdiag = Netdiag::etcd(&etcd);
    netdiag.done(
        &["patch", "bgppeer", "p", "-p", r#"{"spec":{"asNumber":64512}}"#],
        "",
    );
    netdiag.refused(
        &["patch", "bgppeer", "p", "-p", r#"{"spec":{"asNumbre":64512}}"#],
        "",
        "did you mean asNumber?",
    );
    let stored = etcd.ctl(3, "", &["get", "--print-value-only", key]);
    assert!(
        stored.contains(r#""spec":{"peerIP":"192.0.2.1","asNumber":64512,"brandNew":{"a":1}}"#),
        "{stored}"
    );
}

/// The keys below a prefix, without it.
fn keys(etcd: &Etcd, prefix: &str) -> Vec<String> {
    let keys = etcd.ctl(3, "", &["get", "--prefix", "--keys-only", prefix]);
    keys.split_whitespace()
        .map(|key| key[prefix.len()..].to_owned())
        .collect()
}

#[test]
fn a_node_takes_its_addresses_blocks_endpoints_and_settings_with_it() {
    let Some(etcd) = Etcd::start() else { return };
    let lines: Vec<&str> = IPAM.lines().collect();
    for pair in lines.chunks(2) {
        etcd.put3(pair[0], pair[1]);
    }
    let netdiag = Netdiag::etcd(&etcd);
    let manifest = "
- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node-1}, spec: {bgp: {ipv4Address: 192.0.2.1/24, ipv4IPIPTunnelAddr: 10.244.84.128}}}
- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node-2}}
- {apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: {name: p1}, spec: {node: node-1, peerIP: 192.0.2.9}}
- {apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: {name: p2}, spec: {node: node-2, peerIP: 192.0.2.9}}
- {apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: node.node-1}}
- {apiVersion: projectcalico.org/v3, kind: BGPConfiguration, metadata: {name: node.node-1}}
- {apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: h1}, spec: {node: node-1, interfaceName: eth0}}
- apiVersion: projectcalico.org/v3
  kind: WorkloadEndpoint
  metadata: {namespace: ns}
  spec: {node: node-1, orchestrator: k8s, pod: p, endpoint: e, interfaceName: c, ipNetworks: [10.244.84.129/32]}
";
    assert_eq!(
        netdiag.done(&["apply", "-f", "-"], manifest),
        "Successfully applied 8 resource(s)\n"
    );
    let handles = keys(&etcd, "/calico/ipam/v2/handle/").len();
    assert_eq!(
        netdiag.done(&["delete", "node", "node-1"], ""),
        "Successfully deleted 1 'Node' resource(s)\n"
    );
    let left = netdiag.done(
        &[
            "get",
            "node,bgppeer,felixconfig,bgpconfig,hep,wep",
            "-A",
            "-o",
            "name",
        ],
        "",
    );
    assert_eq!(left, "node/node-2\nbgppeer/p2\n");
    // Two addresses, and their handles, are free again; the block of the others belongs to nobody.
    assert_eq!(keys(&etcd, "/calico/ipam/v2/handle/").len(), handles - 2);
    assert_eq!(keys(&etcd, "/calico/ipam/v2/host/node-1"), [""; 0]);
    let block = "/calico/ipam/v2/assignment/ipv4/block/10.244.84.128-26";
    let block = etcd.ctl(3, "", &["get", "--print-value-only", block]);
    assert!(
        block.starts_with(r#"{"cidr":"10.244.84.128/26","affinity":null,"#),
        "{block}"
    );
    assert!(block.contains("63,0,1]") || block.contains("63,1,0]"), "{block}");
    assert!(
        etcd.ctl(
            3,
            "",
            &["get", "/calico/ipam/v2/assignment/ipv4/block/10.244.247.0-26"]
        )
        .contains("host:node-2")
    );
}

#[test]
fn a_pool_is_disabled_and_its_blocks_are_freed_before_it_goes() {
    let Some(etcd) = Etcd::start() else { return };
    let lines: Vec<&str> = IPAM.lines().collect();
    for pair in lines.chunks(2) {
        etcd.put3(pair[0], pair[1]);
    }
    let empty = r#"{"cidr":"10.244.3.0/26","affinity":"host:node-3","allocations":[null],"unallocated":[0],"attributes":[],"sequenceNumber":1,"sequenceNumberForAllocation":{},"deleted":false}"#;
    etcd.put3("/calico/ipam/v2/assignment/ipv4/block/10.244.3.0-26", empty);
    etcd.put3(
        "/calico/ipam/v2/host/node-3/ipv4/block/10.244.3.0-26",
        r#"{"state":"confirmed","deleted":false}"#,
    );
    let netdiag = Netdiag::etcd(&etcd);
    let pool = |size: u8| {
        format!(
            "{{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: p}}, spec: {{cidr: 10.244.0.0/16, blockSize: {size}}}}}"
        )
    };
    netdiag.refused(&["create", "-f", "-"], &pool(28), "use a different blockSize");
    netdiag.done(&["create", "-f", "-"], &pool(26));
    netdiag.done(&["delete", "ippool", "p", "--yes"], "");
    let blocks = keys(&etcd, "/calico/ipam/v2/assignment/ipv4/block/");
    assert_eq!(blocks, ["10.244.247.0-26", "10.244.84.128-26"]);
    assert_eq!(
        keys(&etcd, "/calico/ipam/v2/host/"),
        ["node-1/ipv6/block/fd00:10:244::-122"]
    );
    for block in blocks {
        let value = etcd.ctl(
            3,
            "",
            &[
                "get",
                "--print-value-only",
                &format!("/calico/ipam/v2/assignment/ipv4/block/{block}"),
            ],
        );
        assert!(value.contains(r#""affinity":null"#), "{value}");
    }
}
