//! What an unquoted YAML scalar means: YAML 1.2's core schema, where YAML 1.1 as Go reads it (and so calicoctl) means
//! the same. Where it doesn't (`yes`, `0100`), the scalar is doubtful, and refused wherever a value is wanted.

use serde_json::Number;

use super::tree::Data;

/// Null, a boolean, a number, a text, or what calicoctl reads as another of these.
pub(super) fn resolve(text: &str) -> Data {
    if let Some(reading) = other_reading(text) {
        return Data::Doubtful(text.to_owned(), reading);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        _ => match number(text) {
            Some(number) => Data::Number(number, text.to_owned()),
            None => Data::Text(text.to_owned()),
        },
    }
}

/// What calicoctl makes of an unquoted key that it doesn't take as it is written: keys become texts again there, but
/// `0x10` becomes `16`.
pub(super) fn other_key(text: &str) -> Option<String> {
    match resolve(text) {
        Data::Doubtful(_, reading) => Some(reading),
        Data::Null => Some("null".into()),
        Data::Bool(value) if text != value.to_string() => Some(format!("{value}")),
        Data::Number(number, _) if text != number.to_string() => Some(format!("the number {number}")),
        _ => None,
    }
}

/// The text that calicoctl makes of an unquoted scalar where a text is wanted (`sigs.k8s.io/yaml`, `convertToJSONableObject`):
/// numbers lose how they were written, and floats their precision beyond 32 bits.
pub(super) fn go_text(data: &Data) -> Option<String> {
    match data {
        Data::Text(text) => Some(text.clone()),
        Data::Null => Some(String::new()),
        Data::Bool(value) => Some(value.to_string()),
        Data::Number(number, _) => Some(go_number(number)),
        Data::Doubtful(raw, reading) => go_reading(raw, reading),
        Data::Sequence(_) | Data::Map(_) => None,
    }
}

/// The same of a scalar of which only its reading is known.
pub(super) fn go_reading(raw: &str, reading: &str) -> Option<String> {
    if matches!(reading, "a boolean" | "true" | "false") {
        let yes = ["y", "yes", "on", "true"].contains(&raw.to_lowercase().as_str());
        return Some(yes.to_string());
    }
    number(reading.split(' ').next_back()?).map(|number| go_number(&number))
}

/// Go's `strconv.FormatFloat(x, 'g', -1, 32)`; whole numbers as they are.
fn go_number(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    #[allow(clippy::cast_possible_truncation)]
    let short = value as f32;
    let scientific = format!("{short:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(-4..6) => format!("{short}"),
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        Err(_) => scientific,
    }
}

/// What YAML 1.1 as Go reads it makes of a scalar that YAML 1.2 takes for something else.
fn other_reading(text: &str) -> Option<String> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off"
        | "Off" | "OFF" => return Some("a boolean".into()),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan"
        | ".NaN" | ".NAN" => return Some("a number".into()),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (if text.starts_with('-') { "-" } else { "" }, digits),
        None => ("", text),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    // Underscores are for the eye.
    let bare = digits.replace('_', "");
    let lower = bare.to_ascii_lowercase();
    for (prefix, base, name) in [
        ("0b", 2, "the number"),
        ("0x", 16, "the number"),
        ("0o", 8, "octal"),
    ] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            // Without sign, underscores and capitals, 1.2 reads hexadecimal and octal numbers the same.
            let same = number(text).is_some();
            return radix(digits, base)
                .filter(|_| !same)
                .map(|value| format!("{name} {sign}{value}"));
        }
    }
    if bare.len() > 1
        && let Some(octal) = bare.strip_prefix('0')
        && let Some(value) = radix(octal, 8)
    {
        return Some(format!("octal {sign}{value}"));
    }
    let value = number(&format!("{sign}{bare}"));
    value
        .filter(|_| bare != digits)
        .map(|value| format!("the number {value}"))
}

/// `12`, `-3`, `0x1f`, `0o17`, `1.5`, `1e3`; nothing for anything else.
fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return radix(hex, 16);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return radix(octal, 8);
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if let Ok(value) = unsigned.parse::<u64>() {
            return Some(value.into());
        }
        if let Ok(value) = unsigned.parse::<i64>() {
            return Some(value.into());
        }
    }
    is_float(digits)
        .then(|| unsigned.parse().ok().and_then(Number::from_f64))
        .flatten()
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    // from_str_radix would take a sign.
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

