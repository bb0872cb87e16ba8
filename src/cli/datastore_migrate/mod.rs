//! `netdiag datastore`: locking it for changes that nobody may interfere with, and moving it to another.

mod export;
mod file;
mod import;

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, Error, Outcome};
use crate::apply::{self, migrate};

/// The datastore as a whole
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lock it, unlock it, and move what it holds to another
    #[command(subcommand)]
    Migrate(Migrate),
}

#[derive(Debug, Subcommand)]
enum Migrate {
    Export(export::Export),
    Import(import::Import),
    /// Tell all of Calico that nothing may be changed: nodes and pods keep what they have, and get nothing new
    Lock,
    /// Tell all of Calico to go on
    Unlock,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let Command::Migrate(command) = &self.command;
        let (ready, said) = match command {
            Migrate::Export(export) => return export.run(cx),
            Migrate::Import(import) => return import.run(cx),
            Migrate::Lock => (false, "Datastore locked."),
            Migrate::Unlock => (true, "Datastore unlocked."),
        };
        let store = super::datastore::open(cx)?;
        cx.block_on(migrate::set_ready(&*store, ready)).map_err(failed)?;
        writeln!(cx.out, "{said}")?;
        Ok(Outcome::Good)
    }
}

/// What failed, with the hints that failures of datastores have.
fn failed(error: apply::Error) -> Error {
    match error {
        apply::Error::Datastore(error) => error.into(),
        error => Error::new(error.to_string()),
    }
}
