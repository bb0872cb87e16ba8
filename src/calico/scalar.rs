//! What an unquoted YAML scalar means: YAML 1.2's core schema.
//!
//! `yes`, `no`, `on` and `off` are texts here. YAML 1.1 (and so calicoctl) reads them as true and false; where a
//! boolean is wanted, the text is refused, so that the two never mean different things.

use serde_json::Number;

use super::tree::Data;

/// Null, a boolean, a number, or else a text.
pub(super) fn resolve(text: &str) -> Data {
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
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
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
            ".inf",
            "nan",
            "yes",
            "on",
            "node1",
            "12:30",
        ] {
            assert_eq!(resolve(text), Data::Text(text.into()), "{text}");
        }
    }
}
