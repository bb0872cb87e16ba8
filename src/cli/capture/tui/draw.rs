//! The model as a picture of cells.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{List, ListState, Paragraph, Row, Table, TableState};

use super::model::{Model, Screen};
use crate::cli::capture::summary;
use crate::output::text;

const PICKED: Style = Style::new().add_modifier(Modifier::REVERSED);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

pub(super) fn draw(frame: &mut Frame, model: &Model) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Line::styled(title(model), HEAD), head);
    match model.screen {
        Screen::Flows => flows(frame, body, model),
        Screen::Packets(_) => packets(frame, body, model),
        Screen::Layers(_, number) => {
            let lines: Vec<Line> = model.layers(number).into_iter().map(Line::from).collect();
            let scrolled = u16::try_from(model.scrolled).unwrap_or(u16::MAX);
            frame.render_widget(Paragraph::new(lines).scroll((scrolled, 0)), body);
        }
    }
    let keys = match model.screen {
        Screen::Flows => "↑↓ pick  Enter packets  Space stop and go  q end",
        Screen::Packets(_) => "↑↓ pick  Enter layers  Esc flows  Space stop and go  q end",
        Screen::Layers(..) => "↑↓ scroll  Esc packets  q end",
    };
    frame.render_widget(Line::styled(keys, FAINT), foot);
}

fn title(model: &Model) -> String {
    let flows = &model.flows;
    let packets = usize::try_from(flows.packets).unwrap_or(usize::MAX);
    let state = match (model.paused, model.at_end) {
        (true, _) => "  [stands still]",
        (false, true) => "  [end]",
        (false, false) => "",
    };
    let what = match model.screen {
        Screen::Flows => format!("{} bytes", flows.bytes),
        Screen::Packets(key) => summary::ends(&key, model.names()),
        Screen::Layers(key, number) => format!("{}, number {number}", summary::ends(&key, model.names())),
    };
    format!(
        "{}, {}: {what}{state}",
        text::count(packets, "packet"),
        text::count(flows.len(), "flow")
    )
}

fn flows(frame: &mut Frame, area: Rect, model: &Model) {
    // Only those that fit are made.
    let place = model.place();
    let height = usize::from(area.height).max(2) - 1;
    let first = place
        .saturating_sub(height / 2)
        .min(model.listed.len().saturating_sub(height));
    let rows: Vec<Vec<String>> = model
        .listed
        .iter()
        .skip(first)
        .take(height)
        .filter_map(|key| Some(summary::row(key, model.flows.get(key)?, model.names())))
        .collect();
    let headings = summary::HEADINGS;
    let widths: Vec<Constraint> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            let widest = cells.chain([heading.len()]).max().unwrap_or(0);
            Constraint::Length(u16::try_from(widest).unwrap_or(u16::MAX))
        })
        .collect();
    let table = Table::new(rows.into_iter().map(Row::new), widths)
        .header(Row::new(headings).style(HEAD))
        .column_spacing(2)
        .row_highlight_style(PICKED);
    let mut state = TableState::new().with_selected(place.saturating_sub(first));
    frame.render_stateful_widget(table, area, &mut state);
}

fn packets(frame: &mut Frame, area: Rect, model: &Model) {
    let lines = model.lines.iter().map(|(_, line)| line.as_str());
    let list = List::new(lines).highlight_style(PICKED);
    let mut state = ListState::default().with_selected(Some(model.place()));
    frame.render_stateful_widget(list, area, &mut state);
}
