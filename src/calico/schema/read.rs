//! Reads a tree as a shape.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::{Check, Fault, Field, Misfits, Presence, Shape, find, scalars};
use crate::calico::as_number::AsNumber;
use crate::calico::names;
use crate::calico::nearest::nearest;
use crate::calico::scalar;
use crate::calico::tree::{Data, Entry, Mark, Tree, doubtful};

/// Reads a tree as this shape. The result holds what is right; it is complete when no fault was added.
pub fn read(shape: &'static Shape, tree: &Tree, faults: &mut Vec<Fault>) -> Value {
    read_with(shape, tree, Scalars::Quoted, faults)
}

/// The same, where not every text has to be quoted.
pub fn read_with(shape: &'static Shape, tree: &Tree, scalars: Scalars, faults: &mut Vec<Fault>) -> Value {
    let mut reader = Reader {
        root: shape,
        scalars,
        faults,
    };
    reader.value(shape, tree, "").unwrap_or_default()
}

/// What numbers and booleans are where a text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalars {
    /// Mistakes: `1.10` may have been meant as it is written.
    Quoted,
    /// What calicoctl makes of them.
    AsCalicoctl,
}

struct Reader<'f> {
    /// The shape of the whole document, to tell where a misplaced field belongs.
    root: &'static Shape,
    scalars: Scalars,
    faults: &'f mut Vec<Fault>,
}

/// Makes a value of a text, or of a whole number.
type FromText = fn(&str) -> Result<Value, String>;
type FromNumber = fn(i64) -> Result<Value, String>;

