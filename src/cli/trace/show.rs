//! Every way hop by hop, for people.

use super::{Ways, end_text, label};
use crate::cli::{Context, Error};
use crate::forward::topology::Topology;
use crate::forward::walk::{End, Outcome as Walked};
use crate::output::style::Style;
use crate::output::text;

/// The answer first, then every way hop by hop.
pub(super) fn write(cx: &mut Context, topology: &Topology, ways: &Ways) -> Result<(), Error> {
    let style = cx.style;
    for (there, back) in ways {
        for (direction, walked) in
            std::iter::once(("there", there)).chain(back.iter().map(|walked| ("back", walked)))
        {
            let first = format!("{direction:<6}");
            let line = text::wrap(
                &ended(topology, walked),
                usize::from(style.width),
                &first,
                "      ",
            );
            writeln!(cx.out, "{}", painted(style, &walked.end, &line))?;
        }
    }
    for (there, back) in ways {
        writeln!(cx.out)?;
        one(cx, style, topology, "there", there)?;
        for walked in back {
            one(cx, style, topology, "back", walked)?;
        }
    }
    Ok(())
}

/// One way: the namespaces in turn, what each does, and how it ends.
fn one(
    cx: &mut Context,
    style: Style,
    topology: &Topology,
    title: &str,
    walked: &Walked,
) -> Result<(), Error> {
    let width = usize::from(style.width);
    let share = f64::from(walked.state.share.0) / 10_000.0;
    let share = if share < 99.99 {
        format!(" ({share:.0} %)")
    } else {
        String::new()
    };
    writeln!(cx.out, "{}", style.strong(&format!("{title}{share}")))?;
    let mut place = None;
    for step in &walked.state.trail {
        if place != Some(step.place) {
            place = Some(step.place);
            writeln!(cx.out, "  {}", topology.place(step.place).title())?;
        }
        let first = format!("    {:<9} ", label(step.what));
        writeln!(
            cx.out,
            "{}",
            text::wrap(&step.text, width, &first, &" ".repeat(14))
        )?;
    }
    let line = text::wrap(&ended(topology, walked), width, "  ", "    ");
    writeln!(cx.out, "{}", painted(style, &walked.end, &line))?;
    Ok(())
}

/// `dropped at node2: node2 does not forward …`
fn ended(topology: &Topology, walked: &Walked) -> String {
    let (word, why) = end_text(&walked.end);
    let at = topology.place(walked.place).title();
    if why.is_empty() {
        format!("{word} at {at}")
    } else {
        format!("{word} at {at}: {why}")
    }
}

fn painted(style: Style, end: &End, line: &str) -> String {
    match end {
        End::Delivered | End::Answered(_) => style.good(line),
        End::NotDecidable(_) => style.warn(line),
        End::Dropped(_) | End::Rejected(_) | End::NotForMe => style.bad(line),
    }
}
