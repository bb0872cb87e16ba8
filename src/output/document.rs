//! JSON and YAML, as people and programs read them.

use serde::Serialize;

/// Indented JSON with a final newline.
pub fn json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("\"{error}\""));
    text.push('\n');
    text
}

/// YAML with sorted keys (as Go's encoder, and so calicoctl, writes it) and a final newline.
pub fn yaml<T: Serialize>(value: &T) -> String {
    // Through a JSON value: its maps are sorted.
    let sorted = serde_json::to_value(value).unwrap_or_default();
    let mut text = serde_saphyr::to_string(&sorted).unwrap_or_else(|error| format!("# {error}\n"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn texts_that_some_yaml_reader_would_take_for_something_else_are_quoted() {
        let texts = [
            "yes",
            "on",
            "null",
            "~",
            "",
            "true",
            "172",
            "1e3",
            "0x10",
            "0o7",
            "012",
            "1_000",
            ".inf",
            "2026-11-21",
            "66:12:23:45:22:07",
            "66:cf:23:df:22:07",
            "fd80:1::22/64",
            "192.168.80.22/24",
            "a: b",
            "- a",
            "#",
            "a #b",
        ];
        insta::assert_snapshot!(yaml(&texts), @r#"
    - "yes"
    - "on"
    - "null"
    - "~"
    - ""
    - "true"
    - "172"
    - "1e3"
    - "0x10"
    - "0o7"
    - "012"
    - "1_000"
    - ".inf"
    - "2026-11-21"
    - "66:12:23:45:22:07"
    - 66:cf:23:df:22:07
    - fd80:1::22/64
    - 192.168.80.22/24
    - "a: b"
    - "- a"
    - '#'
    - "a #b"
    "#);
    }

    #[test]
    fn keys_are_sorted_and_empty_parts_are_shown() {
        insta::assert_snapshot!(yaml(&json!({"b": {"d": [], "c": {}}, "a": [{"y": 1, "x": [2]}]})), @r#"
    a:
    - x:
      - 2
      "y": 1
    b:
      c: {}
      d: []
    "#);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>(), key in "\\PC{0,8}") {
            let value = json!({ key: [text] });
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&yaml(&value)).unwrap(), value.clone());
            prop_assert_eq!(serde_json::from_str::<Value>(&json(&value)).unwrap(), value);
        }
    }
}
