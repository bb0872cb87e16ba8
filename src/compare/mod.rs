//! What changed from one snapshot to another. Pure.
//!
//! Works on the facts as JSON shows them, with a table of what is special about some (`items.rs`): a fact that the
//! table doesn't know is compared all the same, field by field.

mod fields;
mod items;
mod lines;
mod links;
mod lists;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::state::{Fact, NodeState, Objects, Snapshot, json};

/// How much of what differs is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Show {
    /// Without what moves by itself: counters, timers, whether a neighbor was heard of lately, connections.
    Settled,
    /// Counters too.
    Counters,
    /// All of it.
    All,
}

/// What differs between two snapshots.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// What matters most comes first: the datastore's objects and whole nodes, then each node's own, by name.
    pub changes: Vec<Change>,
    /// What one of them does not hold, so that it can't be compared.
    pub incomparable: Vec<String>,
}

/// One thing that came, went or became another.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// None: the datastore's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where it is in a snapshot: `net.routes`.
    pub item: String,
    pub change: Kind,
    /// What changed, among its like: the route, the name of a link.
    pub what: String,
    /// The whole thing, where it is one line before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    #[serde(skip)]
    rank: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Removed,
    Added,
    Changed,
}

/// One field that differs; one that is not there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Compares two snapshots node by node.
pub fn compare(before: &Snapshot, after: &Snapshot, show: Show) -> Comparison {
    let mut found = Comparison::default();
    objects(&before.objects, &after.objects, &mut found);
    let by_name = |snapshot: &Snapshot| -> BTreeMap<String, usize> {
        let names = snapshot.nodes.iter().enumerate();
        names.map(|(at, node)| (node.name.clone(), at)).collect()
    };
    let (old, new) = (by_name(before), by_name(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let of = |snapshot: &Snapshot, at: Option<&usize>| snapshot.nodes.get(*at?).map(node_value);
        match (of(before, old.get(name)), of(after, new.get(name))) {
            (Some(before), Some(after)) => {
                let mut walk = walk::Walk::new(name, show);
                walk.structure("", "", &before, &after);
                let (mut changes, incomparable) = walk.done();
                changes.sort_by_key(|change| change.rank);
                found.changes.extend(changes);
                found.incomparable.extend(incomparable);
            }
            (Some(_), None) => found.changes.push(node_change(name, Kind::Removed)),
            _ => found.changes.push(node_change(name, Kind::Added)),
        }
    }
    // Those of whole nodes and of the datastore first; the sort keeps the order of the rest.
    found
        .changes
        .sort_by_key(|change| change.rank.min(items::NODE_ITEMS));
    found
}

fn node_change(name: &str, change: Kind) -> Change {
    Change {
        node: Some(name.to_owned()),
        item: "nodes".to_owned(),
        change,
        what: name.to_owned(),
        now: None,
        fields: Vec::new(),
        rank: 0,
    }
}

fn node_value(node: &NodeState) -> Value {
    let mut value = json::value(node);
    if let Some(node) = value.as_object_mut() {
        for what_names_it in ["name", "taken"] {
            node.remove(what_names_it);
        }
    }
    links::name_all(&mut value);
    value
}

fn objects(before: &Fact<Objects>, after: &Fact<Objects>, found: &mut Comparison) {
    match (before.known(), after.known()) {
        (Some(before), Some(after)) => {
            let mut walk = walk::Walk::of_datastore();
            // Kubernetes has kinds that are named as Calico's are.
            let list = |objects: &Objects| {
                let kubernetes = objects.kubernetes.items().iter().cloned().map(|mut object| {
                    if let Some(kind @ ("NetworkPolicy" | "Node")) = object["kind"].as_str() {
                        object["kind"] = format!("Kubernetes {kind}").into();
                    }
                    object
                });
                objects.resources.iter().cloned().chain(kubernetes).collect()
            };
            walk.objects(list(before), list(after));
            found.changes.extend(walk.done().0);
        }
        (None, None) => {}
        (known, _) => {
            let (which, why) = if known.is_some() {
                ("the second", after.why())
            } else {
                ("the first", before.why())
            };
            let why = why.unwrap_or_default();
            found
                .incomparable
                .push(format!("the datastore's objects: not in {which} ({why})"));
        }
    }
}
