//! `netdiag snapshot script`: what collects where netdiag isn't.

use clap::Args as ClapArgs;

use crate::cli::{Context, Error, Outcome};

/// The script itself, for a POSIX shell; busybox will do.
pub(super) const SCRIPT: &str = include_str!("collect.sh");

/// Print a shell script that collects on a node without netdiag what commands read with --snapshot
///
/// The script reads only; it writes an archive, or a directory if it is given one:
/// netdiag snapshot script | ssh NODE sudo sh -s > NODE.tar
///
/// Exit status: 0 printed, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        cx.out.write_all(SCRIPT.as_bytes())?;
        Ok(Outcome::Good)
    }
}
