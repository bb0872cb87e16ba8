//! Checks a tree against the shape a resource must have, strictly, and makes JSON of it.
//!
//! Shapes are data: a kind's fields are a table (see `kinds`), in the order of Calico's structures, and everything
//! that is wrong is reported at once, each with its line and field.

mod form;
mod read;
mod scalars;

use serde_json::{Map, Value};

use super::tree::Mark;

pub use form::{Ordered, complete, serialize_ordered};
pub use read::{Scalars, read, read_with};

/// Says whether a text is right, or why not.
pub type Check = fn(&str) -> Result<(), String>;

/// Finds what doesn't fit together in an object.
pub type Fits = fn(&Map<String, Value>, &mut Misfits);

/// Fields of an object that don't fit the others.
#[derive(Debug, Default)]
pub struct Misfits(Vec<(String, String)>);

impl Misfits {
    /// The field, as a path below the object (`source.nets[0]`), and why.
    pub fn add(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.0.push((path.into(), why.into()));
    }

    /// Those of a part of the object, which is at this path.
    pub fn below(&mut self, path: &str, part: &Map<String, Value>, fits: Fits) {
        let mut inner = Self::default();
        fits(part, &mut inner);
        let full = |(field, why): (String, String)| match field.as_str() {
            "" => (path.to_owned(), why),
            field => (format!("{path}.{field}"), why),
        };
        self.0.extend(inner.0.into_iter().map(full));
    }
}

/// What a field may hold.
#[derive(Debug)]
pub enum Shape {
    /// A text that this accepts, or else says why not.
    Text(Check),
    /// Any text.
    AnyText,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// One of these words, in any case.
    AnyCase(&'static [&'static str]),
    Bool,
    /// A whole number within these bounds.
    Int(i64, i64),
    /// A number; whole ones are written without a fraction.
    Float,
    /// A duration as Go writes it, such as 1m30s; not negative.
    Duration,
    /// A port, a range `1:10`, or the name of a port.
    Port,
    /// A protocol by name or number.
    Protocol,
    /// A code point by name or number.
    Dscp,
    /// A port, or the name of one, as Kubernetes has it.
    IntOrText,
    /// An AS number: number or text, dotted or not. Written as a number.
    AsNumber,
    /// A map of label keys to label values.
    Labels,
    /// A map of qualified keys to any texts.
    Annotations,
    /// A map of any texts.
    Texts,
    List(&'static Shape),
    /// A list in which nothing is twice.
    Set(&'static Shape),
    Object(&'static [Field]),
    /// An object that must name at least one field.
    NonEmpty(&'static [Field]),
    /// An object whose fields must fit together; what doesn't, and why.
    Checked(&'static [Field], Fits),
    /// Anything, kept as it is: what only a server sets.
    Any,
    /// Anything; left out of the result.
    Ignored,
}

impl Shape {
    /// The fields of an object; none for anything else.
    pub fn fields(&self) -> &'static [Field] {
        match self {
            Self::Object(fields) | Self::NonEmpty(fields) | Self::Checked(fields, _) => fields,
            _ => &[],
        }
    }
}

/// Whether a field has to be there, and what becomes of an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// May be left out; written only if it isn't empty, false or zero.
    Optional,
    /// May be left out; written as it is: false and zero say something.
    Pointer,
    Required,
    /// May be left out, and is written with this value then.
    Always(Zero),
}

/// The value of a field that Calico always writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    Text,
    Number,
    False,
    Object,
    Null,
}

/// One field of an object.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub presence: Presence,
}

impl Field {
    const fn new(name: &'static str, shape: Shape, presence: Presence) -> Self {
        Self {
            name,
            shape,
            presence,
        }
    }

    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Self::new(name, shape, Presence::Optional)
    }

    pub const fn pointer(name: &'static str, shape: Shape) -> Self {
        Self::new(name, shape, Presence::Pointer)
    }

    pub const fn required(name: &'static str, shape: Shape) -> Self {
        Self::new(name, shape, Presence::Required)
    }

    pub const fn always(name: &'static str, shape: Shape, zero: Zero) -> Self {
        Self::new(name, shape, Presence::Always(zero))
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

/// Whether a text is a duration as Go reads it.
pub fn is_duration(text: &str) -> bool {
    scalars::duration(text).is_ok()
}

/// Where a shape has a field of this name.
fn find(shape: &Shape, name: &str, path: &str) -> Option<String> {
    if let Shape::List(item) | Shape::Set(item) = shape {
        return find(item, name, &format!("{path}[]"));
    }
    shape.fields().iter().find_map(|field| {
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

#[cfg(test)]
mod tests;
