//! iptables-save(8), of every back end.

use super::{ParseError, excerpt};
use crate::state::netfilter::{Chain, Dialect, Rule, Ruleset, Table};

/// Reads the output of `iptables-save` (with or without `-c`).
///
/// # Errors
/// Names the first line that is none of comment, `*table`, `:chain`, rule or `COMMIT`.
pub fn iptables_save(text: &str, dialect: Dialect) -> Result<Ruleset, ParseError> {
    let mut tables: Vec<Table> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line == "COMMIT" {
            continue;
        }
        if let Some(name) = line.strip_prefix('*') {
            tables.push(Table {
                name: name.to_owned(),
                chains: Vec::new(),
            });
            continue;
        }
        let Some(table) = tables.last_mut() else {
            return Err(ParseError::new(
                number,
                format!("before any *table: {:?}", excerpt(line)),
            ));
        };
        if let Some(chain) = line.strip_prefix(':') {
            table.chains.push(chain_line(chain, number)?);
        } else {
            rule_line(table, line, number)?;
        }
    }
    Ok(Ruleset { dialect, tables })
}

/// `INPUT ACCEPT [0:0]`, `cali-INPUT - [0:0]`
fn chain_line(line: &str, number: usize) -> Result<Chain, ParseError> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (Some(name), Some(policy)) => Ok(Chain {
            name: name.to_owned(),
            policy: (policy != "-").then(|| policy.to_owned()),
            rules: Vec::new(),
        }),
        _ => Err(ParseError::new(
            number,
            format!("not a chain: {:?}", excerpt(line)),
        )),
    }
}

/// `[12:720] -A INPUT -p tcp -m tcp --dport 179 -j DROP`
fn rule_line(table: &mut Table, line: &str, number: usize) -> Result<(), ParseError> {
    let bad = || ParseError::new(number, format!("not a rule: {:?}", excerpt(line)));
    let (packets, text) = match line.strip_prefix('[') {
        Some(rest) => {
            let (counters, text) = rest.split_once(']').ok_or_else(bad)?;
            let packets = counters
                .split(':')
                .next()
                .and_then(|packets| packets.parse().ok());
            (packets, text.trim())
        }
        None => (None, line),
    };
    let mut words = words(text).ok_or_else(bad)?.into_iter();
    if words.next().as_deref() != Some("-A") {
        return Err(bad());
    }
    let name = words.next().ok_or_else(bad)?;
    let rule = Rule {
        words: words.collect(),
        text: text.to_owned(),
        packets,
        line: number,
    };
    match table.chains.iter_mut().find(|chain| chain.name == name) {
        Some(chain) => chain.rules.push(rule),
        // Restore files may leave built-in chains undeclared.
        None => table.chains.push(Chain {
            name,
            policy: None,
            rules: vec![rule],
        }),
    }
    Ok(())
}

/// Splits at blanks, honouring double quotes and backslashes; none when a quote stays open.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().push(chars.next()?),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chains_rules_counters_and_quoted_words_are_read() {
        let text = "# Generated\n*filter\n:INPUT ACCEPT [7:420]\n:cali-x - [0:0]\n\
            [3:180] -A INPUT -p tcp -m tcp --dport 179 -m comment --comment \"no \\\"BGP\\\" here\" -j DROP\n\
            -A cali-x -j RETURN\nCOMMIT\n";
        let ruleset = iptables_save(text, Dialect::IptablesNft).unwrap();
        let input = ruleset.tables[0].chain("INPUT").unwrap();
        assert_eq!(input.policy.as_deref(), Some("ACCEPT"));
        let rule = &input.rules[0];
        assert_eq!((rule.packets, rule.line), (Some(3), 5));
        assert_eq!(rule.words[8], "--comment");
        assert_eq!(rule.words[9], "no \"BGP\" here");
        assert_eq!(ruleset.tables[0].chain("cali-x").unwrap().policy, None);
    }

    #[test]
    fn a_foreign_line_is_an_error_with_its_number() {
        let error = iptables_save("*filter\nhello\n", Dialect::IptablesNft).unwrap_err();
        assert_eq!(error, ParseError::new(2, "not a rule: \"hello\""));
        assert!(iptables_save(":INPUT ACCEPT\n", Dialect::IptablesNft).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", lines in "(\\*filter\n|:[A-Z ]{0,8}\n|\\[|\\]|-A |\"|\\\\|[a-z0-9 :\n-]){0,40}") {
            let _ = iptables_save(&text, Dialect::IptablesNft);
            let _ = iptables_save(&lines, Dialect::IptablesNft);
        }
    }
}
