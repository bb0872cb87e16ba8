//! Objects from files, for `--objects`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Error, input};
use crate::intent::documents;
use crate::parse;
use crate::state::{Fact, Objects};

/// Reads files and directories beside what is known already: what they hold replaces what has the same name.
pub(super) fn read(paths: &[PathBuf], known: &Fact<Objects>) -> Result<Objects, Error> {
    let mut objects = known.known().cloned().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for path in paths {
        names.push(path.display().to_string());
        for (name, text) in texts(path)? {
            let found =
                parse::documents::documents(&text).map_err(|error| Error::new(format!("{name}: {error}")))?;
            let before = objects.unreadable.len();
            for document in found {
                documents::add(&mut objects, document);
            }
            for (place, _) in &mut objects.unreadable[before..] {
                place.clone_from(&name);
            }
        }
    }
    if !objects.store.is_empty() {
        names.insert(0, objects.store);
    }
    objects.store = names.join(", ");
    objects.resources = last_of_each(objects.resources);
    if let Fact::Known(kubernetes) = &mut objects.kubernetes {
        *kubernetes = last_of_each(std::mem::take(kubernetes));
    }
    Ok(objects)
}

/// Of objects with the same name, the last.
fn last_of_each(objects: Vec<Value>) -> Vec<Value> {
    let mut places = HashMap::new();
    let mut kept: Vec<Value> = Vec::new();
    for object in objects {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let key = ["/kind", "/metadata/namespace", "/metadata/name"].map(|pointer| text(pointer).to_owned());
        if let Some(place) = places.get(&key) {
            kept[*place] = object;
        } else {
            places.insert(key, kept.len());
            kept.push(object);
        }
    }
    kept
}

/// The names and texts of a file, or of a directory's files.
fn texts(path: &Path) -> Result<Vec<(String, String)>, Error> {
    input::files(path, true)?
        .into_iter()
        .map(|file| {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Error::new(format!("can't read {name}: {error}")))?;
            Ok((name, text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_whole_and_what_comes_later_holds() {
        let directory = tempfile::tempdir().unwrap();
        let pod = |name: &str, node: &str| {
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{nodeName: {node}}}\n")
        };
        std::fs::create_dir(directory.path().join("more")).unwrap();
        std::fs::write(
            directory.path().join("a.yaml"),
            format!("{}---\n{}", pod("x", "n1"), pod("y", "n1")),
        )
        .unwrap();
        std::fs::write(directory.path().join("more/b.yml"), pod("x", "n2")).unwrap();
        std::fs::write(directory.path().join("notes.txt"), "[").unwrap();
        let objects = read(&[directory.path().to_owned()], &Fact::default()).unwrap();
        let pods = objects.kubernetes.items();
        assert_eq!(pods.len(), 2);
        assert_eq!(pods[0]["spec"]["nodeName"], "n2");
        assert_eq!(objects.store, directory.path().display().to_string());
    }

    #[test]
    fn a_file_that_is_no_document_is_an_error_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        std::fs::write(&path, "a: [\n").unwrap();
        let error = read(std::slice::from_ref(&path), &Fact::default()).unwrap_err();
        let start = format!("{}: line 1: ", path.display());
        assert!(error.message.starts_with(&start), "{}", error.message);
    }
}
