//! Calico's label selectors (libcalico-go `lib/selector`): `has(rack) && zone in {"a", "b"}`.
//!
//! `||` binds least, then `&&`, then `!`. An empty selector selects all.

mod parse;

use std::fmt;

/// What a selector asks of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    All,
    /// `global()`: what belongs to no namespace. It selects as `all()` does among such things.
    Global,
    Has(String),
    /// `label == "value"` and its like.
    Label {
        label: String,
        op: Op,
        value: String,
    },
    /// `label in {…}`, or `not in`; the values sorted, each once.
    In {
        label: String,
        negated: bool,
        values: Vec<String>,
    },
    Not(Box<Selector>),
    And(Vec<Selector>),
    Or(Vec<Selector>),
}

/// How a label's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Equal,
    /// True as well when there is no such label.
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
}

impl Op {
    const fn text(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Contains => "contains",
            Self::StartsWith => "starts with",
            Self::EndsWith => "ends with",
        }
    }
}

/// Why a text is no selector, and where: bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} at character {}", at + 1)]
pub struct SelectorError {
    pub at: usize,
    pub why: String,
}

impl Selector {
    /// Whether these labels are selected.
    pub fn matches(&self, labels: &[(String, String)]) -> bool {
        let find = |name: &str| {
            let found = labels.iter().find(|(label, _)| label == name);
            found.map(|(_, value)| value.as_str())
        };
        match self {
            Self::All | Self::Global => true,
            Self::Has(label) => find(label).is_some(),
            Self::Label { label, op, value } => match (find(label), op) {
                (None, op) => *op == Op::NotEqual,
                (Some(found), Op::Equal) => found == value,
                (Some(found), Op::NotEqual) => found != value,
                (Some(found), Op::Contains) => found.contains(value),
                (Some(found), Op::StartsWith) => found.starts_with(value),
                (Some(found), Op::EndsWith) => found.ends_with(value),
            },
            Self::In {
                label,
                negated,
                values,
            } => find(label).is_some_and(|found| values.iter().any(|value| value == found)) != *negated,
            Self::Not(operand) => !operand.matches(labels),
            Self::And(operands) => operands.iter().all(|operand| operand.matches(labels)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches(labels)),
        }
    }
}

impl std::str::FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        parse::selector(text)
    }
}

/// The canonical form, as Calico hashes it: one blank around operators, `"` unless the value has one.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, operands: &[Self], op: &str| {
            for (index, operand) in operands.iter().enumerate() {
                write!(f, "{}{operand}", if index == 0 { "(" } else { op })?;
            }
            f.write_str(")")
        };
        match self {
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Has(label) => write!(f, "has({label})"),
            Self::Label { label, op, value } => write!(f, "{label} {} {}", op.text(), Quoted(value)),
            Self::In {
                label,
                negated,
                values,
            } => {
                write!(f, "{label} {} {{", if *negated { "not in" } else { "in" })?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{}", if index == 0 { "" } else { ", " }, Quoted(value))?;
                }
                f.write_str("}")
            }
            Self::Not(operand) => write!(f, "!{operand}"),
            Self::And(operands) => joined(f, operands, " && "),
            Self::Or(operands) => joined(f, operands, " || "),
        }
    }
}

struct Quoted<'v>(&'v str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains('"') { '\'' } else { '"' };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

#[cfg(test)]
mod tests;
