//! Two lists: which entries are the same, and what changed of them.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde_json::{Map, Value};

use super::fields::{differing, fields};
use super::items::Item;
use super::walk::{Walk, join};
use super::{Change, Field, Kind, Show};

/// Fields that name an entry, where nothing else is known of it: the first that all entries have, each its own.
const NAMES: [&[&str]; 13] = [
    &["dialect"],
    &["family", "name"],
    &["family"],
    &["kind", "name"],
    &["namespace", "name"],
    &["name"],
    &["names"],
    &["key"],
    &["id"],
    &["ip"],
    &["path"],
    &["socket"],
    &["command"],
];

impl Walk<'_> {
    /// Entries of a fact, or of a part of one.
    pub(super) fn list(
        &mut self,
        item: &Item,
        path: &str,
        label: &str,
        before: Vec<Value>,
        after: Vec<Value>,
    ) {
        let [before, after] = [before, after].map(|list| self.told(item, list));
        let mut all = before.iter().chain(&after);
        if all.all(|entry| entry.get("text").is_some_and(Value::is_string)) {
            return self.rules(item, path, label, &before, &after);
        }
        let objects = before.iter().chain(&after).all(Value::is_object);
        let key = if objects {
            key(item, &before, &after)
        } else {
            Vec::new()
        };
        if key.is_empty() {
            let (gone, come) = differing(&before, &after);
            self.lone(item, path, label, Kind::Removed, gone);
            self.lone(item, path, label, Kind::Added, come);
            return;
        }
        let mut groups = BTreeMap::<usize, (Vec<Value>, Vec<Value>)>::new();
        let mut places = BTreeMap::<String, usize>::new();
        let entries = before
            .into_iter()
            .map(|entry| (false, entry))
            .chain(after.into_iter().map(|entry| (true, entry)));
        for (is_after, entry) in entries {
            let next = places.len();
            let place = *places.entry(named(&entry, &key)).or_insert(next);
            let (old, new) = groups.entry(place).or_default();
            if is_after { new } else { old }.push(entry);
        }
        for (old, new) in groups.into_values() {
            self.group(item, path, label, &key, &old, &new);
        }
    }

    /// The entries that count, as they are compared.
    fn told(&self, item: &Item, list: Vec<Value>) -> Vec<Value> {
        if self.show == Show::All {
            return list;
        }
        list.into_iter().filter_map(item.settled).collect()
    }

    /// Entries with one key, mostly one before and one after.
    fn group(&mut self, item: &Item, path: &str, label: &str, key: &[&str], old: &[Value], new: &[Value]) {
        let (gone, come) = differing(old, new);
        let both = gone.len().min(come.len());
        for (before, after) in gone.iter().zip(&come) {
            let name = title(before, key);
            let label = join(&[label, &name]);
            if let Some(line) = item.line {
                self.push(
                    item,
                    path,
                    Kind::Changed,
                    join_line(&label, &name, line(before)),
                    Some(line(after)),
                    Vec::new(),
                );
            } else if !self.if_facts(path, &label, before, after) {
                let [before, after] =
                    [before, after].map(|entry| entry.as_object().cloned().unwrap_or_default());
                let fields = self.entry(item, path, &label, before, after);
                if !fields.is_empty() {
                    self.push(item, path, Kind::Changed, label, None, fields);
                }
            }
        }
        self.keyed(item, path, label, key, Kind::Removed, &gone[both..]);
        self.keyed(item, path, label, key, Kind::Added, &come[both..]);
    }

    fn keyed(
        &mut self,
        item: &Item,
        path: &str,
        label: &str,
        key: &[&str],
        change: Kind,
        entries: &[&Value],
    ) {
        for entry in entries {
            // Neighbors come and go as somebody asks for them.
            let passing = path.ends_with("neighbors")
                && self.show != Show::All
                && matches!(entry["state"].as_str(), Some("answered" | "failed"));
            if passing {
                continue;
            }
            let what = match item.line {
                Some(line) => line(entry),
                None => {
                    join(&[&title(entry, key), entry["info"].as_str().unwrap_or_default()]) + &size(entry)
                }
            };
            self.push(item, path, change, join(&[label, &what]), None, Vec::new());
        }
    }

    /// Entries that nothing names.
    fn lone(&mut self, item: &Item, path: &str, label: &str, change: Kind, entries: Vec<&Value>) {
        for entry in entries {
            let what = match entry {
                Value::String(text) => text.clone(),
                entry => entry.to_string(),
            };
            self.push(item, path, change, join(&[label, &what]), None, Vec::new());
        }
    }

    /// Texts whose order counts: netfilter rules of a chain.
    fn rules(&mut self, item: &Item, path: &str, label: &str, before: &[Value], after: &[Value]) {
        let mut same = BTreeMap::<String, VecDeque<&Value>>::new();
        for entry in after {
            same.entry(entry["text"].to_string())
                .or_default()
                .push_back(entry);
        }
        for old in before {
            let new = same
                .get_mut(&old["text"].to_string())
                .and_then(VecDeque::pop_front);
            let fields = new.map_or(Vec::new(), |new| fields(old, new));
            if !fields.is_empty() {
                let what = join(&[label, old["text"].as_str().unwrap_or_default()]);
                self.push(item, path, Kind::Changed, what, None, fields);
            }
        }
        let texts = |list: &[Value]| list.iter().map(|entry| entry["text"].clone()).collect::<Vec<_>>();
        let (before, after) = (texts(before), texts(after));
        if before == after {
            return;
        }
        let (gone, come) = differing(&before, &after);
        if gone.is_empty() && come.is_empty() {
            let field = Field {
                path: "order".to_owned(),
                before: None,
                after: Some("another".into()),
            };
            self.push(
                item,
                path,
                Kind::Changed,
                join(&[label, "rules"]),
                None,
                vec![field],
            );
            return;
        }
        self.lone(item, path, label, Kind::Removed, gone);
        self.lone(item, path, label, Kind::Added, come);
    }

    /// Two states of one entry: what differs in it. Lists in it are told as entries of their own.
    pub(super) fn entry(
        &mut self,
        item: &Item,
        path: &str,
        label: &str,
        mut before: Map<String, Value>,
        mut after: Map<String, Value>,
    ) -> Vec<Field> {
        let is_list = |value: &Value| {
            let entries = value.as_array().into_iter().flatten();
            entries.into_iter().any(Value::is_object)
        };
        let mut lists: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
        lists.sort();
        lists.dedup();
        lists.retain(|key| {
            [&before, &after]
                .iter()
                .any(|fields| fields.get(key).is_some_and(is_list))
        });
        for key in lists {
            let take = |fields: &mut Map<String, Value>| match fields.remove(&key) {
                Some(Value::Array(entries)) => entries,
                _ => Vec::new(),
            };
            let (old, new) = (take(&mut before), take(&mut after));
            self.list(item, path, label, old, new);
        }
        fields(&before.into(), &after.into())
    }

    /// The datastore's objects: by kind and name; versions of the store are no change.
    pub(super) fn objects(&mut self, before: Vec<Value>, after: Vec<Value>) {
        let keyed = |list: Vec<Value>| -> BTreeMap<String, Value> {
            list.into_iter()
                .map(|mut object| {
                    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                        metadata.remove("resourceVersion");
                    }
                    let metadata =
                        |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
                    let kind = object["kind"].as_str().unwrap_or_default();
                    let name = join(&[kind, &metadata("namespace"), &metadata("name")]);
                    (name, object)
                })
                .collect()
        };
        let (before, mut after) = (keyed(before), keyed(after));
        let mut changes = Vec::new();
        let mut change = |name: String, change, fields| {
            changes.push(Change {
                node: None,
                item: "objects".to_owned(),
                change,
                what: name,
                now: None,
                fields,
                rank: 1,
            });
        };
        for (name, old) in before {
            match after.remove(&name) {
                Some(new) if new == old => {}
                Some(new) => change(name, Kind::Changed, fields(&old, &new)),
                None => change(name, Kind::Removed, Vec::new()),
            }
        }
        for name in after.into_keys() {
            change(name, Kind::Added, Vec::new());
        }
        self.extend(changes);
    }
}

