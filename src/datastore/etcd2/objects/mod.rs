//! Objects of etcd v2 other than Nodes: their keys, and the values that Calico v1 and v2 keep there (libcalico-go
//! `lib/backend/model` of their time). Pure.
//!
//! Reading goes by way of the v1 form, which is converted as a manifest is. What is about to be written is read back
//! first: whatever doesn't come back as it was given is something that etcd v2 can't hold, and is refused by name.

mod endpoints;
mod policies;
mod settings;

use serde_json::{Map, Value};

use super::http::{Leaf, Tree};
use super::node::{Change, guarded};
use crate::calico::resource::{Kind, Resource};
use crate::calico::{kinds, v1};
use crate::datastore::{List, Unreadable};

/// A resource, and the keys that it is made of.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) resource: Resource,
    pub(super) keys: Vec<String>,
}

/// All of a kind, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) items: Vec<Stored>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// Keys to write, or with `None` to delete.
type Writes = Vec<(String, Option<String>)>;

/// Where a kind is in the tree; none for kinds that those releases didn't have.
pub(super) fn roots(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::BgpConfiguration => &[super::map::BGP_GLOBAL],
        Kind::BgpPeer => &[super::map::BGP_GLOBAL, super::map::BGP_HOSTS],
        Kind::IpPool => &[super::map::POOLS],
        Kind::GlobalNetworkPolicy | Kind::Tier => &[policies::TIERS],
        Kind::Profile => &[policies::PROFILES],
        Kind::HostEndpoint | Kind::WorkloadEndpoint => &[super::map::HOSTS],
        _ => &[],
    }
}

/// Reads a kind from a tree that has what is below its [`roots`].
pub(super) fn read(kind: Kind, tree: &Tree) -> Found {
    let mut found = Found::default();
    let objects = match kind {
        Kind::BgpConfiguration | Kind::BgpPeer | Kind::IpPool => settings::read(kind, tree),
        Kind::GlobalNetworkPolicy => policies::policies(tree),
        Kind::Tier => policies::tiers(tree),
        Kind::Profile => policies::profiles(tree),
        Kind::HostEndpoint => endpoints::hosts(tree),
        Kind::WorkloadEndpoint => endpoints::workloads(tree),
        _ => Vec::new(),
    };
    for Object { keys, made } in objects {
        let index = keys
            .iter()
            .filter_map(|key| tree.get(key))
            .map(|leaf| leaf.index)
            .max();
        match made {
            Ok(mut resource) => {
                // Settings that aren't there have the defaults of their release.
                if kind != Kind::BgpConfiguration {
                    kinds::prepare(&mut resource);
                }
                resource.set_resource_version(Some(index.unwrap_or_default().to_string()));
                found.items.push(Stored { resource, keys });
            }
            Err(why) => {
                let key = keys.into_iter().next().unwrap_or_default();
                found.unreadable.push(Unreadable { key, why });
            }
        }
    }
    found.items.sort_by_key(|stored| stored.resource.id());
    found
}

/// The resources of what was found.
pub(super) fn list(found: Found) -> List {
    List {
        items: found.items.into_iter().map(|stored| stored.resource).collect(),
        version: None,
        unreadable: found.unreadable,
    }
}

/// The keys to write so that the tree holds `new` in place of what has these keys (none when creating).
///
/// # Errors
/// Names what etcd v2 can't hold.
pub(super) fn changes(tree: &Tree, keys: &[String], new: &Resource) -> Result<Vec<Change>, String> {
    let writes = match new.kind {
        Kind::BgpConfiguration | Kind::BgpPeer | Kind::IpPool => settings::write(tree, keys, new)?,
        Kind::GlobalNetworkPolicy => policies::write_policy(tree, keys, new),
        Kind::Tier => policies::write_tier(tree, keys, new),
        Kind::Profile => policies::write_profile(tree, keys, new),
        Kind::HostEndpoint => endpoints::write_host(tree, keys, new),
        Kind::WorkloadEndpoint => endpoints::write_workload(tree, keys, new),
        kind => return Err(format!("{kind} came with Calico v3")),
    };
    read_back(tree, &writes, new)?;
    let change = |(key, value)| guarded(tree, key, value);
    Ok(writes.into_iter().filter_map(change).collect())
}

