//! The form in which etcd v3 holds a resource (libcalico-go `lib/backend/etcdv3`, `lib/backend/model`): what Calico
//! adds when it writes, and takes away when it reads.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::kinds;
use super::resource::Resource;
use super::schema;

/// Where the name that a user gave to a policy is kept beside the one it is stored under.
pub(super) const NAME_ANNOTATION: &str = "projectcalico.org/metadata";

/// The JSON to store for a resource under this name, its fields in Calico's order; without the revision, which etcd
/// itself keeps. Policies may be stored under another name than they show.
pub fn encode(resource: &Resource, stored_name: &str) -> String {
    let mut stored = resource.clone();
    stored.set_resource_version(None);
    if stored.kind.is_tiered() {
        let given = json!({ "name": stored.name() }).to_string();
        stored.set(&["metadata", "annotations", NAME_ANNOTATION], Some(given.into()));
        stored.set(&["metadata", "name"], Some(stored_name.into()));
    }
    let body = completed(stored);
    // Values of JSON are always written.
    serde_json::to_string(&kinds::ordered(resource.kind, &body)).unwrap_or_else(|_| body.to_string())
}

/// The body with the fields that Calico always writes.
pub(super) fn completed(mut resource: Resource) -> Value {
    for_rules(&mut resource, |rule| {
        for side in ["source", "destination"] {
            rule.entry(side).or_insert_with(|| json!({}));
        }
    });
    let mut body = Value::Object(resource.body);
    schema::complete(kinds::shape(resource.kind), &mut body);
    body
}

/// Reads a stored resource, which its key calls `namespace` and `name`; shows it as Calico's client does.
///
/// # Errors
/// What is stored isn't JSON, or isn't what the key says.
pub fn decode(kind: Kind, id: &str, value: &[u8]) -> Result<Resource, String> {
    let value = serde_json::from_slice(value).map_err(|error| format!("not JSON: {error}"))?;
    let resource = Resource::from_value(value)?;
    if resource.kind != kind || resource.id() != id {
        return Err(format!("the value is {}({})", resource.kind, resource.id()));
    }
    shown(resource)
}

/// What is stored, as Calico's client shows it.
pub(super) fn shown(mut resource: Resource) -> Result<Resource, String> {
    if resource.kind.is_tiered() {
        show_name(&mut resource)?;
    }
    if resource.kind == Kind::IpPool {
        kinds::pool_defaults(&mut resource);
    }
    for_rules(&mut resource, |rule| {
        rule.retain(|key, value| {
            !matches!(key.as_str(), "source" | "destination")
                || value.as_object().is_none_or(|map| !map.is_empty())
        });
    });
    Ok(resource)
}

/// The name that the user gave: from the annotation that releases from 3.30 on write, else the stored one without
/// the prefix of the default tier, as older releases show it.
fn show_name(policy: &mut Resource) -> Result<(), String> {
    let annotation = policy.text(&["metadata", "annotations", NAME_ANNOTATION]);
    let given = annotation
        .map(serde_json::from_str::<Value>)
        .transpose()
        .map_err(|error| format!("annotation {NAME_ANNOTATION} is not JSON: {error}"))?;
    let given = given.and_then(|given| given.get("name")?.as_str().map(str::to_owned));
    let name = match given {
        Some(name) => Some(name),
        None if policy
            .text(&["spec", "tier"])
            .is_none_or(|tier| matches!(tier, "" | "default")) =>
        {
            policy.name().strip_prefix("default.").map(str::to_owned)
        }
        None => None,
    };
    if let Some(name) = name {
        policy.set(&["metadata", "name"], Some(name.into()));
    }
    policy.set(&["metadata", "annotations", NAME_ANNOTATION], None);
    if policy
        .field(&["metadata", "annotations"])
        .and_then(Value::as_object)
        .is_some_and(Map::is_empty)
    {
        policy.set(&["metadata", "annotations"], None);
    }
    if policy
        .field(&["metadata", "labels", "projectcalico.org/tier"])
        .is_none()
    {
        let tier = policy
            .text(&["spec", "tier"])
            .filter(|tier| !tier.is_empty())
            .unwrap_or("default")
            .to_owned();
        policy.set(
            &["metadata", "labels", "projectcalico.org/tier"],
            Some(tier.into()),
        );
    }
    Ok(())
}

