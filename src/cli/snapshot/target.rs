//! Where a snapshot is written to.

use std::path::PathBuf;

use clap::Args;

use crate::archive::{self, Form};
use crate::cli::{Context, Error, files};
use crate::state::Snapshot;

/// Snapshots tell addresses, rules and processes of a cluster: they are for their owner.
const MODE: u32 = 0o600;

#[derive(Debug, Args)]
pub(super) struct Target {
    /// Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// Write plain JSON, whatever the name
    #[arg(long)]
    json: bool,
}

impl Target {
    fn form(&self) -> Form {
        if self.json
            || self
                .output
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            Form::Json
        } else {
            Form::Zstd
        }
    }

    /// Refuses what would only be found out after the work.
    pub(super) fn check(&self, cx: &Context) -> Result<(), Error> {
        if files::is_stdout(&self.output) && self.form() == Form::Zstd && cx.style.terminal {
            return Err(Error::new("a compressed snapshot is nothing for a terminal")
                .hint("name a file: -o FILE.zst")
                .hint("to read it here: --json"));
        }
        Ok(())
    }

    /// Writes it; a file gets its name when it is complete.
    pub(super) fn write(&self, cx: &mut Context, snapshot: &Snapshot) -> Result<(), Error> {
        let form = self.form();
        if files::is_stdout(&self.output) {
            archive::write(snapshot, form, &mut *cx.out)?;
            return Ok(());
        }
        files::replace(&self.output, MODE, |file| archive::write(snapshot, form, file))?;
        writeln!(cx.err, "{} written", self.output.display())?;
        Ok(())
    }
}
