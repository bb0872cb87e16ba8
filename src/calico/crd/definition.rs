//! CustomResourceDefinitions, made from the same tables as everything else about a kind: what a cluster needs before it
//! can hold Calico's objects.

use serde_json::{Map, Value, json};

use super::Group;
use crate::calico::kind::Kind;
use crate::calico::kinds;
use crate::calico::schema::{Field, Presence, Shape};

/// A definition for each kind that Kubernetes itself doesn't have, and for IPAM's own.
pub fn all(group: Group) -> Vec<Value> {
    let kinds = Kind::ALL.into_iter().filter(|kind| is_custom(*kind));
    kinds
        .map(|kind| of_kind(group, kind))
        .chain(IPAM.iter().map(|(kind, plural, spec)| {
            let spec = spec();
            definition(group, kind, plural, false, &[("spec", &spec)])
        }))
        .collect()
}

/// Whether Kubernetes holds this kind as a custom resource: nodes, pods, namespaces and service accounts are its own.
pub const fn is_custom(kind: Kind) -> bool {
    !matches!(kind, Kind::Node | Kind::WorkloadEndpoint | Kind::Profile)
}

fn of_kind(group: Group, kind: Kind) -> Value {
    let (name, plural) = group.names(kind);
    let parts: Vec<(&str, Value)> = kinds::shape(kind)
        .fields()
        .iter()
        .filter(|field| matches!(field.name, "spec" | "status"))
        .map(|field| {
            let mut schema = schema(&field.shape);
            // A newer release's fields stay.
            schema["x-kubernetes-preserve-unknown-fields"] = true.into();
            (field.name, schema)
        })
        .collect();
    let parts: Vec<(&str, &Value)> = parts.iter().map(|(name, schema)| (*name, schema)).collect();
    definition(group, name, plural, kind.is_namespaced(), &parts)
}

fn definition(group: Group, kind: &str, plural: &str, namespaced: bool, parts: &[(&str, &Value)]) -> Value {
    let (name, version) = group.version().split_once('/').unwrap_or_default();
    let mut properties = json!({
        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
    });
    for (part, schema) in parts {
        properties[*part] = (*schema).clone();
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{name}")},
        "spec": {
            "group": name,
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase()},
            "scope": if namespaced { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
            }],
        },
    })
}

/// What a value of this shape may be; what only Calico's own checks can say is left to them.
fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Text(_) | Shape::AnyText | Shape::Enum(_) | Shape::AnyCase(_) | Shape::Duration => {
            json!({"type": "string"})
        }
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int(..) => json!({"type": "integer", "format": "int64"}),
        Shape::Float => json!({"type": "number"}),
        Shape::Port | Shape::Protocol | Shape::Dscp | Shape::IntOrText | Shape::AsNumber => {
            json!({"x-kubernetes-int-or-string": true})
        }
        Shape::Labels | Shape::Annotations | Shape::Texts => {
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        }
        Shape::List(item) | Shape::Set(item) => json!({"type": "array", "items": schema(item)}),
        Shape::Object(fields) | Shape::NonEmpty(fields) | Shape::Checked(fields, _) => object(fields),
        Shape::Any | Shape::Ignored => json!({"x-kubernetes-preserve-unknown-fields": true}),
    }
}

fn object(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = schema(&field.shape);
        if matches!(field.presence, Presence::Pointer | Presence::Always(_)) {
            schema["nullable"] = true.into();
        }
        properties.insert(field.name.into(), schema);
    }
    json!({"type": "object", "properties": properties})
}

/// Kind, plural, and what makes the schema of the spec.
type Own = (&'static str, &'static str, fn() -> Value);

/// What only IPAM reads (libcalico-go `lib/apis/internalapi`).
const IPAM: [Own; 3] = [
    ("IPAMBlock", "ipamblocks", block),
    ("BlockAffinity", "blockaffinities", affinity),
    ("IPAMHandle", "ipamhandles", handle),
];

fn with_properties(properties: &Value) -> Value {
    json!({"type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": true})
}

fn block() -> Value {
    let number = json!({"type": "integer", "format": "int64"});
    with_properties(&json!({
        "cidr": {"type": "string"},
        "affinity": {"type": "string", "nullable": true},
        "allocations": {"type": "array", "items": {"type": "integer", "nullable": true}},
        "unallocated": {"type": "array", "items": {"type": "integer"}},
        "attributes": {"type": "array", "items": {
            "type": "object",
            "properties": {
                "handle_id": {"type": "string", "nullable": true},
                "secondary": {"type": "object", "nullable": true, "additionalProperties": {"type": "string"}},
            },
            "x-kubernetes-preserve-unknown-fields": true,
        }},
        "sequenceNumber": number,
        "sequenceNumberForAllocation": {"type": "object", "additionalProperties": number},
        "strictAffinity": {"type": "boolean"},
        "deleted": {"type": "boolean"},
    }))
}

/// `deleted` is a text in the classic group, and a boolean in the native one.
fn affinity() -> Value {
    let text = json!({"type": "string"});
    with_properties(&json!({
        "state": text, "node": text, "type": text, "cidr": text,
        "deleted": {"x-kubernetes-preserve-unknown-fields": true},
    }))
}

fn handle() -> Value {
    with_properties(&json!({
        "handleID": {"type": "string"},
        "block": {"type": "object", "additionalProperties": {"type": "integer"}},
        "deleted": {"type": "boolean"},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_custom_kind_has_a_definition_with_its_spec() {
        for group in [Group::Classic, Group::Native] {
            let definitions = all(group);
            assert_eq!(definitions.len(), 19 + 3);
            for definition in definitions {
                let names = &definition["spec"]["names"];
                let name = format!(
                    "{}.{}",
                    names["plural"].as_str().unwrap(),
                    definition["spec"]["group"].as_str().unwrap()
                );
                assert_eq!(definition["metadata"]["name"], name);
                let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                assert!(schema["properties"]["spec"].is_object(), "{name}");
            }
        }
    }
}
