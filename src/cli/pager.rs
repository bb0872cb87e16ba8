//! Long results on a terminal go through a pager, as git's do: `NETDIAG_PAGER`, else `PAGER`, else less; `cat` is none.

use std::env;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{SigSet, Signal};

/// Ends at once if all fits, keeps colours, and leaves the text on the screen.
const LESS: &str = "FRX";

/// What a shell answers for a command that it doesn't find.
const NOT_FOUND: i32 = 127;

/// What results are written to.
pub(super) trait Results: Write {
    /// All is written: shows it.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Results for StdoutLock<'_> {}

impl<W: Write> Results for BufWriter<W> {}

/// Keeps text until it is more than a screen has, then gives it to the pager.
pub(super) struct Pager<W: Write> {
    terminal: W,
    /// Lines of the screen.
    height: usize,
    /// All text so far, for a pager that turns out not to be there.
    kept: Vec<u8>,
    lines: usize,
    state: State,
}

enum State {
    /// It may still fit on the screen.
    Keeping,
    Paging(Child),
    /// No pager is wanted, or none can be started.
    Plain,
}

impl<W: Write> Pager<W> {
    /// For a terminal with so many lines.
    pub(super) fn new(terminal: W, height: u16) -> Self {
        Self {
            terminal,
            // The line after it is the prompt's.
            height: usize::from(height).saturating_sub(1).max(1),
            kept: Vec::new(),
            lines: 0,
            state: State::Keeping,
        }
    }

    /// Starts the pager with what was kept.
    fn start(&mut self) -> io::Result<()> {
        if let Some(child) = spawn() {
            self.state = State::Paging(child);
            self.page(0)
        } else {
            self.state = State::Plain;
            self.terminal.write_all(&std::mem::take(&mut self.kept))
        }
    }

    /// Gives the pager what was kept from there on. One that was left before the end has shown enough.
    fn page(&mut self, from: usize) -> io::Result<()> {
        let State::Paging(child) = &mut self.state else {
            return Ok(());
        };
        let text = self.kept.get(from..).unwrap_or(&[]);
        match child.stdin.as_mut().map_or(Ok(()), |pipe| pipe.write_all(text)) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                child.stdin = None;
                Ok(())
            }
            other => other,
        }
    }
}

/// The pager's process; none if that is `cat` or nothing, or can't be started.
fn spawn() -> Option<Child> {
    let wanted = env::var_os("NETDIAG_PAGER").or_else(|| env::var_os("PAGER"));
    let mut command = match &wanted {
        None => Command::new("less"),
        Some(words) if words.is_empty() || words == "cat" => return None,
        Some(words) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(words);
            shell
        }
    };
    command.stdin(Stdio::piped());
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let child = command.spawn().ok()?;
    // Ctrl-C is for the pager now: to end before it would leave it alone with the terminal.
    let _ = SigSet::from(Signal::SIGINT).thread_block();
    Some(child)
}

impl<W: Write> Results for Pager<W> {
    /// Writes what was kept, and waits for whoever reads.
    fn finish(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.state, State::Plain) {
            State::Keeping => self.terminal.write_all(&self.kept)?,
            State::Plain => {}
            State::Paging(mut child) => {
                drop(child.stdin.take());
                if child.wait()?.code() == Some(NOT_FOUND) {
                    self.terminal.write_all(&self.kept)?;
                }
            }
        }
        self.terminal.flush()
    }
}

impl<W: Write> Write for Pager<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let State::Plain = self.state {
            return self.terminal.write(bytes);
        }
        let had = self.kept.len();
        self.kept.extend_from_slice(bytes);
        if let State::Paging(_) = self.state {
            self.page(had)?;
        } else {
            self.lines += bytes.split(|byte| *byte == b'\n').count() - 1;
            if self.lines > self.height {
                self.start()?;
            }
        }
        Ok(bytes.len())
    }

    /// A pager shows what it has; what is kept is shown at the end.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Keeping => Ok(()),
            State::Paging(child) => child.stdin.as_mut().map_or(Ok(()), Write::flush),
            State::Plain => self.terminal.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_on_the_screen_is_written_to_it() {
        let mut terminal = Vec::new();
        let mut pager = Pager::new(&mut terminal, 4);
        pager.write_all(b"a\nb\nc\n").unwrap();
        assert!(matches!(pager.state, State::Keeping));
        pager.finish().unwrap();
        assert_eq!(terminal, b"a\nb\nc\n");
    }
}
