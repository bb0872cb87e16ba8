//! Policies, tiers and profiles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Object, Writes, escaped, items, json as object, of_v1, unescaped, updated};
use crate::calico::resource::Resource;
use crate::datastore::etcd2::http::Tree;

pub(super) const TIERS: &str = "/calico/v1/policy/tier";
pub(super) const PROFILES: &str = "/calico/v1/policy/profile";

/// A field of a stored rule, and the same in the v1 form: on its own or below source and destination.
const RULE: [(&str, &str); 8] = [
    ("action", "/action"),
    ("ip_version", "/ipVersion"),
    ("protocol", "/protocol"),
    ("icmp_type", "/icmp/type"),
    ("icmp_code", "/icmp/code"),
    ("!protocol", "/notProtocol"),
    ("!icmp_type", "/notICMP/type"),
    ("!icmp_code", "/notICMP/code"),
];
const ENTITY: [(&str, &str, &str); 10] = [
    ("", "tag", "tag"),
    ("", "net", "net"),
    ("", "nets", "nets"),
    ("", "selector", "selector"),
    ("", "ports", "ports"),
    ("!", "tag", "notTag"),
    ("!", "net", "notNet"),
    ("!", "nets", "notNets"),
    ("!", "selector", "notSelector"),
    ("!", "ports", "notPorts"),
];
const SIDES: [(&str, &str); 2] = [("src", "source"), ("dst", "destination")];

/// Stored rules in the v1 form.
fn rules(value: Option<&Value>) -> Value {
    let rules = value.and_then(Value::as_array);
    rules.into_iter().flatten().map(rule).collect()
}

fn rule(stored: &Value) -> Value {
    let mut rule = json!({});
    for (key, place) in RULE {
        if let Some(value) = stored.get(key).filter(|value| !value.is_null()) {
            set(&mut rule, place, value.clone());
        }
    }
    for (prefix, side) in SIDES {
        for (not, key, field) in ENTITY {
            if let Some(value) = stored.get(format!("{not}{prefix}_{key}"))
                && !value.is_null()
            {
                set(&mut rule, &format!("/{side}/{field}"), value.clone());
            }
        }
    }
    rule
}

fn set(value: &mut Value, place: &str, to: Value) {
    let mut at = value;
    for part in place.split('/').skip(1) {
        at = &mut at[part];
    }
    *at = to;
}

/// A v3 rule as it is stored.
fn stored_rule(v3: &Value) -> Value {
    let mut rule = Map::new();
    for (key, place) in RULE {
        let Some(value) = v3.pointer(place) else { continue };
        let value = match (key, value.as_str()) {
            ("action", Some("Pass")) => "next-tier".into(),
            (_, Some(text)) => text.to_lowercase().into(),
            _ => value.clone(),
        };
        rule.insert(key.to_owned(), value);
    }
    for (prefix, side) in SIDES {
        for (not, key, field) in ENTITY {
            let Some(value) = v3.pointer(&format!("/{side}/{field}")) else {
                continue;
            };
            match (key, value) {
                // Releases before 2.4 know one network a rule.
                ("nets", Value::Array(nets)) if nets.len() == 1 => {
                    rule.insert(format!("{not}{prefix}_net"), nets[0].clone());
                }
                ("selector", Value::String(text)) => {
                    rule.insert(format!("{not}{prefix}_selector"), old_selector(text).into());
                }
                _ => {
                    rule.insert(format!("{not}{prefix}_{key}"), value.clone());
                }
            }
        }
    }
    Value::Object(rule)
}

/// A selector with the names that labels had.
fn old_selector(v3: &str) -> String {
    v3.replace("projectcalico.org/namespace", "calico/k8s_ns")
}

/// Parts of a key below this place.
fn parts<'k>(key: &'k str, root: &str) -> Option<Vec<&'k str>> {
    Some(key.strip_prefix(root)?.strip_prefix('/')?.split('/').collect())
}

pub(super) fn policies(tree: &Tree) -> Vec<Object> {
    let mut objects = Vec::new();
    for (key, leaf) in tree {
        let Some([tier, "policy", name]) = parts(key, TIERS).as_deref().map(|parts| match parts {
            [tier, kind, name] => [*tier, *kind, *name],
            _ => [""; 3],
        }) else {
            continue;
        };
        let form = object(&leaf.value).map(|stored| policy(&unescaped(tier), &unescaped(name), &stored));
        objects.push(of_v1("policy", vec![key.clone()], form));
    }
    objects
}

fn policy(tier: &str, name: &str, stored: &Map<String, Value>) -> Value {
    let set = |key: &str| stored.get(key) == Some(&Value::Bool(true));
    let types = match stored.get("types").and_then(Value::as_array) {
        Some(types) if !types.is_empty() => types.clone(),
        // Before there were types, every policy was for both directions.
        _ if set("pre_dnat") => vec!["ingress".into()],
        _ => vec!["ingress".into(), "egress".into()],
    };
    let mut spec = json!({
        "ingress": rules(stored.get("inbound_rules")),
        "egress": rules(stored.get("outbound_rules")),
        "selector": stored.get("selector").cloned().unwrap_or_default(),
        "doNotTrack": set("untracked"),
        "preDNAT": set("pre_dnat"),
        "applyOnForward": set("apply_on_forward"),
        "types": types,
    });
    if let Some(order) = stored.get("order").filter(|order| order.is_number()) {
        spec["order"] = order.clone();
    }
    let mut metadata = json!({"name": name, "tier": tier});
    if let Some(Value::Object(annotations)) = stored.get("annotations") {
        metadata["annotations"] = annotations.clone().into();
    }
    json!({"metadata": metadata, "spec": spec})
}

