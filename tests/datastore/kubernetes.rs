//! Kubernetes as the datastore, on a real API server: its custom resources, and what follows from its own objects.

mod access;
mod derived;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use netdiag::calico::crd::{Group, definition};
use netdiag::calico::kind::Kind;
use netdiag_lab::{Kubernetes, or_skip, wait_until};
use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::kinds::{OBJECTS, cluster_information_goes_its_way, goes_its_way};
use crate::watch::Watch;

/// Teaches a server Calico's kinds.
pub(crate) fn define(kubernetes: &Kubernetes, group: Group) {
    let definitions = definition::all(group);
    for definition in &definitions {
        kubernetes
            .create(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                definition,
            )
            .unwrap();
    }
    for definition in definitions {
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap();
        let path = format!("/apis/{}/{plural}", group.version());
        wait_until(&path, Duration::from_secs(60), || {
            kubernetes.get(&path).unwrap().is_some()
        })
        .unwrap();
    }
}

/// The server that all tests share, which knows Calico's kinds in the classic group.
fn shared() -> Option<Arc<Kubernetes>> {
    static DEFINED: OnceLock<()> = OnceLock::new();
    let kubernetes = or_skip(Kubernetes::shared())?;
    DEFINED.get_or_init(|| define(&kubernetes, Group::Classic));
    Some(kubernetes)
}

pub(crate) fn as_user(kubernetes: &Kubernetes, user: &str) -> Netdiag {
    let file = kubernetes.kubeconfig(user, &kubernetes.url()).unwrap();
    Netdiag(vec![
        ("KUBECONFIG", file.to_str().unwrap().to_owned()),
        ("DATASTORE_TYPE", "kubernetes".to_owned()),
    ])
}

pub(crate) fn create(kubernetes: &Kubernetes, path: &str, kind: &str, name: &str, more: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    for (key, value) in more.as_object().unwrap() {
        match (object.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => into.extend(from.clone()),
            _ => object[key] = value.clone(),
        }
    }
    let made = kubernetes.create(path, &object).unwrap();
    if let Some(status) = more.get("status") {
        let path = format!("{path}/{name}/status");
        let patch = json!({ "status": status });
        let (code, answer) = kubernetes.request("PATCH", &path, Some(&patch)).unwrap();
        assert_eq!(code, 200, "{answer}");
        return answer;
    }
    made
}

/// Every custom kind through every command; deleted in reverse.
fn all_kinds(netdiag: &Netdiag) {
    let custom = |object: &(&str, &str, &str)| definition::is_custom(Kind::from_document(object.0).unwrap());
    let objects: Vec<_> = OBJECTS.into_iter().filter(custom).collect();
    for object in &objects {
        goes_its_way(netdiag, *object);
    }
    netdiag.refused(&["delete", "tier", "t1"], "", "Cannot delete a non-empty tier");
    for (kind, name, _) in objects.into_iter().rev() {
        let deleted = netdiag.done(&["delete", kind, name, "--yes"], "");
        assert_eq!(deleted, format!("Successfully deleted 1 '{kind}' resource(s)\n"));
        netdiag.refused(&["delete", kind, name], "", "resource does not exist: ");
    }
}

#[test]
fn every_custom_kind_is_created_shown_changed_and_deleted() {
    let Some(kubernetes) = shared() else { return };
    all_kinds(&as_user(&kubernetes, "admin"));
}

#[test]
fn every_custom_kind_of_the_native_group_as_well() {
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    define(&kubernetes, Group::Native);
    all_kinds(&as_user(&kubernetes, "admin"));
    cluster_information_goes_its_way(&as_user(&kubernetes, "admin"));
    // The first write makes them, and they are as users see them.
    let tier = kubernetes
        .get("/apis/projectcalico.org/v3/tiers/default")
        .unwrap()
        .unwrap();
    assert_eq!(tier["spec"]["order"], 1_000_000);
    assert_eq!(tier["metadata"].get("annotations"), None);
}

