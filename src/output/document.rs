//! JSON and YAML, as people and programs read them.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter as _, PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use super::yaml;

/// Indented JSON with a final newline.
pub fn json<T: Serialize>(value: &T) -> String {
    let mut text = json_at(value, 0);
    text.push('\n');
    text
}

/// A value as it stands in [`json`] of a document, so many lists or maps deep; without the indentation of its first line.
pub fn json_at<T: Serialize>(value: &T, depth: usize) -> String {
    let mut form = PrettyFormatter::new();
    for _ in 0..depth {
        // It goes on as within that many lists.
        let _ = form.begin_array(&mut io::sink());
    }
    let mut text = Vec::with_capacity(1 << 9);
    match value.serialize(&mut Serializer::with_formatter(&mut text, form)) {
        // It writes characters only.
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(error) => format!("\"{error}\""),
    }
}

/// JSON on one line.
pub fn json_line<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_else(|error| format!("\"{error}\""));
    text.push('\n');
    text
}

/// YAML with sorted keys (as Go's encoder, and so calicoctl, writes it) and a final newline.
pub fn yaml<T: Serialize>(value: &T) -> String {
    // Through a JSON value: its maps are sorted.
    let sorted = serde_json::to_value(value).unwrap_or_default();
    yaml::render(&sorted)
}

/// One of a list of maps, as it stands in [`yaml`] of the list.
pub fn yaml_item(value: &Map<String, Value>) -> String {
    yaml::item(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calico::tree::{self, Data};
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
    - 'a: b'
    - '- a'
    - '#'
    - 'a #b'
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

    /// Whether netdiag's own reader, which refuses what YAML 1.1 and 1.2 read differently, finds this text as key
    /// and value.
    fn is_plain_to_all(text: &str) -> bool {
        let documents = tree::read(&yaml(&json!({ text: [text] })));
        let Some(Ok(tree)) = documents.first() else {
            return false;
        };
        let Some([entry]) = tree.entries() else {
            return false;
        };
        let Data::Sequence(items) = &entry.value.data else {
            return false;
        };
        entry.key == text && entry.doubt.is_none() && items[0].text() == Some(text)
    }

    #[test]
    fn every_text_is_a_text_to_readers_of_yaml_1_1_as_well() {
        for text in [
            "y",
            "Y",
            "n",
            "N",
            "yes",
            "Yes",
            "YES",
            "no",
            "No",
            "NO",
            "on",
            "On",
            "ON",
            "off",
            "Off",
            "OFF",
            "true",
            "True",
            "FALSE",
            "null",
            "Null",
            "~",
            "",
            "=",
            "<<",
            "0100",
            "-0100",
            "089",
            "1e3",
            "1E3",
            "+1",
            "0b11",
            "-0b1",
            "0o17",
            "0x1F",
            "0XFF",
            "1_000",
            "0_7",
            ".5",
            "5.",
            ".inf",
            "-.Inf",
            "+.inf",
            ".NaN",
            "12:30",
            "190:20:30",
            "2026-11-21",
            "2026-11-21T11:16:16Z",
            "2001-12-14 21:59:43.10 -5",
            "-",
            "?",
            "!x",
            "&a",
            "*a",
            "%",
            "@",
            "`",
            "a: b",
            "a:",
            "# a",
            "---",
            "...",
        ] {
            assert!(is_plain_to_all(text), "{}", yaml(&json!({ text: [text] })));
        }
        insta::assert_snapshot!(
            yaml(&["y", "off", "0100", "+1", "0b11", ".5", "12:30", "2026-11-21T11:16:16Z", "="]),
            @r#"
        - "y"
        - "off"
        - "0100"
        - "+1"
        - "0b11"
        - ".5"
        - "12:30"
        - "2026-11-21T11:16:16Z"
        - "="
        "#
        );
    }

    proptest! {
        #[test]
        fn every_short_text_is_a_text_to_all_readers(text in "[+-]?[0-9._xobeEyYnN~:-]{1,5}") {
            prop_assert!(is_plain_to_all(&text), "{}", yaml(&json!({ text.clone(): [text] })));
        }

        #[test]
        fn what_is_written_reads_back(text in any::<String>(), key in "\\PC{0,8}") {
            let value = json!({ key: [text] });
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&yaml(&value)).unwrap(), value.clone());
            prop_assert_eq!(serde_json::from_str::<Value>(&json(&value)).unwrap(), value);
        }
    }
}
