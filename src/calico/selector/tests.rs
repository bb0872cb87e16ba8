use super::*;
use proptest::prelude::*;

type Labels<'a> = &'a [(&'a str, &'a str)];

fn read(text: &str) -> Selector {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn selects(text: &str, labels: Labels<'_>) -> bool {
    let owned: Vec<_> = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let selector = read(text);
    let canonical = read(&selector.to_string());
    assert_eq!(canonical, selector, "{text}");
    selector.matches(&owned)
}

/// Facts of Calico's own tables (libcalico-go `lib/selector/parser/parser_test.go`).
#[test]
fn labels_are_selected_as_calico_selects_them() {
    let cases: &[(&str, &[Labels<'_>], &[Labels<'_>])] = &[
        ("", &[&[], &[("a", "b")]], &[]),
        (" ", &[&[]], &[]),
        (" all()", &[&[], &[("a", "b")]], &[]),
        ("global( )", &[&[], &[("a", "b")]], &[]),
        (
            "a == 'b'",
            &[&[("a", "b")], &[("a", "b"), ("c", "d")]],
            &[&[], &[("a", "c")], &[("c", "d")]],
        ),
        ("a != 'b'", &[&[], &[("a", "a")]], &[&[("a", "b")]]),
        (
            r#"a == "b" && c == "d""#,
            &[&[("a", "b"), ("c", "d")]],
            &[&[], &[("a", "b"), ("c", "e")], &[("c", "d")], &[("a", "b")]],
        ),
        (
            r#"a == "b" || c == "d""#,
            &[&[("a", "b")], &[("c", "d")], &[("a", "b"), ("c", "d")]],
            &[&[], &[("a", "e"), ("c", "e")]],
        ),
        (
            r#"a in {"'", '"', "c"}"#,
            &[&[("a", "c")], &[("a", "\"")], &[("a", "'")]],
            &[&[], &[("a", "e")]],
        ),
        (
            r#"a not in {"'", '"', "c"}"#,
            &[&[], &[("a", "e")]],
            &[&[("a", "c")], &[("a", "\"")]],
        ),
        ("a in {}", &[], &[&[], &[("a", "")]]),
        ("a notin {'d',}", &[&[("a", "a")]], &[&[("a", "d")]]),
        ("!a in {'a'}", &[&[("a", "b")]], &[&[("a", "a")]]),
        (
            "a contains 'a'",
            &[&[("a", "bab")], &[("a", "aaa"), ("b", "c")]],
            &[&[], &[("a", "b")], &[("b", "aaa")]],
        ),
        ("a starts with 'a'", &[&[("a", "abb")]], &[&[], &[("a", "baa")]]),
        ("a ends with 'a'", &[&[("a", "bba")]], &[&[], &[("a", "aab")]]),
        ("has(b)", &[&[("b", "")]], &[&[("a", "b")]]),
        ("!! ! has( a )", &[&[("b", "b")]], &[&[("a", "b")]]),
        ("!!has(b)", &[&[("b", "b")]], &[&[("a", "b")]]),
        ("a != 'a1' && !b == 'b1'", &[&[]], &[&[("a", "a1"), ("b", "b1")]]),
        (
            "!(!has(a) || has(b))",
            &[&[("a", "a")]],
            &[&[], &[("a", "a"), ("b", "b")]],
        ),
        (
            "has(a) && has(b) || has(c)",
            &[&[("c", "")], &[("a", ""), ("b", "")]],
            &[&[("a", "")]],
        ),
        ("has(c) || has(a) && has(b)", &[&[("c", "")]], &[&[("a", "")]]),
        (
            "projectcalico.org/orchestrator == 'k8s'",
            &[&[("projectcalico.org/orchestrator", "k8s")]],
            &[&[]],
        ),
    ];
    for (text, yes, no) in cases {
        for labels in *yes {
            assert!(selects(text, labels), "{text} must select {labels:?}");
        }
        for labels in *no {
            assert!(!selects(text, labels), "{text} must not select {labels:?}");
        }
    }
}

#[test]
fn the_canonical_form_is_calicos() {
    for (text, canonical) in [
        ("", "all()"),
        (" (all() )", "all()"),
        ("! (has( b)||! has(a ))", "!(has(b) || !has(a))"),
        (r#"! (a == "b"&&! c != "d")"#, r#"!(a == "b" && !c != "d")"#),
        ("a == '\"'", "a == '\"'"),
        ("a contains \"'\"", "a contains \"'\""),
        ("a startswith '\"'", "a starts with '\"'"),
        ("a endswith \"'\"", "a ends with \"'\""),
        ("a!='\"'", "a != '\"'"),
        (
            r#"a in {"z", "z", "x", "y", "x", "a"}"#,
            r#"a in {"a", "x", "y", "z"}"#,
        ),
        ("!(k == 'v')", r#"!k == "v""#),
        (
            "!(!(k == 'v' && has(t) || all()) && (a in {'b', 'c'}))",
            r#"!(!((k == "v" && has(t)) || all()) && a in {"b", "c"})"#,
        ),
        ("!!a=='x'", r#"a == "x""#),
    ] {
        assert_eq!(read(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn what_is_no_selector_is_refused_with_its_place() {
    for text in [
        "b == b",
        "b contains b",
        "b starts with b",
        "b ends with b",
        "'b1' == b",
        "b",
        "a b",
        "!",
        "foo == \"bar\" &",
        "foo == \"bar\" |",
        "foo != ||",
        "foo in {\"\", ||",
        "foo in \"\"",
        "\"FOO",
        "\"FOO'",
        "'FOO",
        "(",
        "(a == \"foo\"",
        ")",
        "()",
        "%",
        "a == \"b\" && %",
        "a == \"b\" || %",
        "a ",
        "has(foo) &&",
        "a inb {'x'}",
        "a containsx 'x'",
        "all() all()",
        "has()",
        "ä == 'b'",
        "a ==\n'b'",
    ] {
        assert!(text.parse::<Selector>().is_err(), "{text}");
    }
    for (text, message) in [
        ("role = 'x'", "expected == at character 6"),
        ("role == x", "expected a text in quotes at character 9"),
        ("role == 'x", "this text has no closing quote at character 9"),
        (
            "role == 'x' & all()",
            "expected && or || or the end at character 13",
        ),
        ("has(role", "expected ) at character 9"),
    ] {
        assert_eq!(text.parse::<Selector>().unwrap_err().to_string(), message);
    }
    let deep = "(".repeat(100_000);
    assert!(deep.parse::<Selector>().is_err());
    let long = format!("has({})", "a".repeat(513));
    assert!(long.parse::<Selector>().is_err());
}

fn label() -> impl Strategy<Value = String> {
    "[a-c]".prop_map(|name| name)
}

fn any_selector() -> impl Strategy<Value = Selector> {
    let value = "[xy'\"]{0,2}".prop_filter("one kind of quote", |text| {
        !(text.contains('\'') && text.contains('"'))
    });
    let op = prop::sample::select(vec![
        Op::Equal,
        Op::NotEqual,
        Op::Contains,
        Op::StartsWith,
        Op::EndsWith,
    ]);
    let leaf = prop_oneof![
        Just(Selector::All),
        Just(Selector::Global),
        label().prop_map(Selector::Has),
        (label(), op, value.clone()).prop_map(|(label, op, value)| Selector::Label { label, op, value }),
        (label(), any::<bool>(), prop::collection::btree_set(value, 0..3)).prop_map(
            |(label, negated, values)| {
                Selector::In {
                    label,
                    negated,
                    values: values.into_iter().collect(),
                }
            }
        ),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let negatable = inner.clone().prop_filter("two negations are none", |operand| {
            !matches!(operand, Selector::Not(_))
        });
        prop_oneof![
            negatable.prop_map(|operand| Selector::Not(Box::new(operand))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Selector::And),
            prop::collection::vec(inner, 2..4).prop_map(Selector::Or),
        ]
    })
}

proptest! {
    #[test]
    fn every_selector_is_read_back_from_its_canonical_form(selector in any_selector()) {
        prop_assert_eq!(read(&selector.to_string()), selector);
    }

    #[test]
    fn any_text_is_a_selector_or_an_error(text in "\\PC{0,40}") {
        if let Ok(selector) = text.parse::<Selector>() {
            prop_assert_eq!(read(&selector.to_string()).to_string(), selector.to_string());
        }
    }

    #[test]
    fn a_negation_selects_all_others(
        selector in any_selector(), labels in prop::collection::btree_map("[a-c]", "[xy]{0,2}", 0..3)
    ) {
        let labels: Vec<_> = labels.into_iter().collect();
        let not = Selector::Not(Box::new(selector.clone()));
        prop_assert_ne!(not.matches(&labels), selector.matches(&labels));
    }
}

#[derive(serde::Deserialize)]
struct Recorded {
    text: String,
    /// The canonical form; none for what is no selector.
    said: Option<String>,
    #[serde(default)]
    labels: Vec<std::collections::BTreeMap<String, String>>,
    #[serde(default, rename = "match")]
    matched: String,
}

#[test]
fn random_texts_are_read_as_calico_reads_them() {
    use std::io::Read;
    let recorded: &[u8] = include_bytes!("../../../fixtures/selectors/cases.zst");
    let mut lines = String::new();
    zstd::Decoder::new(recorded)
        .unwrap()
        .read_to_string(&mut lines)
        .unwrap();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for line in lines.lines() {
        let case: Recorded = serde_json::from_str(line).unwrap();
        let read: Result<Selector, _> = case.text.parse();
        refused += usize::from(read.is_err());
        let said = read.as_ref().ok().map(ToString::to_string);
        let matched: String = case
            .labels
            .iter()
            .filter_map(|labels| {
                let labels: Vec<_> = labels.clone().into_iter().collect();
                Some(if read.as_ref().ok()?.matches(&labels) {
                    '1'
                } else {
                    '0'
                })
            })
            .collect();
        if said != case.said || matched != case.matched {
            wrong.push(format!(
                "{:?}: {said:?} {matched}, Calico {:?} {}",
                case.text, case.said, case.matched
            ));
        }
    }
    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differ:\n{shown}", wrong.len());
    assert!((500..3_500).contains(&refused), "{refused}");
}
