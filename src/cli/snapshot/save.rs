//! `netdiag snapshot save`: this node, or many, into a file.

use clap::Args as ClapArgs;

use super::fleet::Fleet;
use super::target::Target;
use crate::cli::source::{Depth, Source};
use crate::cli::{Context, Error, Outcome};
use crate::state::{Fact, Snapshot, snapshot};

/// Write a snapshot of this node and of the objects in the datastore; it holds no secrets
///
/// With --nodes, of many nodes at once, by ssh or by exec into pods; this node itself needs neither. Nodes that don't
/// answer are named; the others are saved all the same.
///
/// Exit status: 0 written, 3 written, but nodes are missing, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
    /// Leave the datastore alone: this node only
    #[arg(long, conflicts_with = "nodes")]
    only_node: bool,
    #[command(flatten)]
    fleet: Fleet,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        self.target.check(cx)?;
        if self.fleet.is_asked_for() {
            let (snapshot, outcome) = self.fleet.read(cx, &self.source)?;
            self.target.write(cx, &snapshot)?;
            return Ok(outcome);
        }
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
