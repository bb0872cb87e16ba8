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

/// Tells every problem; the error that is left to say.
fn refuse(problems: &[Problem], err: &mut dyn Write) -> io::Result<Error> {
    for problem in problems {
        writeln!(err, "{problem}")?;
    }
    let count = problems.len();
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
        apply::apply_all(store, documents, mode, &mut show).await
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
                Ok(Done::Unchanged) => tally.unchanged += 1,
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
        if let apply::Error::Datastore(error) = error {
            self.hints.extend(Error::from(error).hints);
            self.hints.sort_unstable();
            self.hints.dedup();
        }
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
mod tests {
    use super::*;
    use crate::apply::memory::Memory;
    use crate::calico::manifest;
    use crate::calico::resource::Kind;
    use serde_json::json;

    /// The story's cluster before the mend: each node's address is that of its bridge.
    fn broken_cluster() -> Memory {
        Memory::with([1, 2, 3].map(|number| {
            json!({
                "apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": format!("node{number}")},
                "spec": {"bgp": {
                    "ipv4Address": format!("10.244.{number}.1/24"),
                    "ipv4IPIPTunnelAddr": format!("192.168.115.{number}"),
                }},
            })
        }))
    }

    fn story() -> Vec<Document> {
        let text = include_bytes!("../../fixtures/manifests/story-v1.yaml");
        manifest::read("fix.yaml", text).unwrap()
    }

    fn run(store: &Memory, documents: &[Document], mode: Mode) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let output = Output {
            out: &mut out,
            err: &mut err,
            style: Style::PLAIN,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let end = match runtime.block_on(write(store, documents, mode, output)) {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => format!("error: {}", error.message),
        };
        let text = |bytes| String::from_utf8(bytes).unwrap();
        format!("--- stdout\n{}--- stderr\n{}--- {end}", text(out), text(err))
    }

    #[test]
    fn a_dry_run_shows_the_changes_on_standard_output_and_writes_nothing() {
        let store = broken_cluster();
        insta::assert_snapshot!(run(&store, &story(), Mode::DryRun), @r"
    --- stdout
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    Node node3
      spec.bgp.ipv4Address: 10.244.3.1/24 → 192.168.80.25/24
    Node node4 (new)
      + spec.bgp.ipv4Address: 192.168.80.26/24
    Dry run, nothing was written: 1 to create, 3 to update, 0 unchanged
    --- stderr
    --- Good
    ");
        assert_eq!(store.writes.get(), 0);
    }

    #[test]
    fn standard_output_has_exactly_the_line_of_calicoctl() {
        let store = broken_cluster();
        insta::assert_snapshot!(run(&store, &story(), Mode::Write), @r"
    --- stdout
    Successfully applied 4 'Node' resource(s)
    --- stderr
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    Node node3
      spec.bgp.ipv4Address: 10.244.3.1/24 → 192.168.80.25/24
    Node node4 (new)
      + spec.bgp.ipv4Address: 192.168.80.26/24
    --- Good
    ");
        insta::assert_snapshot!(run(&store, &story(), Mode::Write), @r"
    --- stdout
    Successfully applied 4 'Node' resource(s)
    --- stderr
    Node node1: unchanged
    Node node2: unchanged
    Node node3: unchanged
    Node node4: unchanged
    --- Good
    ");
        let node = store.find(Kind::Node, "node1").unwrap();
        assert_eq!(
            node.text(&["spec", "bgp", "ipv4IPIPTunnelAddr"]),
            Some("192.168.115.1")
        );
    }

    #[test]
    fn what_failed_is_named_and_the_rest_is_applied() {
        let store = broken_cluster();
        store.broken.borrow_mut().push("node2".into());
        insta::assert_snapshot!(run(&store, &story()[..3], Mode::Write), @r"
    --- stdout
    Partial success: applied the first 2 out of 3 'Node' resources:
    --- stderr
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    Node node3
      spec.bgp.ipv4Address: 10.244.3.1/24 → 192.168.80.25/24
    fix.yaml:8: Node node2: node2: broken
    --- error: hit error: [node2: broken]
    ");
        insta::assert_snapshot!(run(&store, &story()[1..2], Mode::Write), @r"
    --- stdout
    --- stderr
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    fix.yaml:8: Node node2: node2: broken
    --- error: failed to apply 'Node' resource: [node2: broken]
    ");
        store.unreachable.set(true);
        insta::assert_snapshot!(run(&store, &story()[..2], Mode::Write), @r"
    --- stdout
    --- stderr
    fix.yaml:1: Node node1: cannot reach the datastore
    memory: connect: refused
    fix.yaml:8: Node node2: not tried, because the datastore is out of reach
    --- error: failed to apply any 'Node' resources: [cannot reach the datastore
    memory: connect: refused]
    ");
    }

    #[test]
    fn a_v3_document_shows_what_it_removes_and_a_repeated_one_is_warned_of() {
        let text = b"apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: node1}\n---
{apiVersion: v1, kind: node, metadata: {name: node1}, spec: {bgp: {ipv4Address: 192.168.80.23}}}";
        let documents = manifest::read("f.yaml", text).unwrap();
        insta::assert_snapshot!(run(&broken_cluster(), &documents, Mode::Write), @r"
    --- stdout
    Successfully applied 2 'Node' resource(s)
    --- stderr
    warning: Node node1 is here twice, f.yaml:1 and f.yaml:5: applied in this order
    Node node1
      - spec.bgp.ipv4Address: 10.244.1.1/24
      - spec.bgp.ipv4IPIPTunnelAddr: 192.168.115.1
    Node node1
      + spec.bgp.ipv4Address: 192.168.80.23/32
      note: spec.bgp.ipv4Address has no prefix length: /32 assumed. CrossSubnet pools then take every other node as in another subnet, and encapsulate; give the length of the node's subnet
    --- Good
    ");
    }

    #[test]
    fn problems_are_told_line_by_line() {
        let problems = manifest::read("f.yaml", b"kind: Node\n---\n- x\n").unwrap_err();
        let mut err = Vec::new();
        let error = refuse(&problems, &mut err).unwrap();
        insta::assert_snapshot!(format!("{}{}", String::from_utf8(err).unwrap(), error.message), @r#"
    f.yaml:1: apiVersion is missing; a Calico node has apiVersion: projectcalico.org/v3 and kind: Node
    f.yaml:3: is the text "x", not a resource (a map with apiVersion, kind, metadata and spec)
    2 problems in the manifests; nothing was written
    "#);
    }
}
