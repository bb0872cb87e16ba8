//! `netdiag check`: what is broken, where, how we know, and what mends it.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::format::Format;
use super::source::{Depth, Picture, Source};
use super::{Context, Error, Outcome, files};
use crate::diagnose::{Cause, Change, Evidence, Finding, Report, Severity, check, manifests};
use crate::output::{document, table, text};
use crate::state::Snapshot;

/// Find what is broken, prove it, and write the manifests that mend it
///
/// Looks at this node from the inside and at all others through the datastore; says what it could not see.
///
/// Exit status: 0 no findings, 2 findings, 3 not decidable, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Write the manifests that mend the findings, for `netdiag apply -f FILE`; `-` is standard output
    #[arg(long, value_name = "FILE")]
    fix_to: Option<PathBuf>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let picture = Picture::new(self.source.read(cx, Depth::Whole)?);
        let report = check(&picture.world());
        let to_stdout = self.fix_to.as_deref().is_some_and(files::is_stdout);
        if !to_stdout && !self.output.write(cx, &Json::new(&report))? {
            show(cx, &report, self.fix_to.as_deref())?;
        }
        if let Some(path) = &self.fix_to {
            Self::write_fix(cx, &report, &picture.snapshot, path)?;
        }
        Ok(outcome(&report))
    }

    fn write_fix(cx: &mut Context, report: &Report, snapshot: &Snapshot, path: &Path) -> Result<(), Error> {
        let documents = snapshot
            .objects
            .known()
            .map(|objects| manifests::manifests(report, objects))
            .unwrap_or_default();
        if documents.is_empty() {
            writeln!(
                cx.err,
                "no manifest mends these findings: {} not written",
                path.display()
            )?;
            return Ok(());
        }
        let mut yaml = fix_header(report);
        if snapshot
            .objects
            .known()
            .is_some_and(|objects| objects.v1_manifests)
        {
            // calicoctl 1.x reads one document a file, which may be a list.
            yaml.push_str(&document::yaml(&documents));
        } else {
            // Only between documents: to calicoctl, comments before a first `---` are a document of their own.
            let documents: Vec<String> = documents.iter().map(document::yaml).collect();
            yaml.push_str(&documents.join("---\n"));
        }
        if files::is_stdout(path) {
            cx.out.write_all(yaml.as_bytes())?;
            return Ok(());
        }
        files::write_whole(path, &yaml)?;
        let line = format!(
            "{} written: {}. Look at it, then: netdiag apply -f {}",
            path.display(),
            text::count(documents.len(), "Node"),
            path.display()
        );
        writeln!(cx.err, "{}", cx.style.strong(&line))?;
        Ok(())
    }
}

fn outcome(report: &Report) -> Outcome {
    if !report.findings.is_empty() {
        Outcome::Findings
    } else if report.undecidable.is_some() {
        Outcome::NotDecidable
    } else {
        Outcome::Good
    }
}

/// Why the file is as it is, for whoever reads it before applying it.
fn fix_header(report: &Report) -> String {
    const WIDTH: usize = 80;
    let mut lines = vec!["Written by netdiag check. Look at it, then: netdiag apply -f FILE".to_owned()];
    let changes = report
        .findings
        .iter()
        .filter(|finding| finding.fix.change.is_some());
    lines.extend(changes.map(|finding| format!("{} {}", finding.code, finding.title)));
    lines.extend(
        report
            .settings
            .iter()
            .map(|setting| format!("To keep it, set in calico-node's environment: {setting}")),
    );
    lines.iter().fold(String::new(), |header, line| {
        header + &text::wrap(line, WIDTH, "# ", "#   ") + "\n"
    })
}

/// The report, as JSON shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    /// Version of this format.
    netdiag_check: u32,
    findings: Vec<JsonFinding<'a>>,
    notes: &'a [String],
    settings: &'a [String],
    seen: &'a [String],
    unseen: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    undecidable: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonFinding<'a> {
    code: &'a str,
    severity: Severity,
    node: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    certain: bool,
    evidence: &'a [Evidence],
    steps: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a Change>,
}

impl<'a> Json<'a> {
    fn new(report: &'a Report) -> Self {
        Self {
            netdiag_check: 1,
            findings: report.findings.iter().map(JsonFinding::new).collect(),
            notes: &report.notes,
            settings: &report.settings,
            seen: &report.seen,
            unseen: &report.unseen,
            undecidable: report.undecidable.as_deref(),
        }
    }
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self {
            code: finding.code,
            severity: finding.severity,
            node: &finding.node,
            title: &finding.title,
            cause: finding.cause,
            certain: finding.certain,
            evidence: &finding.evidence,
            steps: &finding.fix.steps,
            change: finding.fix.change.as_ref(),
        }
    }
}

