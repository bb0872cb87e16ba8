//! No check without a state in which it fires.

use std::collections::BTreeSet;
use std::path::Path;

use netdiag::diagnose::catalogue::FAMILIES;
use regex::Regex;

/// What only `trace` and captures tell.
const OTHERS: [&str; 2] = ["What a packet meets", "What packets show"];

/// The ids that tests here ask for: `fires` and `told` fail where a finding of the id is not there.
fn asked() -> BTreeSet<String> {
    let call = Regex::new(r#"\b(?:fires|told)\(\s*"([a-z0-9-]+)""#).unwrap();
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checks"));
    let mut ids = BTreeSet::new();
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(file).unwrap();
        ids.extend(call.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    ids
}

#[test]
fn every_check_has_a_state_in_which_it_fires() {
    let families = FAMILIES.iter().filter(|(title, _)| !OTHERS.contains(title));
    assert_eq!(families.clone().count(), FAMILIES.len() - OTHERS.len());
    let asked = asked();
    let forgotten: Vec<&str> = families
        .flat_map(|(_, checks)| *checks)
        .map(|check| check.id)
        .filter(|id| !asked.contains(*id))
        .collect();
    assert!(forgotten.is_empty(), "no test in which they fire: {forgotten:#?}");
}

#[test]
fn tests_ask_for_checks_that_there_are() {
    let strange: Vec<String> = asked()
        .into_iter()
        .filter(|id| netdiag::diagnose::catalogue::find(id).is_none())
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
}
