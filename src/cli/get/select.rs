//! Which resources `get` shows.

use std::borrow::Cow;
use std::io;

use serde_json::Value;

use crate::calico::kind::Kind;
use crate::calico::nearest::nearest;
use crate::calico::resource::Resource;
use crate::calico::selector::{Op, Selector};
use crate::cli::{Error, kinds};
use crate::datastore::{self, Datastore, List, Listing, Unreadable};
use crate::output::jsonpath::JsonPath;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    Everywhere,
    One(String),
}

/// One kind, and the names asked for; all without.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) kind: Kind,
    pub(super) names: Vec<String>,
    pub(super) scope: Scope,
}

/// Resources of one kind to be shown.
pub(super) struct Group {
    pub(super) kind: Kind,
    items: Vec<Listing>,
    /// Without what belongs to this datastore rather than to the resource.
    pub(super) export: bool,
}

impl Group {
    pub(super) fn new(kind: Kind, found: Listing, export: bool) -> Self {
        Self {
            kind,
            items: vec![found],
            export,
        }
    }

    /// What was found for another name of the kind.
    pub(super) fn add(&mut self, found: Listing) {
        self.items.push(found);
    }

    /// Of a whole list: its `resourceVersion`.
    pub(super) fn version(&self) -> Option<String> {
        match self.items.as_slice() {
            [whole] if !self.export => whole.version(),
            _ => None,
        }
    }

    /// Until all that was found has arrived.
    pub(super) fn arrived(&self) -> impl Future<Output = ()> + Send + 'static {
        let found: Vec<_> = self.items.iter().map(Listing::arrived).collect();
        async {
            for one in found {
                one.await;
            }
        }
    }

    /// Why not all arrived.
    pub(super) fn failure(&self) -> Option<datastore::Error> {
        self.items.iter().find_map(Listing::failure)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.iter().all(Listing::is_empty)
    }

    /// Those that can be read, one after the other.
    pub(super) fn each(&self) -> impl Iterator<Item = Cow<'_, Resource>> {
        let found = self.items.iter().flat_map(Listing::each).filter_map(Result::ok);
        found.map(|mut item| {
            if self.export {
                export(item.to_mut());
            }
            item
        })
    }

    /// What is made of each of those, in their order.
    pub(super) fn made<T: Send>(
        &self,
        make: impl Fn(&Resource) -> T + Sync,
        mut take: impl FnMut(T) -> io::Result<()>,
    ) -> io::Result<()> {
        let made = |mut item: Cow<'_, Resource>| {
            if self.export {
                export(item.to_mut());
            }
            make(&item)
        };
        for found in &self.items {
            found.made(made, &mut take)?;
            if found.is_broken_off() {
                return Err(io::Error::other("the list broke off"));
            }
        }
        Ok(())
    }

    /// Those that can't be read.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &Unreadable> {
        self.items.iter().flat_map(Listing::unreadable)
    }
}

/// What a query found.
pub(super) struct Found {
    pub(super) items: Listing,
    /// Of those that are not there, or not readable.
    pub(super) missing: Option<Error>,
}

impl Found {
    fn of(items: Vec<Resource>, missing: Option<Error>) -> Self {
        let list = List {
            items,
            ..List::default()
        };
        Self {
            items: list.into(),
            missing,
        }
    }
}

pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

pub(super) fn is_unsupported(error: &datastore::Error) -> bool {
    matches!(error, datastore::Error::Unsupported { .. })
}

/// Both errors as one.
pub(super) fn joined(first: Option<Error>, next: Error) -> Error {
    match first {
        None => next,
        Some(mut first) => {
            first.message = format!("{}\n{}", first.message, next.message);
            first.hints.extend(next.hints);
            first
        }
    }
}

