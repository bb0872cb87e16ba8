//! `netdiag replace`.

use clap::Args;

use super::harm::Consent;
use super::input::{Input, Namespace};
use super::write::Job;
use super::{Context, Error, Outcome};
use crate::apply::{Mode, Verb};

/// Replace resources by those of manifests; they must exist
///
/// Reads what apply reads. Nothing is written unless every document is valid.
#[derive(Debug, Args)]
pub(super) struct Replace {
    #[command(flatten)]
    input: Input<true>,
    #[command(flatten)]
    namespace: Namespace,
    /// Show what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
}

impl Replace {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        let verb = Verb::Replace;
        Job {
            verb,
            mode,
            find: false,
            ask: self.consent.ask(mode),
        }
        .run(&self.input, &self.namespace, cx)
    }
}
