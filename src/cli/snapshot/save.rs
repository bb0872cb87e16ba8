//! `netdiag snapshot save`: this node into a file.

use clap::Args as ClapArgs;

use super::target::Target;
use crate::cli::source::{Depth, Source};
use crate::cli::{Context, Error, Outcome};
use crate::state::{Fact, Snapshot, snapshot};

/// Write a snapshot of this node and of the objects in the datastore; it holds no secrets
///
/// Exit status: 0 written, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
    /// Leave the datastore alone: this node only
    #[arg(long)]
    only_node: bool,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        self.target.check(cx)?;
        let snapshot = if self.only_node && !self.source.is_snapshot() {
            Snapshot {
                netdiag_snapshot: snapshot::VERSION,
                nodes: vec![self.source.node(cx, Depth::Whole)],
                objects: Fact::absent("saved without the datastore (--only-node)"),
            }
        } else {
            self.source.read(cx, Depth::Whole)?
        };
        self.target.write(cx, &snapshot)?;
        Ok(Outcome::Good)
    }
}
