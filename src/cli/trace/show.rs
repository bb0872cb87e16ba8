//! One screen for people: the answer, why, what to type, and the way.

use std::io::Write;

use super::answer::{Answer, Leg};
use super::drawing::{mark, way};
use crate::cli::{Error, Outcome};
use crate::diagnose::Command;
use crate::diagnose::trace::Explained;
use crate::forward::walk::{What, hops};
use crate::output::Style;
use crate::output::picture::{self, Mark};
use crate::output::text::{count, wrap};

/// Ways and drawings that are shown; the rest is counted.
const LEGS: usize = 8;
const DRAWINGS: usize = 2;
/// Where the text of labelled lines begins.
const COLUMN: usize = 7;

/// Writes the screen.
pub(super) fn write(out: &mut dyn Write, style: Style, answer: &Answer) -> Result<(), Error> {
    let width = usize::from(style.width);
    let title = format!("{}: {}", answer.asked(), answer.verdict());
    let title = wrap(&title, width, "", "  ");
    writeln!(out, "{}", painted(style, verdict_mark(answer.outcome), &title))?;
    summary(out, style, answer)?;
    for explained in &answer.explained {
        writeln!(out)?;
        why(out, style, explained)?;
    }
    let legs = drawn(answer);
    for leg in &legs {
        let way = way(answer, leg);
        writeln!(out, "\n{}", style.strong(&heading(leg)))?;
        write!(out, "{}", picture::text(&way, style))?;
    }
    let assumed: usize = legs
        .iter()
        .flat_map(|leg| &leg.walked.state.trail)
        .filter(|step| step.what == What::Assumption)
        .count();
    if assumed > 0 {
        let line = format!(
            "{} taken for granted: -o wide tells them",
            count(assumed, "thing")
        );
        writeln!(out, "{}", style.faint(&line))?;
    }
    Ok(())
}

/// A line a way.
pub(super) fn summary(out: &mut dyn Write, style: Style, answer: &Answer) -> Result<(), Error> {
    let width = usize::from(style.width);
    for leg in answer.legs.iter().take(LEGS) {
        let percent = leg
            .percent()
            .map_or_else(String::new, |percent| format!("{percent} "));
        let text = format!("{percent}{}", leg.ended(answer.topology));
        let first = format!("{:<COLUMN$}", leg.direction());
        let line = wrap(&text, width, &first, &" ".repeat(COLUMN));
        writeln!(out, "{}", painted(style, mark(&leg.walked.end), &line))?;
    }
    let more = answer.legs.len().saturating_sub(LEGS);
    if more > 0 {
        writeln!(out, "       and {}", count(more, "more way"))?;
    }
    Ok(())
}

pub(super) const fn verdict_mark(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Good => Mark::Good,
        Outcome::Findings => Mark::Bad,
        Outcome::NotDecidable => Mark::Unsure,
    }
}

/// Cause, proof, and what to type.
pub(super) fn why(out: &mut dyn Write, style: Style, explained: &Explained) -> Result<(), Error> {
    let width = usize::from(style.width);
    let indent = " ".repeat(COLUMN);
    let mut line = |label: &str, text: &str, paint: &dyn Fn(&str) -> String| -> Result<(), Error> {
        let wrapped = wrap(text, width, &format!("{label:<COLUMN$}"), &indent);
        writeln!(out, "{}", paint(&wrapped))?;
        Ok(())
    };
    let plain = |text: &str| text.to_owned();
    let finding = &explained.finding;
    line("what", &format!("{} ({})", finding.title, finding.id), &|text| {
        style.strong(text)
    })?;
    if !explained.cause.is_empty() {
        let text = format!("{}: {}", explained.sure.name(), explained.cause);
        line("cause", &text, &plain)?;
    }
    for (number, evidence) in finding.evidence.iter().enumerate() {
        let label = if number == 0 { "proof" } else { "" };
        line(label, &format!("{}: {}", evidence.source, evidence.text), &plain)?;
    }
    for (number, command) in explained.commands.iter().enumerate() {
        let label = if number == 0 { "do" } else { "" };
        typed(&mut line, label, command, &|text| style.strong(text))?;
    }
    let label = if explained.commands.is_empty() {
        "do"
    } else {
        "then"
    };
    for (number, step) in finding.fix.steps.iter().enumerate() {
        line(if number == 0 { label } else { "" }, step, &plain)?;
    }
    Ok(())
}

/// A line for people, with its label and colour.
type Say<'s> = dyn FnMut(&str, &str, &dyn Fn(&str) -> String) -> Result<(), Error> + 's;

fn typed(
    line: &mut Say,
    label: &str,
    command: &Command,
    strong: &dyn Fn(&str) -> String,
) -> Result<(), Error> {
    let at = command
        .node
        .as_ref()
        .map_or_else(String::new, |node| format!("{node}# "));
    line(label, &format!("{at}{}", command.run), strong)?;
    if let Some(undo) = &command.undo {
        line("", &format!("undo: {undo}"), &|text| text.to_owned())?;
    }
    Ok(())
}

/// The ways to draw: those that break, one a cause; else one there, and back if it goes another way.
fn drawn<'x, 'w>(answer: &'x Answer<'w, '_, '_>) -> Vec<&'x Leg<'w>> {
    let bad: Vec<&Leg> = answer
        .legs
        .iter()
        .filter(|leg| !leg.is_good())
        .take(DRAWINGS)
        .collect();
    if !bad.is_empty() {
        return bad;
    }
    let there = answer.legs.iter().find(|leg| !leg.back);
    let back = answer.legs.iter().find(|leg| leg.back);
    let places = |leg: &Leg| {
        let hops = hops(&leg.walked.state.trail);
        hops.iter().map(|hop| hop.place).collect::<Vec<_>>()
    };
    let same = there.zip(back).is_some_and(|(there, back)| {
        let mut turned = places(back);
        turned.reverse();
        places(there) == turned
    });
    there.into_iter().chain(back.filter(|_| !same)).collect()
}

fn heading(leg: &Leg) -> String {
    match (leg.percent(), leg.count) {
        (Some(percent), 2..) => format!("{} ({percent}; {} ways like this)", leg.direction(), leg.count),
        (Some(percent), _) => format!("{} ({percent})", leg.direction()),
        (None, _) => leg.direction().to_owned(),
    }
}

pub(super) fn painted(style: Style, mark: Mark, text: &str) -> String {
    match mark {
        Mark::Plain => text.to_owned(),
        Mark::Good => style.good(text),
        Mark::Bad => style.bad(text),
        Mark::Unsure => style.warn(text),
    }
}
