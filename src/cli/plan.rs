//! `netdiag plan`: what manifests bring about, before they are applied.

mod pairs;

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::Value;

use super::format::Format;
use super::input::{Input, Namespace};
use super::source::{Depth, Picture, Source};
use super::write::refuse;
use super::{Context, Error, Outcome};
use crate::diagnose::future::{Future, NodeFuture, future};
use crate::diagnose::{Finding, check};
use crate::output::{diff, text};
use crate::state::Snapshot;
use pairs::Pairs;

/// Tell what manifests bring about before they are applied
///
/// Which fields of which objects change; which sessions, routes and tunnels follow on each node that can be seen; which
/// pods begin or cease to reach each other; which checks appear and vanish; what breaks meanwhile. Nothing is written.
///
/// Exit status: 0 nothing gets worse, 2 pods lose each other or checks appear, 3 not decidable, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    input: Input<true>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What manifests in these files bring about.
pub(super) fn future_of(cx: &mut Context, snapshot: &Snapshot, files: &[PathBuf]) -> Result<Future, Error> {
    let input = Input::<true>::of(files);
    read_future(cx, snapshot, &input)
}

fn read_future(cx: &mut Context, snapshot: &Snapshot, input: &Input<true>) -> Result<Future, Error> {
    let checked = input.read(&Namespace::default(), &mut std::io::stdin().lock())?;
    let documents = match checked {
        Ok(documents) => documents,
        Err(problems) => return Err(refuse(&problems, "nothing is told", cx.err)?),
    };
    future(snapshot, &documents).map_err(|why| {
        Error::new(why).hint("give snapshots with objects (--snapshot), or objects (--objects)")
    })
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let before = self.source.read(cx, Depth::Whole)?;
        let future = read_future(cx, &before, &self.input)?;
        let [old, new] = [before, future.snapshot.clone()].map(Picture::new);
        let findings = [&old, &new].map(|picture| check(&picture.world()).findings);
        let pairs = Pairs::new(&old.snapshot, &new.snapshot);
        let answer = Answer::new(&future, &findings, &pairs);
        if !self.output.write(cx, &answer)? {
            show(cx, &future, &answer)?;
        }
        let worse = !answer.checks.appear.is_empty() || answer.pairs.lost > 0;
        Ok(if worse { Outcome::Findings } else { Outcome::Good })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// Version of this format.
    netdiag_plan: u32,
    objects: Vec<Object<'a>>,
    sessions_up: usize,
    sessions_gone: usize,
    nodes: Vec<Node<'a>>,
    pairs: &'a Pairs,
    checks: Checks<'a>,
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    title: &'a str,
    new: bool,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    path: String,
    from: Value,
    to: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Node<'a> {
    node: &'a str,
    sessions_up: &'a [String],
    sessions_gone: &'a [String],
    routes: &'a [String],
    routes_gone: Vec<String>,
}

/// Ids and titles.
#[derive(Debug, Serialize)]
struct Checks<'a> {
    appear: Vec<[&'a str; 2]>,
    vanish: Vec<[&'a str; 2]>,
}

impl<'a> Answer<'a> {
    fn new(future: &'a Future, [before, after]: &'a [Vec<Finding>; 2], pairs: &'a Pairs) -> Self {
        let busy = future.nodes.iter().filter(|node| !node.is_quiet());
        let sum = |count: fn(&NodeFuture) -> usize| future.nodes.iter().map(count).sum();
        Self {
            netdiag_plan: 1,
            objects: future.changed.iter().map(Object::new).collect(),
            sessions_up: sum(|node| node.sessions_up.len()),
            sessions_gone: sum(|node| node.sessions_gone.len()),
            nodes: busy.map(Node::new).collect(),
            pairs,
            checks: Checks {
                appear: beyond(after, before),
                vanish: beyond(before, after),
            },
            warnings: &future.warnings,
        }
    }
}

/// Findings of one list that the other doesn't have.
fn beyond<'a>(these: &'a [Finding], those: &[Finding]) -> Vec<[&'a str; 2]> {
    let same = |one: &Finding, other: &Finding| {
        (one.id, &one.node, &one.subject) == (other.id, &other.node, &other.subject)
    };
    these
        .iter()
        .filter(|one| !those.iter().any(|other| same(one, other)))
        .map(|finding| [finding.id, finding.title.as_str()])
        .collect()
}

