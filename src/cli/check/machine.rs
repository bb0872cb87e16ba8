//! Findings for machines: SARIF, JUnit, and the commands as a script.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnose::catalogue::{self, Check};
use crate::diagnose::{Finding, Report, Severity, Sure};

/// SARIF 2.1.0 (OASIS): a rule a check, a result a finding. Nodes stand for files, since code hosts show nothing without
/// a place in one.
pub(super) fn sarif(report: &Report) -> String {
    let rules: Vec<Value> = catalogue::all().map(rule).collect();
    let mut known = BTreeMap::new();
    let results = report.findings.iter();
    let results: Vec<Value> = results.map(|finding| result(finding, &mut known)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "netdiag",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // What could not be decided is no reason to take findings for all that there is.
            "invocations": [{"executionSuccessful": report.undecidable.is_none()}],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn rule(check: &Check) -> Value {
    let sections = check.sections();
    let text: Vec<String> = sections
        .iter()
        .map(|(heading, text)| format!("{heading}: {text}"))
        .collect();
    let markdown: Vec<String> = sections
        .iter()
        .map(|(heading, text)| format!("**{heading}**\n\n{text}"))
        .collect();
    json!({
        "id": check.id,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.what},
        "help": {"text": text.join("\n"), "markdown": markdown.join("\n\n")},
        "defaultConfiguration": {"level": level(check.severity)},
        "properties": {"tags": ["network"], "problem.severity": level(check.severity)},
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(finding: &Finding, known: &mut BTreeMap<String, usize>) -> Value {
    let evidence: Vec<String> = finding
        .evidence
        .iter()
        .map(|evidence| format!("{}: {}", evidence.source, evidence.text))
        .collect();
    let text = [std::slice::from_ref(&finding.title), evidence.as_slice()]
        .concat()
        .join("\n");
    // 0 to 100, as SARIF ranks.
    let rank = match finding.sure {
        Sure::Proved => 100.0,
        Sure::Likely => 75.0,
        Sure::Possible => 50.0,
    };
    let place = if finding.node.is_empty() {
        "cluster"
    } else {
        &finding.node
    };
    let print = fingerprint(finding);
    let number = known.entry(print.clone()).or_default();
    *number += 1;
    json!({
        "ruleId": finding.id,
        "ruleIndex": catalogue::all().position(|check| check.id == finding.id).map_or(-1, as_number),
        "level": level(finding.severity),
        "rank": rank,
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": format!("nodes/{}", in_uri(place))},
                "region": {"startLine": 1},
            },
            "logicalLocations": [{
                "name": place,
                "fullyQualifiedName": format!("{place}/{}", finding.subject),
                "kind": "resource",
            }],
        }],
        "partialFingerprints": {"netdiag/v1": format!("{print}:{number}")},
    })
}

fn as_number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(-1)
}

/// The same for the same fault in every run, whatever its figures are (FNV-1a).
fn fingerprint(finding: &Finding) -> String {
    let words = [finding.id, &finding.node, &finding.subject].join("\0");
    let hash = words.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Percent-encoded but for what RFC 3986 doesn't reserve.
fn in_uri(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// JUnit's XML: a suite, a case a check; one without findings has passed. What could not be decided is an error of the
/// suite's own case, so that nobody takes silence for health.
pub(super) fn junit(report: &Report) -> String {
    let checks: Vec<&Check> = catalogue::all().collect();
    let of = |check: &Check| -> Vec<&Finding> {
        let findings = report.findings.iter();
        findings.filter(|finding| finding.id == check.id).collect()
    };
    let failed = checks.iter().filter(|check| !of(check).is_empty()).count();
    let errors = usize::from(report.undecidable.is_some());
    let counts = format!(
        "tests=\"{}\" failures=\"{failed}\" errors=\"{errors}\" skipped=\"0\" time=\"0\"",
        checks.len() + errors
    );
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites name=\"netdiag check\" {counts}>");
    let _ = writeln!(text, "<testsuite name=\"netdiag check\" {counts}>");
    if let Some(why) = &report.undecidable {
        let _ = writeln!(
            text,
            "  <testcase classname=\"netdiag\" name=\"decidable\" time=\"0\"><error message=\"{}\" type=\"not decidable\"/></testcase>",
            escaped(why)
        );
    }
    for check in checks {
        let found = of(check);
        let _ = write!(
            text,
            "  <testcase classname=\"netdiag\" name=\"{}\" time=\"0\"",
            check.id
        );
        let Some(first) = found.first() else {
            text.push_str("/>\n");
            continue;
        };
        let more = if found.len() > 1 {
            format!(" (and {} more)", found.len() - 1)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            ">\n    <failure message=\"{}\" type=\"{}\">",
            escaped(&format!("{}{more}", first.title)),
            level(first.severity)
        );
        for finding in found {
            let _ = writeln!(text, "{}", escaped(&finding.title));
            for evidence in &finding.evidence {
                let _ = writeln!(
                    text,
                    "  {}",
                    escaped(&format!("{}: {}", evidence.source, evidence.text))
                );
            }
        }
        text.push_str("    </failure>\n  </testcase>\n");
    }
    text.push_str("</testsuite>\n</testsuites>\n");
    text
}

/// As text and in attributes; characters that XML 1.0 has no way to write are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            '\t' => safe.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            character if character < ' ' => {}
            character => safe.push(character),
        }
    }
    safe
}

/// One line of a script that is never run, whatever a snapshot brings along.
fn comment(text: &str) -> String {
    format!("# {}", text.replace(char::is_control, " "))
}

/// The commands of all findings that change something, with what takes each back. None where there are none.
pub(super) fn script(report: &Report) -> Option<String> {
    let mut text = String::from(
        "#!/bin/sh\n# Written by netdiag check. Look at each command, then run it on the node that is named.\n",
    );
    let mut any = false;
    for finding in &report.findings {
        let commands = finding.fix.commands.iter().filter(|command| !command.looks);
        let commands: Vec<_> = commands.collect();
        if commands.is_empty() {
            continue;
        }
        any = true;
        let title = format!("{}: {}", finding.id, finding.title);
        let _ = write!(text, "\n{}\n", comment(&title));
        for command in commands {
            let place = command.node.as_deref().map_or_else(
                || "where netdiag reaches the cluster".to_owned(),
                |node| format!("on {node}"),
            );
            let _ = writeln!(text, "{}\n{}", comment(&format!("{place}:")), command.run);
            if let Some(undo) = &command.undo {
                let _ = writeln!(text, "{}", comment(&format!("taken back by: {undo}")));
            }
        }
    }
    any.then_some(text)
}
