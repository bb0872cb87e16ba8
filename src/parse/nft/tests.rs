use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::state::netfilter::{Dir, Key, Match, Op, Verdict};

fn one(expr: &serde_json::Value) -> Rule {
    let root = json!({"nftables": [
        {"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "inet", "name": "t"}},
        {"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": -10, "policy": "drop"}},
        {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": 7, "comment": "why", "expr": expr}},
    ]});
    let ruleset = ruleset(&root.to_string()).unwrap();
    let base = ruleset.tables[0].chains[0].base.as_ref().unwrap();
    assert_eq!(
        (base.hook, base.priority, base.policy),
        (Hook::Input, -10, Policy::Drop)
    );
    ruleset.tables[0].chains[0].rules[0].clone()
}

#[test]
fn a_rule_has_its_meaning_text_handle_and_counters() {
    let rule = one(&json!([
        {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [179, {"range": [1, 9]}]}}},
        {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}},
        {"counter": {"packets": 3, "bytes": 180}},
        {"jump": {"target": "other"}}
    ]));
    assert_eq!(
        &*rule.text,
        "tcp dport { 179, 1-9 } ct state established,related counter packets 3 bytes 180 jump other comment \"why\""
    );
    assert_eq!((rule.handle, rule.counters.unwrap().bytes), (Some(7), 180));
    assert!(rule.is_understood());
    let dport = Key::Port {
        dir: Dir::Dst,
        proto: Some(6),
    };
    assert!(
        matches!(&rule.statements[1], Statement::Match(Match { key: Expr::Key(key), .. }) if *key == dport)
    );
    assert!(matches!(
        &rule.statements[2],
        Statement::Match(Match {
            op: Op::AnyBit,
            value: Expr::Number(6),
            ..
        })
    ));
    assert_eq!(
        rule.statements[4],
        Statement::Verdict(Verdict::Jump("other".into()))
    );
}

#[test]
fn what_is_not_understood_stays_in_its_place() {
    let rule = one(&json!([
        {"xt": {"type": "match", "name": "u32"}},
        {"new thing": {"a": 1}},
        {"match": {"op": "==", "left": {"osf": {"key": "name"}}, "right": "Linux"}},
        {"drop": null}
    ]));
    let unknown = |text: &str, acts| Statement::Unknown {
        text: text.into(),
        acts,
    };
    assert_eq!(rule.statements[1], unknown("xt match \"u32\"", false));
    assert_eq!(rule.statements[2], unknown("new thing {\"a\":1}", true));
    assert!(!rule.statements[3].is_understood());
}

#[test]
fn an_error_names_the_place() {
    for (json, why) in [
        ("{}", "no array \"nftables\""),
        (r#"{"nftables": [1]}"#, "nftables[0]: not an object"),
        (
            r#"{"nftables": [{"metainfo": {}}, {"table": {"family": "ip"}}]}"#,
            "nftables[1].table: no name",
        ),
        (
            r#"{"nftables": [{"chain": {"family": "ip", "table": "t", "name": "c"}}]}"#,
            "nftables[0].chain: no table ip t before it",
        ),
    ] {
        assert_eq!(ruleset(json).unwrap_err(), why);
    }
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(words in proptest::collection::vec("(\\{\"(match|set|map|vmap|concat|elem|op|left|right|prefix|addr|len|meta|key|ct|\\||&)\":|\\}|\\[|\\]|,|\"@x\"|\"tcp\"|1|null|\"==\"|\\{)", 0..30)) {
        let inner = words.concat();
        let _ = ruleset(&format!("{{\"nftables\": [{{\"table\": {{\"family\": \"ip\", \"name\": \"t\"}}}}, {inner}]}}"));
        if let Ok(value) = serde_json::from_str(&inner) {
            let _ = statement::statement(&value);
            let _ = text::statement(&value);
        }
    }
}

#[test]
fn links_of_chains_are_read_from_the_text() {
    let text = "table netdev t {\n\tchain in {\n\t\ttype filter hook ingress device \"v0\" priority filter; policy accept;\n\
                \t\tether type ip drop\n\t}\n\n\tchain two {\n\
                \t\ttype filter hook egress devices = { v0, \"v1\" } priority filter + 5; policy accept;\n\t}\n\n\
                \tchain none {\n\t\ttype filter hook ingress priority filter; policy accept;\n\t}\n\n\tchain plain {\n\t}\n}\n";
    let found = devices(text);
    let found: Vec<(&str, String)> = found
        .iter()
        .map(|(name, links)| (name.as_str(), links.join(" ")))
        .collect();
    assert_eq!(
        found,
        [
            ("in", "v0".to_owned()),
            ("two", "v0 v1".to_owned()),
            ("none", String::new())
        ]
    );
}
