//! The form in which Kubernetes holds a resource (libcalico-go `lib/backend/k8s/resources/resources.go`).
//!
//! In the classic group `crd.projectcalico.org/v1`, what users gave as metadata is JSON in an annotation of the custom
//! resource, which itself carries only Calico's own labels and annotations. In the native group
//! `projectcalico.org/v3`, resources are as users see them.

pub mod definition;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::resource::{API_VERSION, Resource};
use super::stored::{self, NAME_ANNOTATION};

/// `apiVersion` of the classic group.
pub const V1: &str = "crd.projectcalico.org/v1";

/// In which of the two groups a cluster keeps Calico's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Classic,
    Native,
}

impl Group {
    /// Its `apiVersion`.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Classic => V1,
            Self::Native => API_VERSION,
        }
    }

    /// Reads `CALICO_API_GROUP`, with or without the version.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split('/').next()? {
            "crd.projectcalico.org" => Some(Self::Classic),
            "projectcalico.org" => Some(Self::Native),
            _ => None,
        }
    }

    /// The kind and the plural under which the group has this kind.
    pub const fn names(self, kind: Kind) -> (&'static str, &'static str) {
        match (self, kind) {
            (Self::Classic, Kind::IpamConfiguration) => ("IPAMConfig", "ipamconfigs"),
            _ => (kind.name(), kind.plural()),
        }
    }
}

/// Whether a label or an annotation is Calico's own: these stay on the custom resource.
fn is_ours(key: &str) -> bool {
    key.contains("projectcalico.org/") || key.contains("operator.tigera.io/")
}

/// Metadata in the annotation, in the order of Kubernetes' structure.
#[derive(Serialize)]
struct Given<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "creationTimestamp")]
    created: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a Value>,
}

/// The custom resource for a resource, under this name; with the revision it was read at, if it has one.
pub fn encode(group: Group, resource: &Resource, stored_name: &str) -> Value {
    let (kind, _) = group.names(resource.kind);
    let field = |name: &str| {
        resource
            .field(&["metadata", name])
            .filter(|value| !value.is_null())
    };
    let mut metadata = Map::new();
    metadata.insert("name".into(), stored_name.into());
    for name in ["namespace", "resourceVersion"] {
        if let Some(value) = field(name) {
            metadata.insert(name.into(), value.clone());
        }
    }
    let ours = |name: &str| -> Map<String, Value> {
        let map = field(name).and_then(Value::as_object);
        let map = map.into_iter().flatten();
        map.filter(|(key, _)| group == Group::Native || is_ours(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let (labels, mut annotations) = (ours("labels"), ours("annotations"));
    if group == Group::Classic {
        let given = Given {
            name: resource.kind.is_tiered().then_some(resource.name()),
            created: field("creationTimestamp"),
            labels: field("labels"),
            annotations: field("annotations"),
        };
        // Texts and maps of texts are always written.
        let given = serde_json::to_string(&given).unwrap_or_default();
        annotations.insert(NAME_ANNOTATION.into(), given.into());
    }
    for (name, map) in [("labels", labels), ("annotations", annotations)] {
        if !map.is_empty() {
            metadata.insert(name.into(), map.into());
        }
    }
    let mut body = stored::completed(resource.clone());
    body["apiVersion"] = group.version().into();
    body["kind"] = kind.into();
    body["metadata"] = metadata.into();
    body
}

/// Reads a custom resource of either group; shows it as Calico's client does.
///
/// # Errors
/// It has no name, or an annotation that isn't what Calico writes.
pub fn decode(kind: Kind, value: Value) -> Result<Resource, String> {
    let Value::Object(mut body) = value else {
        return Err("not a JSON object".into());
    };
    let classic = body.get("apiVersion").and_then(Value::as_str) == Some(V1);
    let mut metadata = match body.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    if classic {
        unwrap(kind, &mut metadata)?;
    }
    metadata.retain(|key, value| {
        const KEPT: [&str; 7] = [
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "labels",
            "annotations",
        ];
        let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        KEPT.contains(&key.as_str()) && !empty
    });
    body.insert("apiVersion".into(), API_VERSION.into());
    body.insert("kind".into(), kind.name().into());
    body.insert("metadata".into(), metadata.into());
    stored::shown(Resource::from_value(Value::Object(body))?)
}

/// Puts what the annotation holds over what the custom resource itself has.
fn unwrap(kind: Kind, metadata: &mut Map<String, Value>) -> Result<(), String> {
    if let Some(uid) = metadata.get("uid").and_then(Value::as_str) {
        let shown = uid_shown(uid);
        metadata.insert("uid".into(), shown.into());
    }
    let Some(given) = metadata
        .get("annotations")
        .and_then(|annotations| annotations.get(NAME_ANNOTATION))
        .and_then(Value::as_str)
    else {
        return Ok(());
    };
    let given: Map<String, Value> = serde_json::from_str(given)
        .map_err(|error| format!("annotation {NAME_ANNOTATION} is not JSON: {error}"))?;
    if let Some(created) = given.get("creationTimestamp").filter(|value| !value.is_null()) {
        metadata.insert("creationTimestamp".into(), created.clone());
    }
    for part in ["labels", "annotations"] {
        let Some(Value::Object(from)) = given.get(part) else {
            continue;
        };
        let into = metadata.entry(part).or_insert_with(|| json!({}));
        if let Value::Object(into) = into {
            into.extend(from.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    // Of policies, the name is read from it as well; for all others it has said what it has to say.
    if !kind.is_tiered()
        && let Some(Value::Object(annotations)) = metadata.get_mut("annotations")
    {
        annotations.remove(NAME_ANNOTATION);
    }
    Ok(())
}

/// The uid that users see for a custom resource, so that two objects never share one: each byte's bits in reverse,
/// except those that hold version and variant. What isn't a UUID stays as it is. Done twice, it is the first again.
fn uid_shown(uid: &str) -> String {
    let digits: String = uid.chars().filter(|character| *character != '-').collect();
    let byte = |at: usize| {
        digits
            .get(2 * at..2 * at + 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
    };
    if uid.len() != 36 || digits.len() != 32 {
        return uid.to_owned();
    }
    let mut shown = String::with_capacity(36);
    for at in 0..16 {
        let Some(byte) = byte(at) else {
            return uid.to_owned();
        };
        let byte = if matches!(at, 6 | 8) {
            byte
        } else {
            byte.reverse_bits()
        };
        if matches!(at, 4 | 6 | 8 | 10) {
            shown.push('-');
        }
        // Writing to a String can't fail.
        let _ = write!(shown, "{byte:02x}");
    }
    shown
}

#[cfg(test)]
mod tests;
