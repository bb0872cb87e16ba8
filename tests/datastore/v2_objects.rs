//! etcd v2: every kind that Calico v1 had, through every command.

use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::convert::V1;
use crate::server::Etcd;

fn netdiag(etcd: &Etcd) -> Netdiag {
    let mut netdiag = Netdiag::etcd(etcd);
    netdiag.0.push(("DATASTORE_TYPE", "etcdv2".to_owned()));
    netdiag
}

/// A kind, its name in v3, a patch, and a key that it is stored under with something that stands there.
const OBJECTS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "ippool",
        "10-1-0-0-16",
        r#"{"spec":{"disabled":true}}"#,
        "/calico/v1/ipam/v4/pool/10.1.0.0-16",
        r#""ipip":"tunl0""#,
    ),
    (
        "bgppeer",
        "10-0-0-9",
        r#"{"spec":{"asNumber":64999}}"#,
        "/calico/bgp/v1/global/peer_v4/10.0.0.9",
        r#""as_num":"64567""#,
    ),
    (
        "tier",
        "sec",
        r#"{"spec":{"order":20}}"#,
        "/calico/v1/policy/tier/sec/metadata",
        r#""order":10"#,
    ),
    (
        "gnp",
        "sec.p",
        r#"{"spec":{"order":5,"egress":[{"action":"Pass","protocol":"TCP","destination":{"ports":[53,"1:9"]}}]}}"#,
        "/calico/v1/policy/tier/sec/policy/p",
        r#""inbound_rules":[{"action":"allow"}]"#,
    ),
    (
        "profile",
        "prof",
        r#"{"spec":{"ingress":[{"action":"Allow","source":{"nets":["10.0.0.0/8"]}}]}}"#,
        "/calico/v1/policy/profile/prof/tags",
        r#"["t"]"#,
    ),
    (
        "hostendpoint",
        "node1.eth0",
        r#"{"spec":{"expectedIPs":["10.0.0.1","fd00::1"]}}"#,
        "/calico/v1/host/node1/endpoint/eth0",
        r#""name":"eth0""#,
    ),
    (
        "bgpconfiguration",
        "default",
        r#"{"spec":{"asNumber":64600}}"#,
        "/calico/bgp/v1/global/node_mesh",
        r#"{"enabled":false}"#,
    ),
];

const SETTINGS: &str = "{apiVersion: projectcalico.org/v3, kind: BGPConfiguration, metadata: {name: default}, \
                        spec: {nodeToNodeMeshEnabled: false, logSeverityScreen: Info}}";

