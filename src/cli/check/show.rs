//! Findings for people.

use std::path::Path;

use crate::cli::source::Source;
use crate::cli::{Context, Error};
use crate::diagnose::{Cause, Consequence, Finding, Report, Severity, Sure};
use crate::output::{table, text};

/// How many commands of one finding are shown: what mends a thousand nodes belongs in a file.
const COMMANDS: usize = 6;

/// All of them; those that were seen from the inside first.
pub(super) fn show(
    cx: &mut Context,
    report: &Report,
    source: &Source,
    fix_to: Option<&Path>,
) -> Result<(), Error> {
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
        .partition(|finding| finding.fix.change.is_some() && finding.sure != Sure::Proved);
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
    let by_file = |finding: &Finding| finding.fix.change.is_some() || finding.fix.manifest.is_some();
    if fix_to.is_none() && report.findings.iter().any(by_file) {
        let (program, source) = (cx.program(), source.options());
        let line =
            format!("Next: {program} check{source} --fix-to fix.yaml, then {program} apply -f fix.yaml");
        let line = text::wrap(&line, width, "", "  ");
        writeln!(cx.out, "{}", style.strong(&line))?;
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
        first.id,
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
    let head = format!("{} {}: ", finding.id, finding.severity.name());
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
        .max("cuts".len());
    let indent = " ".repeat(column + 4);
    for evidence in &finding.evidence {
        let pad = " ".repeat(column - evidence.source.chars().count());
        let first = format!("  {}{pad}  ", evidence.source);
        writeln!(cx.out, "{}", text::wrap(&evidence.text, width, &first, &indent))?;
    }
    let row = |word: &str| format!("  {word:column$}  ");
    if let Some(affected) = &finding.affected {
        let line = format!(
            "{}, such as {}",
            text::count(
                usize::try_from(affected.pairs).unwrap_or(usize::MAX),
                "walked pair"
            ),
            affected.example
        );
        writeln!(cx.out, "{}", text::wrap(&line, width, &row("cuts"), &indent))?;
    }
    // Of each kind the first, and how many more.
    let mut kinds: Vec<(&Consequence, usize)> = Vec::new();
    for consequence in &finding.consequences {
        match kinds.iter_mut().find(|(first, _)| first.id == consequence.id) {
            Some((_, more)) => *more += 1,
            None => kinds.push((consequence, 0)),
        }
    }
    for (first, more) in kinds {
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let line = format!("{}{more}", first.title);
        writeln!(cx.out, "{}", text::wrap(&line, width, &row("so"), &indent))?;
    }
    for command in finding.fix.commands.iter().take(COMMANDS) {
        let place = command
            .node
            .as_ref()
            .map_or_else(String::new, |node| format!("   (on {node})"));
        let line = format!("{}{place}", command.run);
        writeln!(
            cx.out,
            "{}",
            style.strong(&text::wrap(&line, width, &row("run"), &indent))
        )?;
    }
    if let Some(more) = finding.fix.commands.len().checked_sub(COMMANDS + 1) {
        let line = format!("and {} more: netdiag check --fix-to FILE", more + 1);
        writeln!(cx.out, "{}", text::wrap(&line, width, &row(""), &indent))?;
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
