//! As SVG: ways beside each other, boxes below each other; readable on white and on dark pages.

use std::fmt::Write as _;

use super::{Mark, Picture, Stop, Way};
use crate::output::text::wrap;

/// Pixels.
const COLUMN: usize = 560;
const MARGIN: usize = 24;
const LINE: usize = 17;
const PAD: usize = 10;
/// Between boxes, when the arrow has one line of text.
const GAP: usize = 44;
/// Characters of a line in a box: 7.3 pixels each, at 12 pixels of a monospaced font.
const CHARACTERS: usize = 72;

/// The whole document.
pub fn svg(picture: &Picture) -> String {
    let columns: Vec<(String, usize)> = picture
        .ways
        .iter()
        .enumerate()
        .map(|(number, way)| column(way, MARGIN + number * (COLUMN + MARGIN)))
        .collect();
    let height = columns.iter().map(|(_, height)| *height).max().unwrap_or(0) + MARGIN;
    let width = MARGIN + columns.len().max(1) * (COLUMN + MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"12\">\n"
    );
    let _ = writeln!(text, "<title>{}</title>", escaped(&picture.title));
    text.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" fill=\"#555\"/></marker></defs>\n",
    );
    let _ = writeln!(
        text,
        "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>"
    );
    put(&mut text, MARGIN, MARGIN, "#111", true, &picture.title);
    for (column, _) in columns {
        text.push_str(&column);
    }
    text.push_str("</svg>\n");
    text
}

/// One way below its title, from `x` on, and where it ends.
fn column(way: &Way, x: usize) -> (String, usize) {
    let mut text = String::new();
    let mut y = MARGIN + 2 * LINE;
    for line in wrap(&way.title, CHARACTERS, "", "  ").lines() {
        put(&mut text, x, y, color(way.mark), true, line);
        y += LINE;
    }
    for stop in &way.stops {
        y = stop_box(&mut text, stop, x, y);
        let Some(arrow) = &stop.arrow else { continue };
        let lines: Vec<String> = wrap(&arrow.text, CHARACTERS - 6, "", "")
            .lines()
            .map(str::to_owned)
            .collect();
        let end = y + GAP.max(LINE * (lines.len() + 1));
        let dashed = if arrow.assumed {
            " stroke-dasharray=\"4 4\""
        } else {
            ""
        };
        let stem = x + 28;
        let _ = writeln!(
            text,
            "<line x1=\"{stem}\" y1=\"{y}\" x2=\"{stem}\" y2=\"{end}\" stroke=\"#555\" \
             stroke-width=\"1.5\"{dashed} marker-end=\"url(#tip)\"/>"
        );
        for (number, line) in lines.iter().enumerate() {
            put(
                &mut text,
                stem + 12,
                y + LINE * (number + 1) + 4,
                "#555",
                false,
                line,
            );
        }
        y = end;
    }
    (text, y)
}

fn stop_box(text: &mut String, stop: &Stop, x: usize, y: usize) -> usize {
    let mut lines: Vec<(Mark, String)> = Vec::new();
    for line in &stop.lines {
        let first = format!("{:<9} ", line.label);
        let wrapped = wrap(&line.text, CHARACTERS, &first, &" ".repeat(10));
        lines.extend(wrapped.lines().map(|part| (line.mark, part.to_owned())));
    }
    let height = PAD * 2 + LINE * (lines.len() + 1) - 4;
    let (edge, fill) = (color(stop.mark), fill(stop.mark));
    let radius = if stop.inner { 10 } else { 2 };
    let thick = if stop.mark == Mark::Bad { 3 } else { 1 };
    let _ = writeln!(
        text,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{COLUMN}\" height=\"{height}\" rx=\"{radius}\" fill=\"{fill}\" \
         stroke=\"{edge}\" stroke-width=\"{thick}\"/>"
    );
    let mut baseline = y + PAD + LINE - 6;
    put(text, x + PAD, baseline, "#111", true, &stop.name);
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
        x + COLUMN - PAD,
        escaped(&stop.aside)
    );
    for (mark, line) in lines {
        baseline += LINE;
        let ink = if mark == Mark::Plain { "#333" } else { color(mark) };
        put(text, x + PAD, baseline, ink, mark == Mark::Bad, &line);
    }
    y + height
}

fn put(text: &mut String, x: usize, y: usize, fill: &str, strong: bool, words: &str) {
    let weight = if strong { " font-weight=\"bold\"" } else { "" };
    let _ = writeln!(
        text,
        "<text x=\"{x}\" y=\"{y}\" fill=\"{fill}\"{weight} xml:space=\"preserve\">{}</text>",
        escaped(words)
    );
}

/// For text and attributes; control characters are no part of XML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

const fn color(mark: Mark) -> &'static str {
    match mark {
        Mark::Plain => "#777",
        Mark::Good => "#1a7f37",
        Mark::Bad => "#cf222e",
        Mark::Unsure => "#9a6700",
    }
}

const fn fill(mark: Mark) -> &'static str {
    match mark {
        Mark::Plain => "#f8f8f8",
        Mark::Good => "#eefbf0",
        Mark::Bad => "#fff0f0",
        Mark::Unsure => "#fff9e8",
    }
}
