//! Findings for machines: SARIF, JUnit, and the commands as a script.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnose::catalogue::{self, Check};
use crate::diagnose::{Finding, Report, Severity, Sure};

/// SARIF 2.1.0 (OASIS): a rule a check, a result a finding. Nodes stand for files.
pub(super) fn sarif(report: &Report) -> String {
    let rules: Vec<Value> = catalogue::all().map(rule).collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "netdiag",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn rule(check: &Check) -> Value {
    json!({
        "id": check.id,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.what},
        "help": {"text": format!("{} {}", check.mend, check.prevent)},
        "defaultConfiguration": {"level": level(check.severity)},
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(finding: &Finding) -> Value {
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
    json!({
        "ruleId": finding.id,
        "level": level(finding.severity),
        "rank": rank,
        "message": {"text": text},
        "locations": [{"logicalLocations": [{
            "name": if finding.node.is_empty() { "cluster" } else { &finding.node },
            "fullyQualifiedName": format!("{}/{}", finding.node, finding.subject),
            "kind": "resource",
        }]}],
    })
}

/// JUnit's XML: a suite, a case a check; one without findings has passed.
pub(super) fn junit(report: &Report) -> String {
    let checks: Vec<&Check> = catalogue::all().collect();
    let failed = checks
        .iter()
        .filter(|check| report.findings.iter().any(|finding| finding.id == check.id))
        .count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"netdiag check\" tests=\"{}\" failures=\"{failed}\">",
        checks.len()
    );
    for check in checks {
        let found: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.id == check.id)
            .collect();
        let _ = write!(text, "  <testcase classname=\"netdiag\" name=\"{}\"", check.id);
        if found.is_empty() {
            text.push_str("/>\n");
            continue;
        }
        text.push_str(">\n");
        for finding in found {
            let _ = write!(text, "    <failure message=\"{}\">", escaped(&finding.title));
            for evidence in &finding.evidence {
                let _ = writeln!(
                    text,
                    "{}",
                    escaped(&format!("{}: {}", evidence.source, evidence.text))
                );
            }
            text.push_str("</failure>\n");
        }
        text.push_str("  </testcase>\n");
    }
    text.push_str("</testsuite>\n");
    text
}

fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// The commands of all findings, with what takes each back. None where there are none.
pub(super) fn script(report: &Report) -> Option<String> {
    let mut text = String::from(
        "#!/bin/sh\n# Written by netdiag check. Look at each command, then run it on the node that is named.\n",
    );
    let mut any = false;
    for finding in report
        .findings
        .iter()
        .filter(|finding| !finding.fix.commands.is_empty())
    {
        any = true;
        let _ = write!(text, "\n# {}: {}\n", finding.id, finding.title.replace('\n', " "));
        for command in &finding.fix.commands {
            let place = command.node.as_deref().map_or_else(
                || "where netdiag reaches the cluster".to_owned(),
                |node| format!("on {node}"),
            );
            let _ = writeln!(text, "# {place}:\n{}", command.run);
            if let Some(undo) = &command.undo {
                let _ = writeln!(text, "# taken back by: {undo}");
            }
        }
    }
    any.then_some(text)
}
