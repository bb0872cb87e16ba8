//! Manifests from files, directories and standard input.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Error, compat};
use crate::calico::kind::Kind;
use crate::calico::kinds;
use crate::calico::manifest::{self, Document, Form, Problem, Reading};

/// Bytes of one file at most.
const MAX_FILE: u64 = 100 << 20;

/// Which namespace is meant, for kinds that have namespaces.
#[derive(Debug, Default, Args)]
pub(super) struct Namespace {
    /// Namespace, for kinds that have namespaces (default: that of the manifest, else default)
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(super) namespace: Option<String>,
}

impl Namespace {
    /// The namespace of a resource of this kind which itself names this one; calicoctl's words for what is wrong.
    pub(super) fn of(&self, kind: Kind, own: Option<&str>) -> Result<Option<String>, Error> {
        let given = self
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty());
        match (kind.is_namespaced(), own, given) {
            (false, _, Some(_)) => Err(Error::new(format!("{kind} is not namespaced"))),
            (false, _, None) => Ok(None),
            (true, Some(own), Some(given)) if own != given => Err(Error::new(format!(
                "resource namespace does not match client namespace. {own} != {given}"
            ))),
            (true, own, given) => Ok(Some(own.or(given).unwrap_or("default").to_owned())),
        }
    }
}

/// Where the manifests are.
#[derive(Debug, Args)]
pub(super) struct Input<const REQUIRED: bool> {
    /// Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable
    #[arg(short, long = "filename", required = REQUIRED, value_name = "FILE|DIR|-")]
    pub(super) filename: Vec<PathBuf>,
    /// Read the sub-directories of a directory, too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Take files and directories without resources as done, not as an error
    #[arg(long)]
    pub(super) skip_empty: bool,
}

/// What reading found: every document if all are valid, or else every problem.
pub(super) type Checked = Result<Vec<Document>, Vec<Problem>>;

impl<const REQUIRED: bool> Input<REQUIRED> {
    /// These files, as if they had been given.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        Self {
            filename: files.to_vec(),
            recursive: false,
            skip_empty: false,
        }
    }

    /// Reads and checks everything; puts each resource into its namespace, and fills in its defaults.
    ///
    /// # Errors
    /// A file that can't be read, or without `--skip-empty` holds nothing; a namespace that doesn't fit.
    pub(super) fn read(&self, namespace: &Namespace, stdin: &mut dyn Read) -> Result<Checked, Error> {
        self.read_parts(namespace, stdin).map(Reading::checked)
    }

    /// As [`Self::read`]: what is valid, and what is wrong beside it.
    pub(super) fn read_parts(&self, namespace: &Namespace, stdin: &mut dyn Read) -> Result<Reading, Error> {
        let read = if compat::on() {
            manifest::read_as_calicoctl
        } else {
            manifest::read_parts
        };
        self.read_with(&read, namespace, stdin)
    }

    /// The same, with a way of reading texts.
    pub(super) fn read_with(
        &self,
        reading: &dyn Fn(&str, &[u8]) -> Reading,
        namespace: &Namespace,
        stdin: &mut dyn Read,
    ) -> Result<Reading, Error> {
        let (mut documents, mut problems) = (Vec::new(), Vec::new());
        for path in &self.filename {
            let before = (documents.len(), problems.len());
            for (name, text) in self.texts(path, stdin)? {
                let mut found = reading(&name, &text);
                for subject in found
                    .problems
                    .iter_mut()
                    .filter_map(|problem| problem.of.as_mut())
                {
                    subject.before += documents.len();
                }
                documents.extend(found.documents);
                problems.extend(found.problems);
            }
            if before == (documents.len(), problems.len()) && !self.skip_empty {
                let what = if path.is_dir() { "directory" } else { "file" };
                let message = format!("no resources specified in {what} {}", path.display());
                return Err(Error::new(message).hint("--skip-empty takes this as done"));
            }
        }
        for document in &mut documents {
            let resource = &mut document.resource;
            let place = format!("{}:{}", document.file, document.at.line);
            let found = namespace.of(resource.kind, resource.namespace());
            let found = found.map_err(|error| Error::new(format!("{place}: {}", error.message)))?;
            if let Some(namespace) = found {
                resource.set_namespace(&namespace);
            }
            if document.form == Form::V3 {
                kinds::prepare(resource);
            }
        }
        Ok(Reading { documents, problems })
    }

    /// The names and contents of what an argument stands for.
    fn texts(&self, path: &Path, stdin: &mut dyn Read) -> Result<Vec<(String, Vec<u8>)>, Error> {
        if path == Path::new("-") {
            return Ok(vec![("stdin".into(), limited("standard input", stdin)?)]);
        }
        files(path, self.recursive)?
            .into_iter()
            .map(|path| {
                let name = path.display().to_string();
                let mut file = fs::File::open(&path).map_err(|error| unreadable(&name, &error))?;
                let text = limited(&name, &mut file)?;
                Ok((name, text))
            })
            .collect()
    }
}

