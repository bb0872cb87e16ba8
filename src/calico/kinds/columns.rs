//! The columns of `get` (`calicoctl/resourcemgr`).

use serde_json::Value;

use super::definition;
use crate::calico::as_number::AsNumber;
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;

/// What the columns of one resource take from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// The AS number of nodes that have none of their own, or `unknown`.
    pub as_number: String,
}

impl Default for Inherited {
    fn default() -> Self {
        Self {
            as_number: AsNumber::DEFAULT.to_string(),
        }
    }
}

/// One column.
#[derive(Debug)]
pub struct Column {
    pub heading: &'static str,
    cell: Cell,
}

/// How a cell comes from a resource.
#[derive(Debug)]
enum Cell {
    /// The field as text; this when it isn't there.
    Field(&'static [&'static str], &'static str),
    /// How many items the list has.
    Count(&'static [&'static str]),
    /// The items of a list, or the entries of a map, with commas; cut at so many characters, if not 0.
    Joined(&'static [&'static str], usize),
    Made(fn(&Resource, &Inherited) -> String),
}

impl Column {
    pub(super) const fn field(heading: &'static str, path: &'static [&'static str]) -> Self {
        Self::field_or(heading, path, "")
    }

    pub(super) const fn field_or(
        heading: &'static str,
        path: &'static [&'static str],
        absent: &'static str,
    ) -> Self {
        Self {
            heading,
            cell: Cell::Field(path, absent),
        }
    }

    pub(super) const fn count(heading: &'static str, path: &'static [&'static str]) -> Self {
        Self {
            heading,
            cell: Cell::Count(path),
        }
    }

    pub(super) const fn joined(heading: &'static str, path: &'static [&'static str], longest: usize) -> Self {
        Self {
            heading,
            cell: Cell::Joined(path, longest),
        }
    }

    pub(super) const fn made(heading: &'static str, make: fn(&Resource, &Inherited) -> String) -> Self {
        Self {
            heading,
            cell: Cell::Made(make),
        }
    }

    /// What stands in this column for a resource.
    pub fn cell(&self, resource: &Resource, inherited: &Inherited) -> String {
        match &self.cell {
            Cell::Field(path, absent) => match resource.field(path) {
                None | Some(Value::Null) => (*absent).to_owned(),
                Some(value) => shown(value),
            },
            Cell::Count(path) => {
                let items = resource.field(path).and_then(Value::as_array);
                items.map_or(0, Vec::len).to_string()
            }
            Cell::Joined(path, longest) => resource
                .field(path)
                .map_or_else(String::new, |value| joined(value, *longest)),
            Cell::Made(make) => make(resource, inherited),
        }
    }
}

pub(super) const NAME: Column = Column::field("NAME", &["metadata", "name"]);
const NAMESPACE: Column = Column::field("NAMESPACE", &["metadata", "namespace"]);

/// A heading that a kind doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown heading {heading}, valid values are: {}", valid.join(", "))]
pub struct UnknownColumn {
    pub heading: String,
    pub valid: Vec<&'static str>,
}

impl Kind {
    /// The columns with these headings, as they are written.
    ///
    /// # Errors
    /// The first that this kind doesn't have.
    pub fn columns(self, headings: &[&str]) -> Result<Vec<&'static Column>, UnknownColumn> {
        headings
            .iter()
            .map(|heading| {
                self.all_columns()
                    .find(|column| column.heading == *heading)
                    .ok_or_else(|| UnknownColumn {
                        heading: (*heading).to_owned(),
                        valid: self.all_columns().map(|column| column.heading).collect(),
                    })
            })
            .collect()
    }

    /// The headings of `-o ps`, or of `-o wide`.
    pub fn headings(self, wide: bool) -> &'static [&'static str] {
        let definition = definition(self);
        match (wide, definition.wide) {
            (false, _) | (true, []) => definition.ps,
            (true, wide) => wide,
        }
    }

    fn all_columns(self) -> impl Iterator<Item = &'static Column> {
        let namespace = self.is_namespaced().then_some(&NAMESPACE);
        namespace.into_iter().chain(definition(self).columns)
    }
}

/// A value as Go's templates print it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Items with commas between them; maps as `key=value`, sorted.
fn joined(value: &Value, longest: usize) -> String {
    let items: Vec<String> = match value {
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| format!("{key}={}", shown(value)))
            .collect(),
        other => vec![shown(other)],
    };
    let text = items.join(",");
    if longest == 0 || text.len() <= longest {
        return text;
    }
    let cut: String = text.chars().take(longest - 3).collect();
    cut + "..."
}

/// The order of a policy or a tier: a float as Go prints it, 1e+06 for a million.
pub(super) fn order(resource: &Resource, _: &Inherited) -> String {
    match resource.field(&["spec", "order"]).and_then(Value::as_f64) {
        Some(order) => float(order),
        None => "<nil>".into(),
    }
}

/// A float with the fewest digits that are exact, and with an exponent below 1e-04 and from 1e+06 on.
fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}
