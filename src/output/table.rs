//! Tables: the boxed one of `calicoctl node status`, and the plain columns of `get`.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle, presets};

use super::Style;
use super::text::wrap;

/// The box of calicoctl's tables.
const BOX: TableStyle = presets::ASCII_FULL_CONDENSED.header_separator(LineStyle::new('+', '-', '+', '+'));

/// A boxed table in ASCII with centred headings, as calicoctl draws it, wrapped to the width of the style.
///
/// Every row has as many cells as there are headings.
pub fn boxed(headings: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let mut table = Table::new();
    table
        .load_style(BOX)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(
            headings
                .iter()
                .map(|heading| Cell::new(heading).set_alignment(CellAlignment::Center)),
        );
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// Plain columns, `gap` blanks apart, without trailing blanks. With a `width`, the last column is wrapped to it.
pub fn columns(headings: &[&str], rows: &[Vec<String>], gap: usize, width: Option<usize>) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let last: usize = widths.iter().rev().skip(1).map(|width| width + gap).sum();
    let mut text = String::new();
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let Some((end, cells)) = row.split_last() else {
            continue;
        };
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let pad = width.saturating_sub(cell.chars().count()) + gap;
            line.push_str(cell);
            line.push_str(&" ".repeat(pad));
        }
        let line = match width {
            Some(width) => wrap(end, width, &line, &" ".repeat(last)),
            None => line + end,
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
