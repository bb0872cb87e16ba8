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
        netdiag.done(&["patch", kind, name, "-p", patch], "");
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
