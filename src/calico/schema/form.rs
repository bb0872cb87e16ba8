//! The form of a value: the order of its fields, and those that are always there.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use super::{Presence, Shape, Zero};

/// Adds the fields that Calico always writes.
pub fn complete(shape: &Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::List(item) | Shape::Set(item), Value::Array(items)) => {
            for value in items {
                complete(item, value);
            }
        }
        (shape, Value::Object(object)) => {
            for field in shape.fields() {
                if let Presence::Always(zero) = field.presence {
                    object.entry(field.name).or_insert_with(|| empty(zero));
                }
                if let Some(value) = object.get_mut(field.name) {
                    complete(&field.shape, value);
                }
            }
        }
        _ => {}
    }
}

fn empty(zero: Zero) -> Value {
    match zero {
        Zero::Text => "".into(),
        Zero::Number => 0.into(),
        Zero::False => false.into(),
        Zero::Object => Value::Object(Map::new()),
        Zero::Null => Value::Null,
    }
}

/// A value that is written with its fields in the order of its shape; those that the shape doesn't know come last.
pub struct Ordered<'v> {
    pub shape: &'v Shape,
    pub value: &'v Value,
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.shape, self.value) {
            (Shape::List(item) | Shape::Set(item), Value::Array(items)) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&Ordered { shape: item, value })?;
                }
                list.end()
            }
            (shape, Value::Object(object)) if !shape.fields().is_empty() => {
                serialize_ordered(shape, object, serializer)
            }
            (_, value) => value.serialize(serializer),
        }
    }
}

/// Writes an object as [`Ordered`] does.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_ordered<S: Serializer>(
    shape: &Shape,
    object: &Map<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(object.len()))?;
    let fields = shape.fields();
    for field in fields {
        if let Some(value) = object.get(field.name) {
            let shape = &field.shape;
            map.serialize_entry(field.name, &Ordered { shape, value })?;
        }
    }
    let known = |key: &str| fields.iter().any(|field| field.name == key);
    for (key, value) in object.iter().filter(|(key, _)| !known(key)) {
        map.serialize_entry(key, value)?;
    }
    map.end()
}
