//! Every rule of Calico's validation by name, with documents that keep it and documents that break it. calicoctl
//! v3.32.1 was asked about each (`fixtures/validation`).

use crate::calico::manifest;

const ROWS: &str = include_str!("../../../../fixtures/validation/rows.txt");

/// `<a*3>` is aaa, `<a%*,3>` is a0, a1, a2.
fn expanded(text: &str) -> String {
    let Some((before, rest)) = text.split_once('<') else {
        return text.to_owned();
    };
    let (inside, after) = rest.split_once('>').unwrap();
    let (item, count) = inside.rsplit_once('*').unwrap();
    let made = match count.strip_prefix(',') {
        Some(count) => (0..count.parse::<usize>().unwrap())
            .map(|at| item.replace('%', &at.to_string()))
            .collect::<Vec<_>>()
            .join(", "),
        None => item.repeat(count.parse().unwrap()),
    };
    format!("{before}{made}{}", expanded(after))
}

/// What is wrong with a document.
fn problems(document: &str) -> Vec<String> {
    let text = expanded(document).replacen('{', "{apiVersion: projectcalico.org/v3, ", 1);
    let problems = manifest::read("f", text.as_bytes()).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn each_rule_has_documents_that_keep_it_and_documents_that_break_it() {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in ROWS.split("\n\n") {
        let mut lines = row.lines();
        let rule = lines.next().unwrap();
        assert!(rule.starts_with("# "), "{rule}");
        let (mut kept, mut broken) = (0, 0);
        for line in lines {
            if let Some(document) = line.strip_prefix("+ ") {
                kept += 1;
                let found = problems(document);
                if !found.is_empty() {
                    wrong.push(format!("{rule}\n{line}\n{found:?}"));
                }
            } else if let Some((document, words)) =
                line.strip_prefix("- ").and_then(|line| line.split_once(" ! "))
            {
                broken += 1;
                let found = problems(document);
                if found.len() != 1 || !found[0].contains(words) {
                    wrong.push(format!("{rule}\n{line}\n{found:?}"));
                }
            } else {
                wrong.push(format!("{rule}\n{line}\nneither + nor - with its words"));
            }
        }
        if kept == 0 || broken == 0 {
            wrong.push(format!("{rule}\nlacks a case"));
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(rows > 70, "only {rows} rows");
}
