//! `netdiag snapshot`: the whole picture of nodes in a file.

mod merge;
mod save;
mod target;

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, Error, Outcome};

/// Save what nodes and their datastore show, to look at it elsewhere or later
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Save(save::Args),
    Merge(merge::Args),
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match &self.command {
            Command::Save(save) => save.run(cx),
            Command::Merge(merge) => merge.run(cx),
        }
    }
}