pub(super) fn write_policy(tree: &Tree, keys: &[String], new: &Resource) -> Writes {
    let tier = new.text(&["spec", "tier"]).unwrap_or("default");
    let own = new.name().strip_prefix(&format!("{tier}.")).unwrap_or(new.name());
    let key = keys
        .first()
        .cloned()
        .unwrap_or_else(|| format!("{TIERS}/{}/policy/{}", escaped(tier), escaped(own)));
    let flag = |field: &str| Value::Bool(new.field(&["spec", field]) == Some(&Value::Bool(true)));
    let rules = |direction: &str| items(new, direction).iter().map(stored_rule).collect::<Value>();
    let types = items(new, "types").iter().filter_map(Value::as_str);
    let value = updated(
        tree,
        &key,
        vec![
            ("order", new.field(&["spec", "order"]).cloned()),
            ("inbound_rules", Some(rules("ingress"))),
            ("outbound_rules", Some(rules("egress"))),
            (
                "selector",
                Some(old_selector(new.text(&["spec", "selector"]).unwrap_or_default()).into()),
            ),
            ("untracked", Some(flag("doNotTrack"))),
            ("pre_dnat", Some(flag("preDNAT"))),
            ("apply_on_forward", Some(flag("applyOnForward"))),
            ("types", Some(types.map(str::to_lowercase).collect())),
            ("annotations", new.field(&["metadata", "annotations"]).cloned()),
        ],
    );
    vec![(key, Some(value))]
}

pub(super) fn tiers(tree: &Tree) -> Vec<Object> {
    let mut objects = Vec::new();
    for (key, leaf) in tree {
        if let Some([tier, "metadata"]) = parts(key, TIERS).as_deref() {
            let form = object(&leaf.value).map(|stored| {
                let mut spec = json!({});
                if let Some(order) = stored.get("order").filter(|order| order.is_number()) {
                    spec["order"] = order.clone();
                }
                json!({"metadata": {"name": unescaped(tier)}, "spec": spec})
            });
            objects.push(of_v1("tier", vec![key.clone()], form));
        }
    }
    objects
}

pub(super) fn write_tier(tree: &Tree, keys: &[String], new: &Resource) -> Writes {
    let key = keys
        .first()
        .cloned()
        .unwrap_or_else(|| format!("{TIERS}/{}/metadata", escaped(new.name())));
    let value = updated(
        tree,
        &key,
        vec![("order", new.field(&["spec", "order"]).cloned())],
    );
    vec![(key, Some(value))]
}

pub(super) fn profiles(tree: &Tree) -> Vec<Object> {
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in tree.keys() {
        if let Some([name, "rules" | "labels" | "tags"]) = parts(key, PROFILES).as_deref() {
            names.entry(*name).or_default().push(key.clone());
        }
    }
    let leaf = |name: &str, leaf: &str| {
        let text = tree.get(&format!("{PROFILES}/{name}/{leaf}"));
        let text = text.map_or("null", |leaf| leaf.value.as_str());
        serde_json::from_str::<Value>(text).map_err(|error| format!("{leaf}: not JSON: {error}"))
    };
    let form = |name: &str| {
        let (stored, labels, tags) = (leaf(name, "rules")?, leaf(name, "labels")?, leaf(name, "tags")?);
        Ok(json!({
            "metadata": {"name": unescaped(name), "labels": labels, "tags": tags},
            "spec": {
                "ingress": rules(stored.get("inbound_rules")),
                "egress": rules(stored.get("outbound_rules")),
            },
        }))
    };
    names
        .into_iter()
        .map(|(name, keys)| of_v1("profile", keys, form(name)))
        .collect()
}

pub(super) fn write_profile(tree: &Tree, keys: &[String], new: &Resource) -> Writes {
    let new_root = || {
        let name = match new.name().strip_prefix("kns.") {
            Some(namespace) => format!("k8s_ns.{namespace}"),
            None => new.name().to_owned(),
        };
        format!("{PROFILES}/{}", escaped(&name))
    };
    let old = keys.first().and_then(|key| key.rsplit_once('/'));
    let root = old.map_or_else(new_root, |(root, _)| root.to_owned());
    let key = |leaf: &str| format!("{root}/{leaf}");
    let stored = tree.get(&key("tags"));
    let stored: Vec<String> = stored
        .and_then(|leaf| serde_json::from_str(&leaf.value).ok())
        .unwrap_or_default();
    let labels = new.field(&["spec", "labelsToApply"]).and_then(Value::as_object);
    // What was a tag, and is a label without a value in v3, stays a tag.
    let is_tag = |(name, value): &(&String, &Value)| *value == "" && stored.contains(name);
    let (tags, labels): (Vec<_>, Vec<_>) = labels.into_iter().flatten().partition(is_tag);
    let tags: Value = tags.into_iter().map(|(name, _)| name.as_str()).collect();
    let labels: Map<String, Value> = labels
        .into_iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let rules = |direction: &str| items(new, direction).iter().map(stored_rule).collect::<Value>();
    let both = vec![
        ("inbound_rules", Some(rules("ingress"))),
        ("outbound_rules", Some(rules("egress"))),
    ];
    vec![
        (key("rules"), Some(updated(tree, &key("rules"), both))),
        (key("labels"), Some(Value::Object(labels).to_string())),
        (key("tags"), Some(tags.to_string())),
    ]
}
