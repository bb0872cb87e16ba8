use super::*;
use proptest::prelude::*;
use std::fmt::Write;

fn one(text: &str) -> Result<Tree, SyntaxError> {
    let mut documents = read(text);
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents.remove(0)
}

fn refused(text: &str) -> String {
    let error = one(text).unwrap_err();
    format!("{}:{}: {error}", error.at.line, error.at.column)
}

#[test]
fn keys_and_values_know_their_place() {
    let tree = one("a: 1\nb:\n  - x\n  - {c: null}\n").unwrap();
    let b = &tree.entries().unwrap()[1];
    assert_eq!((b.key.as_str(), b.at), ("b", Mark { line: 2, column: 1 }));
    let Data::Sequence(items) = &b.value.data else {
        panic!("{b:?}");
    };
    assert_eq!(
        (items[0].text(), items[0].at),
        (Some("x"), Mark { line: 3, column: 5 })
    );
    assert_eq!(items[1].get("c").map(|c| c.data.clone()), Some(Data::Null));
}

#[test]
fn documents_are_counted_in_lines_of_the_file_and_a_broken_one_hides_no_other() {
    let documents = read("%YAML 1.2\n# first\n---\na: 1\n---\n# nothing\n---\n]\n--- \nb: 2\n...\n");
    let places: Vec<_> = documents
        .iter()
        .map(|document| match document {
            Ok(tree) => (true, tree.at.line),
            Err(error) => (false, error.at.line),
        })
        .collect();
    assert_eq!(places, [(true, 4), (false, 8), (true, 10)]);
}

#[test]
fn a_byte_order_mark_and_dos_line_ends_are_no_matter() {
    let documents = read("\u{feff}a: x\r\n---\r\na: z\r\n");
    assert_eq!(documents.len(), 2);
    assert_eq!(
        documents[1].as_ref().unwrap().get("a").and_then(Tree::text),
        Some("z")
    );
}

#[test]
fn aliases_are_their_values_and_tags_are_obeyed() {
    let tree = one("a: &x [1]\nb: *x\nc: !!str 12\nd: !!int 3\n").unwrap();
    assert_eq!(tree.get("a").unwrap().data, tree.get("b").unwrap().data);
    assert_eq!(tree.get("c").unwrap().text(), Some("12"));
    assert!(matches!(tree.get("d").unwrap().data, Data::Number(..)));
    for text in ["a: !!int x", "a: !env HOME", "a: !!binary aGk=", "a: !!map [1]"] {
        assert!(refused(text).starts_with("1:"), "{text}");
    }
}

#[test]
fn says_where_and_why_a_text_is_refused() {
    insta::assert_snapshot!(
        [
            "a: 1\nb: 2\na: 3\n",
            "a:\n\tb: 1\n",
            "a: *nothing\n",
            "a: &x [*x]\n",
            "? {a: b}\n: c\n",
            "<<: {a: b}\n",
            "a: 'open\n",
            "{\"a\": 1",
            "a: 1\n b: 2\n",
        ]
        .map(refused)
        .join("\n"),
        @r#"
    3:1: key "a" is here twice, first in line 1
    2:2: tabs disallowed within this context (block indentation)
    1:4: while parsing node, found unknown anchor
    1:8: an alias inside the value it stands for
    1:3: a map or a list can't be a key
    1:1: merge keys (<<) are not supported: write the fields out
    2:1: invalid indentation in multiline quoted scalar
    1:1: unclosed bracket '{'
    2:3: mapping values are not allowed in this context
    "#
    );
}

#[test]
fn what_would_grow_without_bound_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        let items = [alias.as_str(); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{items}]").unwrap();
    }
    assert!(refused(&bomb).contains("aliases add more than"));
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..100 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(refused(&chain).contains("levels"), "{}", refused(&chain));
    assert!(refused(&"[".repeat(100_000)).contains("more than 64 levels"));
    assert!(refused(&format!("{}x{}", "[".repeat(65), "]".repeat(65))).contains("more than 64 levels"));
    assert!(refused(&format!("{}x", "- ".repeat(1000))).contains("more than 64 levels"));
    let anchors = format!(
        "[{}]",
        format!("{}1{}, ", "&a [".repeat(60), "]".repeat(60)).repeat(100)
    );
    assert!(refused(&anchors).contains("anchors on more than"));
    assert!(refused(&format!("[{}]", "1,".repeat(MAX_VALUES))).contains("values in one document"));
    assert!(refused(&"#".repeat(MAX_DOCUMENT + 1)).contains("bytes, more than"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        read(&text);
    }

    #[test]
    fn any_text_of_yaml_characters_is_read_without_panic(
        text in "([ \\t\\n:#,\\[\\]{}&*!|>'\"%@`?a1~-]|---|\\n- |: |<<|&a |\\*a){0,80}"
    ) {
        for document in read(&text) {
            let lines = text.split('\n').count();
            let at = document.map_or_else(|error| error.at, |tree| tree.at);
            prop_assert!(at.line >= 1 && at.line <= lines + 1);
        }
    }
}
