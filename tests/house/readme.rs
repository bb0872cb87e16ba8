//! The README shows what netdiag really prints: each ```console block whose command reads a recording is run.

use std::fmt::Write as _;
use std::process::Command;

use netdiag::diagnose::catalogue;

use crate::{fresh, root};

const OPEN: &str = "```console\n";
const CLOSE: &str = "```\n";

/// What a command prints, at 80 columns and without colour, as the terminal would show it.
fn run(words: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netdiag"));
    command.env_clear().env("COLUMNS", "80").env("LANG", "C.UTF-8");
    command.current_dir(root(""));
    let output = command.args(words.split_whitespace()).output().unwrap();
    assert_ne!(
        output.status.code(),
        Some(1),
        "{words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// A block with its output anew; one with another command stays. A line `…` cuts: what was there up to the next line
/// of the block is left out, so only the lines before it are compared.
fn renewed(block: &str) -> String {
    let (first, old) = block.split_once('\n').unwrap();
    let Some(words) = first.strip_prefix("$ netdiag ").filter(|words| {
        words.starts_with("snapshot diff ")
            || ["--snapshot ", " -r fixtures/"]
                .iter()
                .any(|recorded| words.contains(recorded))
    }) else {
        return block.to_owned();
    };
    let output = run(words);
    let kept = match old.lines().position(|line| line == "…") {
        Some(cut) => output
            .lines()
            .take(cut)
            .chain(["…"])
            .fold(String::new(), |text, line| text + line + "\n"),
        None => output,
    };
    format!("{first}\n{kept}")
}

#[test]
fn the_readme_shows_what_netdiag_prints() {
    let page = std::fs::read_to_string(root("README.md")).unwrap();
    let mut parts = page.split(OPEN);
    let mut new = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (block, prose) = part.split_once(CLOSE).unwrap();
        let block = renewed(block);
        for line in block.lines() {
            assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
        }
        new.extend([OPEN, &block, CLOSE, prose]);
    }
    fresh("README.md", &with_checks(&new));
}

/// The list of checks stands between two marks.
fn with_checks(page: &str) -> String {
    const MARKS: [&str; 2] = ["<!-- checks: by make generate -->\n", "<!-- end of checks -->\n"];
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let mut list = String::new();
    for (family, checks) in catalogue::FAMILIES {
        let ids: Vec<String> = checks
            .iter()
            .map(|check| format!("[{}](docs/checks/{}.md)", check.id, check.id))
            .collect();
        let _ = writeln!(list, "- {family}: {}", ids.join(", "));
    }
    [before, MARKS[0], &list, MARKS[1], after].concat()
}
