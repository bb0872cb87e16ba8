//! `netdiag apply`.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::input::Input;
use super::{Context, Error, Outcome};
use crate::apply::{self, Done, Mode, Plan};
use crate::calico::manifest::{Document, Problem};
use crate::calico::resource::Resource;
use crate::datastore::Datastore;
use crate::output::{Style, diff};

/// Write resources from manifests: create those that are missing, update the others
///
/// Accepts projectcalico.org/v3 documents, and the v1 form of old articles (`apiVersion: v1`, `kind: node`). A v3
/// document replaces labels, annotations and spec whole; a v1 document sets the fields it names and keeps all
/// others. Nothing is written unless every document is valid.
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    input: Input,
    /// Show what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Apply {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let documents = match self.input.read(&mut io::stdin().lock())? {
            Ok(documents) => documents,
            Err(problems) => return Err(refuse(&problems, cx.err)?),
        };
        if documents.is_empty() {
            writeln!(cx.out, "No resources specified")?;
            return Ok(Outcome::Good);
        }
        let store = super::datastore::open(cx)?;
        let mode = if self.dry_run { Mode::DryRun } else { Mode::Write };
        let output = Output {
            out: cx.out,
            err: cx.err,
            style: cx.style,
        };
        cx.runtime.block_on(write(&*store, &documents, mode, output))
    }
}

/// Problems that are told one by one: more of them say no more.
const MAX_TOLD: usize = 200;

/// Tells the problems; the error that is left to say.
fn refuse(problems: &[Problem], err: &mut dyn Write) -> io::Result<Error> {
    for problem in problems.iter().take(MAX_TOLD) {
        writeln!(err, "{problem}")?;
    }
    let count = problems.len();
    if count > MAX_TOLD {
        writeln!(err, "… and {} more", count - MAX_TOLD)?;
    }
    let plural = if count == 1 { "" } else { "s" };
    Ok(Error::new(format!(
        "{count} problem{plural} in the manifests; nothing was written"
    )))
}

struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    style: Style,
}

/// Applies the documents and says how it went: on standard output what calicoctl says, the rest on standard error.
async fn write(
    store: &dyn Datastore,
    documents: &[Document],
    mode: Mode,
    output: Output<'_>,
) -> Result<Outcome, Error> {
    let Output { out, err, style } = output;
    warn_of_repeats(documents, err, style)?;
    let mut told = io::Result::Ok(());
    let results = {
        // A dry run is asked for its changes: there, they are the result.
        let to: &mut dyn Write = if mode == Mode::DryRun { out } else { err };
        let mut last = String::new();
        let mut show = |plan: &Plan<'_>| {
            let text = describe(plan, style);
            if told.is_ok() && text != last {
                told = to.write_all(text.as_bytes());
                last = text;
            }
        };
        apply::apply_all(store, documents, apply::Verb::Apply, mode, &mut show).await
    };
    told?;
    let tally = Tally::of(documents, results);
    for failure in &tally.failures {
        writeln!(err, "{failure}")?;
    }
    match mode {
        Mode::Write => write!(out, "{}", tally.calicoctl_line())?,
        Mode::DryRun => write!(out, "{}", tally.dry_run_line())?,
    }
    match tally.error() {
        None => Ok(Outcome::Good),
        Some(error) => Err(error),
    }
}

/// A resource that is in the input twice is most likely a mistake.
fn warn_of_repeats(documents: &[Document], err: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut seen = HashMap::new();
    for document in documents {
        let (kind, name) = (document.resource.kind, document.resource.name());
        if let Some(first) = seen.insert((kind, name), document.place()) {
            let warning = style.warn("warning:");
            let place = document.place();
            writeln!(
                err,
                "{warning} {kind} {name} is here twice, {first} and {place}: applied in this order"
            )?;
        }
    }
    Ok(())
}

