//! `netdiag node`: this node's BGP sessions, addresses and kernel.

mod autodetect;
mod checksystem;
mod peers;
mod status;

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, Error, Outcome};

/// This node's BGP sessions, the address Calico detects for it, and whether its kernel can run Calico
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    Autodetect(autodetect::Args),
    Checksystem(checksystem::Args),
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match &self.command {
            Command::Status(args) => args.run(cx),
            Command::Autodetect(args) => args.run(cx),
            Command::Checksystem(args) => args.run(cx),
        }
    }
}