/// What a query asks for; a whole list as soon as a part of it is there, if that will do.
pub(super) async fn find(
    query: &Query,
    store: &dyn Datastore,
    partly: bool,
) -> Result<Found, datastore::Error> {
    let Query { kind, names, scope } = query;
    let namespace = match scope {
        Scope::One(namespace) => Some(namespace.as_str()),
        Scope::Everywhere => None,
    };
    if names.is_empty() || names.iter().any(|name| is_pattern(name)) {
        if names.is_empty() && *kind != Kind::Tier {
            let items = if partly {
                store.arriving(*kind, namespace).await?
            } else {
                store.listing(*kind, namespace).await?
            };
            return Ok(Found { items, missing: None });
        }
        let mut list = store.listing(*kind, namespace).await?.into_list();
        if *kind == Kind::Tier {
            sort_by_order(&mut list.items);
        }
        let mut missing = None;
        if !names.is_empty() {
            list.version = None;
            for name in names
                .iter()
                .filter(|name| !list.items.iter().any(|item| matches(name, item.name())))
            {
                let error = Error::new(format!("no {kind} is named {name}"));
                missing = Some(joined(missing, error));
            }
            list.items
                .retain(|item| names.iter().any(|name| matches(name, item.name())));
        }
        return Ok(Found {
            items: list.into(),
            missing,
        });
    }
    let (mut items, mut missing) = (Vec::new(), None);
    for name in names {
        let error = match store.get(*kind, &kinds::id(namespace, name)).await {
            Ok(resource) => {
                items.push(resource);
                continue;
            }
            Err(error @ datastore::Error::NotFound { .. }) => match similar(query, name, store).await {
                Some(similar) => Error::from(error).hint(format!("did you mean {similar}?")),
                None => error.into(),
            },
            Err(error @ datastore::Error::BadValue { .. }) => error.into(),
            Err(error) => return Err(error),
        };
        missing = Some(joined(missing, error));
    }
    Ok(Found::of(items, missing))
}

/// As packets meet them.
fn sort_by_order(tiers: &mut [Resource]) {
    let order = |tier: &Resource| tier.field(&["spec", "order"]).and_then(Value::as_f64);
    tiers.sort_by(|a, b| {
        let by_order = order(a)
            .unwrap_or(f64::MAX)
            .total_cmp(&order(b).unwrap_or(f64::MAX));
        by_order.then_with(|| a.name().cmp(b.name()))
    });
}

/// An existing name that the one asked for resembles; where there is none, the namespace that has this name.
async fn similar(query: &Query, name: &str, store: &dyn Datastore) -> Option<String> {
    let list = store.list(query.kind).await.ok()?;
    let elsewhere = list.items.iter().find(|item| item.name() == name);
    if let Some(namespace) = elsewhere.and_then(Resource::namespace) {
        return Some(format!("-n {namespace} {name}"));
    }
    let here = list.items.iter().filter(|item| match &query.scope {
        Scope::One(namespace) => item.namespace() == Some(namespace),
        Scope::Everywhere => true,
    });
    nearest(name, here.map(Resource::name)).map(str::to_owned)
}

/// Whether a name is what the pattern says: `*` is any text, `?` any character.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern.as_str();
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| matches(rest, &name[at..]))
        }
        Some(first) => {
            let mut name = name.chars();
            name.next().is_some_and(|found| first == '?' || found == first)
                && matches(pattern.as_str(), name.as_str())
        }
    }
}

/// Drops what belongs to this datastore rather than to the resource.
fn export(resource: &mut Resource) {
    for key in ["namespace", "uid", "resourceVersion", "creationTimestamp"] {
        // Without it, applying the list would put everything into one namespace.
        if key != "namespace" || !resource.kind.is_namespaced() {
            resource.set(&["metadata", key], None);
        }
    }
}

/// Which of them, and in which order.
pub(super) struct Filter {
    selector: Option<Selector>,
    sort_by: Option<JsonPath>,
}

impl Filter {
    pub(super) fn read(selector: Option<&str>, sort_by: Option<&str>) -> Result<Self, Error> {
        let selector = selector.map(|text| {
            kubectl_selector(text)
                .map_or_else(|| text.parse::<Selector>(), Ok)
                .map_err(|error| Error::new(format!("{text:?} is not a selector: {error}")))
        });
        let sort_by = sort_by.map(|field| {
            let field = field
                .trim_start_matches('{')
                .trim_end_matches('}')
                .trim_start_matches('.');
            let path = format!("{{.{field}}}").parse();
            path.map_err(|error| Error::new(format!("--sort-by: {error}")))
        });
        Ok(Self {
            selector: selector.transpose()?,
            sort_by: sort_by.transpose()?,
        })
    }

