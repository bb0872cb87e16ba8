use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::*;

/// What the sources of a room give findings by.
fn used(directory: &Path, ids: &mut BTreeSet<String>) {
    let quoted = Regex::new(r#""([a-z0-9]+(?:-[a-z0-9]+)+)""#).unwrap();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "catalogue") {
                used(&path, ids);
            }
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            ids.extend(quoted.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
}

#[test]
fn each_id_is_there_once_and_findings_come_by_it() {
    let mut ids = BTreeSet::new();
    for room in ["src/diagnose", "src/packet/flow", "src/cli/capture"] {
        used(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut ids);
    }
    let mut seen = BTreeSet::new();
    for check in all() {
        assert!(seen.insert(check.id), "{} is there twice", check.id);
        assert!(ids.contains(check.id), "nothing gives findings of {}", check.id);
    }
}

#[test]
fn what_gives_findings_gives_them_by_ids_that_are_there() {
    let given = Regex::new(r#"(?:Finding::of|Explained::new)\(\s*"([^"]+)""#).unwrap();
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnose")];
    let mut found = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        for id in given.captures_iter(&std::fs::read_to_string(&path).unwrap()) {
            if !id[1].contains('[') {
                found += 1;
                assert!(
                    find(&id[1]).is_some(),
                    "{}: no page of {}",
                    path.display(),
                    &id[1]
                );
            }
        }
    }
    assert!(found > 60, "only {found}");
}

#[test]
fn each_page_is_whole() {
    for check in all() {
        for (heading, text) in check.sections() {
            assert!(text.len() > 5, "{}: {heading}: {text}", check.id);
        }
        assert!(!check.title.ends_with('.'), "{}", check.id);
    }
}
