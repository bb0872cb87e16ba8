//! `netdiag check`: what is broken, where, how we know, and what mends it.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::source::{Depth, Picture, Source};
use super::{Context, Error, Outcome, files};
use crate::diagnose::{Change, Evidence, Finding, Report, Severity, check, manifests};
use crate::output::{document, text};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let picture = Picture::new(self.source.read(cx, Depth::Whole)?);
        let report = check(&picture.world());
        let to_stdout = self.fix_to.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if !to_stdout {
            match self.output {
                Format::Table => show(cx, &report)?,
                Format::Json => cx.out.write_all(document::json(&Json::new(&report)).as_bytes())?,
                Format::Yaml => cx.out.write_all(document::yaml(&Json::new(&report)).as_bytes())?,
            }
        }
        if let Some(path) = &self.fix_to {
            self.write_fix(cx, &report, &picture.snapshot, path)?;
        }
        Ok(outcome(&report))
    }

    fn write_fix(
        &self,
        cx: &mut Context,
        report: &Report,
        snapshot: &Snapshot,
        path: &PathBuf,
    ) -> Result<(), Error> {
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
        for document in &documents {
            yaml.push_str("---\n");
            yaml.push_str(&document::yaml(document));
        }
        if path.as_os_str() == "-" {
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
    let mut header = String::from("# Written by netdiag check. Look at it, then: netdiag apply -f FILE\n");
    for finding in report
        .findings
        .iter()
        .filter(|finding| finding.fix.change.is_some())
    {
        header.push_str(&format!("# {} {}\n", finding.code, finding.title));
    }
    let mut settings: Vec<&str> = report
        .findings
        .iter()
        .filter_map(|finding| finding.fix.setting.as_deref())
        .collect();
    settings.sort_unstable();
    settings.dedup();
    for setting in settings {
        header.push_str(&format!(
            "# To keep it, set in calico-node's environment: {setting}\n"
        ));
    }
    header
}

/// The report, as JSON shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    /// Version of this format.
    netdiag_check: u32,
    findings: Vec<JsonFinding<'a>>,
    notes: &'a [String],
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
    cause: Option<crate::diagnose::Cause>,
    evidence: &'a [Evidence],
    steps: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<&'a str>,
}

impl<'a> Json<'a> {
    fn new(report: &'a Report) -> Self {
        Self {
            netdiag_check: 1,
            findings: report.findings.iter().map(JsonFinding::new).collect(),
            notes: &report.notes,
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
            evidence: &finding.evidence,
            steps: &finding.fix.steps,
            change: finding.fix.change.as_ref(),
            setting: finding.fix.setting.as_deref(),
        }
    }
}

fn show(cx: &mut Context, report: &Report) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    for finding in &report.findings {
        show_finding(cx, finding, width)?;
    }
    for note in &report.notes {
        writeln!(cx.out, "{}", text::wrap(note, width, "note: ", "  "))?;
    }
    for unseen in &report.unseen {
        let line = text::wrap(&unseen.replace('\n', " "), width, "not seen: ", "  ");
        writeln!(cx.out, "{}", style.faint(&line))?;
    }
    for seen in &report.seen {
        writeln!(
            cx.out,
            "{}",
            style.faint(&text::wrap(seen, width, "seen: ", "  "))
        )?;
    }
    let summary = match (report.findings.len(), &report.undecidable) {
        (0, None) => style.good("No findings."),
        (0, Some(why)) => style.warn(&format!("Not decidable: {why}.")),
        (number, _) => style.bad(&format!("{}.", text::count(number, "finding"))),
    };
    writeln!(cx.out, "{summary}")?;
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
    writeln!(cx.out, "{title}")?;
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
    writeln!(cx.out)?;
    Ok(())
}
