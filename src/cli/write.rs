//! What `netdiag apply`, `create` and `replace` share.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use super::compat::Refused;
use super::harm::{self, Ask};
use super::input::{Input, Namespace};
use super::{Context, Error, Outcome, compat, kinds, signals};
use crate::apply::{self, Done, Mode, Plan, Verb};
use crate::calico::manifest::{Document, Problem, Reading};
use crate::calico::resource::Resource;
use crate::datastore::Datastore;
use crate::diagnose::harm::Changed;
use crate::output::{Style, diff};

/// What is to be done with the documents, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) verb: Verb,
    pub(super) mode: Mode,
    /// Whether something to do is a finding.
    pub(super) find: bool,
    /// What is done about harm.
    pub(super) ask: Ask,
}

impl Job {
    /// Reads the manifests and writes what they say.
    pub(super) fn run<const REQUIRED: bool>(
        self,
        input: &Input<REQUIRED>,
        namespace: &Namespace,
        cx: &mut Context<'_>,
    ) -> Result<Outcome, Error> {
        let Reading { documents, problems } = input.read_parts(namespace, &mut io::stdin().lock())?;
        let Some(mut refused) = self.refused(&documents, &problems) else {
            let verb = Some(self.words().0);
            return Err(refuse(&problems, verb, "nothing was written", cx.err)?);
        };
        if documents.is_empty() && refused.is_empty() {
            writeln!(cx.out, "No resources specified")?;
            return Ok(Outcome::Good);
        }
        if self.mode == Mode::Write {
            // Interrupted, it says what was done.
            signals::watch()?;
        }
        let store = super::datastore::open(cx)?;
        let changed: Vec<Changed<'_>> = documents.iter().map(written).collect();
        compat::warn_of_release(cx, &*store)?;
        harm::before(cx, &*store, &changed, self.ask)?;
        let output = Output {
            out: cx.out,
            err: cx.err,
            style: cx.style,
        };
        cx.runtime.block_on(async {
            if self.mode == Mode::Write {
                apply::initialize(&*store).await;
            }
            if self.verb == Verb::Replace {
                compat::find(&*store, &mut refused).await;
            }
            write(&*store, (&documents, &refused), self, output).await
        })
    }

    /// What is not written although the rest is: only calicoctl does that. Nothing, where nothing is written; its `replace`
    /// goes to the datastore even so.
    fn refused(self, documents: &[Document], problems: &[Problem]) -> Option<Vec<Refused>> {
        if problems.is_empty() {
            return Some(Vec::new());
        }
        let partly = compat::on() && (!documents.is_empty() || self.verb == Verb::Replace);
        compat::refused(problems).filter(|_| partly)
    }

    /// `create`, and `created`.
    const fn words(self) -> (&'static str, &'static str) {
        match self.verb {
            Verb::Apply => ("apply", "applied"),
            Verb::Create { .. } => ("create", "created"),
            Verb::Replace => ("replace", "replaced"),
        }
    }
}

fn written(document: &Document) -> Changed<'_> {
    Changed {
        kind: document.resource.kind,
        id: document.resource.id(),
        after: Some(&document.resource),
    }
}

/// Problems that are told one by one: more of them say no more.
const MAX_TOLD: usize = 200;

