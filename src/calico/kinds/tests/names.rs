use super::problems;

#[test]
fn names_follow_the_rules_of_their_kind() {
    let long = "a".repeat(64);
    let longest = format!("{}.{}", "a".repeat(126), "b".repeat(126));
    for (kind, right, wrong) in [
        (
            "Node",
            vec!["n1", "n.example.com", &longest],
            vec!["N1", "n_1", "-n", "n.", "'n/1'"],
        ),
        ("Tier", vec!["t", "t-1"], vec!["a.b", "T", &long]),
        (
            "NetworkPolicy",
            vec!["p", "t.p", "knp.default.a.b.c", "ossg.default.x"],
            vec!["a.b.c", "knp.default.", "P"],
        ),
        (
            "GlobalNetworkPolicy",
            vec!["p", "t.p"],
            vec!["a.b.c", "knp.default.a"],
        ),
        ("StagedNetworkPolicy", vec!["p", "t.p"], vec!["a.b.c"]),
        ("StagedGlobalNetworkPolicy", vec!["t.p"], vec!["a.b.c"]),
        ("GlobalNetworkSet", vec!["a.b.c"], vec!["a b"]),
    ] {
        for name in right {
            assert_eq!(problems(kind, name, "{}"), [""; 0], "{kind} {name}");
        }
        for name in wrong {
            let found = problems(kind, name, "{}");
            assert_eq!(found.len(), 1, "{kind} {name}: {found:?}");
            assert!(found[0].starts_with("metadata.name: "), "{found:?}");
        }
    }
}

#[test]
fn namespaces_labels_and_annotations_are_checked_for_every_kind() {
    assert_eq!(problems("NetworkSet", "s, namespace: ns", "{}"), [""; 0]);
    for (kind, metadata, why) in [
        ("Tier", "t, namespace: ns", "Tier is not a namespaced resource"),
        (
            "NetworkSet",
            "s, namespace: NS",
            "metadata.namespace: \"NS\" must consist",
        ),
        (
            "Profile",
            "p, labels: {a/b/c: d}",
            "metadata.labels[\"a/b/c\"]: key",
        ),
        ("Profile", "p, labels: {a: '-'}", "metadata.labels.a: label value"),
        (
            "Profile",
            "p, annotations: {'a b': c}",
            "metadata.annotations[\"a b\"]: key",
        ),
        (
            "Profile",
            "p, label: {a: b}",
            "metadata.label: unknown field; did you mean labels?",
        ),
    ] {
        let found = problems(kind, metadata, "{}");
        assert_eq!(found.len(), 1, "{metadata}: {found:?}");
        assert!(found[0].contains(why), "{found:?}");
    }
    assert_eq!(
        problems("Profile", "p, annotations: {Example.com/A: b}", "{}"),
        [""; 0]
    );
    let large = format!("p, annotations: {{a: {}}}", "x".repeat(256 << 10));
    assert!(problems("Profile", &large, "{}")[0].contains("more than 262144"));
}
