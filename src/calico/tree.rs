//! YAML or JSON text as a tree in which every key and value knows its line and column.
//!
//! Reading is bounded: a document has at most [`MAX_DOCUMENT`] bytes, [`MAX_VALUES`] values and [`MAX_DEPTH`]
//! levels, and aliases add at most [`MAX_ALIASED`] values, so that no text can make it run long, wide or deep.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::scalar;

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

/// Reads every document of a text. Documents are independent: a broken one doesn't hide the others, and empty ones
/// are left out.
pub fn read(text: &str) -> Vec<Result<Tree, SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    chunks(text)
        .into_iter()
        .flat_map(|(first_line, chunk)| read_chunk(chunk, first_line))
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

fn read_chunk(text: &str, first_line: usize) -> Vec<Result<Tree, SyntaxError>> {
    if text.len() > MAX_DOCUMENT {
        return vec![Err(SyntaxError {
            at: Mark {
                line: first_line,
                column: 1,
            },
            why: format!("document has {} bytes, more than {MAX_DOCUMENT}", text.len()),
        })];
    }
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    // The builder's own limit has a better message; this one is the safety net.
    options.flow_nesting_limit = MAX_DEPTH * 2;
    options.block_nesting_limit = MAX_DEPTH * 2;
    let mut builder = Builder {
        events: Parser::new_from_str_with_options(text, options),
        first_line,
        anchors: HashMap::new(),
        values: 0,
        anchored: 0,
        aliased: 0,
    };
    let mut documents = Vec::new();
    loop {
        match builder.document() {
            Ok(Some(Tree { data: Data::Null, .. })) => {}
            Ok(Some(tree)) => documents.push(Ok(tree)),
            Ok(None) => return documents,
            Err(error) => {
                documents.push(Err(error));
                return documents;
            }
        }
    }
}

fn too_deep() -> String {
    format!("more than {MAX_DEPTH} levels in each other")
}

/// Makes trees of the parser's events.
struct Builder<'t> {
    events: Parser<'t, StrInput<'t>>,
    /// The line of the file at which the parser's line 1 is.
    first_line: usize,
    /// Finished values that have an anchor, and their depth and size.
    anchors: HashMap<usize, (Tree, usize, usize)>,
    /// Values read so far.
    values: usize,
    /// Values kept for aliases so far.
    anchored: usize,
    /// Values added by aliases so far.
    aliased: usize,
}

impl<'t> Builder<'t> {
    fn mark(&self, marker: &Marker) -> Mark {
        Mark {
            line: self.first_line + marker.line().saturating_sub(1),
            column: marker.col() + 1,
        }
    }

