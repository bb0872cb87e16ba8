//! `--tui`: flows as they come; one of them with its packets; one of those with its layers.

mod draw;
mod model;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Context, Error};
use crate::packet::show::{Names, Shown, Zone};
use model::{Model, Press};

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(100);
/// Packets between two looks at the clock.
const OFTEN: u64 = 256;

/// A terminal that shows what comes.
pub(super) struct Tui {
    terminal: DefaultTerminal,
    model: Model,
    drawn: Instant,
    ended: bool,
}

impl Tui {
    pub(super) fn new(names: Option<Arc<Names>>, zone: Arc<Zone>, cx: &Context) -> Result<Self, Error> {
        if !cx.style.terminal {
            return Err(Error::new("--tui needs a terminal").hint("--summary writes flows anywhere"));
        }
        let terminal = ratatui::try_init()?;
        Ok(Self {
            terminal,
            model: Model::new(names, zone),
            drawn: Instant::now(),
            ended: false,
        })
    }

    /// Whether its user wants no more.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn take(&mut self, shown: &Shown) -> Result<(), Error> {
        self.model.add(shown);
        if shown.number.is_multiple_of(OFTEN) {
            self.quiet()?;
        }
        Ok(())
    }

    /// Draws, if it is time, and looks for keys.
    pub(super) fn quiet(&mut self) -> Result<(), Error> {
        if self.drawn.elapsed() >= FRAME {
            self.picture()?;
            while !self.ended && event::poll(Duration::ZERO)? {
                self.event()?;
            }
        }
        Ok(())
    }

    /// Nothing comes any more: shows what there is until its user leaves.
    pub(super) fn stay(&mut self) -> Result<(), Error> {
        self.model.at_end = true;
        while !self.ended {
            self.picture()?;
            self.event()?;
        }
        Ok(())
    }

    fn picture(&mut self) -> io::Result<()> {
        self.drawn = Instant::now();
        self.model.refresh();
        let model = &mut self.model;
        self.terminal.draw(|frame| draw::draw(frame, model)).map(|_| ())
    }

    fn event(&mut self) -> io::Result<()> {
        if let Event::Key(key) = event::read()?
            && let Some(press) = press(key)
        {
            self.ended |= !self.model.press(press);
        }
        Ok(())
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn press(key: KeyEvent) -> Option<Press> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    Some(match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Press::Quit,
        KeyCode::Char('q') => Press::Quit,
        KeyCode::Char(' ') => Press::Pause,
        KeyCode::Up | KeyCode::Char('k') => Press::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Press::Move(1),
        KeyCode::PageUp => Press::Move(-20),
        KeyCode::PageDown => Press::Move(20),
        KeyCode::Home | KeyCode::Char('g') => Press::Move(isize::MIN),
        KeyCode::End | KeyCode::Char('G') => Press::Move(isize::MAX),
        KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => Press::Open,
        KeyCode::Esc | KeyCode::Backspace | KeyCode::Left | KeyCode::Char('h') => Press::Back,
        _ => return None,
    })
}
