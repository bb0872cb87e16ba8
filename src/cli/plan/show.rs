//! The answer for people.

use std::collections::BTreeMap;

use super::answer::{Answer, Node, fields};
use super::pairs::Pairs;
use crate::cli::{Context, Error};
use crate::diagnose::future::flows::{Flows, Turn};
use crate::diagnose::future::{Future, NodeFuture};
use crate::output::{diff, text};

/// Lines of one kind that are worth being shown.
const SHOWN: usize = 6;
/// Nodes that are worth being shown: of more than a screen or two, each is much like the others.
const NODES: usize = 12;

pub(super) fn show(cx: &mut Context, future: &Future, answer: &Answer) -> Result<(), Error> {
    let style = cx.style;
    if future.changed.is_empty() {
        writeln!(
            cx.out,
            "{}",
            style.good("Nothing changes: the datastore holds it already.")
        )?;
        return Ok(());
    }
    objects(cx, future)?;
    sum(cx, future, answer)?;
    for node in answer.nodes.iter().take(NODES) {
        of_node(cx, node)?;
    }
    if let Some(more) = answer.nodes.len().checked_sub(NODES).filter(|more| *more > 0) {
        let nodes = text::count(more, "more node");
        writeln!(cx.out, "\n… and {nodes}: -o json has them all")?;
    }
    writeln!(cx.out)?;
    let width = usize::from(style.width);
    for rule in future.rules.iter().take(SHOWN) {
        writeln!(cx.out, "{}", text::wrap(rule, width, "rules: ", "  "))?;
    }
    more(cx, "rules", future.rules.len())?;
    matrix(cx, &future.flows)?;
    let (walked, kinds) = (answer.pairs.walked, answer.pairs.kinds);
    if walked < kinds {
        let line =
            format!("of {kinds} pairs of kinds of pods, {walked} were walked; the others are told by them");
        writeln!(cx.out, "{}", text::wrap(&line, width, "pods: ", "  "))?;
    }
    for (word, list) in [
        ("reachable then", &answer.pairs.gained_examples),
        ("lost then", &answer.pairs.lost_examples),
    ] {
        for example in list {
            writeln!(
                cx.out,
                "{}",
                text::wrap(example, width, &format!("{word}: "), "  ")
            )?;
        }
    }
    for (word, list) in [
        ("appears", &answer.checks.appear),
        ("vanishes", &answer.checks.vanish),
    ] {
        for [id, title] in list.iter().take(SHOWN) {
            writeln!(
                cx.out,
                "{}",
                text::wrap(&format!("{id}: {title}"), width, &format!("{word}: "), "  ")
            )?;
        }
        more(cx, word, list.len())?;
    }
    warnings(cx, &future.warnings)
}

fn objects(cx: &mut Context, future: &Future) -> Result<(), Error> {
    for changed in &future.changed {
        if changed.after.is_null() {
            writeln!(cx.out, "{} goes", changed.title)?;
            continue;
        }
        let heading = if changed.before.is_some() {
            "changes"
        } else {
            "is new"
        };
        let title = format!("{} {heading}", changed.title);
        write!(cx.out, "{}", diff::render(&title, &fields(changed), cx.style))?;
    }
    Ok(writeln!(cx.out)?)
}

/// `12 sessions come up, 3 routes appear on each node, 48 pairs of pods become reachable.`
fn sum(cx: &mut Context, future: &Future, answer: &Answer) -> Result<(), Error> {
    let style = cx.style;
    let mut sum = Vec::new();
    for (number, verbs) in [
        (answer.sessions_up, ["comes up", "come up"]),
        (answer.sessions_gone, ["goes down", "go down"]),
    ] {
        if number > 0 {
            let [one, many] = verbs;
            let verb = if number == 1 { one } else { many };
            sum.push(format!("{} {verb}", text::count(number, "session")));
        }
    }
    sum.extend(routes(future));
    let Pairs {
        gained,
        lost,
        of_nodes,
        ..
    } = answer.pairs;
    let whose = if *of_nodes { "nodes' pods" } else { "pods" };
    let pairs = |number: usize, verb: [&str; 2]| {
        let [one, many] = verb;
        let verb = if number == 1 { one } else { many };
        format!("{} of {whose} {verb}", text::count(number, "pair"))
    };
    if *gained > 0 {
        sum.push(pairs(*gained, ["becomes reachable", "become reachable"]));
    }
    if *lost > 0 {
        sum.push(pairs(*lost, ["loses each other", "lose each other"]));
    }
    for (number, verb) in [
        (answer.flows.gained, "may send more"),
        (answer.flows.lost, "may send less"),
    ] {
        if number > 0 {
            let pairs = text::count(number, "pair");
            sum.push(format!("{pairs} of endpoints {verb}, by the policies"));
        }
    }
    let line = if sum.is_empty() {
        "Nothing changes for sessions, routes and pods.".to_owned()
    } else {
        format!("{}.", sum.join(", "))
    };
    let line = text::wrap(&line, usize::from(style.width), "", "");
    let line = if *lost > 0 || answer.flows.lost > 0 {
        style.bad(&line)
    } else {
        style.good(&line)
    };
    Ok(writeln!(cx.out, "{line}")?)
}

