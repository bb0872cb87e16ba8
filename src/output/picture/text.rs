//! As text: boxes below each other, as wide as the terminal, at most [`WIDEST`] columns.

use super::{Mark, Stop, Way};
use crate::output::Style;
use crate::output::text::wrap;

/// Longer lines are no easier to read.
const WIDEST: usize = 100;
/// Where arrows stand.
const STEM: usize = 6;

/// The edges of a box: corners, horizontal, vertical, and where an arrow comes in and goes out.
struct Edges {
    corners: [char; 4],
    flat: char,
    side: char,
    enters: char,
    leaves: char,
}

const THIN: Edges = Edges {
    corners: ['┌', '┐', '└', '┘'],
    flat: '─',
    side: '│',
    enters: '┴',
    leaves: '┬',
};
/// Pods and containers.
const ROUND: Edges = Edges {
    corners: ['╭', '╮', '╰', '╯'],
    ..THIN
};
/// Where it breaks.
const THICK: Edges = Edges {
    corners: ['┏', '┓', '┗', '┛'],
    flat: '━',
    side: '┃',
    enters: '┷',
    leaves: '┯',
};

/// Draws one way.
pub fn text(way: &Way, style: Style) -> String {
    let width = usize::from(style.width).min(WIDEST);
    let mut lines = Vec::new();
    let mut entered = false;
    for stop in &way.stops {
        boxed(&mut lines, stop, entered, width, style);
        if let Some(arrow) = &stop.arrow {
            let stem = if arrow.assumed { '┊' } else { '│' };
            let first = format!("{}{stem} ", " ".repeat(STEM));
            let text = wrap(&arrow.text, width, &first, &first);
            lines.extend(text.lines().map(|line| style.faint(line.trim_end())));
        }
        entered = stop.arrow.is_some();
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

fn boxed(lines: &mut Vec<String>, stop: &Stop, entered: bool, width: usize, style: Style) {
    let edges = match (stop.mark, stop.inner) {
        (Mark::Bad, _) => &THICK,
        (_, true) => &ROUND,
        (_, false) => &THIN,
    };
    let paint = |text: &str| painted(stop.mark, text, style);
    let side = paint(&edges.side.to_string());
    lines.push(top(stop, edges, entered, width, style));
    for line in &stop.lines {
        let first = format!("{:<9} ", line.label);
        let text = wrap(&line.text, width - 4, &first, &" ".repeat(10));
        for part in text.lines() {
            let gap = " ".repeat((width - 4).saturating_sub(part.chars().count()));
            lines.push(format!("{side} {}{gap} {side}", painted(line.mark, part, style)));
        }
    }
    let [.., left, right] = edges.corners;
    let mut bottom: Vec<char> = vec![edges.flat; width - 2];
    if stop.arrow.is_some() {
        bottom[STEM - 1] = edges.leaves;
    }
    let bottom: String = bottom.into_iter().collect();
    lines.push(paint(&format!("{left}{bottom}{right}")));
}

/// The upper edge, with name and address in it.
fn top(stop: &Stop, edges: &Edges, entered: bool, width: usize, style: Style) -> String {
    let [left, right, ..] = edges.corners;
    let paint = |text: &str| painted(stop.mark, text, style);
    let room = width.saturating_sub(STEM + 10);
    let name = shortened(&stop.name, room);
    let left_over = room.saturating_sub(name.chars().count());
    let aside = if stop.aside.is_empty() || stop.aside.chars().count() > left_over {
        String::new()
    } else {
        format!(" {} ", stop.aside)
    };
    // Names stand behind the arrow, so that it may come in.
    let mut before = vec![edges.flat; STEM];
    if entered {
        before[STEM - 1] = edges.enters;
    }
    let before: String = before.into_iter().collect();
    let used = 1 + STEM + 1 + name.chars().count() + 1 + aside.chars().count() + 2;
    let fill = edges.flat.to_string().repeat(width.saturating_sub(used));
    format!(
        "{} {} {}",
        paint(&format!("{left}{before}")),
        style.strong(&name),
        paint(&format!("{fill}{aside}{}{right}", edges.flat))
    )
}

/// Cut in the middle, where it is too long.
fn shortened(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room || room < 5 {
        return name.to_owned();
    }
    let (head, tail) = (room / 2 - 1, room - room / 2);
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

fn painted(mark: Mark, text: &str, style: Style) -> String {
    match mark {
        Mark::Plain => text.to_owned(),
        Mark::Good => style.good(text),
        Mark::Bad => style.bad(text),
        Mark::Unsure => style.warn(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrow, Line};
    use super::*;

    #[test]
    fn boxes_fit_the_width_and_join() {
        let stop = |name: &str, mark| Stop {
            name: name.into(),
            aside: "10.0.0.1".into(),
            mark,
            lines: vec![Line {
                label: "route".into(),
                text: "default via 10.0.0.254 dev eth0 proto static and some more words".into(),
                mark: Mark::Plain,
            }],
            arrow: (mark == Mark::Plain).then(|| Arrow {
                text: "eth0 to eth0".into(),
                assumed: false,
            }),
            ..Stop::default()
        };
        let way = Way {
            stops: vec![stop("node1", Mark::Plain), stop(&"long".repeat(40), Mark::Bad)],
            ..Way::default()
        };
        for width in [40, 80, 200] {
            let style = Style {
                width,
                ..Style::PLAIN
            };
            let drawn = text(&way, style);
            let widths: Vec<usize> = drawn
                .lines()
                .filter(|line| !line.starts_with(' '))
                .map(|line| line.chars().count())
                .collect();
            let wanted = usize::from(width).min(WIDEST);
            assert!(widths.iter().all(|found| *found == wanted), "{width}:\n{drawn}");
        }
    }
}
