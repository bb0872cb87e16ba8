//! What changes from one object to another, a line a field.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::Style;

/// One field that differs; a field that is not there is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// As in YAML: `spec.addresses[0].type`.
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// The fields that differ, in the order of YAML with sorted keys. Parts that come or go are told field by field.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let parts = parts(before, after);
    if parts.is_empty() {
        changes.push(Change {
            path: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        });
    }
    for part in parts {
        let of = |value: Option<&Value>| value.and_then(|value| part.of(value)).cloned();
        compare(
            &part.below(path),
            of(before).as_ref(),
            of(after).as_ref(),
            changes,
        );
    }
}

/// A step into a value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Key(String),
    Index(usize),
}

impl Part {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Key(key) => value.get(key),
            Self::Index(index) => value.get(index),
        }
    }

    fn below(&self, path: &str) -> String {
        let plain = |key: &str| {
            key.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        match self {
            Self::Key(key) if !plain(key) => format!("{path}[{key:?}]"),
            Self::Key(key) if path.is_empty() => key.clone(),
            Self::Key(key) => format!("{path}.{key}"),
            Self::Index(index) => format!("{path}[{index}]"),
        }
    }
}

/// The parts of two values that can be compared part by part; none when they are to be shown whole.
fn parts(before: Option<&Value>, after: Option<&Value>) -> BTreeSet<Part> {
    let of = |value: Option<&Value>| -> Option<BTreeSet<Part>> {
        match value {
            None => Some(BTreeSet::new()),
            Some(Value::Object(fields)) => Some(fields.keys().cloned().map(Part::Key).collect()),
            Some(Value::Array(items)) => Some((0..items.len()).map(Part::Index).collect()),
            Some(_) => None,
        }
    };
    let same_kind =
        before.is_none_or(|before| after.is_none_or(|after| before.is_object() == after.is_object()));
    match (of(before), of(after)) {
        (Some(before), Some(after)) if same_kind => before.into_iter().chain(after).collect(),
        _ => BTreeSet::new(),
    }
}

/// A heading and a line a change: `path: before → after`, `+ path: value`, `- path: value`.
pub fn render(heading: &str, changes: &[Change], style: Style) -> String {
    let mut text = format!("{}\n", style.strong(heading));
    for Change { path, before, after } in changes {
        let line = match (before, after) {
            (Some(before), Some(after)) => format!(
                "{path}: {} → {}",
                style.bad(&value(before)),
                style.good(&value(after))
            ),
            (None, Some(after)) => style.good(&format!("+ {path}: {}", value(after))),
            (before, None) => {
                let before = before.as_ref().map(value).unwrap_or_default();
                style.bad(&format!("- {path}: {before}"))
            }
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// A value in one line: texts bare where that can't be misread.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) if is_bare(text) => text.clone(),
        value => value.to_string(),
    }
}

fn is_bare(text: &str) -> bool {
    let first = text.chars().next();
    let visible = |character: char| !character.is_control() && !character.is_whitespace();
    text.chars().all(visible)
        && first.is_some_and(|first| first.is_alphanumeric() || "/:._-".contains(first))
        // What reads as a number or a word of JSON is no bare text.
        && serde_json::from_str::<Value>(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn diff(before: &Value, after: &Value) -> String {
        render("Node node1", &changes(before, after), Style::PLAIN)
    }

    #[test]
    fn every_changed_added_and_removed_field_has_its_line() {
        let before = json!({
            "metadata": {"name": "node1", "labels": {"rack": "r1", "projectcalico.org/x": "1"}},
            "spec": {
                "bgp": {"ipv4Address": "10.244.1.1/24", "ipv4IPIPTunnelAddr": "10.0.0.1"},
                "addresses": [{"address": "a", "type": "InternalIP"}, {"address": "b"}],
            },
        });
        let after = json!({
            "metadata": {"name": "node1", "labels": {"rack": "2"}},
            "spec": {
                "bgp": {"ipv4Address": "192.168.80.23/24", "asNumber": 64512},
                "addresses": [{"address": "c", "type": "InternalIP"}],
                "wireguard": {}, "interfaces": [{"name": "eth 0"}],
            },
        });
        insta::assert_snapshot!(diff(&before, &after), @r#"
    Node node1
      - metadata.labels["projectcalico.org/x"]: "1"
      metadata.labels.rack: r1 → "2"
      spec.addresses[0].address: a → c
      - spec.addresses[1].address: b
      + spec.bgp.asNumber: 64512
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
      - spec.bgp.ipv4IPIPTunnelAddr: 10.0.0.1
      + spec.interfaces[0].name: "eth 0"
      + spec.wireguard: {}
    "#);
    }

    #[test]
    fn equal_objects_have_no_lines() {
        assert_eq!(changes(&json!({"a": [1]}), &json!({"a": [1]})), []);
    }

    #[test]
    fn what_becomes_another_kind_of_value_is_shown_whole() {
        insta::assert_snapshot!(
            diff(&json!({"a": {"b": 1}, "c": [1], "d": null}), &json!({"a": [2], "c": {}, "d": "null"})), @r#"
    Node node1
      a: {"b":1} → [2]
      c: [1] → {}
      d: null → "null"
    "#
        );
    }

    #[test]
    fn from_nothing_and_to_nothing_every_field_is_told() {
        let object = json!({"b": {"c": 1}});
        let all = [Change {
            path: "b.c".into(),
            before: None,
            after: Some(json!(1)),
        }];
        assert_eq!(changes(&json!({}), &object), all);
        assert_eq!(changes(&object, &json!({})).len(), 1);
    }
}
