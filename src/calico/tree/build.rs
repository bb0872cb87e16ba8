//! Makes trees of the events of a YAML parser, within the limits of the parent module.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::super::scalar;
use super::{Data, Entry, MAX_ALIASED, MAX_DEPTH, MAX_DOCUMENT, MAX_VALUES, Mark, SyntaxError, Tree};

/// The documents of a part of a text; `first_line` is the number of its first line.
pub(super) fn documents(text: &str, first_line: usize) -> Vec<Result<Tree, SyntaxError>> {
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
            let doubt = match &event {
                Event::Scalar(text, ScalarStyle::Plain, ..) => scalar::other_key(text),
                _ => None,
            };
            let key = self.key(event, &span)?;
            let at = self.mark(&span.start);
            if let Some(first) = seen.insert(key.clone(), at.line) {
                return self.fail(&span, format!("key {key:?} is here twice, first in line {first}"));
            }
            let Some((event, span)) = self.next()? else {
                return self.fail(&span, format!("key {key:?} has no value"));
            };
            let value = self.value(event, &span, depth)?;
            entries.push(Entry {
                key,
                at,
                doubt,
                value,
            });
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
            // Without the value: it might be a password.
            format!("the value is not what its tag {} says", tag.original()),
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
