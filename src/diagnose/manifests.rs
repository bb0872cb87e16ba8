//! The fixes of a report as manifests for `netdiag apply -f`, and for the cluster's own calicoctl.

use serde_json::{Value, json};

use super::finding::{Change, Report};
use crate::state::Objects;

/// One document a changed Node. v3 documents hold the whole stored Node, since applying one replaces `spec`, and its
/// `resourceVersion`, so that one is refused for a Node that has changed since; v1 documents are merged field by
/// field and name only what changes.
pub fn manifests(report: &Report, objects: &Objects) -> Vec<Value> {
    let mut documents: Vec<Value> = Vec::new();
    for change in report
        .findings
        .iter()
        .filter_map(|finding| finding.fix.change.as_ref())
    {
        let same_node = |document: &&mut Value| document["metadata"]["name"] == change.node.as_str();
        if let Some(document) = documents.iter_mut().find(same_node) {
            set(document, change);
        } else {
            let mut document = base(objects, &change.node);
            set(&mut document, change);
            documents.push(document);
        }
    }
    documents
}

fn set(document: &mut Value, change: &Change) {
    document["spec"]["bgp"][change.bgp_field] = change.value.clone().into();
}

fn base(objects: &Objects, node: &str) -> Value {
    if objects.v1_manifests {
        return json!({"apiVersion": "v1", "kind": "node", "metadata": {"name": node}, "spec": {"bgp": {}}});
    }
    let stored = objects
        .resources
        .iter()
        .find(|resource| resource["kind"] == "Node" && resource["metadata"]["name"] == node);
    let mut document = json!({"apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": node}, "spec": {"bgp": {}}});
    let Some(stored) = stored else {
        return document;
    };
    for field in ["labels", "annotations", "resourceVersion"] {
        if let Some(value) = stored["metadata"].get(field) {
            document["metadata"][field] = value.clone();
        }
    }
    if let Some(spec @ Value::Object(_)) = stored.get("spec") {
        document["spec"] = spec.clone();
    }
    if !document["spec"]["bgp"].is_object() {
        document["spec"]["bgp"] = json!({});
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::{Finding, Fix, Severity};

    fn report() -> Report {
        let finding = |field, value: &str| Finding {
            code: "A01",
            severity: Severity::Error,
            node: "node1".into(),
            title: String::new(),
            cause: None,
            certain: true,
            evidence: Vec::new(),
            fix: Fix {
                change: Some(Change {
                    node: "node1".into(),
                    bgp_field: field,
                    from: String::new(),
                    value: value.into(),
                    why: String::new(),
                }),
                ..Fix::default()
            },
        };
        Report {
            findings: vec![
                finding("ipv4Address", "192.168.80.23/24"),
                finding("ipv6Address", "fd00::23/64"),
            ],
            ..Report::default()
        }
    }

    fn objects(v1_manifests: bool) -> Objects {
        Objects {
            v1_manifests,
            resources: vec![json!({"kind": "Node", "apiVersion": "projectcalico.org/v3",
                "metadata": {"name": "node1", "uid": "u", "resourceVersion": "7", "labels": {"rack": "r1"}},
                "spec": {"bgp": {"ipv4Address": "10.244.1.1/24", "ipv4IPIPTunnelAddr": "10.1.1.1"}, "later": true}})],
            ..Objects::default()
        }
    }

    #[test]
    fn a_v3_document_keeps_all_that_the_stored_node_has_and_is_for_that_version_of_it() {
        let documents = manifests(&report(), &objects(false));
        assert_eq!(
            documents,
            [json!({"kind": "Node", "apiVersion": "projectcalico.org/v3",
                "metadata": {"name": "node1", "resourceVersion": "7", "labels": {"rack": "r1"}},
                "spec": {"bgp": {"ipv4Address": "192.168.80.23/24", "ipv6Address": "fd00::23/64",
                    "ipv4IPIPTunnelAddr": "10.1.1.1"}, "later": true}})]
        );
    }

    #[test]
    fn a_stored_node_without_a_version_gives_a_document_without_one() {
        let mut objects = objects(false);
        objects.resources[0]["metadata"] = json!({"name": "node1"});
        let documents = manifests(&report(), &objects);
        assert_eq!(documents[0]["metadata"], json!({"name": "node1"}));
    }

    #[test]
    fn a_v1_document_names_only_what_changes() {
        let documents = manifests(&report(), &objects(true));
        assert_eq!(
            documents,
            [
                json!({"apiVersion": "v1", "kind": "node", "metadata": {"name": "node1"},
                "spec": {"bgp": {"ipv4Address": "192.168.80.23/24", "ipv6Address": "fd00::23/64"}}})
            ]
        );
    }
}
