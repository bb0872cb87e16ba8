//! `netdiag snapshot show`: what is in a snapshot, how old it is, and what is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::archive::{Contents, NodeContents, StoreContents, contents};
use crate::cli::format::Format;
use crate::cli::{Context, Error, Outcome, source};
use crate::output::{table, text};

/// Show what is in snapshots, how old they are, and what is absent and why
///
/// Exit status: 0 shown, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Snapshots, or directories of them
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let contents = contents(&source::read_snapshots(cx, &self.files)?);
        let now = OffsetDateTime::now_utc();
        if !self.output.write(cx, &Json::new(&contents, now))? {
            show(cx, &contents, now)?;
        }
        Ok(Outcome::Good)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    /// Version of this format.
    netdiag_snapshot_show: u32,
    objects: &'a StoreContents,
    nodes: Vec<JsonNode<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonNode<'a> {
    #[serde(flatten)]
    node: &'a NodeContents,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<i64>,
}

impl<'a> Json<'a> {
    fn new(contents: &'a Contents, now: OffsetDateTime) -> Self {
        let node = |node: &'a NodeContents| JsonNode {
            node,
            age_seconds: age(&node.taken, now),
        };
        Self {
            netdiag_snapshot_show: 1,
            objects: &contents.objects,
            nodes: contents.nodes.iter().map(node).collect(),
        }
    }
}

/// Reasons for absence before the rest is a number.
const LINES: usize = 20;

/// Seconds since then; negative where the node's clock is ahead of this one.
fn age(taken: &str, now: OffsetDateTime) -> Option<i64> {
    let taken = OffsetDateTime::parse(taken, &Rfc3339).ok()?;
    Some((now - taken).whole_seconds())
}

/// `5 minutes ago`.
fn ago(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let whole = seconds.abs();
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| whole >= *size)
        .unwrap_or((1, "second"));
    let number = usize::try_from(whole / size).unwrap_or(usize::MAX);
    let span = text::count(number, unit);
    if seconds < 0 {
        format!("{span} ahead of this machine's clock")
    } else {
        format!("{span} ago")
    }
}

fn show(cx: &mut Context, contents: &Contents, now: OffsetDateTime) -> Result<(), Error> {
    let width = usize::from(cx.style.width);
    let nodes = &contents.nodes;
    writeln!(
        cx.out,
        "{}",
        cx.style
            .strong(&text::wrap(&heading(nodes, now), width, "", "  "))
    )?;
    writeln!(
        cx.out,
        "{}",
        text::wrap(&store(&contents.objects), width, "", "  ")
    )?;
    if !nodes.is_empty() {
        let items = of_each(nodes, width).unwrap_or_else(|| of_all(nodes, width));
        write!(cx.out, "\n{items}")?;
    }
    let absent = absent(nodes);
    if !absent.is_empty() {
        writeln!(cx.out)?;
    }
    for line in absent.iter().take(LINES) {
        writeln!(cx.out, "{}", cx.style.faint(&text::wrap(line, width, "", "  ")))?;
    }
    if absent.len() > LINES {
        writeln!(cx.out, "… and {} more (-o json shows them)", absent.len() - LINES)?;
    }
    Ok(())
}

/// How many nodes, and from when.
fn heading(nodes: &[NodeContents], now: OffsetDateTime) -> String {
    let number = text::count(nodes.len(), "node");
    let with_age = |taken: &str| match age(taken, now) {
        Some(seconds) => format!("{taken}, {}", ago(seconds)),
        None => taken.to_owned(),
    };
    let mut times: Vec<&str> = nodes.iter().map(|node| node.taken.as_str()).collect();
    times.sort_unstable();
    times.dedup();
    match times[..] {
        [] | [""] => number,
        [one] => format!("{number}, taken {}", with_age(one)),
        [first, .., last] => format!("{number}, taken {first} to {}", with_age(last)),
    }
}

