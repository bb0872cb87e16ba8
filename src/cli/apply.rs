//! `netdiag apply`.

use clap::Args;

use super::harm::Consent;
use super::input::{Input, Namespace};
use super::write::Job;
use super::{Context, Error, Outcome};
use crate::apply::{Mode, Verb};

/// Write resources from manifests: create those that are missing, update the others
///
/// Accepts projectcalico.org/v3 documents of every kind, and the v1 form of old articles (`apiVersion: v1`, `kind:
/// node`). A v3 document replaces labels, annotations and spec whole; a v1 document sets the fields it names and keeps
/// all others. Nothing is written unless every document is valid.
#[derive(Debug, Args)]
pub(super) struct Apply {
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

impl Apply {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        let verb = Verb::Apply;
        Job {
            verb,
            mode,
            find: false,
            ask: self.consent.ask(mode),
        }
        .run(&self.input, &self.namespace, cx)
    }
}
