//! Nodes, endpoints and profiles: Kubernetes' own objects, and what the diagnosis makes of them.

use serde_json::{Value, json};

use super::{as_user, create, shared};

#[test]
fn a_node_is_kubernetes_and_what_calico_knows_of_it_is_in_annotations() {
    let Some(kubernetes) = shared() else { return };
    let netdiag = as_user(&kubernetes, "admin");
    create(
        &kubernetes,
        "/api/v1/nodes",
        "Node",
        "knode-1",
        &json!({
            "metadata": {"labels": {"rack": "r1"}, "annotations": {"other": "kept"}},
            "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
            "status": {"addresses": [{"type": "InternalIP", "address": "192.168.80.21"}]},
        }),
    );
    let get = |output: &str| netdiag.done(&["get", "node", "knode-1", "-o", output], "");
    let json = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    assert_eq!(json(&get("json"))["spec"]["orchRefs"][0]["nodeName"], "knode-1");
    // As with etcd: apply, patch, label, replace.
    let manifest = "{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: knode-1}, spec: {bgp: {ipv4Address: \
                    192.168.80.21/24, ipv4IPIPTunnelAddr: 10.244.84.128}}}";
    assert_eq!(
        netdiag.done(&["apply", "-f", "-"], manifest),
        "Successfully applied 1 'Node' resource(s)\n"
    );
    netdiag.done(
        &[
            "patch",
            "node",
            "knode-1",
            "-p",
            r#"{"spec":{"bgp":{"asNumber":65010}}}"#,
        ],
        "",
    );
    assert_eq!(
        netdiag.done(&["label", "nodes", "knode-1", "x=y"], ""),
        "Successfully set label x on nodes knode-1\n"
    );
    let wide = get("wide");
    let row: Vec<&str> = wide.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["knode-1", "65010", "192.168.80.21/24"]);
    let stored = kubernetes.get("/api/v1/nodes/knode-1").unwrap().unwrap();
    let annotations = &stored["metadata"]["annotations"];
    assert_eq!(annotations["projectcalico.org/IPv4Address"], "192.168.80.21/24");
    assert_eq!(annotations["projectcalico.org/ASNumber"], "65010");
    assert_eq!(annotations["projectcalico.org/labels"], r#"{"x":"y"}"#);
    assert_eq!(annotations["other"], "kept");
    // Labels of Kubernetes stay Kubernetes'.
    assert_eq!(stored["metadata"]["labels"], json!({"rack": "r1"}));
    let before = get("yaml");
    assert_eq!(
        netdiag.done(&["replace", "-f", "-"], &before),
        "Successfully replaced 1 'Node' resource(s)\n"
    );
    netdiag.done(&["label", "node", "knode-1", "x", "--remove"], "");
    let old = before.replace("65010", "65011");
    netdiag.refused(&["apply", "-f", "-"], &old, "update conflict: Node(knode-1)");
    netdiag.refused(
        &["delete", "node", "knode-1"],
        "",
        "operation Delete is not supported on Node(knode-1)",
    );
    let other = manifest.replace("knode-1", "ghost");
    netdiag.refused(
        &["create", "-f", "-"],
        &other,
        "operation Create is not supported on Node(ghost)",
    );
    netdiag.refused(
        &["replace", "-f", "-"],
        &other,
        "resource does not exist: Node(ghost)",
    );
    kubernetes.delete("/api/v1/nodes/knode-1").unwrap();
}

