//! The objects beside the walk: names of pods and services, and the verdict of policies and services.

use serde_json::{Value, json};

use super::Ways;
use crate::calico::kind::Kind;
use crate::cli::{Context, Error};
use crate::diagnose::verdicts::{Verdicts, WayVerdict, verdicts};
use crate::forward::topology::Topology;
use crate::output::text;
use crate::policy::{Decision, Policies};
use crate::state::{Fact, Snapshot};

/// The objects, where policies are among them.
pub(super) fn policies(snapshot: &Snapshot) -> Option<Policies> {
    let objects = snapshot.objects.known()?;
    let is_listed = |kind: &Kind| objects.kinds.iter().any(|listed| listed == kind.name());
    let listed = Kind::ENFORCED.iter().all(is_listed);
    let known = listed || matches!(objects.kubernetes, Fact::Known(_));
    known.then(|| Policies::new(objects))
}

/// Both verdicts on a packet's ways.
pub(super) fn compare(policies: &Policies, topology: &Topology, ways: &Ways) -> Verdicts {
    verdicts(policies, topology, ways)
}

/// A short block: each decision once, then what differs.
pub(super) fn write(cx: &mut Context, verdicts: &Verdicts) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    let wrapped = |line: &str, first: &str| text::wrap(line, width, first, "         ");
    let mut lines: Vec<String> = Vec::new();
    for way in &verdicts.ways {
        for decision in &way.decisions {
            let line = wrapped(&said(decision), "objects  ");
            let line = match decision.allowed {
                Some(true) => line,
                Some(false) => style.bad(&line),
                None => style.warn(&line),
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() && verdicts.ways.iter().any(|way| way.decisions.is_empty()) {
        lines.push(wrapped("allowed: no policy is asked on its way", "objects  "));
    }
    if let Some(service) = &verdicts.service
        && service.differences.is_empty()
        && !service.kernel.is_empty()
    {
        let ends: Vec<String> = service
            .expected
            .ends
            .iter()
            .map(|(ip, port)| std::net::SocketAddr::new(*ip, *port).to_string())
            .collect();
        let line = format!(
            "{}: its endpoints are those of the rules, {}",
            service.title,
            ends.join(", ")
        );
        lines.push(wrapped(&line, "objects  "));
    }
    lines.extend(
        verdicts
            .notes
            .iter()
            .map(|note| style.warn(&wrapped(note, "note     "))),
    );
    let differences = verdicts.differences();
    lines.extend(
        differences
            .iter()
            .map(|line| style.bad(&wrapped(line, "differs  "))),
    );
    if !lines.is_empty() {
        writeln!(cx.out)?;
    }
    for line in lines {
        writeln!(cx.out, "{line}")?;
    }
    Ok(())
}

/// `pod shop/web denied by NetworkPolicy shop/deny-all ingress (no rule matches)`.
fn said(decision: &Decision) -> String {
    format!("{} {decision}", decision.endpoint)
}

/// The same for programs.
pub(super) fn document(verdicts: &Verdicts) -> Value {
    let decision = |decision: &Decision| {
        json!({
            "endpoint": decision.endpoint,
            "node": decision.node,
            "direction": decision.direction.name(),
            "allowed": decision.allowed,
            "policy": decision.policy().map(ToString::to_string),
            "text": decision.to_string(),
        })
    };
    let way = |way: &WayVerdict| {
        json!({
            "kernel": way.kernel,
            "decisions": way.decisions.iter().map(decision).collect::<Vec<_>>(),
            "difference": way.difference.as_ref().map(ToString::to_string),
        })
    };
    let service = verdicts.service.as_ref().map(|service| {
        let ends = |ends: &crate::policy::frontend::Ends| {
            let texts = ends
                .iter()
                .map(|(ip, port)| std::net::SocketAddr::new(*ip, *port).to_string());
            texts.collect::<Vec<_>>()
        };
        json!({
            "service": service.title,
            "node": service.node,
            "kernel": ends(&service.kernel),
            "objects": ends(&service.expected.ends),
            "unused": service.expected.unused,
        })
    });
    json!({
        "ways": verdicts.ways.iter().map(way).collect::<Vec<_>>(),
        "service": service,
        "notes": verdicts.notes,
        "differences": verdicts.differences(),
    })
}