#[test]
fn every_kind_of_its_time_goes_through_every_command() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = netdiag(&etcd);
    // Profiles of v1 hold their tags apart; what was created in v3's form has labels only.
    etcd.set2("/calico/v1/policy/profile/prof/tags", r#"["t"]"#);
    let said = netdiag.done(&["apply", "-f", "-"], V1);
    assert_eq!(said, "Successfully applied 8 resource(s)\n");
    netdiag.done(&["create", "-f", "-"], SETTINGS);
    let again = String::from_utf8(netdiag.output(&["diff", "-f", "-"], V1).stdout).unwrap();
    assert!(again.contains("8 unchanged"), "{again}");
    for (kind, name, patch, key, stored) in OBJECTS {
        let value = etcd.ctl(2, "", &["get", key]);
        assert!(value.contains(stored), "{key}: {value}");
        let json = |netdiag: &Netdiag| -> Value {
            serde_json::from_str(&netdiag.done(&["get", kind, name, "-o", "json"], "")).unwrap()
        };
        for output in ["ps", "wide", "yaml", "name", "jsonpath={.metadata.name}"] {
            let shown = netdiag.done(&["get", kind, name, "-o", output], "");
            assert!(
                shown.contains(name) || output == "ps" || output == "wide",
                "{shown}"
            );
        }
        netdiag.done(&["patch", kind, name, "-p", patch, "--yes"], "");
        let patched = json(&netdiag);
        let wanted: Value = serde_json::from_str(patch).unwrap();
        for (field, value) in wanted["spec"].as_object().unwrap() {
            assert_eq!(&patched["spec"][field], value, "{kind}");
        }
        netdiag.done(&["replace", "-f", "-"], &patched.to_string());
        let error = netdiag
            .run(&["create", "-f", "-"], &patched.to_string())
            .unwrap_err();
        assert!(error.contains("already exists"), "{error}");
        assert_eq!(json(&netdiag), patched, "replaced with itself: {kind}");
        let mut outdated = patched.clone();
        outdated["metadata"]["resourceVersion"] = json!("1");
        outdated["metadata"]["labels"] = json!({"a": "b"});
        let error = netdiag
            .run(&["apply", "-f", "-"], &outdated.to_string())
            .unwrap_err();
        assert!(error.contains("update conflict"), "{error}");
    }
    netdiag.done(&["label", "hostendpoint", "node1.eth0", "a=b"], "");
    netdiag.refused(
        &["label", "ippool", "10-1-0-0-16", "a=b"],
        "",
        "etcd v2 can't hold metadata.labels",
    );
    let weps = netdiag.done(&["get", "wep", "-A", "-o", "name"], "");
    assert_eq!(weps, "workloadendpoint/node1-k8s-web-eth0\n");
    let stored = etcd.ctl(
        2,
        "",
        &["get", "/calico/v1/host/node1/workload/k8s/shop.web/endpoint/eth0"],
    );
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored["ipv4_nets"], json!(["10.1.0.2/32"]));
    assert_eq!(stored["state"], "active");
    let endpoint = ["wep", "node1-k8s-web-eth0", "-n", "shop"];
    for output in ["ps", "wide", "yaml", "json"] {
        netdiag.done(&[&["get"], &endpoint[..], &["-o", output]].concat(), "");
    }
    let patch = r#"{"spec":{"ipNetworks":["10.1.0.3/32"]}}"#;
    netdiag.done(&[&["patch"], &endpoint[..], &["-p", patch]].concat(), "");
    netdiag.done(&[&["label"], &endpoint[..], &["a=b"]].concat(), "");
    let shown = netdiag.done(&[&["get"], &endpoint[..], &["-o", "json"]].concat(), "");
    let changed = shown.replace("10.1.0.3/32", "10.1.0.4/32");
    for verb in ["replace", "apply"] {
        netdiag.done(
            &[verb, "-f", "-"],
            &changed.replace("resourceVersion", "selfLink"),
        );
    }
    let shown: Value =
        serde_json::from_str(&netdiag.done(&[&["get"], &endpoint[..], &["-o", "json"]].concat(), ""))
            .unwrap();
    assert_eq!(shown["spec"]["ipNetworks"], json!(["10.1.0.4/32"]));
    assert_eq!(shown["metadata"]["labels"]["a"], "b");
    netdiag.done(&[&["delete"], &endpoint[..]].concat(), "");
    netdiag.refused(&[&["get"], &endpoint[..]].concat(), "", "resource does not exist");
    // The node too: it is shown, changed, replaced with itself.
    for output in ["ps", "wide", "yaml", "name"] {
        netdiag.done(&["get", "node", "node1", "-o", output], "");
    }
    netdiag.done(
        &[
            "patch",
            "node",
            "node1",
            "-p",
            r#"{"spec":{"bgp":{"asNumber":64999}}}"#,
        ],
        "",
    );
    let node = netdiag.done(&["get", "node", "node1", "-o", "json"], "");
    assert!(node.contains("64999"), "{node}");
    netdiag.done(&["replace", "-f", "-"], &node);
    netdiag.refused(&["create", "-f", "-"], &node, "already exists");
    netdiag.refused(&["delete", "tier", "sec"], "", "Cannot delete a non-empty tier");
    for (kind, name, ..) in OBJECTS
        .into_iter()
        .filter(|object| object.0 != "tier" && object.0 != "hostendpoint")
    {
        netdiag.done(&["delete", kind, name, "--yes"], "");
        netdiag.refused(&["delete", kind, name], "", "resource does not exist");
    }
    netdiag.done(&["delete", "tier", "sec"], "");
    // A node takes its endpoints along.
    netdiag.done(&["delete", "node", "node1"], "");
    let left = etcd.ctl(2, "", &["ls", "--recursive", "-p", "/calico"]);
    let values: Vec<&str> = left.lines().filter(|key| !key.ends_with('/')).collect();
    assert_eq!(values, [""; 0], "{left}");
}