#[test]
fn pods_are_endpoints_and_namespaces_are_profiles() {
    let Some(kubernetes) = shared() else { return };
    let netdiag = as_user(&kubernetes, "admin");
    create(
        &kubernetes,
        "/api/v1/namespaces",
        "Namespace",
        "production",
        &json!({}),
    );
    let accounts = "/api/v1/namespaces/production/serviceaccounts";
    create(
        &kubernetes,
        accounts,
        "ServiceAccount",
        "sa1",
        &json!({"metadata": {"labels": {"role": "x"}}}),
    );
    let pods = "/api/v1/namespaces/production/pods";
    let container = json!([{"name": "c", "image": "x", "ports": [{"name": "http", "containerPort": 8080}]}]);
    create(
        &kubernetes,
        pods,
        "Pod",
        "pod-b",
        &json!({
            "metadata": {"labels": {"app": "db"}, "annotations": {"cni.projectcalico.org/podIP": "10.244.247.2/32"}},
            "spec": {"nodeName": "node-2", "serviceAccountName": "sa1", "containers": container},
            "status": {"phase": "Running", "podIP": "10.244.247.2", "podIPs": [{"ip": "10.244.247.2"}]},
        }),
    );
    create(
        &kubernetes,
        pods,
        "Pod",
        "pending",
        &json!({"spec": {"containers": container}}),
    );
    // The table of calicoctl v3.32.1, of the same pod.
    let table = netdiag.done(&["get", "wep", "-n", "production", "-o", "wide"], "");
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        row,
        [
            "production",
            "node--2-k8s-pod--b-eth0",
            "pod-b",
            "node-2",
            "10.244.247.2/32",
            "calib28514802ff",
            "kns.production,ksa.production.sa1"
        ]
    );
    assert_eq!(
        table.lines().filter(|line| !line.trim().is_empty()).count(),
        2,
        "{table}"
    );
    let name = "node--2-k8s-pod--b-eth0";
    let yaml = netdiag.done(&["get", "wep", "-n", "production", name, "-o", "yaml"], "");
    assert!(yaml.contains("serviceAccountName: sa1"), "{yaml}");
    netdiag.refused(
        &["get", "wep", "-n", "production", "nope"],
        "",
        "resource does not exist: WorkloadEndpoint(production/nope)",
    );
    netdiag.refused(
        &["label", "wep", "-n", "production", name, "a=b"],
        "",
        "operation Update is not supported on WorkloadEndpoint",
    );
    let profiles = netdiag.done(&["get", "profile", "-o", "name"], "");
    for profile in [
        "projectcalico-default-allow",
        "kns.production",
        "ksa.production.sa1",
    ] {
        assert!(profiles.contains(&format!("profile/{profile}\n")), "{profiles}");
    }
    let profile = netdiag.done(&["get", "profile", "ksa.production.sa1", "-o", "yaml"], "");
    assert!(profile.contains("pcsa.role: x"), "{profile}");
    netdiag.refused(
        &[
            "patch",
            "profile",
            "kns.production",
            "-p",
            r#"{"spec":{"labelsToApply":{"a":"b"}}}"#,
        ],
        "",
        "operation Update is not supported on Profile(kns.production)",
    );
    // Deleting an endpoint takes its addresses; the pod stays.
    netdiag.done(&["delete", "wep", "-n", "production", name], "");
    let pod = kubernetes.get(&format!("{pods}/pod-b")).unwrap().unwrap();
    assert_eq!(pod["metadata"]["annotations"]["cni.projectcalico.org/podIP"], "");
    kubernetes
        .delete(&format!("{pods}/pod-b?gracePeriodSeconds=0"))
        .unwrap();
    kubernetes
        .delete(&format!("{pods}/pending?gracePeriodSeconds=0"))
        .unwrap();
}

/// What `node status`, `check` and `trace` look at: they all read objects in this way.
#[test]
fn a_snapshot_holds_calicos_objects_and_kubernetes_own() {
    let Some(kubernetes) = shared() else { return };
    let netdiag = as_user(&kubernetes, "admin");
    create(
        &kubernetes,
        "/api/v1/nodes",
        "Node",
        "snode-1",
        &json!({"metadata": {"annotations": {"projectcalico.org/IPv4Address": "192.168.80.21/24"}}}),
    );
    create(&kubernetes, "/api/v1/namespaces", "Namespace", "shop", &json!({}));
    create(
        &kubernetes,
        "/api/v1/namespaces/shop/services",
        "Service",
        "web",
        &json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
    );
    let pod = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"nodeName": "snode-1",
        "containers": [{"name": "c", "image": "x", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]}});
    create(&kubernetes, "/api/v1/namespaces/shop/pods", "Pod", "web-0", &pod);
    create(
        &kubernetes,
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
        "NetworkPolicy",
        "deny-all",
        &json!({"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {}}}),
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.json");
    netdiag.done(&["snapshot", "save", "-o", file.to_str().unwrap()], "");
    let bytes = std::fs::read(&file).unwrap();
    let snapshot = netdiag::archive::read(bytes.as_slice()).unwrap();
    let objects = snapshot.objects.known().unwrap();
    assert_eq!(objects.store, format!("Kubernetes at {}", kubernetes.url()));
    let own: Vec<String> = objects
        .kubernetes
        .items()
        .iter()
        .map(|object| {
            let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
            format!(
                "{} {} {}",
                object["kind"].as_str().unwrap(),
                text("namespace"),
                text("name")
            )
        })
        .collect();
    for object in [
        "Node  snode-1",
        "Namespace  shop",
        "Service shop web",
        "Pod shop web-0",
        "NetworkPolicy shop deny-all",
    ] {
        assert!(
            own.iter().any(|found| found == object),
            "{object} is not in {own:?}"
        );
    }
    let node = objects
        .resources
        .iter()
        .find(|object| object["kind"] == "Node" && object["metadata"]["name"] == "snode-1")
        .unwrap();
    assert_eq!(node["spec"]["bgp"]["ipv4Address"], "192.168.80.21/24");
    assert!(!format!("{objects:?}").contains("hunter2"));
    // Endpoints follow from pods here: they are not there twice.
    assert!(
        objects
            .resources
            .iter()
            .all(|object| object["kind"] != "WorkloadEndpoint")
    );
    kubernetes
        .delete("/api/v1/namespaces/shop/pods/web-0?gracePeriodSeconds=0")
        .unwrap();
    kubernetes.delete("/api/v1/nodes/snode-1").unwrap();
}
