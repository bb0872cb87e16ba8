//! A Calico v3 resource as users see it.

use serde_json::{Map, Value};

pub use super::kind::Kind;

/// `apiVersion` of every v3 resource (libcalico-go `lib/apis/v3`).
pub const API_VERSION: &str = "projectcalico.org/v3";

/// One resource, whole: fields netdiag doesn't know are kept, so that a write never loses them.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub kind: Kind,
    /// The whole object: `kind`, `apiVersion`, `metadata`, `spec`, `status`. `metadata.resourceVersion` is the
    /// datastore's revision of it; a store strips it before writing.
    pub body: Map<String, Value>,
}

impl Resource {
    /// A resource of this kind and name with an empty `spec`.
    pub fn new(kind: Kind, name: &str) -> Self {
        let mut body = Map::new();
        body.insert("kind".into(), kind.name().into());
        body.insert("apiVersion".into(), API_VERSION.into());
        body.insert("metadata".into(), serde_json::json!({ "name": name }));
        body.insert("spec".into(), Value::Object(Map::new()));
        Self { kind, body }
    }

    /// Reads a resource from its JSON, checking `kind`, `apiVersion` and `metadata.name`.
    ///
    /// # Errors
    /// Says which of the three is missing or wrong.
    pub fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(body) = value else {
            return Err("not a JSON object".into());
        };
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(kind) = Kind::from_document(text("kind")) else {
            return Err(format!("unknown kind {:?}", text("kind")));
        };
        if text("apiVersion") != API_VERSION {
            return Err(format!(
                "apiVersion is {:?}, not {API_VERSION:?}",
                text("apiVersion")
            ));
        }
        let resource = Self { kind, body };
        if resource.name().is_empty() {
            return Err("metadata.name is missing".into());
        }
        Ok(resource)
    }

    /// The field at this path, such as `["spec", "bgp", "ipv4Address"]`.
    pub fn field(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.body.get(*first)?, |value, key| value.get(key))
    }

    /// The string at this path, if it is one.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.field(path).and_then(Value::as_str)
    }

    /// `metadata.name`; empty when missing.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"]).unwrap_or_default()
    }

    /// `metadata.namespace`; nothing for kinds that have none, and for those that name none.
    pub fn namespace(&self) -> Option<&str> {
        self.text(&["metadata", "namespace"])
            .filter(|namespace| !namespace.is_empty())
    }

    /// Puts it into a namespace.
    pub fn set_namespace(&mut self, namespace: &str) {
        self.set(&["metadata", "namespace"], Some(namespace.into()));
    }

    /// What it is called among all of its kind: `name`, or `namespace/name`. [`crate::datastore::Datastore`] finds
    /// it by this.
    pub fn id(&self) -> String {
        match self.namespace() {
            Some(namespace) if self.kind.is_namespaced() => format!("{namespace}/{}", self.name()),
            _ => self.name().to_owned(),
        }
    }

    /// Sets or, with `None`, removes the field at this path; maps on the way are made.
    pub fn set(&mut self, path: &[&str], value: Option<Value>) {
        set(&mut self.body, path, value);
    }

    /// Sets the field at this path if it isn't there or null.
    pub fn default(&mut self, path: &[&str], value: impl Into<Value>) {
        if self.field(path).is_none_or(Value::is_null) {
            self.set(path, Some(value.into()));
        }
    }

    /// `metadata.labels` that are texts.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.field(&["metadata", "labels"]).and_then(Value::as_object);
        labels
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// `metadata.resourceVersion`, the revision this object was read at.
    pub fn resource_version(&self) -> Option<&str> {
        self.text(&["metadata", "resourceVersion"])
    }

    /// Whether both say the same, whatever their revisions.
    pub fn says_the_same(&self, other: &Self) -> bool {
        fn rest<'m>(map: &'m Map<String, Value>, but: &str) -> impl Iterator<Item = (&'m String, &'m Value)> {
            map.iter().filter(move |(key, _)| *key != but)
        }
        fn equal(one: &Map<String, Value>, other: &Map<String, Value>, but: &str) -> bool {
            rest(one, but).all(|(key, value)| other.get(key) == Some(value))
                && rest(one, but).count() == rest(other, but).count()
        }
        match (self.body.get("metadata"), other.body.get("metadata")) {
            (Some(Value::Object(one)), Some(Value::Object(two))) => {
                equal(one, two, "resourceVersion") && equal(&self.body, &other.body, "metadata")
            }
            _ => self.body == other.body,
        }
    }

    /// Sets or, with `None`, removes `metadata.resourceVersion`.
    pub fn set_resource_version(&mut self, version: Option<String>) {
        self.set(&["metadata", "resourceVersion"], version.map(Value::from));
    }
}

fn set(map: &mut Map<String, Value>, path: &[&str], value: Option<Value>) {
    match path {
        [] => {}
        [last] => match value {
            Some(value) => {
                map.insert((*last).to_owned(), value);
            }
            None => {
                map.remove(*last);
            }
        },
        [first, rest @ ..] => {
            if value.is_none() && !map.contains_key(*first) {
                return;
            }
            let below = map.entry(*first).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Value::Object(below) = below {
                set(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_says_nothing_and_everything_else_does() {
        let one = Resource::new(Kind::Node, "n");
        let mut other = one.clone();
        other.set_resource_version(Some("7".into()));
        assert!(one.says_the_same(&other) && other.says_the_same(&one));
        for (path, value) in [
            (&["metadata", "labels", "a"][..], "b"),
            (&["metadata", "uid"], "u"),
            (&["spec", "x"], "y"),
            (&["status"], "s"),
        ] {
            let mut changed = other.clone();
            changed.set(path, Some(value.into()));
            assert!(
                !one.says_the_same(&changed) && !changed.says_the_same(&one),
                "{path:?}"
            );
        }
    }
}
