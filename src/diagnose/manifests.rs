//! The fixes of a report as manifests for `netdiag apply -f`, and for the cluster's own calicoctl.

use serde_json::{Value, json};

use super::finding::Report;
use crate::state::Objects;

/// One document a changed object. v3 documents hold the whole stored object, since applying one replaces `spec`, and its
/// `resourceVersion`, so that one is refused for an object that has changed since; v1 documents (of nodes,
/// which old calicoctl knows) are merged field by field and name only what changes.
pub fn manifests(report: &Report, objects: &Objects) -> Vec<Value> {
    let mut documents: Vec<Value> = Vec::new();
    for finding in &report.findings {
        if let Some(change) = &finding.fix.change {
            let value = change.value.clone().into();
            set(
                &mut documents,
                objects,
                "Node",
                &change.node,
                &["bgp", change.bgp_field],
                value,
            );
        }
        if let Some(manifest) = &finding.fix.manifest {
            for (field, value) in &manifest.fields {
                let path: Vec<&str> = field.split('.').collect();
                set(
                    &mut documents,
                    objects,
                    manifest.kind,
                    &manifest.name,
                    &path,
                    value.clone(),
                );
            }
        }
    }
    documents
}

/// Sets a field below `spec` in the document of an object, which is made when it is met first.
fn set(documents: &mut Vec<Value>, objects: &Objects, kind: &str, name: &str, path: &[&str], value: Value) {
    let same = |document: &Value| {
        document["metadata"]["name"] == name
            && document["kind"]
                .as_str()
                .is_some_and(|known| known.eq_ignore_ascii_case(kind))
    };
    let at = documents.iter().position(same).unwrap_or_else(|| {
        documents.push(base(objects, kind, name));
        documents.len() - 1
    });
    let Some(mut field) = documents.get_mut(at).map(|document| &mut document["spec"]) else {
        return;
    };
    for part in path {
        if !field.is_object() {
            *field = json!({});
        }
        field = &mut field[*part];
    }
    *field = value;
}

fn base(objects: &Objects, kind: &str, name: &str) -> Value {
    // v1 documents of other kinds have other fields.
    if objects.v1_manifests && kind == "Node" {
        return json!({"apiVersion": "v1", "kind": kind.to_lowercase(), "metadata": {"name": name}, "spec": {}});
    }
    let stored = objects
        .resources
        .iter()
        .find(|resource| resource["kind"] == kind && resource["metadata"]["name"] == name);
    let mut document =
        json!({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": {}});
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
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::{Change, Finding, Fix};

    fn report() -> Report {
        let finding = |field, value: &str| Finding {
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
            ..Finding::of("node-address-on-bridge", "node1", "")
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