/// What a plan changes, and what was assumed to make it.
fn describe(plan: &Plan<'_>, style: Style) -> String {
    let resource = &plan.merged.resource;
    let title = format!("{} {}", resource.kind, resource.name());
    let body = |resource: &Resource| Value::Object(resource.body.clone());
    let mut text = match (plan.done(), plan.stored) {
        (Done::Updated, Some(stored)) => {
            diff::render(&title, &diff::changes(&body(stored), &body(resource)), style)
        }
        (Done::Unchanged, _) => format!("{title}: {}\n", style.faint("unchanged")),
        _ => {
            // Kind and name are in the title.
            let frame = body(&Resource::new(resource.kind, resource.name()));
            diff::render(
                &format!("{title} (new)"),
                &diff::changes(&frame, &body(resource)),
                style,
            )
        }
    };
    for note in &plan.merged.notes {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {} {note}", style.warn("note:"));
    }
    text
}

/// What to do about a file that was overtaken.
const MAKE_ANEW: &str = "the stored resource has changed since the file was made: make the file again, with netdiag \
                         check --fix-to or netdiag get -o yaml, and apply that";

/// How the documents fared.
struct Tally {
    /// `'Node' `, or nothing for several kinds.
    of_kind: String,
    created: usize,
    updated: usize,
    unchanged: usize,
    /// Place, resource and reason of each failure.
    failures: Vec<String>,
    /// The reasons alone, as calicoctl lists them.
    reasons: Vec<String>,
    hints: Vec<String>,
}

impl Tally {
    fn of(documents: &[Document], results: Vec<Result<Done, apply::Error>>) -> Self {
        let kinds: BTreeSet<_> = documents.iter().map(|document| document.resource.kind).collect();
        let mut tally = Self {
            of_kind: match kinds.first() {
                Some(kind) if kinds.len() == 1 => format!("'{kind}' "),
                _ => String::new(),
            },
            created: 0,
            updated: 0,
            unchanged: 0,
            failures: Vec::new(),
            reasons: Vec::new(),
            hints: Vec::new(),
        };
        for (document, result) in documents.iter().zip(results) {
            match result {
                Ok(Done::Created) => tally.created += 1,
                Ok(Done::Updated) => tally.updated += 1,
                Ok(Done::Unchanged | Done::Skipped) => tally.unchanged += 1,
                Err(error) => tally.fail(document, error),
            }
        }
        tally
    }

    fn fail(&mut self, document: &Document, error: apply::Error) {
        let (kind, name) = (document.resource.kind, document.resource.name());
        self.failures
            .push(format!("{}: {kind} {name}: {error}", document.place()));
        if !matches!(error, apply::Error::NotTried) {
            self.reasons.push(error.to_string());
        }
        match error {
            apply::Error::Datastore(error) => self.hints.extend(Error::from(error).hints),
            apply::Error::Outdated { .. } => self.hints.push(MAKE_ANEW.into()),
            _ => {}
        }
        self.hints.sort_unstable();
        self.hints.dedup();
    }

    fn handled(&self) -> usize {
        self.created + self.updated + self.unchanged
    }

    /// What scripts look for on standard output (calicoctl's words); empty when nothing was applied.
    fn calicoctl_line(&self) -> String {
        let (handled, of_kind) = (self.handled(), &self.of_kind);
        let total = handled + self.failures.len();
        match (handled, self.failures.len()) {
            (_, 0) => format!("Successfully applied {handled} {of_kind}resource(s)\n"),
            (0, _) => String::new(),
            _ => format!("Partial success: applied the first {handled} out of {total} {of_kind}resources:\n"),
        }
    }

    fn dry_run_line(&self) -> String {
        let mut line = format!(
            "Dry run, nothing was written: {} to create, {} to update, {} unchanged",
            self.created, self.updated, self.unchanged
        );
        if !self.failures.is_empty() {
            let _ = write!(line, ", {} would fail", self.failures.len());
        }
        line + "\n"
    }

    /// calicoctl's words for what failed.
    fn error(&self) -> Option<Error> {
        let reasons = self.reasons.join(" ");
        let of_kind = &self.of_kind;
        let message = match (self.handled(), self.failures.len()) {
            (_, 0) => return None,
            (0, 1) => format!("failed to apply {of_kind}resource: [{reasons}]"),
            (0, _) => format!("failed to apply any {of_kind}resources: [{reasons}]"),
            _ => format!("hit error: [{reasons}]"),
        };
        let error = Error::new(message);
        Some(self.hints.iter().fold(error, Error::hint))
    }
}

#[cfg(test)]
mod tests;
