//! The archive of `cluster diags`: files below one directory, and what could not be had.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

/// Writes files into a compressed archive.
pub(super) struct Pack<W: Write> {
    builder: Builder<GzEncoder<W>>,
    /// The directory that all files are in.
    root: String,
    /// Seconds since 1970, of every file.
    time: u64,
    /// What is missing and why, a line each.
    pub(super) missing: Vec<String>,
    pub(super) files: usize,
}

impl<W: Write> Pack<W> {
    pub(super) fn new(out: W, root: &str, time: u64) -> Self {
        Self {
            builder: Builder::new(GzEncoder::new(out, Compression::default())),
            root: root.to_owned(),
            time,
            missing: Vec::new(),
            files: 0,
        }
    }

    pub(super) fn add(&mut self, path: &str, text: &str) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.time);
        let path = format!("{}/{path}", self.root);
        self.builder.append_data(&mut header, path, text.as_bytes())?;
        self.files += 1;
        Ok(())
    }

    /// Notes that a file isn't there, and why.
    pub(super) fn miss(&mut self, path: &str, why: &dyn std::fmt::Display) {
        self.missing.push(format!("{path}: {why}"));
    }

    /// Writes what is missing, and ends the archive.
    pub(super) fn done(mut self) -> io::Result<W> {
        if !self.missing.is_empty() {
            let lines = self.missing.join("\n") + "\n";
            self.add("missing.txt", &lines)?;
        }
        self.builder.into_inner()?.finish()
    }
}
