//! YAML or JSON text as a tree in which every key and value knows its line and column.
//!
//! Reading is bounded: a document has at most [`MAX_DOCUMENT`] bytes, [`MAX_VALUES`] values and [`MAX_DEPTH`]
//! levels, and aliases add at most [`MAX_ALIASED`] values, so that no text can make it run long, wide or deep.

mod build;

/// Bytes of one document (libcalico-go refuses larger ones as well).
pub const MAX_DOCUMENT: usize = 10 << 20;
/// Levels of maps and sequences in each other, aliases counted.
pub const MAX_DEPTH: usize = 64;
/// Values of one document, without those that aliases add.
pub const MAX_VALUES: usize = 1_000_000;
/// Values that the aliases of one document may add in all.
pub const MAX_ALIASED: usize = 10_000;

/// A place in a text, both counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    pub line: usize,
    pub column: usize,
}

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub at: Mark,
    pub data: Data,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    Null,
    Bool(bool),
    /// A number, and how it was written: an AS number `1.10` is not `1.1`.
    Number(serde_json::Number, String),
    Text(String),
    /// What is written without quotes and is one thing here, another to calicoctl (YAML 1.1): the latter, in words.
    Doubtful(String, String),
    Sequence(Vec<Tree>),
    /// In the order of the text; keys are unique.
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    /// Where the key starts.
    pub at: Mark,
    /// What calicoctl reads this key as, if it isn't the text that is written.
    pub doubt: Option<String>,
    pub value: Tree,
}

/// Why a text is not YAML, or more than netdiag reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SyntaxError {
    pub at: Mark,
    pub why: String,
}

impl Tree {
    /// What this is, for messages: `a map`, `the number 7`, `the text "x"`.
    pub fn describe(&self) -> String {
        match &self.data {
            Data::Null => "empty".into(),
            Data::Bool(value) => format!("{value}"),
            Data::Number(_, raw) => format!("the number {raw}"),
            Data::Text(text) => format!("the text {text:?}"),
            Data::Doubtful(raw, _) => format!("{raw} without quotes"),
            Data::Sequence(_) => "a list".into(),
            Data::Map(_) => "a map".into(),
        }
    }

    /// The entries of a map.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of this key of a map.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        let entry = self.entries()?.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    /// What is at a path such as `spec.nets[0]`, as Go prints it; nothing where there is none.
    pub fn go_text(&self, path: &str) -> String {
        let mut found = self;
        for step in path.split(['.', '[']) {
            let next = match (&found.data, step.trim_end_matches(']')) {
                (_, "") => continue,
                (Data::Sequence(items), index) => {
                    index.parse().ok().and_then(|index: usize| items.get(index))
                }
                (_, key) => found.get(key),
            };
            match next {
                Some(next) => found = next,
                None => return String::new(),
            }
        }
        found.as_go()
    }

    fn as_go(&self) -> String {
        match &self.data {
            Data::Null | Data::Map(_) => String::new(),
            Data::Bool(value) => value.to_string(),
            Data::Number(_, raw) => raw.clone(),
            Data::Text(text) | Data::Doubtful(text, _) => text.clone(),
            Data::Sequence(items) => {
                let items: Vec<String> = items.iter().map(Self::as_go).collect();
                format!("[{}]", items.join(" "))
            }
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Levels below and including this value; a scalar has none.
    fn depth(&self) -> usize {
        let below = |depth: Option<usize>| 1 + depth.unwrap_or(0);
        match &self.data {
            Data::Sequence(items) => below(items.iter().map(Self::depth).max()),
            Data::Map(entries) => below(entries.iter().map(|entry| entry.value.depth()).max()),
            _ => 0,
        }
    }

    /// Values in this one, itself counted.
    fn size(&self) -> usize {
        match &self.data {
            Data::Sequence(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Data::Map(entries) => 1 + entries.iter().map(|entry| entry.value.size()).sum::<usize>(),
            _ => 1,
        }
    }
}

/// Says what is doubtful about a scalar and how to make it a text.
pub(super) fn doubtful(raw: &str, reading: &str) -> String {
    format!("{raw} without quotes, which calicoctl would read as {reading}: quote it, \"{raw}\"")
}

/// Reads every document of a text. Documents are independent: a broken one doesn't hide the others, and empty ones
/// are left out.
pub fn read(text: &str) -> Vec<Result<Tree, SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    chunks(text)
        .into_iter()
        .flat_map(|(first_line, chunk)| build::documents(chunk, first_line))
        .collect()
}

/// Splits a text before each line that starts a document (`---`); each part with the number of its first line.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 1, 0);
    // A part of comments and directives only belongs to the document after it.
    let mut only_prologue = true;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line) && !only_prologue {
            chunks.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, index + 1);
        }
        let bare = line.trim();
        only_prologue = only_prologue && (bare.is_empty() || bare.starts_with('#') || line.starts_with('%'));
        offset += line.len();
    }
    chunks.push((start_line, &text[start..]));
    chunks
}

/// Whether a line is `---`, alone or followed by a blank.
fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

#[cfg(test)]
mod tests;
