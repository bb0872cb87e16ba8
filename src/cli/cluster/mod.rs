//! `netdiag cluster`: a Kubernetes cluster as a whole.

mod collection;
mod diags;
mod pack;
mod pods;
mod tables;

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, Error, Outcome};

/// The cluster as a whole
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Diags(diags::Diags),
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match &self.command {
            Command::Diags(diags) => diags.run(cx),
        }
    }
}