fn of_node(cx: &mut Context, node: &Node) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    writeln!(cx.out, "\n{}", style.strong(node.node))?;
    for (word, list) in [
        ("session up", node.sessions_up),
        ("session down", node.sessions_gone),
        ("session begins anew", node.sessions_anew),
        ("session with no node, not decidable", node.sessions_unknown),
    ] {
        if !list.is_empty() {
            let first = format!("  {word}: ");
            writeln!(cx.out, "{}", text::wrap(&list.join(", "), width, &first, "    "))?;
        }
    }
    // One cause for many peers is told once.
    let mut whys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for down in &node.sessions_down {
        whys.entry(down.why).or_default().push(down.peer);
    }
    for (why, peers) in whys {
        let line = format!("{}: {why}", peers.join(", "));
        writeln!(
            cx.out,
            "{}",
            text::wrap(&line, width, "  no session with ", "    ")
        )?;
    }
    for link in node.links {
        writeln!(cx.out, "  {link}")?;
    }
    for route in node.routes.iter().take(SHOWN) {
        writeln!(cx.out, "  + {route}")?;
    }
    for route in node.routes_gone.iter().take(SHOWN) {
        writeln!(cx.out, "  - {route}")?;
    }
    let more = node.routes.len().saturating_sub(SHOWN) + node.routes_gone.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(cx.out, "  … and {more} more")?;
    }
    Ok(())
}

/// What policies change, a line for two classes.
fn matrix(cx: &mut Context, flows: &Flows) -> Result<(), Error> {
    let width = usize::from(cx.style.width);
    for (gained, word) in [(true, "allowed then"), (false, "not allowed then")] {
        let rows: Vec<_> = flows.turned(gained).collect();
        for (row, turns) in rows.iter().take(SHOWN) {
            let ports: Vec<&str> = turns.iter().map(|turn: &&Turn| turn.port.as_str()).collect();
            let why = turns.first().map_or("", |turn| turn.why.as_str());
            let line = format!(
                "{} → {}: {}: {why}",
                flows.title(row.from),
                flows.title(row.to),
                ports.join(", ")
            );
            writeln!(cx.out, "{}", text::wrap(&line, width, &format!("{word}: "), "  "))?;
        }
        more(cx, word, rows.len())?;
    }
    if let Some(line) = &flows.left_out {
        writeln!(cx.out, "{}", text::wrap(line, width, "note: ", "  "))?;
    }
    Ok(())
}

fn more(cx: &mut Context, word: &str, number: usize) -> Result<(), Error> {
    if number > SHOWN {
        writeln!(cx.out, "{word}: … and {} more", number - SHOWN)?;
    }
    Ok(())
}

/// The same of several objects is told once.
fn warnings(cx: &mut Context, warnings: &[String]) -> Result<(), Error> {
    let mut of: Vec<(&str, Vec<&str>)> = Vec::new();
    for warning in warnings {
        let (title, line) = warning.split_once(": ").unwrap_or(("", warning));
        match of.iter_mut().find(|(known, _)| *known == line) {
            Some((_, titles)) => titles.push(title),
            None => of.push((line, vec![title])),
        }
    }
    for (line, titles) in of {
        let line = match titles[..] {
            [""] => line.to_owned(),
            _ => format!("{}: {line}", titles.join(", ")),
        };
        let line = text::wrap(&line, usize::from(cx.style.width), "meanwhile: ", "  ");
        writeln!(cx.out, "{}", cx.style.warn(&line))?;
    }
    Ok(())
}

/// `3 routes appear on each node`, or how many on how many.
fn routes(future: &Future) -> Vec<String> {
    type Kind = ([&'static str; 2], fn(&NodeFuture) -> usize);
    let kinds: [Kind; 3] = [
        (["appears", "appear"], |node| node.routes_new),
        (["changes", "change"], |node| node.routes.len() - node.routes_new),
        (["goes", "go"], |node| node.routes_gone.len()),
    ];
    let mut lines = Vec::new();
    for ([one, many], count) in kinds {
        let counts: Vec<usize> = future
            .nodes
            .iter()
            .map(count)
            .filter(|count| *count > 0)
            .collect();
        let Some(first) = counts.first() else { continue };
        let everywhere = counts.len() == future.nodes.len() && counts.iter().all(|count| count == first);
        let number = if everywhere { *first } else { counts.iter().sum() };
        let verb = if number == 1 { one } else { many };
        let place = match (everywhere, counts.len()) {
            (true, 1) => String::new(),
            (true, _) => " on each node".to_owned(),
            (false, nodes) => format!(" on {}", text::count(nodes, "node")),
        };
        lines.push(format!("{} {verb}{place}", text::count(number, "route")));
    }
    lines
}
