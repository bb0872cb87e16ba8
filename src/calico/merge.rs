//! What a stored resource becomes when a document is applied to it.

use serde_json::{Map, Value};

use super::kinds;
use super::manifest::{Document, Form};
use super::resource::Resource;

/// The outcome of [`merge`].
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// What to write; with the stored `metadata.resourceVersion`, or none for a new resource.
    pub resource: Resource,
    /// Whether it differs from what is stored; always for a new one.
    pub changed: bool,
    /// What was assumed on the way.
    pub notes: Vec<String>,
}

/// A document that can't be applied to what is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MergeError(String);

/// Applies a document to the stored resource of its kind and name, if there is one.
///
/// A v3 document replaces labels, annotations and spec whole and keeps the other metadata, as calicoctl does; a
/// stored status that it doesn't name stays (calicoctl empties it, though only the node itself writes it). A v1
/// document sets the fields it names and keeps all others.
///
/// # Errors
/// A v1 document without any address for a node that isn't stored.
pub fn merge(stored: Option<&Resource>, document: &Document) -> Result<Merged, MergeError> {
    let mut notes = document.notes.clone();
    let Some(stored) = stored else {
        let mut resource = document.resource.clone();
        resource.set_resource_version(None);
        if let Form::V1 { assumed } = &document.form {
            needs_address(&resource)?;
            notes.extend(assumed.iter().map(|field| assumption(&resource, field)));
            complete(&mut resource);
        }
        return Ok(Merged {
            resource,
            changed: true,
            notes,
        });
    };
    let resource = match &document.form {
        Form::V3 => replace(stored, &document.resource),
        Form::V1 { assumed } => {
            let mut named = document.resource.clone();
            for field in assumed {
                if !keep_length(stored, &mut named, field) {
                    notes.push(assumption(&named, field));
                }
            }
            let mut resource = stored.clone();
            overlay(&mut resource.body, &named.body);
            complete(&mut resource);
            resource
        }
    };
    Ok(Merged {
        changed: resource != *stored,
        resource,
        notes,
    })
}

/// What a v1 document said no to isn't written, and what nobody named has its default.
fn complete(resource: &mut Resource) {
    for field in ["natOutgoing", "disabled"] {
        if resource.field(&["spec", field]) == Some(&Value::Bool(false)) {
            resource.set(&["spec", field], None);
        }
    }
    kinds::prepare(resource);
}

fn needs_address(resource: &Resource) -> Result<(), MergeError> {
    let has = |field| resource.field(&["spec", "bgp", field]).is_some();
    if resource.field(&["spec", "bgp"]).is_none() || has("ipv4Address") || has("ipv6Address") {
        return Ok(());
    }
    Err(MergeError(format!(
        "{}({}) isn't stored yet, so its spec.bgp needs ipv4Address or ipv6Address",
        resource.kind,
        resource.name()
    )))
}

fn assumption(resource: &Resource, field: &str) -> String {
    let address = resource.text(&["spec", "bgp", field]).unwrap_or_default();
    let length = address.rsplit('/').next().unwrap_or_default();
    format!(
        "spec.bgp.{field} has no prefix length, /{length} assumed: pools in CrossSubnet mode will take every other \
         node as in another subnet"
    )
}

/// Takes the stored address for this field if only its length differs from the document's.
fn keep_length(stored: &Resource, named: &mut Resource, field: &str) -> bool {
    let path = ["spec", "bgp", field];
    let host = |resource: &Resource| -> Option<std::net::IpAddr> {
        resource.text(&path)?.split('/').next()?.parse().ok()
    };
    let same = host(stored).is_some_and(|stored| host(named) == Some(stored));
    let stored = stored.field(&path).filter(|_| same).cloned();
    let bgp = named.body.get_mut("spec").and_then(|spec| spec.get_mut("bgp"));
    match (stored, bgp) {
        (Some(stored), Some(Value::Object(bgp))) => {
            bgp.insert(field.into(), stored);
            true
        }
        _ => false,
    }
}

/// The v3 form: what the file doesn't name of labels, annotations and spec goes.
fn replace(stored: &Resource, file: &Resource) -> Resource {
    let mut resource = stored.clone();
    let body = &mut resource.body;
    body.insert("spec".into(), file.body.get("spec").cloned().unwrap_or_default());
    if let Some(status) = file.body.get("status") {
        body.insert("status".into(), status.clone());
    }
    if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
        for key in ["labels", "annotations"] {
            match file.field(&["metadata", key]) {
                Some(value) => metadata.insert(key.into(), value.clone()),
                None => metadata.remove(key),
            };
        }
    }
    resource
}

/// Sets what `named` has, at every level; nothing is removed.
fn overlay(stored: &mut Map<String, Value>, named: &Map<String, Value>) {
    for (key, value) in named {
        match (stored.get_mut(key), value) {
            (Some(Value::Object(stored)), Value::Object(named)) => overlay(stored, named),
            (Some(Value::Array(stored)), Value::Array(named)) => overlay_list(stored, named),
            (Some(stored), named) => *stored = named.clone(),
            (None, named) => {
                stored.insert(key.clone(), named.clone());
            }
        }
    }
}

/// The one list of a v1 node is `orchRefs`, one entry an orchestrator.
fn overlay_list(stored: &mut Vec<Value>, named: &[Value]) {
    for value in named {
        let same = stored
            .iter_mut()
            .find(|stored| stored.get("orchestrator") == value.get("orchestrator"));
        match (same, value) {
            (Some(Value::Object(stored)), Value::Object(named)) => overlay(stored, named),
            (Some(stored), named) => *stored = named.clone(),
            (None, named) => stored.push(named.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
