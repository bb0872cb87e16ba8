//! `netdiag diff`.

use clap::Args;

use super::harm::Ask;
use super::input::{Input, Namespace};
use super::write::Job;
use super::{Context, Error, Outcome};
use crate::apply::{Mode, Verb};

/// Show what applying manifests would change, field by field, and write nothing
///
/// Exit status: 0 nothing would change, 2 something would, 1 error.
#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    input: Input<true>,
    #[command(flatten)]
    namespace: Namespace,
}

impl Diff {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let job = Job {
            verb: Verb::Apply,
            mode: Mode::DryRun,
            find: true,
            ask: Ask::Tell,
        };
        job.run(&self.input, &self.namespace, cx)
    }
}