/// The name under which releases before 3.32 store a policy, and look for it: with its tier before it.
pub fn name_with_tier(policy: &Resource) -> String {
    let tier = policy
        .text(&["spec", "tier"])
        .filter(|tier| !tier.is_empty())
        .unwrap_or("default");
    let prefix = format!("{tier}.");
    if policy.name().starts_with(&prefix) {
        return policy.name().to_owned();
    }
    format!("{prefix}{}", policy.name())
}

/// Every rule of a policy or a profile.
fn for_rules(resource: &mut Resource, change: fn(&mut Map<String, Value>)) {
    if !resource.kind.is_tiered() && resource.kind != Kind::Profile {
        return;
    }
    let Some(Value::Object(spec)) = resource.body.get_mut("spec") else {
        return;
    };
    for direction in ["ingress", "egress"] {
        let rules = spec.get_mut(direction).and_then(Value::as_array_mut);
        rules
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
            .for_each(change);
    }
}

/// The profile that every cluster has, and nobody stores (libcalico-go `lib/resources/profile.go`).
pub fn default_allow() -> Resource {
    let mut profile = Resource::new(Kind::Profile, DEFAULT_ALLOW);
    profile.set_resource_version(Some("1".into()));
    for direction in ["ingress", "egress"] {
        profile.set(&["spec", direction], Some(json!([{"action": "Allow"}])));
    }
    profile
}

/// Its name.
pub const DEFAULT_ALLOW: &str = "projectcalico-default-allow";

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-dump.txt");

    #[test]
    fn what_calicoctl_stored_is_stored_again_byte_for_byte() {
        let mut seen = std::collections::BTreeSet::new();
        let lines: Vec<&str> = DUMP.lines().collect();
        for pair in lines.chunks(2) {
            let Some(path) = pair[0].strip_prefix("/calico/resources/v3/projectcalico.org/") else {
                continue;
            };
            let (plural, id) = path.split_once('/').unwrap();
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| kind.plural() == plural)
                .unwrap();
            let resource = decode(kind, id, pair[1].as_bytes()).unwrap();
            assert_eq!(encode(&resource, resource.name()), pair[1], "{path}");
            seen.insert(kind);
        }
        assert!(seen.len() >= 19, "{seen:?}");
    }

    #[test]
    fn policies_of_every_release_show_the_name_that_was_given() {
        let policy = |name: &str, tier: &str, annotation: Option<&str>| {
            let mut policy = Resource::new(Kind::GlobalNetworkPolicy, name);
            policy.set(&["spec", "tier"], (!tier.is_empty()).then(|| tier.into()));
            policy.set(
                &["metadata", "annotations", NAME_ANNOTATION],
                annotation.map(Value::from),
            );
            Value::Object(policy.body).to_string()
        };
        for (stored, tier, annotation, shown) in [
            ("default.p", "", None, "p"),
            ("default.p", "default", None, "p"),
            ("t.p", "t", None, "t.p"),
            ("default.p", "default", Some(r#"{"name":"p"}"#), "p"),
            (
                "default.p",
                "default",
                Some(r#"{"name":"default.p"}"#),
                "default.p",
            ),
            ("p", "default", Some(r#"{"name":"p"}"#), "p"),
        ] {
            let value = policy(stored, tier, annotation);
            let resource = decode(Kind::GlobalNetworkPolicy, stored, value.as_bytes()).unwrap();
            assert_eq!(resource.name(), shown, "{value}");
            assert_eq!(resource.field(&["metadata", "annotations"]), None);
        }
    }
}