    fn fail<T>(&self, span: &Span, why: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError {
            at: self.mark(&span.start),
            why: why.into(),
        })
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, SyntaxError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(SyntaxError {
                at: self.mark(error.marker()),
                why: match error.kind() {
                    ErrorKind::RecursionLimitExceeded => too_deep(),
                    _ => error.info(),
                },
            }),
        }
    }

    /// The next document; `None` at the end.
    fn document(&mut self) -> Result<Option<Tree>, SyntaxError> {
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(None),
                event => {
                    self.anchors.clear();
                    (self.values, self.anchored, self.aliased) = (0, 0, 0);
                    return self.value(event, &span, 0).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// The value that starts with this event, below `depth` levels.
    fn value(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Tree, SyntaxError> {
        let at = self.mark(&span.start);
        self.values += 1;
        if self.values > MAX_VALUES {
            return self.fail(span, format!("more than {MAX_VALUES} values in one document"));
        }
        let (data, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.level(depth, span)?;
                self.collection_tag(tag.as_deref(), "seq", span)?;
                (self.sequence(depth + 1)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.level(depth, span)?;
                self.collection_tag(tag.as_deref(), "map", span)?;
                (self.map(depth + 1)?, anchor)
            }
            _ => return self.fail(span, "a value is missing here"),
        };
        let tree = Tree { at, data };
        if anchor != 0 {
            self.remember(anchor, &tree, span)?;
        }
        Ok(tree)
    }

    /// Keeps a value for the aliases that may follow.
    fn remember(&mut self, anchor: usize, tree: &Tree, span: &Span) -> Result<(), SyntaxError> {
        let size = tree.size();
        self.anchored += size;
        // An anchor in an anchor is kept twice: without a bound, a deep text would be kept many times over.
        if self.anchored > 10 * MAX_ALIASED {
            return self.fail(span, format!("anchors on more than {} values", 10 * MAX_ALIASED));
        }
        self.anchors.insert(anchor, (tree.clone(), tree.depth(), size));
        Ok(())
    }

    fn level(&self, depth: usize, span: &Span) -> Result<(), SyntaxError> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        self.fail(span, too_deep())
    }

    fn alias(&mut self, anchor: usize, span: &Span, depth: usize) -> Result<Tree, SyntaxError> {
        let Some((tree, levels, size)) = self.anchors.get(&anchor) else {
            return self.fail(span, "an alias inside the value it stands for");
        };
        if depth + levels > MAX_DEPTH {
            return self.fail(
                span,
                format!("with this alias, more than {MAX_DEPTH} levels in each other"),
            );
        }
        if self.aliased + size > MAX_ALIASED {
            return self.fail(
                span,
                format!("aliases add more than {MAX_ALIASED} values to the document"),
            );
        }
        let tree = tree.clone();
        self.aliased += size;
        Ok(Tree {
            at: self.mark(&span.start),
            ..tree
        })
    }

    fn sequence(&mut self, depth: usize) -> Result<Data, SyntaxError> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.value(event, &span, depth)?);
        }
        Ok(Data::Sequence(items))
    }

    fn map(&mut self, depth: usize) -> Result<Data, SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(event, &span)?;
            let at = self.mark(&span.start);
            if let Some(first) = seen.insert(key.clone(), at.line) {
                return self.fail(&span, format!("key {key:?} is here twice, first in line {first}"));
            }
            let Some((event, span)) = self.next()? else {
                return self.fail(&span, format!("key {key:?} has no value"));
            };
            let value = self.value(event, &span, depth)?;
            entries.push(Entry { key, at, value });
        }
        Ok(Data::Map(entries))
    }

    /// A key: any scalar, as it is written.
    fn key(&self, event: Event<'t>, span: &Span) -> Result<String, SyntaxError> {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
                self.fail(span, "merge keys (<<) are not supported: write the fields out")
            }
            Event::Scalar(text, _, 0, _) => Ok(text.into_owned()),
            Event::Scalar(..) | Event::Alias(_) => self.fail(span, "anchors and aliases can't be keys"),
            _ => self.fail(span, "a map or a list can't be a key"),
        }
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Data, SyntaxError> {
        let Some(tag) = tag else {
            return Ok(match style {
                ScalarStyle::Plain => scalar::resolve(text),
                _ => Data::Text(text.to_owned()),
            });
        };
        let data = match tag.core_suffix() {
            Some("str") => return Ok(Data::Text(text.to_owned())),
            Some("null" | "bool" | "int" | "float") => scalar::resolve(text),
            _ if tag.handle() == "!" && tag.suffix().is_empty() => return Ok(Data::Text(text.to_owned())),
            _ => return self.fail(span, format!("tag {} is not supported", tag.original())),
        };
        let fits = matches!(
            (tag.core_suffix(), &data),
            (Some("null"), Data::Null)
                | (Some("bool"), Data::Bool(_))
                | (Some("int" | "float"), Data::Number(..))
        );
        if fits {
            return Ok(data);
        }
        self.fail(
            span,
            format!("{text:?} is not what its tag {} says", tag.original()),
        )
    }

    fn collection_tag(&self, tag: Option<&Tag>, expected: &str, span: &Span) -> Result<(), SyntaxError> {
        match tag {
            Some(tag) if tag.core_suffix() != Some(expected) => {
                self.fail(span, format!("tag {} is not supported", tag.original()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
