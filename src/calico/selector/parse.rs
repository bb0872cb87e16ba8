//! The grammar (libcalico-go `lib/selector/tokenizer`, `lib/selector/parser`).

use super::{Op, Selector, SelectorError};

/// Bytes of a label's name at most.
const MAX_LABEL: usize = 512;
/// Levels of parentheses at most: deeper ones are nobody's selector, and would use up the stack.
const MAX_DEPTH: usize = 100;

pub(super) fn selector(text: &str) -> Result<Selector, SelectorError> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    reader.blanks();
    if reader.rest().is_empty() {
        return Ok(Selector::All);
    }
    let selector = reader.or()?;
    match reader.rest() {
        "" => Ok(selector),
        rest if rest.starts_with('=') && !rest.starts_with("==") => reader.fail("expected =="),
        _ => reader.fail("expected && or || or the end"),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail<T>(&self, why: impl Into<String>) -> Result<T, SelectorError> {
        Err(SelectorError {
            at: self.at,
            why: why.into(),
        })
    }

    /// Blanks and tabs only: a selector is one line.
    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Takes this if it comes next, and the blanks after it.
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.blanks();
        }
        found
    }

    fn or(&mut self) -> Result<Selector, SelectorError> {
        self.chain("||", Self::and, Selector::Or)
    }

    fn and(&mut self) -> Result<Selector, SelectorError> {
        self.chain("&&", Self::operation, Selector::And)
    }

    fn chain(
        &mut self,
        op: &str,
        operand: fn(&mut Self) -> Result<Selector, SelectorError>,
        join: fn(Vec<Selector>) -> Selector,
    ) -> Result<Selector, SelectorError> {
        let first = operand(self)?;
        let mut operands = vec![first];
        while self.take(op) {
            operands.push(operand(self)?);
        }
        match operands.len() {
            1 => Ok(operands.remove(0)),
            _ => Ok(join(operands)),
        }
    }

    /// One comparison, call or parenthesis, with any number of `!` before it.
    fn operation(&mut self) -> Result<Selector, SelectorError> {
        let mut negated = false;
        while !self.rest().starts_with("!=") && self.take("!") {
            negated = !negated;
        }
        let operand = self.positive()?;
        Ok(if negated {
            Selector::Not(Box::new(operand))
        } else {
            operand
        })
    }

    fn positive(&mut self) -> Result<Selector, SelectorError> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return self.fail(format!("more than {MAX_DEPTH} parentheses in each other"));
            }
            let inner = self.or()?;
            self.depth -= 1;
            self.close()?;
            return Ok(inner);
        }
        if self.take("has(") {
            let label = self.identifier()?;
            self.blanks();
            self.close()?;
            return Ok(Selector::Has(label));
        }
        for (call, selector) in [("all(", Selector::All), ("global(", Selector::Global)] {
            if self.take(call) {
                self.close()?;
                return Ok(selector);
            }
        }
        let label = self.identifier()?;
        self.blanks();
        self.comparison(label)
    }

    fn close(&mut self) -> Result<(), SelectorError> {
        if self.take(")") {
            return Ok(());
        }
        self.fail("expected )")
    }

    fn comparison(&mut self, label: String) -> Result<Selector, SelectorError> {
        let op = if self.take("==") {
            Op::Equal
        } else if self.take("!=") {
            Op::NotEqual
        } else if self.words(&["contains"]) {
            Op::Contains
        } else if self.words(&["starts", "with"]) {
            Op::StartsWith
        } else if self.words(&["ends", "with"]) {
            Op::EndsWith
        } else if self.words(&["not", "in"]) {
            return self.set(label, true);
        } else if self.words(&["in"]) {
            return self.set(label, false);
        } else if self.rest().starts_with('=') {
            return self.fail("expected ==");
        } else {
            return self.fail(format!(
                "expected an operator (==, !=, in, not in, contains, starts with, ends with) after label {label}"
            ));
        };
        let value = self.text()?;
        Ok(Selector::Label { label, op, value })
    }

    /// An operator of words; there may be no blank between them, but there is no letter after the last.
    fn words(&mut self, words: &[&str]) -> bool {
        let mut rest = self.rest();
        for word in words {
            let Some(after) = rest.strip_prefix(word) else {
                return false;
            };
            rest = after.trim_start_matches([' ', '\t']);
            let last = words.last() == Some(word);
            if last && rest.len() == after.len() && after.starts_with(is_identifier) {
                return false;
            }
            // With a blank before it, Calico still takes what follows for a part of the word.
            if last && words.len() > 1 && rest.starts_with(is_identifier) {
                return false;
            }
        }
        self.at = self.text.len() - rest.len();
        true
    }

    fn set(&mut self, label: String, negated: bool) -> Result<Selector, SelectorError> {
        if !self.take("{") {
            return self.fail("expected a set, such as {\"a\", \"b\"}");
        }
        let mut values = Vec::new();
        while self.rest().starts_with(['"', '\'']) {
            values.push(self.text()?);
            if !self.take(",") {
                break;
            }
        }
        if !self.take("}") {
            return self.fail("expected }");
        }
        values.sort_unstable();
        values.dedup();
        Ok(Selector::In {
            label,
            negated,
            values,
        })
    }

    /// A text in one of the two quotes; there are no escapes.
    fn text(&mut self) -> Result<String, SelectorError> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
            return self.fail("expected a text in quotes");
        };
        let Some(end) = rest[1..].find(quote) else {
            return self.fail("this text has no closing quote");
        };
        let value = rest[1..=end].to_owned();
        self.at += end + 2;
        self.blanks();
        Ok(value)
    }

    fn identifier(&mut self) -> Result<String, SelectorError> {
        let rest = self.rest();
        let length = rest
            .find(|character| !is_identifier(character))
            .unwrap_or(rest.len());
        match length {
            0 => self.fail("expected a label, has(), all(), global() or ("),
            _ if length > MAX_LABEL => self.fail(format!("a label of more than {MAX_LABEL} characters")),
            _ => {
                self.at += length;
                Ok(rest[..length].to_owned())
            }
        }
    }
}

fn is_identifier(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_./-".contains(character)
}
