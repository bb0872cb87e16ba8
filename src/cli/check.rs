//! `netdiag check`: what is broken, where, how we know, and what mends it.

mod machine;
mod show;

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::source::{Depth, Picture, Source, read_snapshots, what_if};
use super::{Context, Error, Outcome, files};
use crate::diagnose::shell::word;
use crate::diagnose::{
    Affected, Cause, Change, Command, Consequence, Evidence, Finding, Manifest, Report, Severity, Sure,
    catalogue, check, manifests,
};
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
    /// Write the manifests that mend the findings, for `netdiag apply -f FILE`, and beside them the commands as a shell
    /// script, which is never run (FILE.sh); `-` is standard output, without the script
    #[arg(long, value_name = "FILE")]
    fix_to: Option<PathBuf>,
    /// These checks only, by id
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = ids(), hide_possible_values = true)]
    only: Vec<String>,
    /// All checks but these
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = ids(), hide_possible_values = true)]
    skip: Vec<String>,
    /// As it will be when these manifests are applied
    #[arg(long, value_name = "FILE")]
    what_if: Vec<PathBuf>,
    /// Only what an older snapshot didn't show
    #[arg(long, value_name = "SNAPSHOT")]
    since: Vec<PathBuf>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Look::Table)]
    output: Look,
}

/// How findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Look {
    Table,
    Json,
    Yaml,
    /// SARIF 2.1.0, for tools that collect findings
    Sarif,
    /// JUnit's XML: a test case a check
    Junit,
}

fn ids() -> PossibleValuesParser {
    PossibleValuesParser::new(catalogue::all().map(|check| check.id))
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let snapshot = self.source.read(cx, Depth::Whole)?;
        let picture = Picture::new(what_if(cx, snapshot, &self.what_if)?);
        let mut report = check(&picture.world());
        self.choose(&mut report);
        if !self.since.is_empty() {
            let before = Picture::new(read_snapshots(cx, &self.since)?);
            report.keep_new(&check(&before.world()));
        }
        let to_stdout = self.fix_to.as_deref().is_some_and(files::is_stdout);
        if !to_stdout {
            self.show(cx, &report)?;
        }
        if let Some(path) = &self.fix_to {
            Self::write_fix(cx, &report, &picture.snapshot, path)?;
        }
        Ok(outcome(&report))
    }

    /// Leaves what was asked for.
    fn choose(&self, report: &mut Report) {
        let is_in = |list: &[String], finding: &Finding| list.iter().any(|id| id == finding.id);
        report.findings.retain(|finding| {
            (self.only.is_empty() || is_in(&self.only, finding)) && !is_in(&self.skip, finding)
        });
    }

    fn show(&self, cx: &mut Context, report: &Report) -> Result<(), Error> {
        let text = match self.output {
            Look::Table => return show::show(cx, report, &self.source, self.fix_to.as_deref()),
            Look::Json => document::json(&Json::new(report)),
            Look::Yaml => document::yaml(&Json::new(report)),
            Look::Sarif => machine::sarif(report),
            Look::Junit => machine::junit(report),
        };
        cx.out.write_all(text.as_bytes())?;
        Ok(())
    }

    fn write_fix(cx: &mut Context, report: &Report, snapshot: &Snapshot, path: &Path) -> Result<(), Error> {
        let documents = snapshot
            .objects
            .known()
            .map(|objects| manifests::manifests(report, objects))
            .unwrap_or_default();
        if !files::is_stdout(path)
            && let Some(script) = machine::script(report)
        {
            let path = path.with_extension("sh");
            files::write_whole(&path, &script)?;
            let line = format!(
                "{} written: commands, a line each. Look at them before you run one",
                path.display()
            );
            writeln!(cx.err, "{}", cx.style.strong(&line))?;
        }
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
            "{} written: {}. Look at it, then: {} apply -f {}",
            path.display(),
            objects_named(&documents),
            cx.program(),
            word(&path.to_string_lossy())
        );
        writeln!(cx.err, "{}", cx.style.strong(&line))?;
        Ok(())
    }
}

/// `4 Nodes`, or `3 objects` of several kinds.
fn objects_named(documents: &[serde_json::Value]) -> String {
    let is_node = |document: &serde_json::Value| {
        document["kind"]
            .as_str()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("node"))
    };
    let noun = if documents.iter().all(is_node) {
        "Node"
    } else {
        "object"
    };
    text::count(documents.len(), noun)
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
        .filter(|finding| finding.fix.change.is_some() || finding.fix.manifest.is_some());
    lines.extend(changes.map(|finding| format!("{}: {}", finding.id, finding.title)));
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
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    certain: bool,
    confidence: Sure,
    evidence: &'a [Evidence],
    steps: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<&'a Manifest>,
    #[serde(skip_serializing_if = "<[Command]>::is_empty")]
    commands: &'a [Command],
    #[serde(skip_serializing_if = "Option::is_none")]
    affected: Option<&'a Affected>,
    #[serde(skip_serializing_if = "<[Consequence]>::is_empty")]
    consequences: &'a [Consequence],
    /// What would show that it is not so.
    disproof: &'a str,
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
            code: finding.id,
            severity: finding.severity,
            node: &finding.node,
            subject: &finding.subject,
            title: &finding.title,
            cause: finding.cause,
            certain: finding.sure == Sure::Proved,
            confidence: finding.sure,
            evidence: &finding.evidence,
            steps: &finding.fix.steps,
            change: finding.fix.change.as_ref(),
            manifest: finding.fix.manifest.as_ref(),
            commands: &finding.fix.commands,
            affected: finding.affected.as_ref(),
            consequences: &finding.consequences,
            disproof: catalogue::find(finding.id).map_or("", |check| check.disproof),
        }
    }
}