#[test]
fn addresses_of_its_time_are_shown_checked_and_given_back() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = netdiag(&etcd);
    etcd.set2(
        "/calico/v1/ipam/v4/pool/10.1.0.0-16",
        r#"{"cidr":"10.1.0.0/16","ipip":"tunl0","masquerade":true,"ipam":true,"disabled":false}"#,
    );
    etcd.set2("/calico/v1/host/node1/orchestrator_refs", "[]");
    etcd.set2("/calico/bgp/v1/host/node1/ip_addr_v4", "192.0.2.1");
    etcd.set2(
        "/calico/v1/host/node1/workload/k8s/shop.web/endpoint/eth0",
        r#"{"state":"active","name":"cali1","profile_ids":["p"],"ipv4_nets":["10.1.0.1/32"],"ipv6_nets":[]}"#,
    );
    // As Calico 2 wrote them: no sequence numbers, an affinity without a value.
    let block = "/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26";
    let free: Vec<String> = (3..64).map(|ordinal| ordinal.to_string()).collect();
    let nulls = vec!["null"; 61].join(",");
    etcd.set2(
        block,
        &format!(
            r#"{{"cidr":"10.1.0.0/26","affinity":"host:node1","strictAffinity":false,"allocations":[null,0,1,{nulls}],"unallocated":[{},0],"attributes":[{{"handle_id":"web","secondary":{{"node":"node1"}}}},{{"handle_id":"lost","secondary":{{"node":"node1"}}}}]}}"#,
            free.join(",")
        ),
    );
    etcd.set2("/calico/ipam/v2/host/node1/ipv4/block/10.1.0.0-26", "");
    for handle in ["web", "lost"] {
        etcd.set2(
            &format!("/calico/ipam/v2/handle/{handle}"),
            r#"{"block":{"10.1.0.0/26":1}}"#,
        );
    }
    let shown = netdiag.done(&["ipam", "show", "--show-blocks"], "");
    assert!(
        shown.contains("10.1.0.0/26") && shown.contains("| 2 (3%)"),
        "{shown}"
    );
    let owner = netdiag.done(&["ipam", "show", "--ip=10.1.0.2"], "");
    assert!(owner.contains("Handle ID: lost"), "{owner}");
    let output = netdiag.output(&["ipam", "check", "--show-problem-ips"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("10.1.0.2 leaked;") && text.contains("Check complete; found 1 problems."),
        "{text}"
    );
    netdiag.refused(
        &["ipam", "release", "--ip=10.1.0.1"],
        "",
        "10.1.0.1 is in use by Workload(shop/node1-k8s-web-eth0)",
    );
    assert_eq!(
        netdiag.done(&["ipam", "release", "--ip=10.1.0.2"], ""),
        "Successfully released IP address 10.1.0.2\n"
    );
    let value: Value = serde_json::from_str(&etcd.ctl(2, "", &["get", block])).unwrap();
    assert_eq!(value["allocations"][1], 0);
    assert_eq!(value["allocations"][2], Value::Null);
    assert_eq!(value["attributes"].as_array().unwrap().len(), 1);
    assert_eq!(value["strictAffinity"], false, "what is not changed stays");
    let handles = etcd.ctl(2, "", &["ls", "/calico/ipam/v2/handle"]);
    assert_eq!(handles.trim(), "/calico/ipam/v2/handle/web");
    let output = netdiag.output(&["ipam", "check"], "");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn values_of_calicoctl_v1_are_read_and_what_cannot_be_is_told() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = netdiag(&etcd);
    etcd.set2(
        "/calico/v1/policy/tier/default/policy/np.projectcalico.org%2fdefault.web",
        r#"{"order":1000,"inbound_rules":[{"action":"allow","protocol":"tcp","dst_ports":[80],"!src_tag":"bad","src_selector":"calico/k8s_ns == 'a'","src_net":"10.0.0.0/8"}],"outbound_rules":[],"selector":"has(x)"}"#,
    );
    etcd.set2("/calico/v1/policy/tier/default/policy/broken", "{");
    let policy: Value =
        serde_json::from_str(&netdiag.run(&["get", "gnp", "-o", "json"], "").unwrap_or_default())
            .unwrap_or_default();
    let output = netdiag.output(&["get", "gnp", "-o", "json"], "");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("policy/broken") && told.contains("not JSON"),
        "{told}"
    );
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or(policy);
    let spec = &shown["items"][0]["spec"];
    // Before there were types, every policy was for both directions.
    assert_eq!(spec["types"], json!(["Ingress", "Egress"]), "{shown}");
    assert_eq!(
        spec["ingress"],
        json!([{
            "action": "Allow", "protocol": "TCP", "destination": {"ports": [80]},
            "source": {
                "nets": ["10.0.0.0/8"], "notSelector": "bad == ''",
                "selector": "projectcalico.org/namespace == 'a'",
            },
        }])
    );
}

