//! `netdiag create`.

use clap::Args;

use super::harm::Consent;
use super::input::{Input, Namespace};
use super::write::Job;
use super::{Context, Error, Outcome};
use crate::apply::{Mode, Verb};

/// Create resources from manifests; they must not exist yet
///
/// Reads what apply reads. Nothing is written unless every document is valid.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    input: Input<true>,
    #[command(flatten)]
    namespace: Namespace,
    /// Leave resources that exist as they are, and count them as done
    #[arg(long)]
    skip_exists: bool,
    /// Show what would be created, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
}

impl Create {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        let verb = Verb::Create {
            skip_exists: self.skip_exists,
        };
        Job {
            verb,
            mode,
            find: false,
            ask: self.consent.ask(mode),
        }
        .run(&self.input, &self.namespace, cx)
    }
}
