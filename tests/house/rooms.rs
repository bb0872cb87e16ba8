//! Who may use whom.

use std::collections::BTreeSet;

use crate::below;

/// A room of `src/`, and the rooms it may use: the table of ARCHITECTURE.md. `cli` may use all.
const ROOMS: [(&str, &[&str]); 19] = [
    ("apply", &["calico", "datastore", "ipam"]),
    ("archive", &["parse", "state"]),
    ("calico", &[]),
    ("collect", &["parse", "state"]),
    ("compare", &["state"]),
    ("datastore", &["calico"]),
    (
        "diagnose",
        &["calico", "forward", "intent", "kubernetes", "policy", "state"],
    ),
    ("fleet", &["archive", "state"]),
    ("forward", &["calico", "state"]),
    ("intent", &["calico", "kubernetes", "policy", "state"]),
    ("ipam", &["calico", "datastore"]),
    ("kubernetes", &[]),
    ("live", &["packet"]),
    ("output", &[]),
    ("packet", &[]),
    ("parse", &["state"]),
    ("policy", &["calico", "kubernetes", "state"]),
    ("probe", &["live", "packet", "state"]),
    ("state", &[]),
];

/// Where the tests of a source file begin: these may use what they like.
fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod tests")
        .map_or(text, |(before, _)| before)
}

/// The first names below `crate::` in a text: of `crate::a::b`, `crate::{a, b::c}` and their like.
fn used(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = text[at + "crate::".len()..].trim_start();
        let Some(list) = rest.strip_prefix('{') else {
            rooms.insert(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut first = true;
        for (at, character) in list.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                _ if first && !character.is_whitespace() => {
                    rooms.insert(name(&list[at..]));
                    first = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// Text without comments, so that prose uses nobody.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// `src/room.rs` and `src/room/…`: the room; none for `src/lib.rs` and `src/main.rs`.
fn room(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/")?;
    let name = path
        .split_once('/')
        .map_or(path.strip_suffix(".rs")?, |(room, _)| room);
    (!["lib", "main"].contains(&name)).then_some(name)
}

#[test]
fn every_room_uses_only_the_rooms_it_may_use() {
    let mut wrong = Vec::new();
    for (path, text) in below("src") {
        let Some(room) = room(&path) else { continue };
        if room == "cli" || path.ends_with("/tests.rs") {
            continue;
        }
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{path}: no room {room} in the table"));
            continue;
        };
        for other in used(&code(without_tests(&text))) {
            if other != room && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{path}: {room} may not use {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_room_uses_one_that_uses_it() {
    fn reaches(from: &str, to: &str) -> bool {
        let below = ROOMS
            .iter()
            .find(|(room, _)| *room == from)
            .map_or(&[][..], |(_, below)| below);
        below.iter().any(|room| *room == to || reaches(room, to))
    }
    for (room, _) in ROOMS {
        assert!(!reaches(room, room), "{room}");
    }
}

#[test]
fn the_table_of_the_architecture_page_is_the_one_checked_here() {
    let page = std::fs::read_to_string(crate::root("ARCHITECTURE.md")).unwrap();
    for (room, uses) in ROOMS {
        let uses = if uses.is_empty() {
            "nothing of ours".to_owned()
        } else {
            uses.join(", ")
        };
        let row = format!("| `{room}` | {uses} |");
        assert!(page.contains(&row), "ARCHITECTURE.md lacks the row: {row}");
    }
}

#[test]
fn nested_and_inline_uses_are_found() {
    let text = "use crate::{state::{Fact, x}, parse, output::{self}};\nlet a = crate::cli::main();";
    let found = used(text);
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        ["cli", "output", "parse", "state"]
    );
}
