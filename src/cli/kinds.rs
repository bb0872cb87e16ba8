//! Kinds and names as typed on a command line.

use super::Error;
use crate::calico::kind::Kind;
use crate::calico::nearest::nearest;

/// The kind of this name.
pub(super) fn one(typed: &str) -> Result<Kind, Error> {
    Kind::from_argument(typed).ok_or_else(|| unknown(typed))
}

/// Kinds with commas between them, or `all`.
pub(super) fn several(typed: &str) -> Result<Vec<Kind>, Error> {
    if typed.eq_ignore_ascii_case("all") {
        return Ok(Kind::ALL.to_vec());
    }
    typed.split(',').map(one).collect()
}

/// What a datastore knows a resource by.
pub(super) fn id(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

fn unknown(typed: &str) -> Error {
    let names = Kind::ALL.map(|kind| kind.name().to_lowercase());
    let mut error = Error::new(format!("resource type '{typed}' is not supported"));
    if let Some(near) = nearest(typed, names.iter().map(String::as_str).chain(Kind::misspelt())) {
        error = error.hint(format!("did you mean {near}?"));
    }
    error.hint(format!("supported: {}", names.join(", ")))
}

/// `'Node' ` of one kind, nothing of several: calicoctl's way of saying what it counts.
pub(super) fn in_words(kinds: impl IntoIterator<Item = Kind>) -> String {
    let mut kinds = kinds.into_iter();
    match kinds.next() {
        Some(first) if kinds.all(|kind| kind == first) => format!("'{first}' "),
        _ => String::new(),
    }
}
