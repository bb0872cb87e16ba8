//! Netfilter rules of snapshots of version 1: words and text of each rule, and nothing of what it means.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::parse::iptables::rule_of_save;
use crate::state::netfilter::{Base, Chain, Counters, Dialect, Family, Policy, Rule, Statement, Table};

#[derive(Deserialize)]
struct OldTable {
    name: String,
    chains: Vec<OldChain>,
}

#[derive(Deserialize)]
struct OldChain {
    name: String,
    #[serde(default)]
    policy: Option<String>,
    rules: Vec<OldRule>,
}

#[derive(Deserialize)]
struct OldRule {
    text: String,
    #[serde(default)]
    packets: Option<u64>,
    line: u32,
}

/// Puts the tables of one ruleset into today's form. What isn't of the old form stays, and is refused later.
pub(super) fn ruleset(ruleset: &mut Map<String, Value>) {
    let dialect = ruleset
        .get("dialect")
        .and_then(|value| Dialect::deserialize(value).ok());
    let old = ruleset
        .get("tables")
        .and_then(|value| Vec::<OldTable>::deserialize(value).ok());
    let (Some(dialect), Some(old)) = (dialect, old) else {
        return;
    };
    let tables: Vec<Table> = old.into_iter().map(|old| table(old, dialect.family())).collect();
    if let Ok(tables) = serde_json::to_value(tables) {
        ruleset.insert("tables".to_owned(), tables);
    }
}

fn table(old: OldTable, family: Family) -> Table {
    let names: HashSet<String> = old.chains.iter().map(|chain| chain.name.clone()).collect();
    let chains = old.chains.into_iter().map(|chain| {
        let policy = chain.policy.map(|policy| match policy.as_str() {
            "DROP" => Policy::Drop,
            _ => Policy::Accept,
        });
        let rules = chain.rules.into_iter();
        Chain {
            base: policy.and_then(|policy| Base::of_iptables(&old.name, &chain.name, policy)),
            name: chain.name.into(),
            rules: rules.map(|rule| self::rule(rule, family, &names)).collect(),
        }
    });
    Table {
        family,
        chains: chains.collect(),
        name: old.name.as_str().into(),
        ..Table::default()
    }
}

fn rule(old: OldRule, family: Family, chains: &HashSet<String>) -> Rule {
    let statements = rule_of_save(&old.text, family == Family::Ip6, |name| chains.contains(name));
    Rule {
        statements: statements.unwrap_or_else(|| {
            vec![Statement::Unknown {
                text: old.text.as_str().into(),
                acts: true,
            }]
        }),
        text: old.text.into(),
        line: old.line,
        handle: None,
        // Bytes were not kept.
        counters: old.packets.map(|packets| Counters { packets, bytes: 0 }),
    }
}
