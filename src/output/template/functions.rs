//! The functions of templates.

use serde_json::Value;

use super::Config;

/// What a function makes of its arguments; `config` knows settings.
pub(super) fn call(name: &str, arguments: &[Value], config: Config<'_>) -> Result<Value, String> {
    let wrong = |usage: &str| Err(format!("wrong arguments for {name}: {usage}"));
    match (name, arguments) {
        ("len", [value]) => match value {
            Value::Array(items) => Ok(items.len().into()),
            Value::Object(map) => Ok(map.len().into()),
            Value::String(text) => Ok(text.len().into()),
            Value::Null => Ok(0.into()),
            _ => wrong("len LIST"),
        },
        ("index", [value, keys @ ..]) => keys
            .iter()
            .try_fold(value.clone(), |value, key| index(&value, key)),
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            Ok(others.iter().any(|other| same(first, other)).into())
        }
        ("ne", [first, second]) => Ok((!same(first, second)).into()),
        ("not", [value]) => Ok((!truth(value)).into()),
        ("and", [first, others @ ..]) => Ok(others
            .iter()
            .fold(first, |value, other| if truth(value) { other } else { value })
            .clone()),
        ("or", [first, others @ ..]) => Ok(others
            .iter()
            .fold(first, |value, other| if truth(value) { value } else { other })
            .clone()),
        ("print", values) => Ok(values.iter().map(print).collect::<Vec<_>>().join(" ").into()),
        ("printf", [Value::String(format), values @ ..]) => Ok(printf(format, values).into()),
        ("join", [value, Value::String(separator)]) => Ok(join(value, separator).into()),
        ("joinAndTruncate", [value, Value::String(separator), longest]) => {
            let text = join(value, separator);
            let longest = longest
                .as_u64()
                .and_then(|longest| usize::try_from(longest).ok())
                .unwrap_or(0);
            if longest <= 3 || text.len() <= longest {
                return Ok(text.into());
            }
            let cut: String = text.chars().take(longest - 3).collect();
            Ok(format!("{cut}...").into())
        }
        ("config", [Value::String(setting)]) => match config(setting) {
            Some(value) => Ok(value.into()),
            None => Err("error calling config: unhandled config type".into()),
        },
        (
            "len" | "index" | "eq" | "ne" | "not" | "and" | "or" | "printf" | "join" | "joinAndTruncate"
            | "config",
            _,
        ) => wrong("too few, too many, or of the wrong kind"),
        _ => Err(format!(
            "function {name:?} is not supported: there are and, config, eq, index, join, joinAndTruncate, len, ne, \
             not, or, print, printf"
        )),
    }
}

pub(super) fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Array(items), Value::Number(number)) => {
            let item = number
                .as_u64()
                .and_then(|at| items.get(usize::try_from(at).ok()?));
            item.cloned()
                .ok_or_else(|| format!("error calling index: index out of range: {number}"))
        }
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::Null, _) => Ok(Value::Null),
        (value, key) => Err(format!(
            "error calling index: can't index {} by {key}",
            print(value)
        )),
    }
}

/// Absent texts and empty ones are the same in Calico's structures.
fn same(a: &Value, b: &Value) -> bool {
    let empty = |value: &Value| matches!(value, Value::Null) || value == "" || value == 0 || value == false;
    match (a, b) {
        (Value::Null, other) | (other, Value::Null) => empty(other),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As Go prints values.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}:{}", print(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// Items with a separator between them; maps as `key=value`.
fn join(value: &Value, separator: &str) -> String {
    match value {
        Value::Array(items) => items.iter().map(print).collect::<Vec<_>>().join(separator),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}={}", print(value)));
            pairs.collect::<Vec<_>>().join(separator)
        }
        other => print(other),
    }
}

/// `%s`, `%v`, `%d`, `%q` and their widths: `%-20s`.
fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let verb = after
            .find(|character: char| character.is_alphabetic() || character == '%')
            .unwrap_or(after.len());
        let (flags, tail) = after.split_at(verb);
        let kind = tail.chars().next();
        rest = kind.map_or("", |kind| &tail[kind.len_utf8()..]);
        let text = match (kind, kind.filter(|kind| *kind != '%').and_then(|_| values.next())) {
            (Some('%'), _) => "%".to_owned(),
            (Some('q'), Some(value)) => format!("{:?}", print(value)),
            (Some('s' | 'v' | 'd' | 't'), Some(value)) => print(value),
            (Some(kind), Some(value)) => format!("%!{kind}({})", print(value)),
            (Some(kind), None) => format!("%!{kind}(MISSING)"),
            (None, _) => "%!(NOVERB)".to_owned(),
        };
        let width = flags.trim_start_matches(['-', '0']).parse().unwrap_or(0);
        let pad = " ".repeat(usize::saturating_sub(width, text.chars().count()));
        if flags.starts_with('-') {
            out.push_str(&text);
            out.push_str(&pad);
        } else {
            out.push_str(&pad);
            out.push_str(&text);
        }
    }
    out + rest
}
