use super::*;
use crate::calico::manifest;
use proptest::prelude::*;
use serde_json::json;

fn document(text: &str) -> Document {
    manifest::read("f.yaml", text.as_bytes()).unwrap().remove(0)
}

fn stored() -> Resource {
    Resource::from_value(json!({
        "apiVersion": "projectcalico.org/v3", "kind": "Node",
        "metadata": {
            "name": "node1", "uid": "u", "creationTimestamp": "t", "resourceVersion": "7",
            "labels": {"rack": "r1"}, "annotations": {"a": "b"},
        },
        "spec": {
            "bgp": {"ipv4Address": "10.244.1.1/24", "ipv4IPIPTunnelAddr": "192.168.115.128", "unknown": 1},
            "orchRefs": [{"orchestrator": "k8s", "nodeName": "n1", "more": true}],
        },
        "status": {"wireguardPublicKey": "k"},
    }))
    .unwrap()
}

fn v1(bgp: &str) -> Document {
    document(&format!(
        "{{apiVersion: v1, kind: node, metadata: {{name: node1}}, spec: {{bgp: {{{bgp}}}}}}}"
    ))
}

#[test]
fn a_v1_document_sets_what_it_names_and_keeps_the_rest() {
    let stored = stored();
    let merged = merge(Some(&stored), &v1("ipv4Address: 192.168.80.23/24")).unwrap();
    let mut expected = stored.clone();
    expected.body["spec"]["bgp"]["ipv4Address"] = json!("192.168.80.23/24");
    assert_eq!(merged.resource, expected);
    assert!(merged.changed);
    assert_eq!(merged.notes, [""; 0]);
}

#[test]
fn a_v1_document_adds_to_labels_and_orchestrators() {
    let text = "{apiVersion: v1, kind: node, metadata: {name: node1, labels: {zone: z}},
        spec: {orchRefs: [{orchestrator: k8s, nodeName: n2}, {orchestrator: mesos, nodeName: m}]}}";
    let merged = merge(Some(&stored()), &document(text)).unwrap();
    assert_eq!(
        merged.resource.body["metadata"]["labels"],
        json!({"rack": "r1", "zone": "z"})
    );
    assert_eq!(
        merged.resource.body["spec"]["orchRefs"],
        json!([
            {"orchestrator": "k8s", "nodeName": "n2", "more": true},
            {"orchestrator": "mesos", "nodeName": "m"},
        ])
    );
}

#[test]
fn a_v1_address_without_length_keeps_the_stored_length_of_the_same_address() {
    let merged = merge(Some(&stored()), &v1("ipv4Address: 10.244.1.1")).unwrap();
    assert!(!merged.changed);
    assert_eq!(merged.notes, [""; 0]);
}

#[test]
fn a_v1_address_without_length_is_said_to_be_assumed_otherwise() {
    for stored in [Some(stored()), None] {
        let merged = merge(stored.as_ref(), &v1("ipv4Address: 192.168.80.23")).unwrap();
        assert_eq!(
            merged.resource.text(&["spec", "bgp", "ipv4Address"]),
            Some("192.168.80.23/32")
        );
        assert!(merged.notes[0].contains("/32 assumed") && merged.notes[0].contains("CrossSubnet"));
    }
}

#[test]
fn a_new_v1_node_needs_an_address_and_a_stored_one_does_not() {
    assert!(merge(Some(&stored()), &v1("asNumber: 64513")).is_ok());
    let error = merge(None, &v1("asNumber: 64513")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Node(node1) isn't stored yet, so its spec.bgp needs ipv4Address or ipv6Address"
    );
}

#[test]
fn a_v3_document_replaces_labels_annotations_and_spec_and_keeps_the_rest() {
    let file = "{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node1, labels: {zone: z},
        uid: other, resourceVersion: '3'}, spec: {bgp: {ipv4Address: 192.168.80.23/24}}}";
    let merged = merge(Some(&stored()), &document(file)).unwrap();
    assert_eq!(
        Value::Object(merged.resource.body),
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "Node",
            "metadata": {
                "name": "node1", "uid": "u", "creationTimestamp": "t", "resourceVersion": "7",
                "labels": {"zone": "z"},
            },
            "spec": {"bgp": {"ipv4Address": "192.168.80.23/24"}},
            "status": {"wireguardPublicKey": "k"},
        })
    );
}

#[test]
fn a_new_resource_is_the_document_without_a_resource_version() {
    let file =
        "{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node1, resourceVersion: '3'}}";
    let merged = merge(None, &document(file)).unwrap();
    assert_eq!(
        merged.resource,
        Resource::new(crate::calico::resource::Kind::Node, "node1")
    );
    assert!(merged.changed);
}

/// A manifest of a node, with any of the fields that both forms have.
fn any_document() -> impl Strategy<Value = Document> {
    let field = proptest::option::of::<&'static str>;
    (
        any::<bool>(),
        field("[a-c]{1,2}"),
        field("10\\.244\\.1\\.[1-3](/2[0-9])?"),
        field("fd80::[1-3](/64)?"),
        proptest::option::of(0..3_u32),
        proptest::collection::vec("[a-c]", 0..3),
    )
        .prop_map(|(is_v1, label, ipv4, ipv6, as_number, orchestrators)| {
            let mut bgp = Map::new();
            let mut set = |key: &str, value: Option<Value>| {
                if let Some(value) = value {
                    bgp.insert(key.into(), value);
                }
            };
            set("ipv4Address", Some(ipv4.unwrap_or("10.244.1.1".into()).into()));
            set("ipv6Address", ipv6.map(Value::from));
            set("asNumber", as_number.map(Value::from));
            let labels: Map<String, Value> = label.map(|label| (label, json!("x"))).into_iter().collect();
            let refs: Vec<Value> = orchestrators
                .iter()
                .map(|name| json!({"orchestrator": name}))
                .collect();
            let (version, kind) = if is_v1 {
                ("v1", "node")
            } else {
                ("projectcalico.org/v3", "Node")
            };
            document(
                &json!({
                    "apiVersion": version, "kind": kind, "metadata": {"name": "node1", "labels": labels},
                    "spec": {"bgp": bgp, "orchRefs": refs},
                })
                .to_string(),
            )
        })
}

/// Whether everything of `before` has a place in `after`, list items too.
fn keeps(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .all(|(key, value)| after.get(key).is_some_and(|after| keeps(value, after))),
        (Value::Array(before), Value::Array(after)) => {
            before.len() <= after.len()
                && before
                    .iter()
                    .zip(after)
                    .all(|(before, after)| keeps(before, after))
        }
        _ => true,
    }
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(first in any_document(), document in any_document()) {
        for stored in [None, Some(stored()), Some(first.resource)] {
            let once = merge(stored.as_ref(), &document).unwrap();
            let twice = merge(Some(&once.resource), &document).unwrap();
            prop_assert!(!twice.changed);
            prop_assert_eq!(twice.resource, once.resource);
        }
    }

    #[test]
    fn a_v1_merge_never_removes_a_stored_field(document in any_document()) {
        if let Form::V1 { .. } = document.form {
            let merged = merge(Some(&stored()), &document).unwrap();
            prop_assert!(keeps(&Value::Object(stored().body), &Value::Object(merged.resource.body)));
        }
    }
}
