//! `node status` as people read it: calicoctl's tables, then why each peer that is down is down.

use std::collections::HashSet;

use super::model::Status;
use crate::cli::node::peers::Row;
use crate::cli::{Context, Error};
use crate::diagnose::Cause;
use crate::output::{Style, table, text};

/// Prints it as people read it.
pub(super) fn show(cx: &mut Context, status: &Status, wide: bool) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    let line = match status.process {
        "running" => style.good("Calico process is running."),
        "not running" => style.bad("Calico process is not running."),
        _ => style.warn("Calico process can't be seen from here (no access to the host's processes)."),
    };
    writeln!(cx.out, "{line}")?;
    for (index, daemon) in status.bird.iter().enumerate() {
        let v6 = index == 1;
        writeln!(cx.out)?;
        let peers: Vec<&Row> = status.peers.iter().filter(|row| row.v6 == v6).collect();
        if daemon.version.is_some() || !peers.is_empty() {
            writeln!(
                cx.out,
                "{}",
                style.strong(&format!("{} BGP status", daemon.family))
            )?;
            if peers.is_empty() {
                writeln!(cx.out, "No {} peers found.", daemon.family)?;
            } else {
                writeln!(cx.out, "{}", peer_table(&peers, style, wide))?;
            }
        } else if v6 && status.bird[0].version.is_some() {
            // Most clusters have no bird6: no reason to alarm anybody.
            writeln!(
                cx.out,
                "{}\nNo IPv6 peers found.",
                style.strong("IPv6 BGP status")
            )?;
        } else {
            let what = match status.process {
                _ if daemon.running => "does not answer",
                "not visible" => "was not found",
                _ => "is not running",
            };
            let why = daemon.why.as_deref().unwrap_or_default();
            let line = format!("BIRD for {} {what}: {why}", daemon.family);
            writeln!(cx.out, "{}", text::wrap(&line, width, "", "  "))?;
        }
    }
    writeln!(cx.out)?;
    identity(cx, status, width)?;
    explanations(cx, status, width)
}

fn peer_table(peers: &[&Row], style: Style, wide: bool) -> String {
    let mut headings = vec!["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"];
    if wide {
        headings.extend([
            "NODE",
            "AS",
            "ROUTER ID",
            "HOLD",
            "KEEPALIVE",
            "IN",
            "OUT",
            "LAST ERROR",
        ]);
    }
    let rows: Vec<Vec<String>> = peers
        .iter()
        .map(|row| {
            let mut cells = vec![
                row.peer_address.clone(),
                row.peer_type.clone(),
                row.state.clone(),
                row.since.clone(),
                row.info.clone(),
            ];
            if wide {
                cells.extend(wide_cells(row));
            }
            cells
        })
        .collect();
    let style = if wide {
        Style {
            width: u16::MAX,
            ..style
        }
    } else {
        style
    };
    table::boxed(&headings, &rows, style)
}

fn wide_cells(row: &Row) -> [String; 8] {
    let session = row.session.clone().unwrap_or_default();
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    [
        row.peer_name(),
        number(session.neighbor_as),
        session.neighbor_id.map_or_else(String::new, |id| id.to_string()),
        session.hold_timer.unwrap_or_default(),
        session.keepalive_timer.unwrap_or_default(),
        session.routes.imported.to_string(),
        session.routes.exported.to_string(),
        session.last_error.unwrap_or_default(),
    ]
}

fn identity(cx: &mut Context, status: &Status, width: usize) -> Result<(), Error> {
    let style = cx.style;
    let node = &status.node;
    let mut parts = vec![node.name.clone()];
    parts.extend(node.ipv4_address.clone());
    parts.extend(node.ipv6_address.clone());
    parts.extend(node.as_number.map(|number| format!("AS {number}")));
    parts.extend(node.router_id.as_ref().map(|id| format!("router id {id}")));
    writeln!(cx.out, "{} {}", style.strong("This node:"), parts.join(", "))?;
    if let Some(unknown) = &node.unknown {
        for (index, line) in unknown.lines().enumerate() {
            let first = if index == 0 {
                "  objects not known: "
            } else {
                "    "
            };
            writeln!(cx.out, "{}", style.faint(&text::wrap(line, width, first, "    ")))?;
        }
    }
    for fault in &node.faults {
        let line = text::wrap(fault, width, "  wrong address: ", "    ");
        writeln!(cx.out, "{}", style.bad(&line))?;
    }
    Ok(())
}

/// How many different next steps are worth reading.
const STEPS: usize = 5;

/// What is known of a peer that is down.
fn explanation(row: &Row, width: usize) -> String {
    let likely = if row.certain || matches!(row.cause, None | Some(Cause::Connecting)) {
        ""
    } else {
        "likely: "
    };
    let name = row.peer_name();
    let who = if name.is_empty() {
        String::new()
    } else {
        format!(" ({name})")
    };
    let why = row.explanation.as_deref().unwrap_or("BIRD tells nothing of it");
    text::wrap(
        &format!("{likely}{why}"),
        width,
        &format!("  {}{who}: ", row.peer_address),
        "      ",
    )
}

/// One entry a peer that is down, then what to type.
fn explanations(cx: &mut Context, status: &Status, width: usize) -> Result<(), Error> {
    let style = cx.style;
    let down: Vec<&Row> = status.peers.iter().filter(|row| !row.is_up()).collect();
    if down.is_empty() {
        if !status.peers.is_empty() {
            let line = format!("All {} are Established.", text::count(status.peers.len(), "peer"));
            writeln!(cx.out, "{}", style.good(&line))?;
        }
        return Ok(());
    }
    let line = format!(
        "{} of {} down:",
        down.len(),
        text::count(status.peers.len(), "peer")
    );
    writeln!(cx.out, "{}", style.bad(&line))?;
    let mut steps: Vec<&str> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for row in down {
        writeln!(cx.out, "{}", explanation(row, width))?;
        steps.extend(row.next.as_deref().filter(|next| known.insert(next)));
    }
    let more = steps.len().saturating_sub(STEPS);
    steps.truncate(STEPS);
    for (index, step) in steps.iter().enumerate() {
        let first = if index == 0 { "Next: " } else { "      " };
        let line = text::wrap(step, width, first, "        ");
        writeln!(cx.out, "{}", style.strong(&line))?;
    }
    if more > 0 {
        writeln!(cx.out, "      … and {more} more: -o json has them all")?;
    }
    Ok(())
}
