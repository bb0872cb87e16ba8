//! `netdiag trace --all`: who can't reach whom, and why, in groups.

use std::collections::BTreeSet;
use std::num::NonZero;

use serde_json::{Value, json};

use super::{end_text, transport};
use crate::cli::format::Format;
use crate::cli::{Context, Error, Outcome};
use crate::forward::matrix::{self, Class, Endpoint, Group, Matrix, Reach, classes};
use crate::forward::topology::Topology;
use crate::forward::walk::Walker;
use crate::output::text;

/// Whose pairs are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Between {
    Nodes,
    Pods,
}

impl Between {
    const fn noun(self) -> &'static str {
        match self {
            Self::Nodes => "node",
            Self::Pods => "pod",
        }
    }
}

/// More names than this are counted.
const NAMED: usize = 3;

/// More walks than this are not begun: an hour on one core.
const MAX_WALKS: usize = 40_000_000;

pub(super) fn run(
    cx: &mut Context,
    topology: &Topology,
    between: Between,
    what: &str,
    output: Format,
) -> Result<Outcome, Error> {
    let first = transport(what, false)?;
    let classes = match between {
        Between::Nodes => classes::nodes(topology),
        Between::Pods => classes::pods(topology, first),
    };
    let noun = between.noun();
    let members: usize = classes.iter().map(|class| class.members.len()).sum();
    if members < 2 {
        let message = format!("{} with an address seen: no pairs", text::count(members, noun));
        return Err(Error::new(message).hint("save every node: netdiag snapshot save --nodes"));
    }
    if classes.len().saturating_mul(classes.len()) > MAX_WALKS {
        let message = format!(
            "{} of {} kinds: too many pairs",
            text::count(members, noun),
            classes.len()
        );
        return Err(Error::new(message).hint("give snapshots of fewer nodes, or --between nodes"));
    }
    let walker = Walker::new(topology);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    // What isn't understood was refused above.
    let packet = |ip: std::net::IpAddr| transport(what, ip.is_ipv6()).unwrap_or(super::ECHO);
    let matrix = matrix::matrix(&walker, classes, packet, threads);
    if !output.write(cx, &document(topology, between, &matrix))? {
        write(cx, topology, noun, &matrix)?;
    }
    Ok(match (matrix.lost, matrix.undecided) {
        (0, 0) => Outcome::Good,
        (0, _) => Outcome::NotDecidable,
        _ => Outcome::Findings,
    })
}

fn write(cx: &mut Context, topology: &Topology, noun: &str, matrix: &Matrix) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    let members: usize = matrix.classes.iter().map(|class| class.members.len()).sum();
    let mut counts = vec![format!(
        "{}, {} pairs: {} reach each other",
        text::count(members, noun),
        matrix.pairs,
        matrix.good
    )];
    for (number, words) in [(matrix.lost, "can't"), (matrix.undecided, "not decidable")] {
        if number > 0 {
            counts.push(format!("{number} {words}"));
        }
    }
    let counts = text::wrap(&counts.join(", "), width, "", "  ");
    let painted = match (matrix.lost, matrix.undecided) {
        (0, 0) => style.good(&counts),
        (0, _) => style.warn(&counts),
        _ => style.bad(&counts),
    };
    writeln!(cx.out, "{painted}")?;
    if members != matrix.classes.len() {
        let line = format!(
            "Told by {} walks: {} kinds of {noun}s, alike but for names and addresses.",
            matrix.walks,
            matrix.classes.len()
        );
        writeln!(cx.out, "{}", text::wrap(&line, width, "", ""))?;
    }
    for group in &matrix.groups {
        writeln!(cx.out)?;
        let [from, to] = sides(topology, noun, matrix, group);
        let head = format!(
            "{from} → {to}, {} pair{}",
            group.pairs,
            if group.pairs == 1 { "" } else { "s" }
        );
        writeln!(cx.out, "{}", style.strong(&text::wrap(&head, width, "", "  ")))?;
        let (word, why) = end_text(&group.end);
        let what = if group.back { "the answer is " } else { "" };
        let at = topology.place(group.at).title();
        let line = text::wrap(&format!("{what}{word} at {at}: {why}"), width, "  ", "    ");
        let line = match group.reach {
            Reach::Undecided => style.warn(&line),
            _ => style.bad(&line),
        };
        writeln!(cx.out, "{line}")?;
        if group.pairs > 1 {
            let (from, to) = group.example;
            let [from, to] = [from, to].map(|end| topology.place(end.place).title());
            let example = format!("for example: netdiag trace {from} {to}");
            writeln!(cx.out, "{}", text::wrap(&example, width, "  ", "    "))?;
        }
    }
    Ok(())
}

/// Who can't reach whom, in a few words: names, `*` for all others, or how many.
fn sides(topology: &Topology, noun: &str, matrix: &Matrix, group: &Group) -> [String; 2] {
    let name = |number: &usize| {
        let class = matrix.classes.get(*number)?;
        let title = topology.place(class.members.first()?.place).title();
        Some(match class.members.len() {
            1 => title,
            members => format!("{title} and {} alike", members - 1),
        })
    };
    let say = |these: &BTreeSet<usize>, others: &BTreeSet<usize>| {
        // Nobody is asked to reach himself.
        let alone = others.len() == 1 && others.is_disjoint(these);
        if these.len() + usize::from(alone) == matrix.classes.len() {
            return "*".to_owned();
        }
        if these.len() <= NAMED {
            return these.iter().filter_map(name).collect::<Vec<_>>().join(", ");
        }
        let members = these.iter().filter_map(|number| matrix.classes.get(*number));
        text::count(members.map(|class| class.members.len()).sum(), noun)
    };
    [say(&group.from, &group.to), say(&group.to, &group.from)]
}

fn document(topology: &Topology, between: Between, matrix: &Matrix) -> Value {
    let end = |end: &Endpoint| {
        let place = topology.place(end.place);
        json!({"node": place.node.name, "namespace": place.namespace, "address": end.ip})
    };
    let classes: Vec<Value> = matrix
        .classes
        .iter()
        .map(|Class { members }| json!(members.iter().map(end).collect::<Vec<_>>()))
        .collect();
    let groups: Vec<Value> = matrix
        .groups
        .iter()
        .map(|group| {
            let (verdict, why) = end_text(&group.end);
            json!({
                "verdict": verdict,
                "at": topology.place(group.at).title(),
                "direction": if group.back { "back" } else { "there" },
                "why": why,
                "pairs": group.pairs,
                // Numbers of classes.
                "from": group.from,
                "to": group.to,
                "example": {"from": end(&group.example.0), "to": end(&group.example.1)},
            })
        })
        .collect();
    json!({
        "between": format!("{}s", between.noun()),
        "pairs": matrix.pairs,
        "good": matrix.good,
        "lost": matrix.lost,
        "undecided": matrix.undecided,
        "walks": matrix.walks,
        "classes": classes,
        "groups": groups,
    })
}