/// Tells the problems; the error that is left to say. calicoctl names the verb where each resource is told by itself.
pub(super) fn refuse(
    problems: &[Problem],
    verb: Option<&str>,
    end: &str,
    err: &mut dyn Write,
) -> io::Result<Error> {
    if compat::on() {
        return Ok(compat::invalid(problems, verb));
    }
    for problem in problems.iter().take(MAX_TOLD) {
        writeln!(err, "{problem}")?;
    }
    let count = problems.len();
    if count > MAX_TOLD {
        writeln!(err, "… and {} more", count - MAX_TOLD)?;
    }
    let plural = if count == 1 { "" } else { "s" };
    Ok(Error::new(format!(
        "{count} problem{plural} in the manifests; {end}"
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
    (documents, refused): (&[Document], &[Refused]),
    job: Job,
    output: Output<'_>,
) -> Result<Outcome, Error> {
    let Output { out, err, style } = output;
    let Job { verb, mode, .. } = job;
    warn_of_repeats(documents, err, style)?;
    let mut told: Vec<String> = vec![String::new(); documents.len()];
    let mut last = told.clone();
    let results = {
        let mut show = |index: usize, plan: &Plan<'_>| {
            let text = describe(plan, style);
            if last[index] != text {
                told[index] += &text;
                last[index] = text;
            }
        };
        apply::apply_all(store, documents, verb, mode, &mut show, &signals::stopped).await
    };
    // A dry run is asked for its changes: there, they are the result.
    let to: &mut dyn Write = if mode == Mode::DryRun { out } else { err };
    let compatible = compat::on();
    if !compatible {
        // At once: standard error holds nothing back.
        to.write_all(told.concat().as_bytes())?;
    }
    let mut tally = Tally::of(job, documents, results, refused);
    tally.compatible = compatible;
    for line in tally
        .skipped
        .iter()
        .chain(&tally.failures)
        .filter(|_| !compatible)
    {
        writeln!(err, "{line}")?;
    }
    match mode {
        Mode::Write => write!(out, "{}", tally.calicoctl_line())?,
        Mode::DryRun => write!(out, "{}", tally.dry_run_line())?,
    }
    match tally.error() {
        None if job.find && tally.created + tally.updated > 0 => Ok(Outcome::Findings),
        None => Ok(Outcome::Good),
        Some(error) => Err(error),
    }
}

/// A resource that is in the input twice is most likely a mistake.
fn warn_of_repeats(documents: &[Document], err: &mut dyn Write, style: Style) -> io::Result<()> {
    let mut seen = HashMap::new();
    for document in documents {
        let (kind, name) = (document.resource.kind, document.resource.id());
        if let Some(first) = seen.insert((kind, name.clone()), document.place()) {
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
    let title = format!("{} {}", resource.kind, resource.id());
    let body = |resource: &Resource| Value::Object(resource.body.clone());
    let mut text = match (plan.done(), plan.stored) {
        (Done::Updated, Some(stored)) => {
            diff::render(&title, &diff::changes(&body(stored), &body(resource)), style)
        }
        (Done::Unchanged | Done::Skipped, _) => format!("{title}: {}\n", style.faint("unchanged")),
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
    job: Job,
    /// Whether to count and to speak as calicoctl does, where that misleads.
    compatible: bool,
    /// `'Node' `, or nothing for several kinds.
    of_kind: String,
    created: usize,
    updated: usize,
    unchanged: usize,
    /// What exists already, and was to be left as it is.
    skipped: Vec<String>,
    /// Place, resource and reason of each failure.
    failures: Vec<String>,
    /// The reasons alone, as calicoctl lists them.
    reasons: Vec<String>,
    hints: Vec<String>,
}

impl Tally {
    fn of(
        job: Job,
        documents: &[Document],
        results: Vec<Result<Done, apply::Error>>,
        refused: &[Refused],
    ) -> Self {
        let kinds = documents.iter().map(|document| document.resource.kind);
        let mut tally = Self {
            job,
            compatible: false,
            of_kind: kinds::in_words(kinds.chain(refused.iter().map(|one| one.kind))),
            created: 0,
            updated: 0,
            unchanged: 0,
            skipped: Vec::new(),
            failures: Vec::new(),
            reasons: Vec::new(),
            hints: Vec::new(),
        };
        let mut refused = refused.iter().peekable();
        for (index, (document, result)) in documents.iter().zip(results).enumerate() {
            while let Some(one) = refused.next_if(|one| one.before <= index) {
                tally.refuse(one);
            }
            match result {
                Ok(Done::Created) => tally.created += 1,
                Ok(Done::Updated) => tally.updated += 1,
                Ok(Done::Unchanged) => tally.unchanged += 1,
                Ok(Done::Skipped) => {
                    let resource = &document.resource;
                    tally.skipped.push(format!(
                        "{} {}: exists already, left as it is",
                        resource.kind,
                        resource.id()
                    ));
                }
                Err(error) => tally.fail(document, error),
            }
        }
        refused.for_each(|one| tally.refuse(one));
        tally
    }

    fn refuse(&mut self, one: &Refused) {
        self.failures.push(one.why.clone());
        self.reasons.push(one.why.clone());
    }

    fn fail(&mut self, document: &Document, error: apply::Error) {
        let (kind, name) = (document.resource.kind, document.resource.id());
        self.failures
            .push(format!("{}: {kind} {name}: {error}", document.place()));
        if !matches!(error, apply::Error::NotTried | apply::Error::Stopped) {
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
        self.created + self.updated + self.unchanged + self.skipped.len()
    }

    /// What scripts look for on standard output (calicoctl's words); empty when nothing was applied.
    fn calicoctl_line(&self) -> String {
        let (handled, of_kind) = (self.handled(), &self.of_kind);
        let (_, done) = self.job.words();
        let total = handled + self.failures.len();
        if self.compatible && self.job.verb == Verb::Replace && !self.failures.is_empty() {
            // It counts those that failed.
            return format!("Partial success: {done} the first {total} out of {total} {of_kind}resources:\n");
        }
        match (handled, self.failures.len()) {
            // It counts as if what failed had been done.
            (_, failed @ 1..)
                if self.compatible
                    && self.job.verb == Verb::Apply
                    && !compat::is_partial(handled, failed) =>
            {
                String::new()
            }
            (_, 0) => format!("Successfully {done} {handled} {of_kind}resource(s)\n"),
            (0, _) => String::new(),
            _ => format!("Partial success: {done} the first {handled} out of {total} {of_kind}resources:\n"),
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
        let (verb, _) = self.job.words();
        let message = match (self.handled(), self.failures.len()) {
            (_, 0) => return None,
            _ if self.compatible && self.job.verb == Verb::Replace => {
                format!("hit error: {}", self.reasons.last().map_or("", String::as_str))
            }
            (0, 1) => format!("failed to {verb} {of_kind}resource: [{reasons}]"),
            (0, _) => format!("failed to {verb} any {of_kind}resources: [{reasons}]"),
            _ if self.compatible && self.job.verb == Verb::Apply => format!("hit error(s): [{reasons}]"),
            _ => format!("hit error: [{reasons}]"),
        };
        let error = Error::new(message);
        Some(self.hints.iter().fold(error, Error::hint))
    }
}

#[cfg(test)]
mod tests;
