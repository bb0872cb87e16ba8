//! YAML as Go's encoder writes it, and so calicoctl: sorted keys, lists not indented, quotes only where a reader of
//! YAML 1.1 or 1.2 would take a text for something else.

use serde_json::{Map, Value};

/// A document with a final newline.
pub(super) fn render(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, false, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, false, &mut out),
        value => {
            scalar(value, &mut out);
            out.push('\n');
        }
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
                    scalar(value, out);
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
        text(key, out);
        out.push(':');
        if is_block(value) {
            out.push('\n');
            let below = if value.is_array() { indent } else { indent + 2 };
            block(value, below, false, out);
        } else {
            out.push(' ');
            scalar(value, out);
            out.push('\n');
        }
    }
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::String(value) => text(value, out),
        other => out.push_str(&other.to_string()),
    }
}

/// A text, in the quotes it needs.
fn text(text: &str, out: &mut String) {
    if is_name(text) || is_ipv4(text) || is_uuid(text) {
        out.push_str(text);
    } else if is_timestamp(text) {
        out.extend(["\"", text, "\""]);
    } else {
        out.push_str(&as_readers_need_it(text));
    }
}

/// Any text. The library knows what some reader would take for a number, a date or a word of YAML, and takes its time.
fn as_readers_need_it(text: &str) -> String {
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

/// A name as most are, which no reader takes for anything else: it begins with a letter, so it is no number, and words that
/// mean something are shorter (or are these).
fn is_name(text: &str) -> bool {
    const MEANINGS: [&str; 11] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan",
    ];
    let of_name = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' => true,
        b'A'..=b'Z' | b'.' | b'/' | b'_' => text.len() > 5,
        _ => false,
    };
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(of_name)
        && (text.len() > 5 || !MEANINGS.contains(&text))
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

/// An IPv4 address (two dots too many for a number), or a network of such.
fn is_ipv4(text: &str) -> bool {
    let (address, bits) = text.split_once('/').unwrap_or((text, "0"));
    bits.bytes().all(|byte| byte.is_ascii_digit()) && address.parse::<std::net::Ipv4Addr>().is_ok()
}

/// A UUID: the dashes of a date stand elsewhere.
fn is_uuid(text: &str) -> bool {
    has_form(
        text,
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        u8::is_ascii_hexdigit,
        b'x',
    )
}

/// A second of UTC, which readers of YAML 1.1 take for a date.
fn is_timestamp(text: &str) -> bool {
    has_form(text, "0000-00-00T00:00:00Z", u8::is_ascii_digit, b'0')
}

/// Whether a text is this form, with digits of some kind in the places that are marked.
fn has_form(text: &str, form: &str, is_digit: impl Fn(&u8) -> bool, mark: u8) -> bool {
    let fits = |(byte, place): (u8, u8)| {
        if place == mark {
            is_digit(&byte)
        } else {
            byte == place
        }
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_as_needed(known: &str) {
        let mut quick = String::new();
        text(known, &mut quick);
        assert_eq!(quick, as_readers_need_it(known));
    }

    #[test]
    fn short_names_are_written_as_the_library_does() {
        let first = || b'a'..=b'z';
        let next = || (b'a'..=b'z').chain(b'0'..=b'9').chain([b'-']);
        for a in first() {
            assert_as_needed(&String::from(char::from(a)));
            for b in next() {
                for c in next() {
                    assert_as_needed(&String::from_iter([a, b].map(char::from)));
                    assert_as_needed(&String::from_iter([a, b, c].map(char::from)));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn names_are_written_as_the_library_does(
            word in "[a-z][a-z0-9-]{3,4}|[a-z][a-zA-Z0-9./_-]{5,40}",
            network in "([0-9]{1,3}\\.){3}[0-9]{1,3}/[0-9]{0,3}",
            uuid in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9e]{8}(-[0-9]{4}){3}-[0-9]{12}",
            time in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-5][0-9]:[0-5][0-9]:[0-5][0-9]Z",
        ) {
            for text in [word, network, uuid, time] {
                assert_as_needed(&text);
            }
        }
    }
}
