//! What every file keeps to.

use crate::{below, root};

/// Lines that a source file may have.
const LINES: usize = 500;

/// Files that have more, each with its reason.
const LONGER: &[(&str, &str)] = &[
    (
        "src/calico/autodetect.rs",
        "one algorithm of Calico: its methods, their order and its releases, with the table of tests",
    ),
    (
        "src/diagnose/session.rs",
        "one decision: the causes of a session that is down, in the order in which they are ruled out",
    ),
];

#[test]
fn no_source_file_is_long_without_a_reason() {
    for (path, text) in below("src") {
        let lines = text.lines().count();
        let longer = LONGER.iter().any(|(name, _)| *name == path);
        assert!(
            lines <= LINES || longer,
            "{path} has {lines} lines: split it, or give a reason in tests/house/files.rs"
        );
        assert!(
            lines > LINES || !longer,
            "{path} has only {lines} lines: it needs no reason any more"
        );
    }
}

#[test]
fn no_file_names_a_place_of_the_machine_it_was_written_on() {
    // Put together, so that this file doesn't name them.
    let mut places = ["home/", "work/", "tmp/wt/"]
        .map(|place| format!("/{place}"))
        .to_vec();
    places.push(root("").to_str().unwrap().to_owned());
    for (path, text) in below("") {
        for (number, line) in text.lines().enumerate() {
            let named = places.iter().find(|place| {
                // Only absolute paths: `frame/work/x` is none.
                line.match_indices(place.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.')
                })
            });
            assert!(named.is_none(), "{path}:{}: {line}", number + 1);
        }
    }
}
