//! Profiles from namespaces and service accounts (libcalico-go `lib/backend/k8s/conversion`).

use serde_json::{Map, Value, json};

use crate::calico::resource::{Kind, Resource};

/// What a profile stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Of<'a> {
    Namespace(&'a str),
    ServiceAccount(&'a str, &'a str),
}

/// What the name of a profile says.
pub(super) fn of(name: &str) -> Option<Of<'_>> {
    if let Some(namespace) = name.strip_prefix("kns.") {
        return Some(Of::Namespace(namespace));
    }
    let (namespace, account) = name.strip_prefix("ksa.")?.split_once('.')?;
    Some(Of::ServiceAccount(namespace, account))
}

/// Its labels under a prefix, and its name.
fn labels(object: &Value, prefix: &str, name: &str) -> Map<String, Value> {
    let own = object["metadata"]["labels"].as_object();
    let mut labels: Map<String, Value> = own
        .into_iter()
        .flatten()
        .map(|(key, value)| (format!("{prefix}{key}"), value.clone()))
        .collect();
    labels.insert(format!("{prefix}projectcalico.org/name"), name.into());
    labels
}

fn profile(object: &Value, name: &str, version: &str, spec: Value) -> Resource {
    let mut profile = Resource::new(Kind::Profile, name);
    for field in ["uid", "creationTimestamp"] {
        profile.set(&["metadata", field], object["metadata"].get(field).cloned());
    }
    profile.set_resource_version(Some(version.to_owned()));
    profile.set(&["spec"], Some(spec));
    profile
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Everything is allowed by the profile of a namespace: it gives its pods labels.
pub(super) fn of_namespace(namespace: &Value) -> Resource {
    let name = text(namespace, "/metadata/name");
    let version = format!("{}/", text(namespace, "/metadata/resourceVersion"));
    let allow = json!([{"action": "Allow"}]);
    let spec = json!({"ingress": allow, "egress": allow, "labelsToApply": labels(namespace, "pcns.", name)});
    profile(namespace, &format!("kns.{name}"), &version, spec)
}

/// The profile of a service account has no rules.
pub(super) fn of_account(account: &Value) -> Resource {
    let (name, namespace) = (
        text(account, "/metadata/name"),
        text(account, "/metadata/namespace"),
    );
    let version = format!("/{}", text(account, "/metadata/resourceVersion"));
    let spec = json!({"labelsToApply": labels(account, "pcsa.", name)});
    profile(account, &format!("ksa.{namespace}.{name}"), &version, spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_and_accounts_give_their_labels_to_pods() {
        let namespace =
            json!({"metadata": {"name": "shop", "resourceVersion": "20", "labels": {"env": "prod"}}});
        let profile = of_namespace(&namespace);
        assert_eq!(
            (profile.name(), profile.resource_version()),
            ("kns.shop", Some("20/"))
        );
        assert_eq!(
            profile.field(&["spec", "labelsToApply"]),
            Some(&json!({"pcns.env": "prod", "pcns.projectcalico.org/name": "shop"}))
        );
        let account = json!({"metadata": {"name": "a.b", "namespace": "shop", "resourceVersion": "21"}});
        let profile = of_account(&account);
        assert_eq!(profile.resource_version(), Some("/21"));
        assert_eq!(of(profile.name()), Some(Of::ServiceAccount("shop", "a.b")));
        assert_eq!(of("kns.shop"), Some(Of::Namespace("shop")));
        assert_eq!(of("other"), None);
    }
}
