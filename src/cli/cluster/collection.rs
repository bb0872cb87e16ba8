//! Which collections of objects `cluster diags` reads, and their files (calicoctl `commands/cluster/diags.go`).

use serde_json::{Value, json};

use crate::datastore::{Error, Server};
use crate::output::table;

/// One kind of object.
#[derive(Debug)]
pub(super) struct Collection {
    /// Without its extension.
    pub(super) file: String,
    /// Of the API server.
    pub(super) path: String,
}

/// Kinds of Kubernetes itself: the file, and the path.
const CORE: [(&str, &str); 21] = [
    ("nodes", "/api/v1/nodes"),
    ("namespaces", "/api/v1/namespaces"),
    ("pods", "/api/v1/pods"),
    ("services", "/api/v1/services"),
    ("endpoints", "/api/v1/endpoints"),
    ("configmaps", "/api/v1/configmaps"),
    ("pv", "/api/v1/persistentvolumes"),
    ("pvc", "/api/v1/persistentvolumeclaims"),
    ("sc", "/apis/storage.k8s.io/v1/storageclasses"),
    ("endpointslices", "/apis/discovery.k8s.io/v1/endpointslices"),
    ("daemonsets", "/apis/apps/v1/daemonsets"),
    ("deployments", "/apis/apps/v1/deployments"),
    ("replicasets", "/apis/apps/v1/replicasets"),
    ("statefulsets", "/apis/apps/v1/statefulsets"),
    ("jobs", "/apis/batch/v1/jobs"),
    ("cronjobs", "/apis/batch/v1/cronjobs"),
    ("networkpolicies", "/apis/networking.k8s.io/v1/networkpolicies"),
    (
        "validatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    ),
    (
        "mutatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    ),
    ("apiservices", "/apis/apiregistration.k8s.io/v1/apiservices"),
    (
        "customresourcedefinitions",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    ),
];

/// Groups that clusters may have beside them.
const MORE: [&str; 4] = [
    "policy.networking.k8s.io",
    "k8s.cni.cncf.io",
    "gateway.networking.k8s.io",
    "monitoring.coreos.com",
];

/// What is in a namespace of Calico's, by what `kubectl get all` shows.
const ALL: [&str; 8] = [
    "pods",
    "services",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "jobs",
    "cronjobs",
];

/// Namespaces of which everything is in one file, too.
pub(super) const WHOLE: [&str; 2] = ["calico-system", "tigera-operator"];

/// Whether a group or a namespace is Calico's, or of its operator.
pub(super) fn is_calicos(name: &str) -> bool {
    name.contains("calico") || name.contains("tigera")
}

/// All collections that the server has.
pub(super) async fn all(server: &Server) -> Result<Vec<Collection>, Error> {
    let mut all: Vec<Collection> = CORE
        .iter()
        .map(|(file, path)| Collection {
            file: format!("cluster/kubernetes/{file}"),
            path: (*path).to_owned(),
        })
        .collect();
    let groups = server.get("/apis").await?.unwrap_or_default();
    for group in groups["groups"].as_array().into_iter().flatten() {
        let name = group["name"].as_str().unwrap_or_default();
        let folder = match name {
            name if is_calicos(name) => "crd",
            name if MORE.contains(&name) => "kubernetes",
            _ => continue,
        };
        let version = group["preferredVersion"]["groupVersion"]
            .as_str()
            .unwrap_or_default();
        let kinds = server.get(&format!("/apis/{version}")).await?.unwrap_or_default();
        for kind in kinds["resources"].as_array().into_iter().flatten() {
            let plural = kind["name"].as_str().unwrap_or_default();
            let listed = kind["verbs"]
                .as_array()
                .is_some_and(|verbs| verbs.contains(&json!("list")));
            if listed && !plural.contains('/') {
                let file = if folder == "crd" {
                    format!("{plural}.{name}")
                } else {
                    plural.to_owned()
                };
                all.push(Collection {
                    file: format!("cluster/{folder}/{file}"),
                    path: format!("/apis/{version}/{plural}"),
                });
            }
        }
    }
    Ok(all)
}

/// Whether a collection is among those of [`ALL`].
pub(super) fn is_of_all(collection: &Collection) -> bool {
    let file = collection.file.strip_prefix("cluster/kubernetes/");
    file.is_some_and(|file| ALL.contains(&file))
}

/// A list whose items say what they are, as kubectl prints it.
pub(super) fn named_items(list: &mut Value) {
    let version = list["apiVersion"].clone();
    let kind = list["kind"]
        .as_str()
        .and_then(|kind| kind.strip_suffix("List"))
        .map(str::to_owned);
    for item in list["items"].as_array_mut().into_iter().flatten() {
        if let (Some(kind), Some(fields)) = (&kind, item.as_object_mut()) {
            fields.entry("apiVersion").or_insert_with(|| version.clone());
            fields.entry("kind").or_insert_with(|| kind.clone().into());
        }
    }
}

/// A table of the API server as text: every column, after the namespace.
pub(super) fn wide(table: &Value) -> String {
    let empty = Vec::new();
    let rows = table["rows"].as_array().unwrap_or(&empty);
    let namespace = |row: &Value| row["object"]["metadata"]["namespace"].as_str().map(str::to_owned);
    let namespaced = rows.iter().any(|row| namespace(row).is_some());
    let columns = table["columnDefinitions"].as_array().unwrap_or(&empty);
    let mut headings: Vec<String> = columns
        .iter()
        .map(|column| column["name"].as_str().unwrap_or_default().to_uppercase())
        .collect();
    let cell = |cell: &Value| match cell {
        Value::String(text) => text.clone(),
        Value::Null => "<none>".to_owned(),
        other => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row["cells"].as_array().into_iter().flatten().map(cell).collect())
        .collect();
    if namespaced {
        headings.insert(0, "NAMESPACE".to_owned());
        for (line, row) in lines.iter_mut().zip(rows) {
            line.insert(0, namespace(row).unwrap_or_default());
        }
    }
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    table::columns(&headings, &lines, 3, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_namespaces_first() {
        let table = json!({"columnDefinitions": [{"name": "Name"}, {"name": "Age"}], "rows": [
            {"cells": ["a", "5d"], "object": {"metadata": {"namespace": "ns"}}},
            {"cells": ["long", null], "object": {"metadata": {"namespace": "other"}}},
        ]});
        assert_eq!(
            wide(&table),
            "NAMESPACE   NAME   AGE\nns          a      5d\nother       long   <none>\n"
        );
    }

    #[test]
    fn items_of_a_list_say_what_they_are() {
        let mut list = json!({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {}}]});
        named_items(&mut list);
        assert_eq!(list["items"][0]["kind"], "Pod");
        assert_eq!(list["items"][0]["apiVersion"], "v1");
    }
}
