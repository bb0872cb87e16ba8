//! YAML as Go's encoder writes it, and so calicoctl: sorted keys, lists not indented, quotes only where a reader of
//! YAML 1.1 or 1.2 would take a text for something else.

use serde_json::{Map, Value};

/// A document with a final newline.
pub(super) fn render(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, false, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, false, &mut out),
        value => out = scalar(value) + "\n",
    }
    out
}

/// One of a list of maps.
pub(super) fn item(map: &Map<String, Value>) -> String {
    if map.is_empty() {
        return "- {}\n".to_owned();
    }
    let mut out = "- ".to_owned();
    entries(map, 2, true, &mut out);
    out
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A map or a list. The first line of one that is `inline` continues a line that is there.
fn block(value: &Value, indent: usize, inline: bool, out: &mut String) {
    match value {
        Value::Object(map) => entries(map, indent, inline, out),
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                if at > 0 || !inline {
                    margin(indent, out);
                }
                out.push_str("- ");
                if is_block(value) {
                    block(value, indent + 2, true, out);
                } else {
                    out.push_str(&scalar(value));
                    out.push('\n');
                }
            }
        }
        _ => {}
    }
}

fn margin(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn entries(map: &Map<String, Value>, indent: usize, inline: bool, out: &mut String) {
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 || !inline {
            margin(indent, out);
        }
        out.push_str(&text(key));
        out.push(':');
        if is_block(value) {
            out.push('\n');
            let below = if value.is_array() { indent } else { indent + 2 };
            block(value, below, false, out);
        } else {
            out.push(' ');
            out.push_str(&scalar(value));
            out.push('\n');
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        other => other.to_string(),
    }
}

/// A text, in the quotes it needs.
fn text(text: &str) -> String {
    if is_name(text) || is_dotted_quad(text) {
        return text.to_owned();
    }
    // The library knows what some reader would take for a number, a date or a word of YAML.
    let safe = serde_saphyr::to_string(&text).unwrap_or_default();
    let safe = safe.trim_end_matches('\n');
    if safe == text {
        return safe.to_owned();
    }
    let plain = |character: char| {
        !character.is_control() && character != '\u{feff}' && !matches!(character, '\u{2028}' | '\u{2029}')
    };
    if needs_only_quotes(text) && text.chars().all(plain) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    Value::from(text).to_string()
}

/// A name as most are, which no reader takes for anything else: letters, digits and dashes, and too long for a word of YAML
/// (false) or of hexadecimal digits alone.
fn is_name(text: &str) -> bool {
    text.len() > 5
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text can't be mistaken for a number or a word, but has signs in it that mean something in YAML.
fn needs_only_quotes(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| "*&!%@`#,[]{}|>'\"".contains(first))
        || text.contains(": ")
        || text.contains(" #")
        || text.starts_with("- ")
        || text.ends_with(':')
            && !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
}

/// An IPv4 address: two dots too many for a number.
fn is_dotted_quad(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}
