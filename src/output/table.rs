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
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    let widths = Widths::of(std::iter::once(&headings).chain(rows), gap);
    std::iter::once(&headings)
        .chain(rows)
        .map(|row| widths.line(row, width))
        .collect()
}

/// How wide the columns of a table are; for rows that come later, too.
#[derive(Debug)]
pub struct Widths {
    columns: Vec<usize>,
    gap: usize,
}

impl Widths {
    /// Of rows with equally many cells, in characters.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>, gap: usize) -> Self {
        let mut columns = Vec::new();
        for row in rows {
            columns.resize(columns.len().max(row.len()), 0);
            for (width, cell) in columns.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        Self { columns, gap }
    }

    /// A row with the end of its line; the last cell is wrapped to a width of the whole, if there is one.
    pub fn line(&self, row: &[String], width: Option<usize>) -> String {
        let Some((end, cells)) = row.split_last() else {
            return String::new();
        };
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&self.columns) {
            let pad = width.saturating_sub(cell.chars().count()) + self.gap;
            line.push_str(cell);
            line.push_str(&" ".repeat(pad));
        }
        let last: usize = self
            .columns
            .iter()
            .take(cells.len())
            .map(|width| width + self.gap)
            .sum();
        let line = match width {
            Some(width) => wrap(end, width, &line, &" ".repeat(last)),
            None => line + end,
        };
        format!("{}\n", line.trim_end())
    }
}
