//! `-o wide`: every table, rule and link on the way.

use std::io::Write;

use super::answer::{Answer, Leg};
use super::drawing::mark;
use super::label;
use super::show::{painted, summary, verdict_mark, why};
use crate::cli::Error;
use crate::forward::packet::Packet;
use crate::forward::topology::At;
use crate::forward::walk::{Hop, What, hops};
use crate::output::Style;
use crate::output::text::wrap;
use crate::state::link::IfIndex;

/// Writes the answer, and every way hop by hop.
pub(super) fn write(out: &mut dyn Write, style: Style, answer: &Answer) -> Result<(), Error> {
    let width = usize::from(style.width);
    let title = wrap(
        &format!("{}: {}", answer.asked(), answer.verdict()),
        width,
        "",
        "  ",
    );
    writeln!(out, "{}", painted(style, verdict_mark(answer.outcome), &title))?;
    summary(out, style, answer)?;
    for explained in &answer.explained {
        writeln!(out)?;
        why(out, style, explained)?;
    }
    for leg in &answer.legs {
        one(out, style, answer, leg)?;
    }
    Ok(())
}

/// One way: the namespaces in turn, what each does, and how it ends.
fn one(out: &mut dyn Write, style: Style, answer: &Answer, leg: &Leg) -> Result<(), Error> {
    let width = usize::from(style.width);
    let share = leg
        .percent()
        .map_or_else(String::new, |percent| format!(" ({percent})"));
    writeln!(out, "\n{}", style.strong(&format!("{}{share}", leg.direction())))?;
    for hop in hops(&leg.walked.state.trail) {
        writeln!(out, "  {}", style.strong(&headed(answer, &hop)))?;
        let mut before = hop.before.clone();
        for step in hop.steps {
            let text = match (step.what, before.as_deref(), step.packet.as_deref()) {
                (What::Nat, Some(old), Some(new)) => format!("{}: {old} becomes {new}", step.text),
                _ => step.text.clone(),
            };
            let first = format!("    {:<9} ", label(step.what));
            let line = wrap(&text, width, &first, &" ".repeat(14));
            let line = if step.what == What::Assumption {
                style.faint(&line)
            } else {
                line
            };
            writeln!(out, "{line}")?;
            before = step.packet.clone().or(before);
        }
    }
    let line = wrap(&leg.ended(answer.topology), width, "  ", "    ");
    writeln!(out, "{}", painted(style, mark(&leg.walked.end), &line))?;
    Ok(())
}

/// `n1: veth1a (MTU 1450) to eth0 (MTU 1500), 84 to 134 bytes`
fn headed(answer: &Answer, hop: &Hop) -> String {
    let mut text = answer.topology.place(hop.place).title();
    let link = |link: IfIndex| {
        let at = At {
            place: hop.place,
            link,
        };
        let found = answer.topology.link(at)?;
        Some(format!("{} (MTU {})", found.name, found.mtu))
    };
    let links = match (hop.input.and_then(link), hop.output.and_then(link)) {
        (Some(input), Some(output)) => format!(": in by {input}, out by {output}"),
        (Some(input), None) => format!(": in by {input}"),
        (None, Some(output)) => format!(": out by {output}"),
        (None, None) => String::new(),
    };
    text += &links;
    let size = |packet: &Option<std::sync::Arc<Packet>>| packet.as_ref().map(|packet| packet.size);
    match (size(&hop.before), size(&hop.after)) {
        (Some(before), Some(after)) if before != after => {
            let grown = format!(", {before} bytes become {after}");
            text += &grown;
        }
        _ => {}
    }
    text
}
