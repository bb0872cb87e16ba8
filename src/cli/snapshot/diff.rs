//! `netdiag snapshot diff`: what changed from one snapshot to another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::Value;

use crate::cli::format::Format;
use crate::cli::{Context, Error, Outcome, source};
use crate::compare::{Change, Comparison, Field, Kind, Show, compare};
use crate::output::{diff, text};

/// Show what changed from one snapshot to another
///
/// Not shown is what moves by itself: counters, timers, connections, whether a neighbor was heard of lately.
///
/// Exit status: 0 no change, 2 changes, 3 no change in what both hold, but one lacks something, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The snapshot before, or a directory of them
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The snapshot after, or a directory of them
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Show counters, too
    #[arg(long)]
    counters: bool,
    /// Show all that differs, timers and connections too, and no lines cut
    #[arg(long)]
    all: bool,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let before = source::read_snapshots(cx, std::slice::from_ref(&self.before))?;
        let after = source::read_snapshots(cx, std::slice::from_ref(&self.after))?;
        let show = match (self.all, self.counters) {
            (true, _) => Show::All,
            (false, true) => Show::Counters,
            (false, false) => Show::Settled,
        };
        let found = compare(&before, &after, show);
        let json = Json {
            netdiag_snapshot_diff: 1,
            found: &found,
        };
        if !self.output.write(cx, &json)? {
            tell(cx, &found, self.all)?;
        }
        Ok(if !found.changes.is_empty() {
            Outcome::Findings
        } else if found.incomparable.is_empty() {
            Outcome::Good
        } else {
            Outcome::NotDecidable
        })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    /// Version of this format.
    netdiag_snapshot_diff: u32,
    #[serde(flatten)]
    found: &'a Comparison,
}

/// Lines of one fact of one node, unless all are asked for.
const LINES: usize = 20;
/// Names of nodes before the rest is a number.
const NAMES: usize = 4;

/// The datastore's changes, then those of nodes; nodes with the same changes are told together.
fn tell(cx: &mut Context, found: &Comparison, all: bool) -> Result<(), Error> {
    let width = usize::from(cx.style.width);
    if found.changes.is_empty() {
        writeln!(cx.out, "{}", cx.style.good("No changes."))?;
    }
    let (nodes, rest): (Vec<&Change>, Vec<&Change>) =
        found.changes.iter().partition(|change| change.item == "nodes");
    for kind in [Kind::Removed, Kind::Added] {
        let names: Vec<&str> = nodes
            .iter()
            .filter(|change| change.change == kind)
            .filter_map(|change| change.node.as_deref())
            .collect();
        if !names.is_empty() {
            let line = format!(
                "{} {}: {}",
                sign(kind),
                text::count(names.len(), "node"),
                list(&names, all)
            );
            writeln!(cx.out, "{}", paint(cx, kind, &text::wrap(&line, width, "", "  ")))?;
        }
    }
    for (place, (names, changes)) in grouped(&rest).into_iter().enumerate() {
        if place > 0 || !nodes.is_empty() {
            writeln!(cx.out)?;
        }
        let heading = match names[..] {
            [] => "Datastore".to_owned(),
            [one] => one.to_owned(),
            _ => format!(
                "{} ({} alike)",
                list(&names, all),
                text::count(names.len(), "node")
            ),
        };
        writeln!(
            cx.out,
            "{}",
            cx.style.strong(&text::wrap(&heading, width, "", "  "))
        )?;
        section(cx, &changes, all)?;
    }
    for lacking in &found.incomparable {
        let line = text::wrap(lacking, width, "not compared: ", "  ");
        writeln!(cx.out, "{}", cx.style.faint(&line))?;
    }
    Ok(())
}

/// Nodes with equal changes, in the order in which they come; no node for the datastore.
fn grouped<'a>(changes: &[&'a Change]) -> Vec<(Vec<&'a str>, Vec<&'a Change>)> {
    let mut by_node: Vec<(Option<&str>, Vec<&Change>)> = Vec::new();
    for &change in changes {
        let node = change.node.as_deref();
        match by_node.last_mut() {
            Some((last, theirs)) if *last == node => theirs.push(change),
            _ => by_node.push((node, vec![change])),
        }
    }
    let mut places = BTreeMap::<String, usize>::new();
    let mut groups: Vec<(Vec<&str>, Vec<&Change>)> = Vec::new();
    for (node, theirs) in by_node {
        let without_node = theirs.iter().map(|change| {
            (
                &change.item,
                change.change,
                &change.what,
                &change.now,
                &change.fields,
            )
        });
        let alike = format!("{:?}", without_node.collect::<Vec<_>>());
        let place = *places.entry(alike).or_insert(groups.len());
        match groups.get_mut(place).filter(|_| node.is_some()) {
            Some((names, _)) => names.extend(node),
            None => groups.push((node.into_iter().collect(), theirs)),
        }
    }
    groups
}

/// What changed on one node, a heading a fact.
fn section(cx: &mut Context, changes: &[&Change], all: bool) -> Result<(), Error> {
    let width = usize::from(cx.style.width);
    for same in changes.chunk_by(|one, other| one.item == other.item) {
        let item = same.first().map_or("", |change| change.item.as_str());
        let item = item.strip_prefix("net.").unwrap_or(item);
        writeln!(cx.out, "  {item}")?;
        let shown = if all { same.len() } else { LINES };
        for change in same.iter().take(shown) {
            let first = format!("    {} ", sign(change.change));
            for line in lines(change) {
                let line = text::wrap(&line, width, &first, "        ");
                writeln!(cx.out, "{}", paint(cx, change.change, &line))?;
            }
        }
        if same.len() > shown {
            let more = format!("    … and {} more (--all shows them)", same.len() - shown);
            writeln!(cx.out, "{}", cx.style.faint(&more))?;
        }
    }
    Ok(())
}

fn lines(change: &Change) -> Vec<String> {
    if let Some(now) = &change.now {
        return vec![format!("{} → {now}", change.what)];
    }
    if change.fields.is_empty() {
        return vec![change.what.clone()];
    }
    let fields: Vec<String> = change.fields.iter().map(field).collect();
    if change.change == Kind::Changed && change.item == "objects" {
        // Paths are long there.
        return fields
            .iter()
            .map(|field| format!("{} {field}", change.what))
            .collect();
    }
    vec![format!("{} {}", change.what, fields.join(", "))]
}

/// `mtu 1500 → 1400`, `+ flags UP`; a path may be empty.
fn field(Field { path, before, after }: &Field) -> String {
    let gap = if path.is_empty() { "" } else { " " };
    let value = |value: &Value| diff::value(value);
    match (before, after) {
        (Some(before), Some(after)) => format!("{path}{gap}{} → {}", value(before), value(after)),
        (None, Some(after)) => format!("{path}{gap}+{}", value(after)),
        (before, None) => format!("{path}{gap}-{}", before.as_ref().map(value).unwrap_or_default()),
    }
}

fn list(names: &[&str], all: bool) -> String {
    let shown = if all || names.len() <= NAMES + 1 {
        names.len()
    } else {
        NAMES
    };
    let text = names.iter().take(shown).copied().collect::<Vec<_>>().join(", ");
    match names.len() - shown {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

const fn sign(kind: Kind) -> char {
    match kind {
        Kind::Removed => '-',
        Kind::Added => '+',
        Kind::Changed => '~',
    }
}

fn paint(cx: &Context, kind: Kind, line: &str) -> String {
    match kind {
        Kind::Removed => cx.style.bad(line),
        Kind::Added => cx.style.good(line),
        Kind::Changed => cx.style.warn(line),
    }
}
