//! Checks a tree against the shape a resource must have, strictly, and makes JSON of it.
//!
//! Shapes are data: a kind's fields are a table (see `node_schema`), and everything that is wrong is reported at
//! once, each with its line and field.

use serde_json::{Map, Value};

use super::as_number::AsNumber;
use super::names;
use super::nearest::nearest;
use super::tree::{Data, Entry, Mark, Tree, doubtful};

/// A field of an object that doesn't fit the others, and why.
pub type Misfit = (&'static str, String);

/// What a field may hold.
#[derive(Debug)]
pub enum Shape {
    /// A text that this accepts, or else says why not.
    Text(fn(&str) -> Result<(), String>),
    /// An AS number: number or text, dotted or not. Written as a number.
    AsNumber,
    /// A map of label keys to label values.
    Labels,
    /// A map of keys to any texts.
    Annotations,
    List(&'static Shape),
    Object(&'static [Field]),
    /// An object that must name at least one field.
    NonEmpty(&'static [Field]),
    /// An object whose fields must fit together; what doesn't, and why.
    Checked(&'static [Field], fn(&Map<String, Value>) -> Option<Misfit>),
    /// Anything; left out of the result.
    Ignored,
}

/// One field of an object.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
}

impl Field {
    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: false,
        }
    }

    pub const fn required(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: true,
        }
    }
}

/// Something wrong in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: Mark,
    /// The field, such as `spec.bgp.ipv4Address`; empty for a whole document.
    pub path: String,
    pub why: String,
}

/// Reads a tree as this shape. The result holds what is right; it is complete when no fault was added.
pub fn read(shape: &'static Shape, tree: &Tree, faults: &mut Vec<Fault>) -> Value {
    let mut reader = Reader { root: shape, faults };
    reader.value(shape, tree, "").unwrap_or_default()
}

