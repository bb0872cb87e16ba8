//! What is told while many nodes are asked: one line that changes on a terminal, a line a node elsewhere.

use std::io::Write;

use crate::fleet::{Answer, Event};
use crate::output::Style;

pub(super) struct Progress {
    all: usize,
    done: usize,
    failed: usize,
    terminal: bool,
    style: Style,
}

impl Progress {
    pub(super) const fn new(all: usize, terminal: bool, style: Style) -> Self {
        Self {
            all,
            done: 0,
            failed: 0,
            terminal,
            style,
        }
    }

    pub(super) fn tell(&mut self, err: &mut dyn Write, event: &Event) {
        match event {
            Event::Done { node, answer } => self.done(err, node, answer),
            Event::Stopped => self.line(err, "interrupted: what has come is kept"),
        }
    }

    pub(super) fn done(&mut self, err: &mut dyn Write, node: &str, answer: &Answer) {
        self.done += 1;
        self.failed += usize::from(answer.is_err());
        if self.terminal {
            let failed = match self.failed {
                0 => String::new(),
                number => self.style.bad(&format!(", {number} failed")),
            };
            // Nobody minds a lost line of progress.
            let _ = write!(err, "\r\x1b[K{} of {} nodes{failed}", self.done, self.all);
            let _ = err.flush();
            return;
        }
        let how = match answer {
            Ok(_) => "answered".to_owned(),
            Err(failure) => format!("failed: {failure}"),
        };
        self.line(err, &format!("[{}/{}] {node} {how}", self.done, self.all));
    }

    /// Takes the changing line away.
    pub(super) fn end(&self, err: &mut dyn Write) {
        if self.terminal {
            let _ = write!(err, "\r\x1b[K");
        }
    }

    fn line(&self, err: &mut dyn Write, line: &str) {
        self.end(err);
        let _ = writeln!(err, "{line}");
    }
}