/// Digits with at most one dot, and an optional exponent: what Rust reads as a float, without `inf` and `nan`.
fn is_float(digits: &str) -> bool {
    let (mantissa, exponent) = digits
        .split_once(['e', 'E'])
        .map_or((digits, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit())
    });
    let dots = mantissa.bytes().filter(|byte| *byte == b'.').count();
    let mantissa_fits = mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && mantissa.bytes().any(|byte| byte.is_ascii_digit());
    mantissa_fits && dots <= 1 && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_how_they_were_written() {
        for (text, value) in [
            ("64512", serde_json::json!(64512)),
            ("-3", serde_json::json!(-3)),
            ("+3", serde_json::json!(3)),
            ("0x1f", serde_json::json!(31)),
            ("0o17", serde_json::json!(15)),
            ("1.10", serde_json::json!(1.1)),
            ("1e3", serde_json::json!(1000.0)),
        ] {
            let Data::Number(number, raw) = resolve(text) else {
                panic!("{text} is not a number");
            };
            assert_eq!((serde_json::Value::Number(number), raw.as_str()), (value, text));
        }
    }

    #[test]
    fn where_a_text_is_wanted_calicoctl_makes_one() {
        // Written by calicoctl v3.32.1 as annotations.
        for (text, value) in [
            ("-7", "-7"),
            ("1e21", "1e+21"),
            ("100000000000000000000.0", "1e+20"),
            ("0.1e-7", "1e-08"),
            ("1e6", "1e+06"),
            ("1e5", "100000"),
            ("12345678.5", "1.2345678e+07"),
            ("0.000001", "1e-06"),
            ("0.0001", "0.0001"),
            ("1000000.0", "1e+06"),
            ("18446744073709551615", "18446744073709551615"),
            ("-0x1f", "-31"),
            ("-0", "0"),
            ("3.14159265358979", "3.1415927"),
            ("16777217.0", "1.6777216e+07"),
            ("1.50", "1.5"),
            ("1.0", "1"),
            ("0b11", "3"),
            ("017", "15"),
            ("0o17", "15"),
            ("1_000", "1000"),
            ("089", "89"),
            ("yes", "true"),
            ("off", "false"),
            ("False", "false"),
            ("null", ""),
        ] {
            assert_eq!(go_text(&resolve(text)).as_deref(), Some(value), "{text}");
        }
        assert_eq!(go_text(&resolve(".inf")), None);
        for (key, value) in [("n", "false"), ("on", "true"), ("0x10", "16"), ("017", "15")] {
            let reading = other_key(key).unwrap();
            assert_eq!(go_reading(key, &reading).as_deref(), Some(value), "{key}");
        }
        assert_eq!(go_reading("~", "null"), None);
    }

    #[test]
    fn what_only_looks_like_a_number_is_a_text() {
        for text in [
            "192.168.80.23",
            "fd80:1::22/64",
            "66:cf:23:df:22:07",
            ".",
            "-",
            "1.2.3",
            "1e",
            "0x",
            "0xg",
            "0x+1",
            "nan",
            "inf",
            "yEs",
            "oN",
            "2026-11-21",
            "0b12",
            "1_000_a",
            "_1",
            "node1",
            "12:30",
        ] {
            assert_eq!(resolve(text), Data::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn what_calicoctl_reads_as_something_else_is_doubtful() {
        for (text, reading) in [
            ("y", "a boolean"),
            ("Yes", "a boolean"),
            ("OFF", "a boolean"),
            ("0100", "octal 64"),
            ("-0100", "octal -64"),
            ("00", "octal 0"),
            ("1_000", "the number 1000"),
            ("0_7", "octal 7"),
            ("0b11", "the number 3"),
            ("0XFF", "the number 255"),
            ("-0x1f", "the number -31"),
            ("-.inf", "a number"),
        ] {
            assert_eq!(
                resolve(text),
                Data::Doubtful(text.into(), reading.into()),
                "{text}"
            );
        }
        for text in ["0", "089", "0.5", "0x1f", "0o17", "1e3", "+3"] {
            assert!(matches!(resolve(text), Data::Number(..)), "{text}");
        }
    }
}