fn show(cx: &mut Context, report: &Report, fix_to: Option<&Path>) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    let summary = match (report.findings.len(), &report.undecidable) {
        (0, None) => style.good("No findings."),
        (0, Some(why)) => style.warn(&format!("Not decidable: {why}.")),
        (number, _) => style.bad(&format!("{}.", text::count(number, "finding"))),
    };
    writeln!(cx.out, "{summary}")?;
    let (grouped, single): (Vec<&Finding>, Vec<&Finding>) = report
        .findings
        .iter()
        .partition(|finding| finding.fix.change.is_some() && !finding.certain);
    // Those seen from the inside prove the most: they come first.
    let (first, rest): (Vec<&Finding>, Vec<&Finding>) = single
        .into_iter()
        .partition(|finding| finding.cause == Some(Cause::NodeAddress));
    for finding in first {
        show_finding(cx, finding, width)?;
    }
    match grouped[..] {
        [] => {}
        [one] => show_finding(cx, one, width)?,
        [..] => show_group(cx, &grouped, width)?,
    }
    for finding in rest {
        show_finding(cx, finding, width)?;
    }
    writeln!(cx.out)?;
    for setting in &report.settings {
        let line = format!("so that it stays: set {setting} in calico-node's environment");
        writeln!(cx.out, "{}", text::wrap(&line, width, "", "  "))?;
    }
    for note in &report.notes {
        writeln!(cx.out, "{}", text::wrap(note, width, "note: ", "  "))?;
    }
    for seen in &report.seen {
        writeln!(
            cx.out,
            "{}",
            style.faint(&text::wrap(seen, width, "seen: ", "  "))
        )?;
    }
    for unseen in &report.unseen {
        let line = text::wrap(&unseen.replace('\n', " "), width, "not seen: ", "  ");
        writeln!(cx.out, "{}", style.faint(&line))?;
    }
    if fix_to.is_none() && report.findings.iter().any(|finding| finding.fix.change.is_some()) {
        let line = "Next: netdiag check --fix-to fix.yaml, then netdiag apply -f fix.yaml";
        writeln!(cx.out, "{}", style.strong(line))?;
    }
    Ok(())
}

/// Many nodes with one fault, judged from the nodes that can be seen: a row a node, and the evidence of the first.
fn show_group(cx: &mut Context, findings: &[&Finding], width: usize) -> Result<(), Error> {
    let style = cx.style;
    let [first, ..] = findings else {
        return Ok(());
    };
    let title = format!(
        "{} {}: wrong addresses stored for {}",
        first.code,
        first.severity.name(),
        text::count(findings.len(), "other node")
    );
    writeln!(cx.out, "\n{}", style.bad(&title))?;
    let rows: Vec<Vec<String>> = findings
        .iter()
        .filter_map(|finding| {
            let change = finding.fix.change.as_ref()?;
            Some(vec![
                format!("  {}", finding.node),
                change.from.clone(),
                change.value.clone(),
                change.why.clone(),
            ])
        })
        .collect();
    write!(
        cx.out,
        "{}",
        table::columns(&["  NODE", "STORED", "RIGHT", "KNOWN BY"], &rows, 2, Some(width))
    )?;
    let line = format!(
        "as for {}: {}",
        first.node,
        first
            .evidence
            .iter()
            .skip(1)
            .map(|evidence| format!("{} ({})", evidence.text, evidence.source))
            .take(2)
            .collect::<Vec<_>>()
            .join("; ")
    );
    writeln!(cx.out, "{}", text::wrap(&line, width, "  ", "  "))?;
    Ok(())
}

/// Title, evidence in two columns, and what to do.
fn show_finding(cx: &mut Context, finding: &Finding, width: usize) -> Result<(), Error> {
    let style = cx.style;
    let head = format!("{} {}: ", finding.code, finding.severity.name());
    let title = text::wrap(&finding.title, width, &head, "    ");
    let title = match finding.severity {
        Severity::Error => style.bad(&title),
        Severity::Warning => style.warn(&title),
    };
    writeln!(cx.out, "\n{title}")?;
    let column = finding
        .evidence
        .iter()
        .map(|evidence| evidence.source.chars().count())
        .max()
        .unwrap_or(0)
        .max("do".len());
    let indent = " ".repeat(column + 4);
    for evidence in &finding.evidence {
        let pad = " ".repeat(column - evidence.source.chars().count());
        let first = format!("  {}{pad}  ", evidence.source);
        writeln!(cx.out, "{}", text::wrap(&evidence.text, width, &first, &indent))?;
    }
    for step in &finding.fix.steps {
        let first = format!("  {:column$}  ", "do");
        writeln!(
            cx.out,
            "{}",
            style.strong(&text::wrap(step, width, &first, &indent))
        )?;
    }
    Ok(())
}