struct Reader<'f> {
    /// The shape of the whole document, to tell where a misplaced field belongs.
    root: &'static Shape,
    faults: &'f mut Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, at: Mark, path: &str, why: impl Into<String>) {
        self.faults.push(Fault {
            at,
            path: path.to_owned(),
            why: why.into(),
        });
    }

    /// `None`: nothing to write, or a fault.
    fn value(&mut self, shape: &'static Shape, tree: &Tree, path: &str) -> Option<Value> {
        match shape {
            Shape::Ignored => None,
            Shape::Text(check) => self.text(*check, tree, path),
            Shape::AsNumber => self.as_number(tree, path),
            Shape::Labels => self.strings(tree, path, names::check_label_value),
            Shape::Annotations => self.annotations(tree, path),
            Shape::List(item) => self.list(item, tree, path),
            Shape::Object(fields) => self.object(fields, tree, path).map(Value::Object),
            Shape::Checked(fields, check) => {
                let object = self.object(fields, tree, path)?;
                if let Some((field, why)) = check(&object) {
                    let at = tree.get(field).map_or(tree.at, |value| value.at);
                    self.fault(at, &format!("{path}.{field}"), why);
                }
                Some(Value::Object(object))
            }
            Shape::NonEmpty(fields) => {
                let faults = self.faults.len();
                let object = self.object(fields, tree, path)?;
                if object.is_empty() && self.faults.len() == faults {
                    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                    let why = format!("is empty: give it one of {}, or leave it out", names.join(", "));
                    self.fault(tree.at, path, why);
                }
                Some(Value::Object(object))
            }
        }
    }

    fn text(&mut self, check: fn(&str) -> Result<(), String>, tree: &Tree, path: &str) -> Option<Value> {
        let Some(text) = tree.text() else {
            let why = match &tree.data {
                Data::Number(_, raw) => format!("is the number {raw}, must be a text: quote it, \"{raw}\""),
                Data::Bool(value) => format!("is {value}, must be a text: quote it, \"{value}\""),
                Data::Doubtful(raw, reading) => format!("is {}", doubtful(raw, reading)),
                _ => format!("is {}, must be a text", tree.describe()),
            };
            self.fault(tree.at, path, why);
            return None;
        };
        match check(text) {
            Ok(()) => Some(text.into()),
            Err(why) => {
                self.fault(tree.at, path, why);
                None
            }
        }
    }

    fn as_number(&mut self, tree: &Tree, path: &str) -> Option<Value> {
        let text = match &tree.data {
            Data::Text(text) => text.clone(),
            Data::Number(number, raw) => {
                let Some(whole) = whole(number) else {
                    // As a number, 1.10 is 1.1, which isn't what the dotted form means.
                    let why =
                        format!("is the number {raw}; if it is a dotted AS number, quote it, \"{raw}\"");
                    self.fault(tree.at, path, why);
                    return None;
                };
                whole
            }
            Data::Doubtful(raw, reading) => {
                self.fault(tree.at, path, format!("is {}", doubtful(raw, reading)));
                return None;
            }
            _ => {
                let why = format!("is {}, must be an AS number", tree.describe());
                self.fault(tree.at, path, why);
                return None;
            }
        };
        match text.parse::<AsNumber>() {
            Ok(number) => Some(number.get().into()),
            Err(error) => {
                self.fault(tree.at, path, error.to_string());
                None
            }
        }
    }

    /// A map of keys to texts; empty ones are not written.
    fn strings(&mut self, tree: &Tree, path: &str, check: fn(&str) -> Result<(), String>) -> Option<Value> {
        let mut object = Map::new();
        for Entry {
            key,
            at,
            doubt,
            value,
        } in self.entries(tree, path)?
        {
            let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
            let path = if key.chars().all(plain) {
                format!("{path}.{key}")
            } else {
                format!("{path}[{key:?}]")
            };
            if let Some(reading) = doubt {
                self.fault(*at, &path, format!("the key is {}", doubtful(key, reading)));
            } else if let Err(why) = names::check_key(key) {
                self.fault(*at, &path, why);
            }
            if let Some(value) = self.text(check, value, &path) {
                object.insert(key.clone(), value);
            }
        }
        (!object.is_empty()).then_some(Value::Object(object))
    }

    fn annotations(&mut self, tree: &Tree, path: &str) -> Option<Value> {
        let size = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
        let annotations = self.strings(tree, path, |_| Ok(()))?;
        let total: usize = annotations
            .as_object()
            .map_or(0, |map| map.iter().map(size).sum());
        if total > names::MAX_ANNOTATIONS {
            let why = format!("have {total} bytes, more than {}", names::MAX_ANNOTATIONS);
            self.fault(tree.at, path, why);
        }
        Some(annotations)
    }

    fn list(&mut self, item: &'static Shape, tree: &Tree, path: &str) -> Option<Value> {
        let Data::Sequence(items) = &tree.data else {
            let why = format!("is {}, must be a list", tree.describe());
            self.fault(tree.at, path, why);
            return None;
        };
        let values: Vec<Value> = items
            .iter()
            .enumerate()
            .filter_map(|(index, tree)| self.value(item, tree, &format!("{path}[{index}]")))
            .collect();
        (!values.is_empty()).then_some(Value::Array(values))
    }

    fn entries<'t>(&mut self, tree: &'t Tree, path: &str) -> Option<&'t [Entry]> {
        let entries = tree.entries();
        if entries.is_none() {
            let why = format!("is {}, must be a map", tree.describe());
            self.fault(tree.at, path, why);
        }
        entries
    }

    fn object(&mut self, fields: &'static [Field], tree: &Tree, path: &str) -> Option<Map<String, Value>> {
        let mut object = Map::new();
        let below = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let entries = self.entries(tree, path)?;
        for Entry { key, at, value, .. } in entries {
            let path = below(key);
            let Some(field) = fields.iter().find(|field| field.name == key) else {
                let why = self.unknown_field(fields, key);
                self.fault(*at, &path, why);
                continue;
            };
            // As in JSON of Go: null is the same as nothing, and so is an empty text, unless there must be one.
            let empty = value.text() == Some("") && matches!(field.shape, Shape::Text(_));
            if value.data == Data::Null || empty && !field.required {
                continue;
            }
            if let Some(value) = self.value(&field.shape, value, &path) {
                object.insert(key.clone(), value);
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            let named = entries.iter().find(|entry| entry.key == field.name);
            if named.is_none_or(|entry| entry.value.data == Data::Null) {
                self.fault(
                    named.map_or(tree.at, |entry| entry.at),
                    &below(field.name),
                    "is missing",
                );
            }
        }
        Some(object)
    }

    fn unknown_field(&self, siblings: &'static [Field], key: &str) -> String {
        if let Some(name) = nearest(key, siblings.iter().map(|field| field.name)) {
            return format!("unknown field; did you mean {name}?");
        }
        match find(self.root, key, "") {
            Some(path) => format!("unknown field here; it belongs at {path}"),
            None => "unknown field".into(),
        }
    }
}

/// A number without a fraction: Go's encoder writes 64512.0 as 64512.
fn whole(number: &serde_json::Number) -> Option<String> {
    match number.as_f64() {
        Some(float) if number.is_f64() => (float.fract() == 0.0).then(|| format!("{float:.0}")),
        _ => Some(number.to_string()),
    }
}

/// Where a shape has a field of this name.
fn find(shape: &Shape, name: &str, path: &str) -> Option<String> {
    match shape {
        Shape::Object(fields) | Shape::NonEmpty(fields) | Shape::Checked(fields, _) => {
            fields.iter().find_map(|field| {
                let path = match path {
                    "" => field.name.to_owned(),
                    path => format!("{path}.{}", field.name),
                };
                if field.name == name {
                    Some(path)
                } else {
                    find(&field.shape, name, &path)
                }
            })
        }
        Shape::List(item) => find(item, name, &format!("{path}[]")),
        _ => None,
    }
}
