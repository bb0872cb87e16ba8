//! The file that packets are read from, with errors that name it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::super::threads::Failure;
use super::super::{Context, Error, Sink};
use crate::cli::{files, signals};
use crate::output::text;
use crate::packet::file::{self, Interface, Packet, Reader};

/// Between two looks at a file that grows.
const PAUSE: Duration = Duration::from_millis(100);

/// A capture file.
pub(in super::super) struct Recorded {
    name: String,
    reader: Reader,
    at_hand: bool,
}

impl Recorded {
    pub(in super::super) fn open(path: &Path, follow: bool) -> Result<Self, Error> {
        let name = if files::is_stdout(path) {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let failed = |error| Error::new(format!("{name}: {error}"));
        let (reader, at_hand) = if files::is_stdout(path) {
            let stdin = io::stdin();
            let own = stdin.as_fd().try_clone_to_owned().map(File::from);
            let at_hand = own.is_ok_and(|own| is_at_hand(&own));
            (Reader::new(Box::new(stdin)), at_hand)
        } else {
            let file = File::open(path).map_err(failed)?;
            if follow {
                (Reader::new(Box::new(Growing(file))), false)
            } else if is_at_hand(&file) {
                (Reader::of_file(file), true)
            } else {
                (Reader::new(Box::new(file)), false)
            }
        };
        let reader = reader.map_err(|error| Error::new(format!("{name}: {error}")))?;
        Ok(Self {
            name,
            reader,
            at_hand,
        })
    }

    /// Whether nobody has to wait for what comes next.
    pub(in super::super) const fn is_at_hand(&self) -> bool {
        self.at_hand
    }

    /// The next packet. Before an error is returned, what was shown so far is written.
    pub(super) fn next(
        &mut self,
        cx: &mut Context,
        sink: &mut Sink,
    ) -> Result<Option<(Packet<'_>, Option<&Interface>)>, Error> {
        match self.reader.next_packet() {
            Ok(found) => Ok(found),
            Err(error) => {
                sink.flush(cx)?;
                Err(failed(&self.name, &error))
            }
        }
    }

    /// For whoever reads blocks.
    pub(in super::super) const fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    pub(in super::super) fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Read(error) => failed(&self.name, &error),
            Failure::Taken(error) => error,
        }
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        self.reader.interfaces()
    }

    /// Says what was wrong with the file, and what the capture had lost.
    pub(in super::super) fn warn(&self, cx: &mut Context) -> Result<(), Error> {
        cx.out.flush()?;
        let warning = cx.style.warn("warning:");
        for what in self.reader.warnings() {
            writeln!(cx.err, "{warning} {}: {what}", self.name)?;
        }
        for interface in self.reader.interfaces() {
            if interface.dropped > 0 {
                let link = interface.name.as_deref().unwrap_or("a link").escape_debug();
                let count = text::count(usize::try_from(interface.dropped).unwrap_or(usize::MAX), "packet");
                writeln!(
                    cx.err,
                    "{warning} {}: the capture lost {count} of {link}",
                    self.name
                )?;
            }
            if !interface.link.is_known() {
                let number = interface.link.0;
                writeln!(
                    cx.err,
                    "{warning} {}: link type {number} is not decoded",
                    self.name
                )?;
            }
        }
        Ok(())
    }
}

/// Of a pipe or a socket, nobody knows when the next bytes come.
fn is_at_hand(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// A file that somebody still writes to: its end is waited at, until we are told to stop.
struct Growing(File);

impl Read for Growing {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(bytes) {
                Ok(0) if !signals::stopped() => thread::sleep(PAUSE),
                other => return other,
            }
        }
    }
}

fn failed(name: &str, error: &file::Error) -> Error {
    Error::new(format!("{name}: {error}"))
}
