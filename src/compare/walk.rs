//! Walks through two nodes fact by fact.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::items::{Item, is_told, item_named, strip};
use super::{Change, Field, Kind, Show};

/// What was found so far, of one node or of the datastore.
pub(super) struct Walk<'a> {
    node: Option<&'a str>,
    pub(super) show: Show,
    changes: Vec<Change>,
    incomparable: Vec<String>,
}

/// A fact as JSON shows it.
enum Seen<'v> {
    Known(&'v Value),
    Absent(&'v str),
}

fn fact(value: &Value) -> Option<Seen<'_>> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    if let Some(known) = fields.get("known") {
        return Some(Seen::Known(known));
    }
    let why = fields.get("absent")?.get("why")?.as_str()?;
    Some(Seen::Absent(why))
}

/// Whether facts are somewhere in a value, not far below.
fn holds_facts(value: &Value) -> bool {
    let fields = value.as_object().into_iter().flatten();
    fields
        .into_iter()
        .any(|(_, field)| fact(field).is_some() || field.as_object().is_some_and(|_| holds_facts(field)))
}

impl<'a> Walk<'a> {
    pub(super) fn new(node: &'a str, show: Show) -> Self {
        Self {
            node: Some(node),
            show,
            changes: Vec::new(),
            incomparable: Vec::new(),
        }
    }

    pub(super) fn of_datastore() -> Self {
        Self {
            node: None,
            show: Show::Settled,
            changes: Vec::new(),
            incomparable: Vec::new(),
        }
    }

    pub(super) fn done(self) -> (Vec<Change>, Vec<String>) {
        (self.changes, self.incomparable)
    }

    pub(super) fn extend(&mut self, changes: Vec<Change>) {
        self.changes.extend(changes);
    }

    /// Two objects whose fields are facts, or objects of facts. `label` says which pod's or container's they are.
    pub(super) fn structure(&mut self, path: &str, label: &str, before: &Value, after: &Value) {
        let empty = Map::new();
        let [before, after] = [before, after].map(|value| value.as_object().unwrap_or(&empty));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let item = item_named(key);
            if self.show < item.from || !is_told(key, self.show) {
                continue;
            }
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let [old, new] = [before, after].map(|fields| fields.get(key).unwrap_or(&Value::Null));
            match (fact(old), fact(new)) {
                (Some(Seen::Known(old)), Some(Seen::Known(new))) => self.values(item, &path, label, old, new),
                (Some(Seen::Absent(_)), Some(Seen::Absent(_))) => {}
                (Some(old), Some(new)) => self.came_or_went(item, &path, label, &old, &new),
                _ if holds_facts(old) || holds_facts(new) => self.structure(&path, label, old, new),
                _ => self.values(item, &path, label, old, new),
            }
        }
    }

    /// Something that could be read in one of them only.
    fn came_or_went(&mut self, item: &Item, path: &str, label: &str, old: &Seen, new: &Seen) {
        let (change, why) = match (old, new) {
            (Seen::Absent(why), _) => (Kind::Added, *why),
            (_, Seen::Absent(why)) => (Kind::Removed, *why),
            _ => return,
        };
        if why == "not collected" {
            let which = if change == Kind::Added { "first" } else { "second" };
            let node = self.node.unwrap_or_default();
            self.incomparable
                .push(format!("{path} of {}: not in the {which}", join(&[node, label])));
            return;
        }
        let field = Field {
            path: "absent".to_owned(),
            before: (change == Kind::Added).then(|| why.into()),
            after: (change == Kind::Removed).then(|| why.into()),
        };
        let what = join(&[label, path]);
        self.push(item, path, Kind::Changed, what, None, vec![field]);
    }

    /// Two known values.
    fn values(&mut self, item: &Item, path: &str, label: &str, before: &Value, after: &Value) {
        if holds_facts(before) || holds_facts(after) {
            return self.structure(path, label, before, after);
        }
        let [mut before, mut after] = [before.clone(), after.clone()];
        // The facts of a list's entries are told apart later.
        if !entries_hold_facts(&before) && !entries_hold_facts(&after) {
            strip(&mut before, self.show);
            strip(&mut after, self.show);
        }
        if before == after {
            return;
        }
        match (before, after) {
            (Value::Array(before), Value::Array(after)) => self.list(item, path, label, before, after),
            (Value::Object(before), Value::Object(after)) => {
                for field in self.entry(item, path, label, before, after) {
                    let what = join(&[label, &field.path]);
                    let field = Field {
                        path: String::new(),
                        ..field
                    };
                    self.push(item, path, Kind::Changed, what, None, vec![field]);
                }
            }
            (before, after) => {
                let field = Field {
                    path: String::new(),
                    before: (!before.is_null()).then_some(before),
                    after: (!after.is_null()).then_some(after),
                };
                let what = join(&[label, path]);
                self.push(item, path, Kind::Changed, what, None, vec![field]);
            }
        }
    }

    pub(super) fn push(
        &mut self,
        item: &Item,
        path: &str,
        change: Kind,
        what: String,
        now: Option<String>,
        fields: Vec<Field>,
    ) {
        self.changes.push(Change {
            node: self.node.map(str::to_owned),
            item: path.to_owned(),
            change,
            what,
            now,
            fields,
            rank: item.rank,
        });
    }

    /// Both entries have facts of their own: pods, containers.
    pub(super) fn if_facts(&mut self, path: &str, label: &str, before: &Value, after: &Value) -> bool {
        let theirs = holds_facts(before) || holds_facts(after);
        if theirs {
            self.structure(path, label, before, after);
        }
        theirs
    }
}

fn entries_hold_facts(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|entries| entries.iter().any(holds_facts))
}

/// Words that are there, blanks between.
pub(super) fn join(words: &[&str]) -> String {
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}