/// The label of a pod before a line, without the entry's own name, which the line has.
fn join_line(label: &str, name: &str, line: String) -> String {
    match label.strip_suffix(name).map(str::trim_end) {
        Some("") | None => line,
        Some(label) => join(&[label, &line]),
    }
}

/// The fields that tell these entries apart; none if nothing does.
fn key(item: &Item, before: &[Value], after: &[Value]) -> Vec<&'static str> {
    let all_have = |key: &[&str]| {
        let mut entries = before.iter().chain(after);
        entries.all(|entry| key.iter().all(|field| entry.get(field).is_some()))
    };
    let first = item.key.first();
    if first.is_some_and(|first| all_have(&[first])) {
        return item.key.to_vec();
    }
    let distinct = |list: &[Value], key: &[&str]| {
        let mut seen = HashSet::new();
        list.iter().all(|entry| seen.insert(named(entry, key)))
    };
    let fits = |key: &&&[&str]| all_have(key) && distinct(before, key) && distinct(after, key);
    NAMES.iter().find(fits).map_or(Vec::new(), |key| key.to_vec())
}

/// What tells an entry from others.
fn named(entry: &Value, key: &[&str]) -> String {
    let parts: Vec<String> = key.iter().map(|field| entry[*field].to_string()).collect();
    parts.join("\0")
}

/// What people call an entry.
fn title(entry: &Value, key: &[&str]) -> String {
    let word = |field: &&str| match &entry[*field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => match items.first() {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        },
        other => other.to_string(),
    };
    let words: Vec<String> = key.iter().map(word).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// How much comes or goes with an entry: ` (3 chains)`.
fn size(entry: &Value) -> String {
    let lists = entry.as_object().into_iter().flatten();
    let sizes: Vec<String> = lists
        .filter_map(|(name, value)| Some((name, value.as_array()?)))
        .filter(|(_, list)| list.iter().any(Value::is_object))
        .map(|(name, list)| format!("{name}: {}", list.len()))
        .collect();
    if sizes.is_empty() {
        String::new()
    } else {
        format!(" ({})", sizes.join(", "))
    }
}
