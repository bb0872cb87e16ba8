//! What is in a snapshot: how many of what, and what is absent.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::state::{Fact, Objects, Snapshot, json};

/// A snapshot's table of contents.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    pub objects: StoreContents,
    pub nodes: Vec<NodeContents>,
}

/// What is there of the datastore.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StoreContents {
    Known {
        store: String,
        /// How many of each kind.
        kinds: BTreeMap<String, usize>,
        unreadable: usize,
    },
    Absent {
        why: String,
    },
}

/// What is there of a node.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeContents {
    pub name: String,
    pub taken: String,
    /// Each fact with the number of its entries; 1 for one that is no list.
    pub items: BTreeMap<String, usize>,
    /// Each fact that could not be read, and why.
    pub absent: BTreeMap<String, String>,
}

/// Counts what is there.
pub fn contents(snapshot: &Snapshot) -> Contents {
    let nodes = snapshot.nodes.iter().map(|node| {
        let mut counted = NodeContents {
            name: node.name.clone(),
            taken: node.taken.clone(),
            items: BTreeMap::new(),
            absent: BTreeMap::new(),
        };
        counted.count("", &json::value(node));
        counted
    });
    Contents {
        objects: store(&snapshot.objects),
        nodes: nodes.collect(),
    }
}

fn store(objects: &Fact<Objects>) -> StoreContents {
    match objects {
        Fact::Known(objects) => {
            let mut kinds = BTreeMap::new();
            for resource in objects.resources.iter().chain(objects.kubernetes.items()) {
                let kind = resource.get("kind").and_then(Value::as_str);
                *kinds.entry(kind.unwrap_or("unknown").to_owned()).or_default() += 1;
            }
            StoreContents::Known {
                store: objects.store.clone(),
                kinds,
                unreadable: objects.unreadable.len(),
            }
        }
        Fact::Absent { why, .. } => StoreContents::Absent { why: why.clone() },
    }
}

impl NodeContents {
    /// Walks through facts, and through those of a fact's entries: the links of all pods are `namespaces.net.links`.
    fn count(&mut self, path: &str, value: &Value) {
        let Some(fields) = value.as_object() else { return };
        for (key, value) in fields {
            let path = match path {
                "" | "net" => key.clone(),
                _ => format!("{path}.{key}"),
            };
            if let Some(why) = value.pointer("/absent/why").and_then(Value::as_str) {
                self.absent.entry(path.clone()).or_insert_with(|| why.to_owned());
            } else if let Some(known) = value.get("known") {
                let number = known.as_array().map_or(1, Vec::len);
                *self.items.entry(path.clone()).or_default() += number;
                match known {
                    Value::Array(entries) => entries.iter().for_each(|entry| self.count(&path, entry)),
                    known => self.count(&path, known),
                }
            } else if value.is_object() {
                self.count(&path, value);
            }
        }
    }
}
