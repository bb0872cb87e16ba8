//! `netdiag snapshot`: the whole picture of nodes in a file.

mod diff;
mod fleet;
mod merge;
mod progress;
mod save;
mod script;
mod show;
mod target;
mod targets;
mod ways;

pub(super) use fleet::Fleet;
pub(super) use ways::Ways;

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
    Show(show::Args),
    Diff(diff::Args),
    Merge(merge::Args),
    Script(script::Args),
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match &self.command {
            Command::Save(save) => save.run(cx),
            Command::Show(show) => show.run(cx),
            Command::Diff(diff) => diff.run(cx),
            Command::Merge(merge) => merge.run(cx),
            Command::Script(script) => script.run(cx),
        }
    }
}
