//! `netdiag ipam`: addresses of pods and tunnels.

mod check;
mod configure;
mod release;
mod show;
mod split;

use std::net::IpAddr;

use clap::{Args as ClapArgs, Subcommand};

use super::{Context, Error, Outcome, compat, source};
use crate::ipam::stock::Stock;

/// Addresses that Calico gives out: who has them, what doesn't fit, and giving them back
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Args),
    Check(check::Args),
    Release(release::Args),
    Split(split::Args),
    Configure(configure::Args),
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match &self.command {
            Command::Show(show) => show.run(cx),
            Command::Check(check) => check.run(cx),
            Command::Release(release) => release.run(cx),
            Command::Split(split) => split.run(cx),
            Command::Configure(configure) => configure.run(cx),
        }
    }
}

impl From<crate::ipam::Error> for Error {
    fn from(error: crate::ipam::Error) -> Self {
        match error {
            crate::ipam::Error::Datastore(error) => error.into(),
            refused @ crate::ipam::Error::Refused(_) => Self::new(refused.to_string()),
        }
    }
}

/// An address as typed; calicoctl's words for what is none.
fn address(text: &str) -> Result<IpAddr, Error> {
    text.parse().map_err(|_| {
        if compat::on() {
            let message = format!("Error executing command: invalid IP address specified: {text}");
            return Error::new(message).on_stdout();
        }
        Error::new(format!("invalid IP address specified: {text}"))
    })
}

/// Tells which keys hold nothing that can be read.
fn warn_unreadable(cx: &mut Context, stock: &Stock) -> Result<(), Error> {
    let told = stock.unreadable.iter();
    let told: Vec<String> = told
        .map(|bad| format!("can't read {}: {}", bad.key, bad.why))
        .collect();
    source::warn(cx, &told)
}
