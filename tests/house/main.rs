//! The house in order: who uses whom, how long files are, and whether generated files and the README are fresh.
//!
//! `make generate` runs this with `UPDATE=1`: stale files are then written, not complained about.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod files;
mod generated;
mod readme;
mod rooms;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A path of the repository.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every file below a directory of the repository: its path from there, and its text.
fn below(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root("")).unwrap().to_str().unwrap().to_owned();
            // What isn't part of the repository.
            if name == "target" || name == ".git" {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push((
                    name,
                    String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(),
                ));
            }
        }
    }
    found.sort();
    found
}

/// Checks a committed file, or writes it when asked to.
fn fresh(path: &str, text: &str) {
    let old = fs::read_to_string(root(path)).unwrap_or_default();
    if old == text {
        return;
    }
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(root(path).parent().unwrap()).unwrap();
        fs::write(root(path), text).unwrap();
        return;
    }
    let line = old
        .lines()
        .zip(text.lines())
        .take_while(|(old, new)| old == new)
        .count();
    let [was, is] = [&old, text].map(|text| text.lines().nth(line).unwrap_or("(nothing)").to_owned());
    panic!(
        "{path} is stale, run: make generate\n  line {}\n  was {was}\n  is  {is}",
        line + 1
    );
}
