//! A v1 node.

use serde_json::{Map, Value};

use crate::calico::kinds::node::{NODE_V1, with_full_prefix};
use crate::calico::names;
use crate::calico::resource::{Kind, Resource};
use crate::calico::schema::{self, Fault};
use crate::calico::tree::Tree;

/// A v1 node in v3 form.
pub(super) struct Node {
    pub(super) resource: Resource,
    /// Fields under `spec.bgp` whose address had no length, and got /32 or /128.
    pub(super) assumed: Vec<&'static str>,
    pub(super) notes: Vec<String>,
}

/// Checks and converts a v1 node; `None` when a fault was added.
pub(super) fn read(tree: &Tree, faults: &mut Vec<Fault>) -> Option<Node> {
    let before = faults.len();
    let value = schema::read(&NODE_V1, tree, faults);
    if faults.len() > before {
        return None;
    }
    let metadata = value.get("metadata")?.as_object()?;
    let given = metadata.get("name")?.as_str()?;
    let name = names::normalize_node_name(given);
    if let Err(why) = names::check_name(&name) {
        let at = tree
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .map_or(tree.at, |name| name.at);
        faults.push(Fault {
            at,
            path: "metadata.name".into(),
            why: format!("{given:?} can't be made a v3 name: {why}"),
        });
        return None;
    }
    let mut notes = Vec::new();
    if name != given {
        notes.push(format!("v1 name {given:?} is {name:?} in v3"));
    }
    let mut resource = Resource::new(Kind::Node, &name);
    if let Some(Value::Object(into)) = resource.body.get_mut("metadata")
        && let Some(labels) = metadata.get("labels")
    {
        into.insert("labels".into(), labels.clone());
    }
    let mut assumed = Vec::new();
    if let Some(Value::Object(spec)) = value.get("spec") {
        let mut spec = spec.clone();
        if let Some(Value::Object(bgp)) = spec.get_mut("bgp") {
            assumed = fill_lengths(bgp);
        }
        resource.body.insert("spec".into(), Value::Object(spec));
    }
    Some(Node {
        resource,
        assumed,
        notes,
    })
}

/// Gives addresses without a length the longest; says which.
fn fill_lengths(bgp: &mut Map<String, Value>) -> Vec<&'static str> {
    let mut filled = Vec::new();
    for field in ["ipv4Address", "ipv6Address"] {
        let full = bgp.get(field).and_then(Value::as_str).and_then(with_full_prefix);
        if let Some(full) = full {
            bgp.insert(field.into(), full.into());
            filled.push(field);
        }
    }
    filled
}