/// Whether the writes make what is meant.
fn read_back(tree: &Tree, writes: &Writes, new: &Resource) -> Result<(), String> {
    let mut after = tree.clone();
    for (key, value) in writes {
        match value {
            Some(value) => {
                let value = value.clone();
                after.insert(key.clone(), Leaf { value, index: 0 });
            }
            None => {
                after.remove(key);
            }
        }
    }
    let written: Vec<&str> = writes.iter().map(|(key, _)| key.as_str()).collect();
    let found = read(new.kind, &after);
    let mine = found
        .items
        .iter()
        .find(|stored| stored.keys.iter().any(|key| written.contains(&key.as_str())));
    let Some(mine) = mine else {
        let why = found.unreadable.first().map_or("", |unreadable| &unreadable.why);
        return Err(format!("etcd v2 can't hold it: {why}"));
    };
    let mut made = mine.resource.clone();
    kinds::prepare(&mut made);
    let mut lost = Vec::new();
    differences(
        "",
        &Value::Object(new.body.clone()),
        &Value::Object(made.body),
        &mut lost,
    );
    if lost.is_empty() {
        return Ok(());
    }
    if lost.iter().any(|path| path == "metadata.name") {
        return Err(format!(
            "etcd v2 has no names of its own for this kind: it is called {}",
            mine.resource.name()
        ));
    }
    Err(format!("etcd v2 can't hold {}", lost.join(", ")))
}

/// Fields that only a server sets, or that mean the same when they are not there.
const IGNORED: [&str; 5] = [
    "metadata.uid",
    "metadata.creationTimestamp",
    "metadata.resourceVersion",
    "metadata.annotations",
    "status",
];

/// The paths of values that aren't in the other.
fn differences(path: &str, new: &Value, read: &Value, lost: &mut Vec<String>) {
    if IGNORED.contains(&path) {
        return;
    }
    match (new, read) {
        (Value::Object(new), read) => {
            for (key, value) in new {
                let below = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                differences(&below, value, read.get(key).unwrap_or(&Value::Null), lost);
            }
        }
        (Value::Array(new), Value::Array(read)) if new.len() == read.len() => {
            for (index, (new, read)) in new.iter().zip(read).enumerate() {
                differences(&format!("{path}[{index}]"), new, read, lost);
            }
        }
        (new, read) if same(new, read) => {}
        _ => lost.push(path.to_owned()),
    }
}

/// Whether a value says no more than its absence.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Number(_) | Value::Bool(true) => false,
    }
}

/// Whether two values are one; nothing and no are.
fn same(new: &Value, read: &Value) -> bool {
    let number = |value: &Value| value.as_f64();
    new == read || empty(new) && empty(read) || number(new).is_some() && number(new) == number(read)
}

/// What a place in the tree makes, before it has a revision.
struct Object {
    keys: Vec<String>,
    made: Result<Resource, String>,
}

/// An object of a v1 kind from its v1 form.
fn of_v1(kind: &str, keys: Vec<String>, form: Result<Value, String>) -> Object {
    let filled = |mut form: Value| {
        for part in ["metadata", "spec"] {
            if let Some(Value::Object(fields)) = form.get_mut(part) {
                fields.retain(|_, value| !empty(value));
            }
        }
        v1::from_value(kind, &form)
    };
    Object {
        keys,
        made: form.and_then(filled),
    }
}

fn json(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("not a JSON object".into()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// The value of a key with these fields set or taken away; those that netdiag doesn't know stay.
fn updated(tree: &Tree, key: &str, fields: Vec<(&str, Option<Value>)>) -> String {
    let mut value = tree
        .get(key)
        .and_then(|leaf| json(&leaf.value).ok())
        .unwrap_or_default();
    for (field, new) in fields {
        match new {
            Some(new) => value.insert(field.to_owned(), new),
            None => value.remove(field),
        };
    }
    Value::Object(value).to_string()
}

/// Keys escape what would end a part of them.
fn escaped(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2f")
}

fn unescaped(part: &str) -> String {
    part.replace("%2f", "/").replace("%2F", "/").replace("%25", "%")
}

/// The list at this path of a resource.
fn items<'r>(resource: &'r Resource, field: &str) -> &'r [Value] {
    let list = resource.field(&["spec", field]).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}
