//! Tables: the boxed one of `calicoctl node status`, and the plain columns of `get`.

use super::Style;

/// A boxed table in ASCII with centred headings, as calicoctl draws it, wrapped to the width of the style.
///
/// Every row has as many cells as there are headings.
pub fn boxed(headings: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::ASCII_FULL_CONDENSED)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(headings.iter().map(|heading| {
            comfy_table::Cell::new(heading).set_alignment(comfy_table::CellAlignment::Center)
        }));
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// Plain columns, `gap` blanks apart, without trailing blanks.
pub fn columns(headings: &[&str], rows: &[Vec<String>], gap: usize) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let pad = width.saturating_sub(cell.chars().count()) + gap;
            line.push_str(cell);
            line.push_str(&" ".repeat(pad));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
