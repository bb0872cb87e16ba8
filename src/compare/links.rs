//! Numbers of links and namespaces mean nothing after a restart: names take their place.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields that hold the number of a link of the same namespace.
const NUMBERS: [&str; 4] = ["link", "master", "via", "lower"];

/// In every network namespace below a value, names links where their numbers stand.
pub(super) fn name_all(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(spaces) = fields.get_mut("namespaces") {
                entries(spaces).iter_mut().for_each(name_namespace);
            }
            if let Some(names) = fields.get("links").and_then(names) {
                fields.values_mut().for_each(|item| rename(item, &names));
            }
            fields.values_mut().for_each(name_all);
        }
        Value::Array(items) => items.iter_mut().for_each(name_all),
        _ => {}
    }
}

/// The entries of a fact.
fn entries(fact: &mut Value) -> &mut [Value] {
    let list = fact.get_mut("known").and_then(Value::as_array_mut);
    list.map_or(&mut [], Vec::as_mut_slice)
}

/// What people call a namespace, in place of its numbers, which are others after each start.
fn name_namespace(space: &mut Value) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let pod = space.get("pod").and_then(|pod| {
        let name = text(pod.get("name").or(pod.get("uid")))?;
        Some(match text(pod.get("namespace")) {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        })
    });
    let container = || text(space.pointer("/container/name"));
    let name = || text(space.pointer("/names/0"));
    let number = || space.get("id").map(ToString::to_string);
    let title = pod.or_else(container).or_else(name).or_else(number);
    let Some(fields) = space.as_object_mut() else {
        return;
    };
    for number in ["id", "hostId", "idOfHost"] {
        fields.remove(number);
    }
    fields.insert("title".to_owned(), title.unwrap_or_default().into());
}

/// Number and name of each link of a fact.
fn names(links: &Value) -> Option<BTreeMap<u64, String>> {
    let links = links.get("known")?.as_array()?;
    let name = |link: &Value| {
        Some((
            link.get("index")?.as_u64()?,
            link.get("name")?.as_str()?.to_owned(),
        ))
    };
    Some(links.iter().filter_map(name).collect())
}

fn rename(value: &mut Value, names: &BTreeMap<u64, String>) {
    match value {
        // A namespace in this one names its own.
        Value::Object(fields) if fields.contains_key("links") => {}
        Value::Object(fields) => {
            for (key, value) in fields {
                // A link below may be of another namespace, which is said beside its number.
                let number = match (key.as_str(), &*value) {
                    ("lower", Value::Object(lower)) if lower.get("netns").is_none() => lower.get("index"),
                    (_, number) => Some(number),
                };
                let number = number.and_then(Value::as_u64);
                match number.filter(|_| NUMBERS.contains(&key.as_str())) {
                    Some(number) => {
                        let name = names.get(&number).cloned();
                        *value = Value::String(name.unwrap_or_else(|| format!("link {number}")));
                    }
                    None => rename(value, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}
