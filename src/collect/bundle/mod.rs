//! Outputs of plain commands, from a directory or from an archive of one: `netdiag snapshot script`'s, calicoctl's
//! (`node diags`, `cluster diags`), or made by hand. Nothing is unpacked to a disk.
//!
//! Only files that a reader knows are kept, within bounds. Names of files are keys and nothing else: absolute ones and
//! those with `..` lead nowhere.

mod archive;
mod directory;

use std::path::Path;

use crate::parse::bundle::{Content, Folder, readers, snapshot};
use crate::state::Snapshot;

/// What one bundle may hold.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Files and folders, those that nobody reads too.
    entries: usize,
    /// Bytes of one file.
    file: u64,
    /// Bytes of all files that are kept.
    kept: u64,
    /// Bytes that an archive may unpack to.
    unpacked: u64,
    /// Folders within folders.
    depth: usize,
}

const LIMITS: Limits = Limits {
    entries: 200_000,
    file: 128 << 20,
    kept: 1 << 30,
    unpacked: 16 << 30,
    depth: 8,
};

/// Whether this is one, and not a snapshot of netdiag's: a directory with outputs of commands, or an archive.
pub fn is_bundle(path: &Path) -> bool {
    if path.is_dir() {
        directory::is_bundle(path)
    } else {
        archive::is_archive(path)
    }
}

/// Reads all nodes that the bundle tells of.
///
/// # Errors
/// Says what can't be opened, which limit is passed, or that no node is in it.
pub fn read(path: &Path) -> Result<Snapshot, String> {
    let mut store = Store::new(LIMITS);
    if path.is_dir() {
        directory::read(path, &mut store)?;
    } else {
        archive::read(path, &mut store)?;
    }
    snapshot(&store.folder, &name(path))
}

/// Reads the archive that a program wrote.
///
/// # Errors
/// As [`read`].
pub fn read_archive(bytes: &[u8]) -> Result<Snapshot, String> {
    let mut store = Store::new(LIMITS);
    archive::read_stream(bytes, &mut store)?;
    snapshot(&store.folder, "node")
}

/// What a node is called whose outputs don't say it.
fn name(path: &Path) -> String {
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = whole
        .file_name()
        .map_or_else(|| "node".into(), |name| name.to_string_lossy().into_owned());
    let ends = [".tar.gz", ".tgz", ".tar"];
    let short = ends.iter().find_map(|end| name.strip_suffix(end));
    printable(short.unwrap_or(&name))
}

/// A name that can be shown on a terminal.
fn printable(name: &str) -> String {
    name.replace(|c: char| c.is_control(), "?")
}

/// The files that are kept.
#[derive(Debug)]
struct Store {
    folder: Folder,
    limits: Limits,
    entries: usize,
    kept: u64,
}

impl Store {
    fn new(limits: Limits) -> Self {
        Self {
            folder: Folder::default(),
            limits,
            entries: 0,
            kept: 0,
        }
    }

    /// Counts one more file or folder.
    fn count(&mut self) -> Result<(), String> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(format!("more than {} files", self.limits.entries));
        }
        Ok(())
    }

    /// Whether a file of this path is worth being read.
    fn wants(&self, path: &str) -> bool {
        let parts = || path.split('/').filter(|part| !matches!(*part, "" | "."));
        parts().count() <= self.limits.depth && parts().next_back().is_some_and(readers::is_read)
    }

    /// Keeps a file.
    fn keep(&mut self, path: &str, bytes: &[u8]) -> Result<(), String> {
        self.kept = self.kept.saturating_add(bytes.len() as u64);
        if self.kept > self.limits.kept {
            return Err(format!(
                "the outputs are larger than {} bytes together",
                self.limits.kept
            ));
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.folder.insert(&printable(path), Content::Text(text));
        Ok(())
    }

    /// Keeps why a file is not kept.
    fn lose(&mut self, path: &str, why: impl Into<String>) {
        self.folder
            .insert(&printable(path), Content::Unreadable(why.into()));
    }

    fn too_large(&mut self, path: &str) {
        self.lose(path, format!("larger than {} bytes", self.limits.file));
    }
}

#[cfg(test)]
mod tests;