/// The files that a path stands for: itself, or the manifests of a directory.
pub(super) fn files(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Error> {
    if path.is_dir() {
        return walk(path, recursive);
    }
    Ok(vec![path.to_owned()])
}

/// The manifests of a directory in the order of their names, sub-directories in their place. Links to
/// directories are not followed: they may lead back.
fn walk(directory: &Path, recursive: bool) -> Result<Vec<PathBuf>, Error> {
    let fail = |error| unreadable(&directory.display().to_string(), &error);
    let mut entries = fs::read_dir(directory)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(fail)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(fail)?.is_dir() {
            if recursive {
                files.extend(walk(&path, recursive)?);
            }
        } else if is_manifest(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    extension.is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

/// Everything that a reader has.
pub(super) fn limited(name: &str, reader: &mut dyn Read) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    reader
        .take(MAX_FILE + 1)
        .read_to_end(&mut text)
        .map_err(|error| unreadable(name, &error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error::new(format!("{name} has more than {MAX_FILE} bytes")));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    if compat::on() {
        return compat::unreadable(name, error);
    }
    Error::new(format!("can't read {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> String {
        format!("apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {{name: {name}}}\n")
    }

    fn input(path: &Path, recursive: bool) -> Input<true> {
        Input {
            filename: vec![path.to_owned()],
            recursive,
            skip_empty: false,
        }
    }

    fn names(input: &Input<true>, mut stdin: &[u8]) -> Result<Vec<String>, String> {
        let documents = input
            .read(&Namespace::default(), &mut stdin)
            .map_err(|error| error.message)?
            .unwrap();
        Ok(documents
            .iter()
            .map(|document| document.resource.name().to_owned())
            .collect())
    }

    #[test]
    fn a_directory_is_read_in_the_order_of_names_and_only_its_manifests() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        fs::create_dir(directory.path().join("b")).unwrap();
        write("c.YML", &node("c"));
        write("a.json", &node("a"));
        write("b/in.yaml", &node("b"));
        write("notes.txt", "not YAML: [");
        std::os::unix::fs::symlink(directory.path(), directory.path().join("b/loop")).unwrap();
        assert_eq!(names(&input(directory.path(), false), b"").unwrap(), ["a", "c"]);
        assert_eq!(
            names(&input(directory.path(), true), b"").unwrap(),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn standard_input_is_read_for_a_dash() {
        let text = node("x");
        assert_eq!(
            names(&input(Path::new("-"), false), text.as_bytes()).unwrap(),
            ["x"]
        );
    }

    #[test]
    fn nothing_to_apply_is_an_error_unless_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let mut input = input(directory.path(), false);
        let error = names(&input, b"").unwrap_err();
        assert!(
            error.starts_with("no resources specified in directory "),
            "{error}"
        );
        input.skip_empty = true;
        assert_eq!(names(&input, b"").unwrap(), [""; 0]);
        input.filename = vec![directory.path().join("nowhere.yaml")];
        assert!(names(&input, b"").unwrap_err().starts_with("can't read "));
    }

    #[test]
    fn the_problems_of_all_files_come_together() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.yaml"] {
            fs::write(directory.path().join(name), "kind: Node").unwrap();
        }
        let problems = input(directory.path(), false)
            .read(&Namespace::default(), &mut b"".as_slice())
            .unwrap()
            .unwrap_err();
        assert_eq!(problems.len(), 2);
    }
}
