//! What `ip` and `bridge` print without `-j`, as old tickets hold it; `-d`, `-s` and `-o` are understood.
//!
//! A line becomes the keys that `-j` has for its words, and is then read as those are: both forms of one state give
//! equal values, where the text tells as much.

mod address;
mod fdb;
mod kind;
mod link;
mod neighbor;
mod nexthop;
mod route;
mod rule;

pub use address::addresses;
pub use fdb::fdb;
pub use link::links;
pub use neighbor::neighbors;
pub use nexthop::nexthops;
pub use route::routes;
pub use rule::rules;

use std::iter::Peekable;
use std::str::SplitWhitespace;

use super::ip_json::tree::{Item, Json};
use super::{ParseError, excerpt};

/// The words of a line.
struct Words<'a>(Peekable<SplitWhitespace<'a>>);

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Self {
        Self(line.split_whitespace().peekable())
    }

    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn peek(&mut self) -> Option<&'a str> {
        self.0.peek().copied()
    }

    /// Takes the next word if it is this one.
    fn take(&mut self, word: &str) -> bool {
        self.0.next_if_eq(&word).is_some()
    }

    /// The word that must follow this one.
    fn after(&mut self, key: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("nothing after {key:?}"))
    }
}

/// Keys and values, as `-j` would have them.
#[derive(Debug, Default)]
struct Pairs(Vec<(String, Json)>);

impl Pairs {
    fn set(&mut self, key: &str, value: Json) {
        self.0.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.set(key, Json::Text(value.to_owned()));
    }

    fn flag(&mut self, key: &str) {
        self.set(key, Json::Null);
    }

    fn bool(&mut self, key: &str, value: bool) {
        self.set(key, Json::Bool(value));
    }

    fn object(&mut self, key: &str, value: Self) {
        self.set(key, Json::Object(value.0));
    }

    fn words<'a>(&mut self, key: &str, words: impl IntoIterator<Item = &'a str>) {
        let words = words.into_iter().map(|word| Json::Text(word.to_owned()));
        self.set(key, Json::List(words.collect()));
    }

    fn item(&self) -> Item<'_> {
        Item::new(&self.0)
    }
}

/// Reads each line that is neither blank nor a comment.
fn each_line<T>(
    text: &str,
    mut read: impl FnMut(&str) -> Result<Option<T>, String>,
) -> Result<Vec<T>, ParseError> {
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if is_blank(line) {
            continue;
        }
        match read(line) {
            Ok(value) => values.extend(value),
            Err(why) => return Err(ParseError::new(index + 1, why)),
        }
    }
    Ok(values)
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn unknown(word: &str) -> String {
    format!("not understood: {:?}", excerpt(word))
}

#[cfg(test)]
mod tests;
