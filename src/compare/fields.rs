//! Two values field by field.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Field;

/// The fields that differ; lists of plain values are compared as sets, others place by place.
pub(super) fn fields(before: &Value, after: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare("", Some(before), Some(after), &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Field>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                compare(&below(path, key), before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after)))
            if before.iter().chain(after).all(is_plain) =>
        {
            let (gone, come) = differing(before, after);
            if gone.is_empty() && come.is_empty() {
                found.push(field(
                    path,
                    Some(before.clone().into()),
                    Some(after.clone().into()),
                ));
            }
            let one = |value: &Value| Some(value.clone());
            found.extend(gone.into_iter().map(|value| field(path, one(value), None)));
            found.extend(come.into_iter().map(|value| field(path, None, one(value))));
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for at in 0..before.len().max(after.len()) {
                compare(&format!("{path}[{at}]"), before.get(at), after.get(at), found);
            }
        }
        _ => found.push(field(path, before.cloned(), after.cloned())),
    }
}

fn field(path: &str, before: Option<Value>, after: Option<Value>) -> Field {
    let path = path.to_owned();
    Field { path, before, after }
}

fn below(path: &str, key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match (key.bytes().all(plain), path.is_empty()) {
        // A name with dots at the top, such as a sysctl's, needs no quotes.
        (_, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, false) => format!("{path}[{key:?}]"),
    }
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// What only the first has, and what only the second has, as often as it has it more.
pub(super) fn differing<'v>(before: &'v [Value], after: &'v [Value]) -> (Vec<&'v Value>, Vec<&'v Value>) {
    let mut counts = std::collections::BTreeMap::<String, i64>::new();
    for value in after {
        *counts.entry(value.to_string()).or_default() += 1;
    }
    let mut take = |value: &Value| match counts.get_mut(&value.to_string()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    let gone = before.iter().filter(|value| take(value)).collect();
    // What is left of the counts has come; the last ones of equals.
    let mut come: Vec<&Value> = after
        .iter()
        .rev()
        .filter(|value| match counts.get_mut(&value.to_string()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .collect();
    come.reverse();
    (gone, come)
}