#[test]
fn a_change_is_told_as_it_happens() {
    let Some(kubernetes) = shared() else { return };
    let netdiag = as_user(&kubernetes, "admin");
    let set = |name: &str, net: &str| {
        format!(
            "{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {{name: watched-{name}}}, spec: {{nets: \
             [{net}]}}}}"
        )
    };
    create(&kubernetes, "/api/v1/nodes", "Node", "watched-node", &json!({}));
    netdiag.done(&["create", "-f", "-"], &set("one", "10.0.0.0/24"));
    let sets = Watch::start(&netdiag, &["globalnetworkset", "watched-*", "-o", "json"]);
    sets.tells("ADDED", "watched-one");
    netdiag.done(&["apply", "-f", "-"], &set("one", "10.0.1.0/24"));
    sets.tells("MODIFIED", "watched-one");
    netdiag.done(&["create", "-f", "-"], &set("two", "10.0.2.0/24"));
    sets.tells("ADDED", "watched-two");
    for name in ["watched-one", "watched-two"] {
        netdiag.done(&["delete", "globalnetworkset", name], "");
        sets.tells("DELETED", name);
    }
    // A kubelet's heartbeat changes the object, and nothing of Calico's.
    let nodes = Watch::start(&netdiag, &["node", "watched-node", "-o", "json"]);
    nodes.tells("ADDED", "watched-node");
    let patch = |path: &str, patch: &Value| {
        let (code, answer) = kubernetes.request("PATCH", path, Some(patch)).unwrap();
        assert_eq!(code, 200, "{answer}");
    };
    let path = "/api/v1/nodes/watched-node";
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    patch(&format!("{path}/status"), &ready);
    patch(path, &json!({"metadata": {"labels": {"rack": "r1"}}}));
    assert_eq!(
        nodes.tells("MODIFIED", "watched-node")["metadata"]["labels"]["rack"],
        "r1"
    );
}

#[test]
fn metadata_is_wrapped_as_calico_wraps_it() {
    let Some(kubernetes) = shared() else { return };
    let netdiag = as_user(&kubernetes, "admin");
    let manifest = "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {name: wrapped, labels: {a: b, \
                    projectcalico.org/c: d}, annotations: {note: hello}}, spec: {nets: [10.0.0.0/8]}}";
    netdiag.done(&["create", "-f", "-"], manifest);
    let path = "/apis/crd.projectcalico.org/v1/globalnetworksets/wrapped";
    let stored = kubernetes.get(path).unwrap().unwrap();
    assert_eq!(stored["metadata"]["labels"], json!({"projectcalico.org/c": "d"}));
    let annotation = stored["metadata"]["annotations"]["projectcalico.org/metadata"]
        .as_str()
        .unwrap();
    let given: Value = serde_json::from_str(annotation).unwrap();
    let keys: Vec<_> = given.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["annotations", "creationTimestamp", "labels"]);
    assert_eq!(given["labels"], json!({"a": "b", "projectcalico.org/c": "d"}));
    let shown: Value =
        serde_json::from_str(&netdiag.done(&["get", "globalnetworkset", "wrapped", "-o", "json"], ""))
            .unwrap();
    assert_eq!(shown["metadata"]["labels"], given["labels"]);
    assert_eq!(shown["metadata"]["annotations"], json!({"note": "hello"}));
    // Two objects never share a uid.
    assert_ne!(shown["metadata"]["uid"], stored["metadata"]["uid"]);
    assert_eq!(
        shown["metadata"]["resourceVersion"],
        stored["metadata"]["resourceVersion"]
    );
    netdiag.done(&["delete", "globalnetworkset", "wrapped"], "");
    // One that kubectl made has no annotation.
    let plain = json!({"apiVersion": "crd.projectcalico.org/v1", "kind": "GlobalNetworkSet",
        "metadata": {"name": "plain", "labels": {"a": "b"}}, "spec": {"nets": ["10.0.0.0/8"]}});
    kubernetes
        .create("/apis/crd.projectcalico.org/v1/globalnetworksets", &plain)
        .unwrap();
    let shown = netdiag.done(&["get", "globalnetworkset", "-l", "a == 'b'", "-o", "name"], "");
    assert_eq!(shown, "globalnetworkset/plain\n");
    netdiag.done(&["label", "globalnetworkset", "plain", "x=y"], "");
    netdiag.done(&["delete", "globalnetworkset", "plain"], "");
}
