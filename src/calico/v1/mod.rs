//! The v1 manifests of old articles and clusters, as v3 resources (libcalico-go `lib/apis/v1`,
//! `lib/upgrade/converters`).

mod node;
mod objects;
mod rule;
mod shapes;

use serde_json::Value;

use super::manifest::{self, Form};
use super::resource::Resource;
use super::schema::{self, Fault, Shape};
use super::tree::Tree;

/// `apiVersion` of every v1 manifest; Kubernetes uses the same.
pub const API_VERSION: &str = "v1";

/// A v1 document in v3 form.
pub(super) struct Converted {
    pub(super) form: Form,
    pub(super) resource: Resource,
    pub(super) notes: Vec<String>,
}

/// What a conversion makes of a valid v1 object, or the field that can't be converted, and why.
type Made = Result<(Resource, Vec<String>), (String, String)>;

/// A kind of v1: its name in documents, its fields, and what becomes of it.
struct Row {
    name: &'static str,
    shape: &'static Shape,
    convert: fn(&Value) -> Made,
    /// Whether what is stored keeps the fields that a document doesn't name.
    merges: bool,
}

const ROWS: [Row; 7] = [
    row("ipPool", &shapes::POOL, objects::pool, true),
    row("bgpPeer", &shapes::PEER, objects::peer, false),
    row("policy", &shapes::POLICY, objects::policy, false),
    row("profile", &shapes::PROFILE, objects::profile, false),
    row("tier", &shapes::TIER, objects::tier, false),
    row(
        "hostEndpoint",
        &shapes::HOST_ENDPOINT,
        objects::host_endpoint,
        false,
    ),
    row(
        "workloadEndpoint",
        &shapes::WORKLOAD_ENDPOINT,
        objects::workload_endpoint,
        false,
    ),
];

const fn row(name: &'static str, shape: &'static Shape, convert: fn(&Value) -> Made, merges: bool) -> Row {
    Row {
        name,
        shape,
        convert,
        merges,
    }
}

/// The v1 kinds, as documents spell them.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    std::iter::once("node").chain(ROWS.iter().map(|row| row.name))
}

/// The kind whose list this is: `nodeList` is of `node`.
pub(super) fn of_list(kind: &str) -> Option<&'static str> {
    let single = kind.strip_suffix("List")?;
    kinds().find(|name| *name == single)
}

/// Converts what a store of those times holds in the v1 form. Its fields aren't checked: whatever is there counts.
///
/// # Errors
/// Says which field can't be converted, and why.
pub fn from_value(kind: &str, v1: &Value) -> Result<Resource, String> {
    let row = ROWS.iter().find(|row| row.name == kind);
    let row = row.ok_or_else(|| format!("{kind} is no kind of v1"))?;
    let made = (row.convert)(v1);
    made.map(|(resource, _)| resource)
        .map_err(|(path, why)| format!("{path}: {why}"))
}

/// Names that Calico's old controller gave to policies it made of Kubernetes' own.
const FROM_KUBERNETES: [&str; 2] = ["np.projectcalico.org/", "knp.default."];

/// Checks and converts a document of a v1 kind; `None` when a fault was added. With `lenient`, what v3 doesn't allow
/// of the result is none.
pub(super) fn read(kind: &str, tree: &Tree, lenient: bool, faults: &mut Vec<Fault>) -> Option<Converted> {
    if kind == "node" {
        let node = node::read(tree, faults)?;
        return Some(Converted {
            form: Form::V1 {
                assumed: node.assumed,
            },
            resource: node.resource,
            notes: node.notes,
        });
    }
    let row = ROWS.iter().find(|row| row.name == kind)?;
    let before = faults.len();
    let value = schema::read(row.shape, tree, faults);
    if faults.len() > before {
        return None;
    }
    let fault = |path: String, why: String| Fault {
        at: tree.at,
        path,
        why,
    };
    let name = value
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind == "policy" && FROM_KUBERNETES.iter().any(|prefix| name.starts_with(prefix)) {
        let why =
            "was made of a NetworkPolicy of Kubernetes, and will be again: convert that one, or leave it out";
        faults.push(fault("metadata.name".into(), why.into()));
        return None;
    }
    let (mut resource, notes) = match (row.convert)(&value) {
        Ok(made) => made,
        Err((path, why)) => {
            faults.push(fault(path, why));
            return None;
        }
    };
    if !lenient {
        match manifest::check(resource.kind, &Value::Object(resource.body.clone())) {
            // Merging needs the fields that say no.
            Ok(_) if row.merges => {}
            Ok(checked) => resource = checked,
            Err(found) => {
                let of_v3 = |found: Fault| fault(found.path, format!("{} (of the v3 form)", found.why));
                faults.extend(found.into_iter().map(of_v3));
                return None;
            }
        }
    }
    let form = if row.merges {
        Form::V1 { assumed: Vec::new() }
    } else {
        Form::V3
    };
    Some(Converted {
        form,
        resource,
        notes,
    })
}

#[cfg(test)]
mod tests;
