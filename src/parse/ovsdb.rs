//! OVSDB's values (RFC 7047, section 5.1) → Open vSwitch's state: rows of `select`, and listings of
//! `ovs-vsctl -f json list TABLE` and `ovs-vsctl show`.

mod picture;
mod show;
mod stream;

use std::collections::BTreeMap;

use serde_json::Value;

pub use picture::picture;
pub use show::shown;
pub use stream::Values;

/// One value of a column that may hold several.
#[derive(Debug, Clone, PartialEq)]
pub enum Atom {
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Text(String),
    Uuid(String),
}

/// What a column holds: a set (of one, usually), or a map.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    Set(Vec<Atom>),
    Map(Vec<(Atom, Atom)>),
}

/// A row by its columns.
pub type Row = BTreeMap<String, Datum>;

/// Rows by the name of their table.
pub type Tables = BTreeMap<String, Vec<Row>>;

impl Atom {
    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Bool(on) => Some(Self::Boolean(*on)),
            Value::Number(number) => number
                .as_i64()
                .map(Self::Integer)
                .or_else(|| number.as_f64().map(Self::Real)),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(kind), Value::String(uuid)] if kind == "uuid" || kind == "named-uuid" => {
                    Some(Self::Uuid(uuid.clone()))
                }
                _ => None,
            },
            Value::Null | Value::Object(_) => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Boolean(on) => on.to_string(),
            Self::Text(text) | Self::Uuid(text) => text.clone(),
        }
    }
}

impl Datum {
    /// Reads `<value>` of RFC 7047, section 5.1; none when it is none.
    pub fn from_json(value: &Value) -> Option<Self> {
        if let Value::Array(pair) = value
            && let [Value::String(kind), Value::Array(items)] = pair.as_slice()
        {
            return match kind.as_str() {
                "set" => items
                    .iter()
                    .map(Atom::from_json)
                    .collect::<Option<_>>()
                    .map(Self::Set),
                "map" => items
                    .iter()
                    .map(|item| match item.as_array()?.as_slice() {
                        [key, value] => Some((Atom::from_json(key)?, Atom::from_json(value)?)),
                        _ => None,
                    })
                    .collect::<Option<_>>()
                    .map(Self::Map),
                _ => None,
            };
        }
        Atom::from_json(value).map(|atom| Self::Set(vec![atom]))
    }
}

/// Reads the rows that one `select` gave.
///
/// # Errors
/// Names the column that holds no value of OVSDB.
pub fn rows(value: &Value) -> Result<Vec<Row>, String> {
    let rows = value.as_array().ok_or("rows are not a list")?;
    rows.iter()
        .map(|row| {
            let columns = row.as_object().ok_or("a row is not an object")?;
            columns
                .iter()
                .map(|(name, value)| Ok((name.clone(), datum(name, value)?)))
                .collect()
        })
        .collect()
}

fn datum(column: &str, value: &Value) -> Result<Datum, String> {
    Datum::from_json(value).ok_or_else(|| {
        format!(
            "column {column}: not a value: {:?}",
            super::excerpt(&value.to_string())
        )
    })
}

/// Reads the answer to a `transact` of one `select` a table, in this order.
///
/// # Errors
/// What the server said, or where the answer is none.
pub fn selected(result: &Value, names: &[&str]) -> Result<Tables, String> {
    let results = result.as_array().ok_or("the result is not a list")?;
    let mut tables = Tables::new();
    for (index, name) in names.iter().enumerate() {
        let answer = results
            .get(index)
            .ok_or_else(|| format!("no answer for table {name}"))?;
        if let Some(error) = answer.get("error").and_then(Value::as_str) {
            let details = answer.get("details").and_then(Value::as_str).unwrap_or_default();
            return Err(format!("table {name}: {error} {details}").trim_end().to_owned());
        }
        let found = answer
            .get("rows")
            .ok_or_else(|| format!("table {name}: no rows"))?;
        let found = rows(found).map_err(|error| format!("table {name}: {error}"))?;
        tables.insert((*name).to_owned(), found);
    }
    Ok(tables)
}

/// Reads what `ovs-vsctl -f json list TABLE` prints.
///
/// # Errors
/// Where the text stops being such a listing.
pub fn listed(text: &str) -> Result<Vec<Row>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let headings = value
        .get("headings")
        .and_then(Value::as_array)
        .ok_or("no headings")?;
    let headings: Vec<&str> = headings.iter().filter_map(Value::as_str).collect();
    let data = value.get("data").and_then(Value::as_array).ok_or("no data")?;
    data.iter()
        .map(|row| {
            let cells = row.as_array().ok_or("a row is not a list")?;
            if cells.len() != headings.len() {
                return Err(format!("a row has {} cells, not {}", cells.len(), headings.len()));
            }
            headings
                .iter()
                .zip(cells)
                .map(|(name, cell)| Ok(((*name).to_owned(), datum(name, cell)?)))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests;
