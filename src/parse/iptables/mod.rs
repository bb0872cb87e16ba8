//! iptables-save(8) and ip6tables-save(8), of every back end and age.

mod matches;
mod rule;
mod targets;
#[cfg(test)]
mod tests;
mod values;
mod words;

use std::collections::HashMap;

use super::{ParseError, excerpt};
use crate::state::netfilter::{Base, Chain, Counters, Dialect, Policy, Rule, Ruleset, Table};

/// Reads the output of `iptables-save` (with or without `-c`).
///
/// # Errors
/// Names the first line that is none of comment, `*table`, `:chain`, rule or `COMMIT`.
pub fn iptables_save(text: &str, dialect: Dialect) -> Result<Ruleset, ParseError> {
    let mut reader = Reader {
        dialect,
        tables: Vec::new(),
        chains: HashMap::new(),
    };
    for (index, line) in text.lines().enumerate() {
        reader.line(line.trim(), index + 1)?;
    }
    Ok(Ruleset {
        dialect,
        tables: reader.tables,
    })
}

struct Reader<'a> {
    dialect: Dialect,
    tables: Vec<Table>,
    /// The chains of the last table, by name.
    chains: HashMap<&'a str, usize>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str, number: usize) -> Result<(), ParseError> {
        if line.is_empty() || line.starts_with('#') || line == "COMMIT" {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix('*') {
            self.chains.clear();
            self.tables.push(Table {
                family: self.dialect.family(),
                name: name.into(),
                ..Table::default()
            });
            return Ok(());
        }
        let Some(table) = self.tables.last_mut() else {
            return Err(ParseError::new(
                number,
                format!("before any *table: {:?}", excerpt(line)),
            ));
        };
        if let Some(rest) = line.strip_prefix(':') {
            let chain = chain(&table.name, rest)
                .ok_or_else(|| ParseError::new(number, format!("not a chain: {:?}", excerpt(rest))))?;
            let name = rest.split_whitespace().next().unwrap_or_default();
            self.chains.entry(name).or_insert(table.chains.len());
            table.chains.push(chain);
            return Ok(());
        }
        self.rule(line, number)
            .ok_or_else(|| ParseError::new(number, format!("not a rule: {:?}", excerpt(line))))
    }

    /// `[12:720] -A INPUT -p tcp -m tcp --dport 179 -j DROP`
    fn rule(&mut self, line: &'a str, number: usize) -> Option<()> {
        let (counters, text) = match line.strip_prefix('[') {
            Some(rest) => {
                let (counters, text) = rest.split_once(']')?;
                (self::counters(counters), text.trim())
            }
            None => (None, line),
        };
        let rest = text
            .strip_prefix("-A")
            .filter(|rest| rest.starts_with(char::is_whitespace))?;
        let rest = rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        let v6 = self.dialect.family() == crate::state::netfilter::Family::Ip6;
        let statements = rule::statements(rest, v6, |chain| self.chains.contains_key(chain))?;
        let rule = Rule {
            text: text.into(),
            line: u32::try_from(number).unwrap_or(u32::MAX),
            handle: None,
            counters,
            statements,
        };
        let table = self.tables.last_mut()?;
        // Restore files may leave built-in chains undeclared.
        let index = *self.chains.entry(name).or_insert_with(|| {
            table.chains.push(Chain {
                name: name.into(),
                base: Base::of_iptables(&table.name, name, Policy::Accept),
                rules: Vec::new(),
            });
            table.chains.len() - 1
        });
        table.chains.get_mut(index)?.rules.push(rule);
        Some(())
    }
}

/// `INPUT ACCEPT [0:0]`, `cali-INPUT - [0:0]`
fn chain(table: &str, line: &str) -> Option<Chain> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let policy = match words.next()? {
        "-" => None,
        "DROP" => Some(Policy::Drop),
        _ => Some(Policy::Accept),
    };
    let seen = words
        .next()
        .and_then(|word| counters(word.strip_prefix('[')?.strip_suffix(']')?));
    let base = policy.and_then(|policy| Base::of_iptables(table, name, policy));
    Some(Chain {
        name: name.into(),
        base: base.map(|base| Base {
            counters: seen,
            ..base
        }),
        rules: Vec::new(),
    })
}

/// `12:720`
fn counters(text: &str) -> Option<Counters> {
    let (packets, bytes) = text.split_once(':')?;
    Some(Counters {
        packets: packets.parse().ok()?,
        bytes: bytes.parse().ok()?,
    })
}

/// The statements of one rule as it stands in a save: what a version 1 snapshot kept. `is_chain` tells whether a target
/// is a chain of the table.
pub(super) fn rule_of_save(
    text: &str,
    v6: bool,
    is_chain: impl Fn(&str) -> bool,
) -> Option<Vec<crate::state::netfilter::Statement>> {
    let rest = text.trim().strip_prefix("-A")?.trim_start();
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    rule::statements(rest.get(end..)?, v6, is_chain)
}