impl Reader<'_> {
    fn fault(&mut self, at: Mark, path: &str, why: impl Into<String>) {
        self.faults.push(Fault {
            at,
            path: path.to_owned(),
            why: why.into(),
        });
    }

    /// The value if it is right, else a fault.
    fn judged<T>(&mut self, result: Result<T, String>, tree: &Tree, path: &str) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(why) => {
                self.fault(tree.at, path, why);
                None
            }
        }
    }

    /// `None`: nothing to write, or a fault.
    fn value(&mut self, shape: &'static Shape, tree: &Tree, path: &str) -> Option<Value> {
        match shape {
            Shape::Ignored => None,
            Shape::Any => Some(whole_tree(tree)),
            Shape::Text(check) => self.text(*check, tree, path),
            Shape::AnyText => self.text(|_| Ok(()), tree, path),
            Shape::Enum(words) => self.word(words, tree, path, |word, text| word == text),
            Shape::AnyCase(words) => self.word(words, tree, path, str::eq_ignore_ascii_case),
            Shape::Bool => self.boolean(tree, path),
            Shape::Int(min, max) => self.integer(tree, path, *min, *max),
            Shape::Float => self.float(tree, path),
            Shape::Duration => {
                let text = self.text(|_| Ok(()), tree, path)?;
                let duration = scalars::duration(text.as_str()?);
                self.judged(duration, tree, path).map(Value::from)
            }
            Shape::Port => self.either(tree, path, scalars::port, scalars::port_number),
            Shape::Protocol => self.either(tree, path, scalars::protocol, scalars::protocol_number),
            Shape::Dscp => self.either(tree, path, scalars::dscp, scalars::dscp_number),
            Shape::IntOrText => self.either(tree, path, |text| Ok(text.into()), |number| Ok(number.into())),
            Shape::AsNumber => self.as_number(tree, path),
            Shape::Labels => self.strings(tree, path, names::check_key, names::check_label_value),
            Shape::Annotations => self.annotations(tree, path),
            Shape::Texts => self.strings(tree, path, |_| Ok(()), |_| Ok(())),
            Shape::List(item) => self.list(item, tree, path),
            Shape::Set(item) => self.set(item, tree, path),
            Shape::Object(fields) => self.object(fields, tree, path).map(Value::Object),
            Shape::Checked(fields, fits) => {
                let before = self.faults.len();
                let object = self.object(fields, tree, path)?;
                // What is wrong by itself would be told twice.
                if self.faults.len() == before {
                    let mut misfits = Misfits::default();
                    fits(&object, &mut misfits);
                    for (field, why) in misfits.0 {
                        let at = place(tree, &field);
                        self.fault(at, &below(path, &field), why);
                    }
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

    fn text(&mut self, check: Check, tree: &Tree, path: &str) -> Option<Value> {
        let made = match self.scalars {
            Scalars::Quoted => None,
            Scalars::AsCalicoctl => scalar::go_text(&tree.data),
        };
        let Some(text) = tree.text().or(made.as_deref()) else {
            let why = match &tree.data {
                Data::Number(_, raw) => format!("is the number {raw}, must be a text: quote it, \"{raw}\""),
                Data::Bool(value) => format!("is {value}, must be a text: quote it, \"{value}\""),
                _ => wrong_kind(tree, "a text"),
            };
            self.fault(tree.at, path, why);
            return None;
        };
        self.judged(check(text), tree, path)?;
        Some(text.into())
    }

    fn word(
        &mut self,
        words: &[&str],
        tree: &Tree,
        path: &str,
        same: fn(&str, &str) -> bool,
    ) -> Option<Value> {
        let value = self.text(|_| Ok(()), tree, path)?;
        let text = value.as_str()?;
        if words.iter().any(|word| same(word, text)) {
            return Some(value);
        }
        let mut why = format!("{text:?} is not one of {}", words.join(", "));
        if let Some(near) = nearest(text, words.iter().copied()) {
            why = format!("{why}; did you mean {near}?");
        }
        self.fault(tree.at, path, why);
        None
    }

    fn boolean(&mut self, tree: &Tree, path: &str) -> Option<Value> {
        if let Data::Bool(value) = tree.data {
            return Some(value.into());
        }
        self.fault(tree.at, path, wrong_kind(tree, "true or false"));
        None
    }

    /// A whole number, written in any way.
    fn number(&mut self, tree: &Tree, path: &str) -> Option<i64> {
        if let Data::Number(number, _) = &tree.data
            && let Some(number) = whole(number).and_then(|text| text.parse().ok())
        {
            return Some(number);
        }
        self.fault(tree.at, path, wrong_kind(tree, "a whole number"));
        None
    }

    fn integer(&mut self, tree: &Tree, path: &str, min: i64, max: i64) -> Option<Value> {
        let number = self.number(tree, path)?;
        if (min..=max).contains(&number) {
            return Some(number.into());
        }
        let why = match (min, max) {
            (min, i64::MAX) => format!("is {number}, must be at least {min}"),
            (min, max) => format!("is {number}, must be from {min} to {max}"),
        };
        self.fault(tree.at, path, why);
        None
    }

    fn float(&mut self, tree: &Tree, path: &str) -> Option<Value> {
        let Data::Number(number, _) = &tree.data else {
            self.fault(tree.at, path, wrong_kind(tree, "a number"));
            return None;
        };
        let text = whole(number).and_then(|text| text.parse::<i64>().ok());
        Some(text.map_or_else(|| Value::Number(number.clone()), Value::from))
    }

    fn either(&mut self, tree: &Tree, path: &str, text: FromText, number: FromNumber) -> Option<Value> {
        let result = match &tree.data {
            Data::Text(value) => text(value),
            Data::Number(..) => number(self.number(tree, path)?),
            _ => Err(wrong_kind(tree, "a number or a text")),
        };
        self.judged(result, tree, path)
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
            _ => {
                self.fault(tree.at, path, wrong_kind(tree, "an AS number"));
                return None;
            }
        };
        let number = text.parse::<AsNumber>().map_err(|error| error.to_string());
        self.judged(number, tree, path).map(|number| number.get().into())
    }

    /// A map of keys to texts; empty ones are not written.
    fn strings(&mut self, tree: &Tree, path: &str, check_key: Check, check: Check) -> Option<Value> {
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
            let made = doubt
                .as_ref()
                .filter(|_| self.scalars == Scalars::AsCalicoctl)
                .and_then(|reading| scalar::go_reading(key, reading));
            let (key, doubt) = match &made {
                Some(made) => (made, None),
                None => (key, doubt.as_ref()),
            };
            if let Some(reading) = doubt {
                self.fault(*at, &path, format!("the key is {}", doubtful(key, reading)));
            } else if let Err(why) = check_key(key) {
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
        let annotations = self.strings(
            tree,
            path,
            |key| names::check_key(&key.to_lowercase()),
            |_| Ok(()),
        )?;
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
            self.fault(tree.at, path, wrong_kind(tree, "a list"));
            return None;
        };
        // An item with a fault keeps its place, so that the others keep their numbers.
        let values: Vec<Value> = items
            .iter()
            .enumerate()
            .map(|(index, tree)| {
                self.value(item, tree, &format!("{path}[{index}]"))
                    .unwrap_or_default()
            })
            .collect();
        Some(Value::Array(values))
    }

    fn set(&mut self, item: &'static Shape, tree: &Tree, path: &str) -> Option<Value> {
        let list = self.list(item, tree, path)?;
        let mut seen = HashMap::new();
        for (index, value) in list
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .filter(|(_, value)| !value.is_null())
        {
            if let Some(first) = seen.insert(value.to_string(), index) {
                let field = format!("[{index}]");
                let why = format!("{value} is here twice, first at [{first}]");
                self.fault(place(tree, &field), &format!("{path}{field}"), why);
            }
        }
        Some(list)
    }

    fn entries<'t>(&mut self, tree: &'t Tree, path: &str) -> Option<&'t [Entry]> {
        let entries = tree.entries();
        if entries.is_none() {
            self.fault(tree.at, path, wrong_kind(tree, "a map"));
        }
        entries
    }

    fn object(&mut self, fields: &'static [Field], tree: &Tree, path: &str) -> Option<Map<String, Value>> {
        let mut object = Map::new();
        let entries = self.entries(tree, path)?;
        for Entry { key, at, value, .. } in entries {
            let path = below(path, key);
            let Some(field) = fields.iter().find(|field| field.name == key) else {
                let why = self.unknown_field(fields, key);
                self.fault(*at, &path, why);
                continue;
            };
            let required = field.presence == Presence::Required;
            // As in JSON of Go: null is the same as nothing, and so is an empty text, unless there must be one.
            let empty = value.text() == Some("") && !required && !matches!(field.shape, Shape::Any);
            if value.data == Data::Null || empty {
                continue;
            }
            let read = self.value(&field.shape, value, &path);
            if let Some(value) = read.filter(|value| field.presence != Presence::Optional || !is_zero(value))
            {
                object.insert(key.clone(), value);
            }
        }
        for field in fields.iter().filter(|field| field.presence == Presence::Required) {
            let named = entries.iter().find(|entry| entry.key == field.name);
            if named.is_none_or(|entry| entry.value.data == Data::Null) {
                self.fault(
                    named.map_or(tree.at, |entry| entry.at),
                    &below(path, field.name),
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

fn below(path: &str, field: &str) -> String {
    match (path, field) {
        ("", field) => field.to_owned(),
        (path, "") => path.to_owned(),
        (path, field) => format!("{path}.{field}"),
    }
}

/// What Go's `omitempty` leaves out; objects are structures there, and stay.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(items) => items.is_empty(),
        Value::String(_) | Value::Object(_) => false,
    }
}

fn wrong_kind(tree: &Tree, wanted: &str) -> String {
    match &tree.data {
        Data::Doubtful(raw, reading) => format!("is {}", doubtful(raw, reading)),
        _ => format!("is {}, must be {wanted}", tree.describe()),
    }
}

/// Where a field below this tree is: as far as the path leads.
fn place(tree: &Tree, path: &str) -> Mark {
    let mut found = tree;
    for step in path.split(['.', '[']) {
        let next = match (&found.data, step.trim_end_matches(']')) {
            (_, "") => continue,
            (Data::Sequence(items), index) => index.parse().ok().and_then(|index: usize| items.get(index)),
            (_, key) => found.get(key),
        };
        match next {
            Some(next) => found = next,
            None => break,
        }
    }
    found.at
}

/// A number without a fraction: Go's encoder writes 64512.0 as 64512.
fn whole(number: &Number) -> Option<String> {
    match number.as_f64() {
        Some(float) if number.is_f64() => (float.fract() == 0.0).then(|| format!("{float:.0}")),
        _ => Some(number.to_string()),
    }
}

/// A tree as JSON, as it is written.
fn whole_tree(tree: &Tree) -> Value {
    match &tree.data {
        Data::Null => Value::Null,
        Data::Bool(value) => (*value).into(),
        Data::Number(number, _) => Value::Number(number.clone()),
        Data::Text(text) | Data::Doubtful(text, _) => text.clone().into(),
        Data::Sequence(items) => items.iter().map(whole_tree).collect(),
        Data::Map(entries) => {
            let pair = |entry: &Entry| (entry.key.clone(), whole_tree(&entry.value));
            Value::Object(entries.iter().map(pair).collect())
        }
    }
}
