//! What every file keeps to.

use crate::{below, root};

/// Lines that a source file may have.
const LINES: usize = 500;

#[test]
fn no_source_file_is_too_long_to_hold_in_the_head() {
    for (path, text) in below("src") {
        let lines = text.lines().count();
        assert!(
            lines <= LINES,
            "{path} has {lines} lines: split it along a real seam"
        );
    }
}

#[test]
fn no_file_names_a_place_of_the_machine_it_was_written_on() {
    // Put together, so that this file doesn't name it.
    let places = [format!("/{}/", "home"), root("").to_str().unwrap().to_owned()];
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