    /// All of them, as they come.
    pub(super) fn is_none(&self) -> bool {
        self.selector.is_none() && self.sort_by.is_none()
    }

    /// Of what was found, those that are wanted.
    pub(super) fn apply(&self, found: Listing) -> Listing {
        if self.is_none() {
            return found;
        }
        let mut list = List {
            version: found.version(),
            ..List::default()
        };
        for item in found.each() {
            match item {
                Ok(item) if self.selects(&item) => list.items.push(item.into_owned()),
                Ok(_) => {}
                Err(unreadable) => list.unreadable.push(unreadable),
            }
        }
        if let Some(path) = &self.sort_by {
            list.items
                .sort_by_cached_key(|item| Key::of(path.first(&Value::Object(item.body.clone()))));
        }
        list.into()
    }

    fn selects(&self, item: &Resource) -> bool {
        self.selector.as_ref().is_none_or(|selector| {
            let labels: Vec<_> = item
                .labels()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            selector.matches(&labels)
        })
    }
}

/// A value to sort by: what isn't there comes first, then numbers, then texts.
#[derive(PartialEq)]
struct Key(u8, f64, String);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (a, b) = (self, other);
        a.0.cmp(&b.0)
            .then(a.1.total_cmp(&b.1))
            .then_with(|| a.2.cmp(&b.2))
    }
}

impl Key {
    fn of(value: Option<Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self(0, 0.0, String::new()),
            Some(Value::Number(number)) => Self(1, number.as_f64().unwrap_or_default(), String::new()),
            Some(Value::String(text)) => Self(2, 0.0, text),
            Some(other) => Self(2, 0.0, other.to_string()),
        }
    }
}

/// `rack=r1,zone!=a,has,!hasnot`, as kubectl has it; nothing if it isn't that.
fn kubectl_selector(text: &str) -> Option<Selector> {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte))
    };
    let one = |part: &str| {
        let part = part.trim();
        for (separator, op) in [("!=", Op::NotEqual), ("==", Op::Equal), ("=", Op::Equal)] {
            if let Some((label, value)) = part.split_once(separator) {
                let (label, value) = (label.trim(), value.trim());
                return (word(label) && (value.is_empty() || word(value))).then(|| Selector::Label {
                    label: label.to_owned(),
                    op,
                    value: value.to_owned(),
                });
            }
        }
        match part.strip_prefix('!') {
            Some(label) if word(label) => Some(Selector::Not(Box::new(Selector::Has(label.to_owned())))),
            None if word(part) => Some(Selector::Has(part.to_owned())),
            _ => None,
        }
    };
    let mut parts: Vec<Selector> = text.split(',').map(one).collect::<Option<_>>()?;
    match parts.len() {
        1 => parts.pop(),
        _ => Some(Selector::And(parts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_any_character() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a"),
            ("node-*", "node-1"),
            ("*-1", "node-1"),
            ("n?de*", "node"),
            ("a*b*c", "aXbYc"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("?", ""),
            ("node-*", "node"),
            ("*-1", "node-12"),
            ("a*b", "abc"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn kubectl_s_selectors_are_understood_as_well() {
        for (text, canonical) in [
            ("rack=r1", "rack == \"r1\""),
            ("rack==r1,zone!=a", "(rack == \"r1\" && zone != \"a\")"),
            ("rack, !zone", "(has(rack) && !has(zone))"),
        ] {
            assert_eq!(
                kubectl_selector(text)
                    .map(|selector| selector.to_string())
                    .as_deref(),
                Some(canonical)
            );
        }
        for text in ["rack == 'r1'", "all()", "has(x)", "", "a in {'b'}", "a=b c"] {
            assert_eq!(kubectl_selector(text), None, "{text}");
        }
    }
}
