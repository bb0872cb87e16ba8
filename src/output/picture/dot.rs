//! As a graph for Graphviz.

use std::fmt::Write as _;

use super::{Mark, Picture, Stop};

/// The graph: a cluster a way.
pub fn dot(picture: &Picture) -> String {
    let mut text = String::from("digraph trace {\n");
    let _ = writeln!(text, "  label={};\n  labelloc=t;", quoted(&picture.title));
    text.push_str("  node [shape=box fontname=\"monospace\" fontsize=10];\n");
    text.push_str("  edge [fontname=\"monospace\" fontsize=9];\n");
    for (number, way) in picture.ways.iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{number} {{");
        let _ = writeln!(
            text,
            "    label={};\n    color={};",
            quoted(&way.title),
            color(way.mark)
        );
        for (at, stop) in way.stops.iter().enumerate() {
            node(&mut text, &format!("w{number}s{at}"), stop);
        }
        for (at, stop) in way.stops.iter().enumerate() {
            let Some(arrow) = stop.arrow.as_ref().filter(|_| at + 1 < way.stops.len()) else {
                continue;
            };
            let dashed = if arrow.assumed { " style=dashed" } else { "" };
            let label = quoted(&arrow.text);
            let _ = writeln!(
                text,
                "    w{number}s{at} -> w{number}s{} [label={label}{dashed}];",
                at + 1
            );
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

fn node(text: &mut String, id: &str, stop: &Stop) {
    let mut label = format!("{} {}\n", stop.name, stop.aside);
    for line in &stop.lines {
        let _ = writeln!(label, "{} {}", line.label, line.text);
    }
    let style = if stop.inner { " style=rounded" } else { "" };
    let _ = writeln!(
        text,
        "    {id} [label={} color={}{style}];",
        // \l: a line that begins on the left.
        quoted(&label).replace("\\n", "\\l"),
        color(stop.mark)
    );
}

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

const fn color(mark: Mark) -> &'static str {
    match mark {
        Mark::Plain => "gray40",
        Mark::Good => "forestgreen",
        Mark::Bad => "red3",
        Mark::Unsure => "orange3",
    }
}
