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