fn store(objects: &StoreContents) -> String {
    match objects {
        StoreContents::Absent { why } => format!("datastore: absent: {}", why.replace('\n', " ")),
        StoreContents::Known {
            store,
            kinds,
            unreadable,
        } => {
            let mut parts: Vec<String> = kinds
                .iter()
                .map(|(kind, number)| format!("{number} {kind}"))
                .collect();
            if parts.is_empty() {
                parts.push("no objects".to_owned());
            }
            if *unreadable > 0 {
                parts.push(format!("{unreadable} unreadable"));
            }
            format!("datastore: {}: {}", store, parts.join(", "))
        }
    }
}

fn all_items(nodes: &[NodeContents]) -> BTreeSet<&str> {
    nodes
        .iter()
        .flat_map(|node| node.items.keys())
        .map(String::as_str)
        .collect()
}

/// A column a node, where that fits.
fn of_each(nodes: &[NodeContents], width: usize) -> Option<String> {
    let items = all_items(nodes);
    let name = items.iter().map(|item| item.chars().count()).max().unwrap_or(0);
    let columns: usize = nodes
        .iter()
        .map(|node| node.name.chars().count().max(6) + 2)
        .sum();
    if name.max("FACT".len()) + columns > width {
        return None;
    }
    let rows: Vec<Vec<String>> = items
        .into_iter()
        .map(|item| {
            let number = |node: &NodeContents| match node.items.get(item) {
                Some(number) => number.to_string(),
                None => "-".to_owned(),
            };
            let mut row = vec![item.to_owned()];
            row.extend(nodes.iter().map(number));
            row
        })
        .collect();
    let mut headings = vec!["FACT"];
    headings.extend(nodes.iter().map(|node| node.name.as_str()));
    Some(table::columns(&headings, &rows, 2, None))
}

/// Of many nodes, the least and the most.
fn of_all(nodes: &[NodeContents], width: usize) -> String {
    let rows: Vec<Vec<String>> = all_items(nodes)
        .into_iter()
        .map(|item| {
            let having: Vec<(usize, &str)> = nodes
                .iter()
                .filter_map(|node| Some((*node.items.get(item)?, node.name.as_str())))
                .collect();
            let least = having.iter().min_by_key(|(number, _)| *number);
            let most = having.iter().max_by_key(|(number, _)| *number);
            let total: usize = having.iter().map(|(number, _)| number).sum();
            let cell = |end: Option<&(usize, &str)>| match end {
                Some((number, name)) => format!("{number} ({name})"),
                None => String::new(),
            };
            vec![
                item.to_owned(),
                having.len().to_string(),
                total.to_string(),
                cell(least),
                cell(most),
            ]
        })
        .collect();
    table::columns(&["FACT", "NODES", "ALL", "LEAST", "MOST"], &rows, 2, Some(width))
}

/// What is absent: facts that are so for one reason on the same nodes are one line.
fn absent(nodes: &[NodeContents]) -> Vec<String> {
    let mut by_fact = BTreeMap::<(&str, &str), Vec<&str>>::new();
    for node in nodes {
        for (item, why) in &node.absent {
            by_fact.entry((why, item)).or_default().push(&node.name);
        }
    }
    let mut lines = BTreeMap::<(&str, Vec<&str>), Vec<&str>>::new();
    for ((why, item), names) in by_fact {
        lines.entry((why, names)).or_default().push(item);
    }
    let line = |((why, names), items): ((&str, Vec<&str>), Vec<&str>)| {
        let which = match names[..] {
            _ if names.len() == nodes.len() => String::new(),
            _ if names.len() <= 4 => format!(" ({})", names.join(", ")),
            [first, ..] => format!(" ({first} and {} more)", names.len() - 1),
            [] => String::new(),
        };
        format!("absent: {}: {}{which}", items.join(", "), why.replace('\n', " "))
    };
    lines.into_iter().map(line).collect()
}
