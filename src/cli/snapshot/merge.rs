//! `netdiag snapshot merge`: several files as one.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::target::Target;
use crate::archive::{Merge, Merged};
use crate::cli::{Context, Error, Outcome, source};

/// Make one snapshot of several: a cluster in one file
///
/// The datastore's objects are those of the first file that has them.
///
/// Exit status: 0 written, 1 error, such as a node that is in two files.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Snapshots, or directories of them
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Of a node that is in several files, keep the newest
    #[arg(long)]
    newest: bool,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        self.target.check(cx)?;
        let mut merge = Merge::new(self.newest);
        for file in source::files(&self.files)? {
            let name = file.display().to_string();
            merge
                .add(name, source::read_file(&file)?)
                .map_err(|twice| Error::from(twice).hint("--newest keeps the newest of a node"))?;
        }
        let Merged { snapshot, warnings } = merge.done();
        source::warn(cx, &warnings)?;
        self.target.write(cx, &snapshot)?;
        Ok(Outcome::Good)
    }
}
