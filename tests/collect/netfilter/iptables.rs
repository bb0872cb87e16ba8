//! iptables and ip6tables, legacy and nft.

use std::collections::BTreeMap;

use netdiag::collect;
use netdiag::parse::iptables::iptables_save;
use netdiag::state::netfilter::{Dialect, Ruleset};
use netdiag_lab::{Random, in_netns, or_skip};

use super::{back, rules, run, seeds};

/// Seeds that failed once.
const REGRESSIONS: [u64; 0] = [];

const SETS: &str = "create one hash:ip\ncreate two hash:ip,port\ncreate six hash:ip,port family inet6\n\
    create six1 hash:ip family inet6\n";

const TABLES: [(&str, &[&str]); 4] = [
    ("filter", &["INPUT", "FORWARD", "OUTPUT", "own-a", "own-b"]),
    ("nat", &["PREROUTING", "OUTPUT", "POSTROUTING", "own-a"]),
    ("mangle", &["PREROUTING", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("raw", &["PREROUTING", "OUTPUT"]),
];

/// A ruleset of one random table, with counters: what comes before the rules, and the rules.
fn ruleset(random: &mut Random, v6: bool) -> (String, Vec<String>) {
    let (table, chains) = *random.pick(&TABLES);
    let mut rules = Vec::new();
    for _ in 0..4 + random.below(12) {
        let chain = *random.pick(chains);
        // What other chains jump to has nothing that only one hook allows.
        let place = if chain.starts_with("own") { "own" } else { chain };
        let rule = rules::rule(random, table, place, v6);
        // A loop is refused.
        if chain.starts_with("own") && (rule.contains("own-a") || rule.contains("own-b")) {
            continue;
        }
        rules.push(format!(
            "[{}:{}] -A {chain} {rule}\n",
            random.below(1 << 40),
            random.below(1 << 50)
        ));
    }
    (format!("*{table}\n:own-a - [0:0]\n:own-b - [0:0]\n"), rules)
}

/// Applies a ruleset. Of one that the kernel refuses, the rules that it takes one by one.
fn apply(command: &str, head: &str, rules: &[String]) -> Result<(), String> {
    let restore = format!("{command}-restore");
    let apply = |rules: &[String]| {
        let input = format!("{head}{}COMMIT\n", rules.concat());
        run(&[&restore, "-c"], &input).map_err(|error| format!("{error}\n{input}"))
    };
    if apply(rules).is_ok() {
        return Ok(());
    }
    let taken: Vec<String> = rules
        .iter()
        .filter(|rule| apply(std::slice::from_ref(rule)).is_ok())
        .cloned()
        .collect();
    // Else the generator is wrong.
    assert!(taken.len() * 2 > rules.len(), "{rules:?}");
    apply(&taken).map(|_| ())
}

/// Rules by table, in the tool's own text: counters and `-A …`.
fn expected(save: &str) -> Vec<String> {
    let rules = save
        .lines()
        .filter(|line| line.starts_with('[') || line.starts_with("-A"));
    rules.map(ToOwned::to_owned).collect()
}

/// The same of the model: its own text, and what its statements say.
fn seen(ruleset: &Ruleset) -> (Vec<String>, Vec<String>) {
    let mut texts = BTreeMap::new();
    let mut rendered = BTreeMap::new();
    for table in &ruleset.tables {
        for chain in &table.chains {
            for rule in &chain.rules {
                let counters = rule.counters.unwrap();
                let counters = format!("[{}:{}]", counters.packets, counters.bytes);
                texts.insert(rule.line, format!("{counters} {}", rule.text));
                let words = back::words(rule);
                rendered.insert(
                    rule.line,
                    format!("{counters} -A {} {words}", chain.name)
                        .trim_end()
                        .to_owned(),
                );
            }
        }
    }
    (texts.into_values().collect(), rendered.into_values().collect())
}

/// One case: apply, save, read, compare. The number of rules of the case.
fn case(seed: u64, dialect: Dialect) -> Result<usize, String> {
    let command = dialect.command();
    let mut random = Random::new(seed);
    let (head, rules) = ruleset(&mut random, dialect.command().starts_with("ip6"));
    apply(command, &head, &rules)?;
    let save = run(&[&format!("{command}-save"), "-c"], "")?;
    let ruleset = iptables_save(&save, dialect).map_err(|error| error.to_string())?;
    let expected = expected(&save);
    let (texts, rendered) = seen(&ruleset);
    for (what, seen) in [("text", texts), ("meaning", rendered)] {
        if seen.len() != expected.len() {
            return Err(format!("{} rules of {}", seen.len(), expected.len()));
        }
        // Blanks between words are the tool's business.
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((seen, expected)) = seen
            .iter()
            .zip(&expected)
            .find(|(seen, expected)| plain(seen) != plain(expected))
        {
            return Err(format!("{what}:\n  tool    {expected}\n  netdiag {seen}"));
        }
    }
    for rule in ruleset
        .tables
        .iter()
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules)
    {
        let may = ["u32"]
            .iter()
            .any(|name| rule.text.contains(&format!("-m {name}")));
        if !rule.is_understood() && !may {
            return Err(format!("not understood: {}", rule.text));
        }
    }
    let json = serde_json::to_string(&ruleset).unwrap();
    if serde_json::from_str::<Ruleset>(&json).unwrap() != ruleset {
        return Err("it changes in a snapshot".to_owned());
    }
    Ok(expected.len())
}

fn oracle(dialect: Dialect) {
    let rules = or_skip(in_netns(move || {
        run(&["ipset", "restore"], SETS).unwrap();
        let mut rules = 0;
        for seed in seeds(&REGRESSIONS, 250) {
            match case(seed, dialect) {
                Ok(number) => rules += number,
                Err(error) => panic!("{}, NETFILTER_SEED={seed}: {error}", dialect.command()),
            }
        }
        // What is collected is the same.
        let save = run(&[&format!("{}-save", dialect.command()), "-c"], "").unwrap();
        let collected = collect::netfilter::rulesets();
        let own = collected
            .known()
            .unwrap()
            .iter()
            .find(|ruleset| ruleset.dialect == dialect);
        assert_eq!(own, Some(&iptables_save(&save, dialect).unwrap()));
        rules
    }));
    if let Some(rules) = rules {
        assert!(rules > 0);
    }
}

#[test]
fn legacy_iptables_comes_back_word_for_word() {
    oracle(Dialect::IptablesLegacy);
}

#[test]
fn nft_iptables_comes_back_word_for_word() {
    oracle(Dialect::IptablesNft);
}

#[test]
fn legacy_ip6tables_comes_back_word_for_word() {
    oracle(Dialect::Ip6tablesLegacy);
}

#[test]
fn nft_ip6tables_comes_back_word_for_word() {
    oracle(Dialect::Ip6tablesNft);
}