/// Docker's containers on networks of Calico's driver: calicoctl v1's own configuration, and endpoints of which one's
/// network has lost its profile.
#[test]
fn containers_of_libnetwork_are_known_and_a_profile_they_miss_is_named_and_made() {
    let Some(etcd) = Etcd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let config = format!(
        "apiVersion: v1\nkind: calicoApiConfig\nmetadata:\nspec:\n  datastoreType: etcdv2\n  etcdEndpoints: {}\n",
        etcd.url()
    );
    std::fs::write(at("calicoctl.cfg"), config).unwrap();
    etcd.set2(
        "/calico/v1/ipam/v4/pool/192.168.0.0-16",
        r#"{"cidr":"192.168.0.0/16","ipip":"tunl0","ipip_mode":"always","masquerade":true,"ipam":true}"#,
    );
    for (host, network, address) in [
        ("host1", "net1", "192.168.115.129"),
        ("host2", "net2", "192.168.250.65"),
    ] {
        etcd.set2(
            &format!("/calico/v1/host/{host}/workload/libnetwork/libnetwork/endpoint/{network}"),
            &format!(
                r#"{{"state":"active","name":"cali{network}","mac":"ee:ee:ee:ee:ee:ee","profile_ids":["{network}"],"ipv4_nets":["{address}/32"],"ipv6_nets":[]}}"#
            ),
        );
    }
    etcd.set2("/calico/v1/policy/profile/net2/tags", r#"["net2"]"#);
    etcd.set2(
        "/calico/v1/policy/profile/net2/rules",
        r#"{"inbound_rules":[{"action":"allow","src_tag":"net2"}],"outbound_rules":[{"action":"allow"}]}"#,
    );
    let netdiag = Netdiag(vec![("NODENAME", "host1".to_owned())]);
    let (config, fix) = (at("calicoctl.cfg"), at("fix"));
    let check = ["-c", &config, "check", "--only", "profile-missing", "-o", "json"];
    let found = || {
        let output = netdiag.output(&check, "");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let titles = answer["findings"].as_array().unwrap().iter();
        let titles = titles.map(|finding| finding["title"].as_str().unwrap().to_owned());
        (output.status.code(), titles.collect::<Vec<_>>())
    };
    let what = "host1-libnetwork-libnetwork-net1 refers to profile net1, which is not there";
    assert_eq!(found(), (Some(2), vec![what.to_owned()]));
    netdiag.output(&[&check[..], &["--fix-to", &fix]].concat(), "");
    netdiag.done(&["-c", &config, "apply", "-f", &fix], "");
    assert_eq!(found(), (Some(0), Vec::new()));
}