impl<'a> Object<'a> {
    fn new(changed: &'a crate::diagnose::future::Changed) -> Self {
        let nothing = Value::Null;
        let before = changed.before.as_ref().unwrap_or(&nothing);
        Self {
            title: &changed.title,
            new: changed.before.is_none(),
            fields: diff::changes(before, &changed.after)
                .into_iter()
                .map(|change| Field {
                    path: change.path,
                    from: change.before.unwrap_or_default(),
                    to: change.after.unwrap_or_default(),
                })
                .collect(),
        }
    }
}

impl<'a> Node<'a> {
    fn new(node: &'a NodeFuture) -> Self {
        Self {
            node: &node.node,
            sessions_up: &node.sessions_up,
            sessions_gone: &node.sessions_gone,
            routes: &node.routes,
            routes_gone: node.routes_gone.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Lines of one kind that are worth being shown.
const SHOWN: usize = 6;

fn show(cx: &mut Context, future: &Future, answer: &Answer) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    if future.changed.is_empty() {
        writeln!(
            cx.out,
            "{}",
            style.good("Nothing changes: the datastore holds it already.")
        )?;
        return Ok(());
    }
    for changed in &future.changed {
        let heading = if changed.before.is_some() {
            "changes"
        } else {
            "is new"
        };
        let nothing = Value::Null;
        let before = changed.before.as_ref().unwrap_or(&nothing);
        let title = format!("{} {heading}", changed.title);
        let changes = diff::changes(before, &changed.after);
        write!(cx.out, "{}", diff::render(&title, &changes, style))?;
    }
    writeln!(cx.out)?;
    let mut sum = Vec::new();
    for (number, one, words) in [
        (answer.sessions_up, "session", "up"),
        (answer.sessions_gone, "session", "down"),
    ] {
        if number > 0 {
            let verb = if number == 1 { "comes" } else { "come" };
            let verb = if words == "down" {
                verb.replace("come", "go")
            } else {
                verb.to_owned()
            };
            sum.push(format!(
                "{} {} {words}",
                text::count(number, one),
                verb.replace("gos", "goes")
            ));
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
    if *gained > 0 {
        sum.push(format!(
            "{} of {whose} become{} reachable",
            text::count(*gained, "pair"),
            if *gained == 1 { "s" } else { "" }
        ));
    }
    if *lost > 0 {
        sum.push(format!(
            "{} of {whose} lose{} each other",
            text::count(*lost, "pair"),
            if *lost == 1 { "s" } else { "" }
        ));
    }
    let line = if sum.is_empty() {
        "Nothing changes for sessions, routes and pods.".to_owned()
    } else {
        format!("{}.", sum.join(", "))
    };
    let line = text::wrap(&line, width, "", "");
    writeln!(
        cx.out,
        "{}",
        if *lost > 0 {
            style.bad(&line)
        } else {
            style.good(&line)
        }
    )?;
    for node in &answer.nodes {
        writeln!(cx.out, "\n{}", style.strong(node.node))?;
        for (word, list) in [
            ("session up", node.sessions_up),
            ("session down", node.sessions_gone),
        ] {
            if !list.is_empty() {
                let first = format!("  {word}: ");
                writeln!(cx.out, "{}", text::wrap(&list.join(", "), width, &first, "    "))?;
            }
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
    }
    writeln!(cx.out)?;
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
        if list.len() > SHOWN {
            writeln!(cx.out, "{word}: … and {} more", list.len() - SHOWN)?;
        }
    }
    for warning in answer.warnings {
        writeln!(
            cx.out,
            "{}",
            style.warn(&text::wrap(warning, width, "meanwhile: ", "  "))
        )?;
    }
    Ok(())
}

/// `3 routes appear on each node`, or how many on how many.
fn routes(future: &Future) -> Vec<String> {
    let mut lines = Vec::new();
    for (word, count) in [
        (
            "appear",
            (|node: &NodeFuture| node.routes.len()) as fn(&NodeFuture) -> usize,
        ),
        ("go", |node| node.routes_gone.len()),
    ] {
        let counts: Vec<usize> = future
            .nodes
            .iter()
            .map(count)
            .filter(|count| *count > 0)
            .collect();
        let Some(first) = counts.first() else { continue };
        let noun = text::count(*first, "route");
        let verb = if *first == 1 {
            format!("{word}{}", if word == "go" { "es" } else { "s" })
        } else {
            word.to_owned()
        };
        lines.push(
            if counts.len() == future.nodes.len() && counts.iter().all(|count| count == first) {
                format!("{noun} {verb} on each node")
            } else {
                let sum: usize = counts.iter().sum();
                format!(
                    "{} {word} on {}",
                    text::count(sum, "route"),
                    text::count(counts.len(), "node")
                )
            },
        );
    }
    lines
}
