//! The words of a rule, and how they are taken.

use std::borrow::Cow;

/// One word: where it stands in the text, and its value without quotes.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    pub(super) value: Cow<'a, str>,
    /// It had quotes, so it is no option.
    quoted: bool,
    start: usize,
    end: usize,
}

impl Word<'_> {
    /// `-m`, `--dport`: but not a quoted one, nor a negative number.
    pub(super) fn is_option(&self) -> bool {
        !self.quoted
            && self.value.starts_with('-')
            && self
                .value
                .chars()
                .nth(1)
                .is_some_and(|c| c == '-' || c.is_ascii_alphabetic())
    }

    pub(super) fn is_not(&self) -> bool {
        !self.quoted && self.value == "!"
    }
}

/// Splits at blanks, honouring double quotes and backslashes in them; none when a quote stays open.
pub(super) fn split<'a>(text: &'a str, words: &mut Vec<Word<'a>>) -> Option<()> {
    words.clear();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes.get(at)?.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && !bytes.get(at)?.is_ascii_whitespace() && *bytes.get(at)? != b'"' {
            at += 1;
        }
        if at == bytes.len() || *bytes.get(at)? != b'"' {
            words.push(Word {
                value: Cow::Borrowed(text.get(start..at)?),
                quoted: false,
                start,
                end: at,
            });
            continue;
        }
        let (value, length) = quoted(text.get(start..)?)?;
        at = start + length;
        words.push(Word {
            value,
            quoted: true,
            start,
            end: at,
        });
    }
    Some(())
}

/// A word with quotes somewhere in it, and its length in the text.
fn quoted(text: &str) -> Option<(Cow<'_, str>, usize)> {
    // The usual form is borrowed: "a b" without backslashes.
    if let Some(inner) = text.strip_prefix('"')
        && let Some(end) = inner.find(['"', '\\'])
        && inner.as_bytes().get(end) == Some(&b'"')
        && inner.as_bytes().get(end + 1).is_none_or(u8::is_ascii_whitespace)
    {
        return Some((Cow::Borrowed(inner.get(..end)?), end + 2));
    }
    let mut value = String::new();
    let mut open = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => open = !open,
            '\\' if open => value.push(chars.next()?.1),
            c if c.is_ascii_whitespace() && !open => return Some((Cow::Owned(value), at)),
            c => value.push(c),
        }
    }
    (!open).then_some((Cow::Owned(value), text.len()))
}

/// Words that are taken from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'w, 'a> {
    pub(super) text: &'a str,
    pub(super) words: &'w [Word<'a>],
}

/// An option, whether `!` stood before it, and where it begins.
pub(super) struct Opt<'w> {
    pub(super) name: &'w str,
    pub(super) negated: bool,
    start: usize,
}

impl<'w, 'a> Words<'w, 'a> {
    /// The next option with its `!`; skips what is none.
    pub(super) fn option(&mut self) -> Option<Opt<'w>> {
        let mut negated = false;
        let mut start = None;
        loop {
            let word = self.words.first()?;
            self.words = self.words.get(1..)?;
            let begin = *start.get_or_insert(word.start);
            if word.is_not() {
                negated = true;
            } else {
                return Some(Opt {
                    name: &word.value,
                    negated,
                    start: begin,
                });
            }
        }
    }

    /// The option's next value. Old releases put the `!` before it.
    pub(super) fn value(&mut self, option: &mut Opt<'_>) -> Option<&'w str> {
        let mut word = self.words.first()?;
        if word.is_not() && self.words.get(1).is_some_and(|next| !next.is_option()) {
            option.negated = true;
            self.words = self.words.get(1..)?;
            word = self.words.first()?;
        }
        if word.is_option() {
            return None;
        }
        self.words = self.words.get(1..)?;
        Some(&word.value)
    }

    /// The text from an option to the next one, which is taken.
    pub(super) fn skip(&mut self, option: &Opt<'_>) -> &'a str {
        let mut end = option.start + if option.negated { 2 } else { 0 } + option.name.len();
        while let Some(word) = self.words.first() {
            let next_is_option = self.words.get(1).is_some_and(Word::is_option);
            if word.is_option() || (word.is_not() && next_is_option) {
                break;
            }
            end = word.end;
            self.words = self.words.get(1..).unwrap_or_default();
        }
        self.text.get(option.start..end).unwrap_or_default()
    }

    /// All that is left, as one text.
    pub(super) fn rest(&self) -> &'a str {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => self.text.get(first.start..last.end).unwrap_or_default(),
            _ => "",
        }
    }
}
