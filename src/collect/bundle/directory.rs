//! A directory of outputs. Symbolic links are not followed, and only regular files are opened.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::Store;
use crate::parse::bundle::readers;

/// Directories that are looked into to find out what a directory is: a cluster's nodes, and what is put around them.
const LOOK: usize = 4;

pub(super) fn is_bundle(path: &Path) -> bool {
    let mut left = 1000;
    look(path, LOOK, &mut left)
}

fn look(path: &Path, depth: usize, left: &mut usize) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folders.push(entry.path()),
            Ok(kind) if kind.is_file() && readers::is_known(&entry.file_name().to_string_lossy()) => {
                return true;
            }
            _ => {}
        }
    }
    depth > 0 && folders.iter().any(|folder| look(folder, depth - 1, left))
}

pub(super) fn read(path: &Path, store: &mut Store) -> Result<(), String> {
    walk(path, "", store.limits.depth, store)
}

fn walk(path: &Path, name: &str, depth: usize, store: &mut Store) -> Result<(), String> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        // One folder that can't be opened costs no other.
        Err(error) if name.is_empty() => return Err(error.to_string()),
        Err(_) => return Ok(()),
    };
    for entry in entries.flatten() {
        store.count()?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = format!("{name}{own}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 1 => {
                walk(&entry.path(), &format!("{name}/"), depth - 1, store)?;
            }
            Ok(kind) if kind.is_file() && store.wants(&name) => file(&entry.path(), &name, store)?,
            _ => {}
        }
    }
    Ok(())
}

fn file(path: &Path, name: &str, store: &mut Store) -> Result<(), String> {
    let limit = store.limits.file;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => store.lose(name, error.to_string()),
        Ok(_) if bytes.len() as u64 > limit => store.too_large(name),
        Ok(_) => store.keep(name, &bytes)?,
    }
    Ok(())
}
