//! `netdiag datastore`: locking, for changes that nobody may interfere with.

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, Error, Outcome};
use crate::calico::kind::Kind;
use crate::datastore;

/// The datastore as a whole
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lock and unlock it
    #[command(subcommand)]
    Migrate(Migrate),
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Migrate {
    /// Tell all of Calico that nothing may be changed: nodes and pods keep what they have, and get nothing new
    Lock,
    /// Tell all of Calico to go on
    Unlock,
}

/// How often a lock is tried when others change the cluster's information meanwhile.
const TRIES: usize = 5;

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let Command::Migrate(migrate) = &self.command;
        let (ready, said) = match migrate {
            Migrate::Lock => (false, "Datastore locked."),
            Migrate::Unlock => (true, "Datastore unlocked."),
        };
        let store = super::datastore::open(cx)?;
        cx.block_on(async {
            let mut tries = 1;
            loop {
                let mut cluster = store.get(Kind::ClusterInformation, "default").await?;
                cluster.set(&["spec", "datastoreReady"], Some(ready.into()));
                match store.update(&cluster).await {
                    Ok(_) => return Ok(()),
                    Err(datastore::Error::Conflict { .. }) if tries < TRIES => tries += 1,
                    Err(error) => return Err(Error::from(error)),
                }
            }
        })?;
        writeln!(cx.out, "{said}")?;
        Ok(Outcome::Good)
    }
}
