//! Where packets go: lines on standard output, or a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::summary::Summary;
use super::{Args, Context, Error, Outcome, Output, Style};
use crate::cli::files;
use crate::packet::decap;
use crate::packet::file::write::{Form as FileForm, Writer};
use crate::packet::show::{self, Clock, Json, Lines, Shown, Stamp, Tcpdump, Text};

/// Bytes of text after which it is written.
const ENOUGH: usize = 60 << 10;

/// Takes the packets that were chosen.
pub(super) enum Sink {
    Show(Shower),
    Write(Dump),
    Summary(Summary),
}

impl Sink {
    pub(super) fn new(args: &Args, cx: &Context) -> Result<Self, Error> {
        if args.summary {
            return Ok(Self::Summary(Summary::new(args.output)));
        }
        Ok(match &args.write {
            Some(path) => Self::Write(Dump::new(path, args.decap)?),
            None => Self::Show(Shower::new(args, cx)),
        })
    }

    pub(super) fn take(&mut self, cx: &mut Context, shown: &Shown) -> Result<(), Error> {
        match self {
            Self::Show(shower) => shower.take(cx, shown),
            Self::Write(dump) => dump.take(shown),
            Self::Summary(summary) => {
                summary.take(shown);
                Ok(())
            }
        }
    }

    /// Writes what is there so far: an error comes after it.
    pub(super) fn flush(&mut self, cx: &mut Context) -> Result<(), Error> {
        match self {
            Self::Show(shower) => shower.flush(cx),
            Self::Write(dump) => dump.finish(),
            Self::Summary(_) => Ok(()),
        }
    }

    /// Ends the output.
    pub(super) fn finish(&mut self, cx: &mut Context) -> Result<Outcome, Error> {
        if let Self::Summary(summary) = self {
            return summary.show(cx);
        }
        self.flush(cx)?;
        Ok(Outcome::Good)
    }
}

/// Writes packets in the form that was asked for.
pub(super) struct Shower {
    text: Text,
    form: Form,
    hex: bool,
    at_once: bool,
}

enum Form {
    Lines(Lines),
    Tcpdump(Tcpdump),
    Json,
}

impl Shower {
    fn new(args: &Args, cx: &Context) -> Self {
        let stamp = match args.time {
            0 => Stamp::Clock,
            1 => Stamp::None,
            2 => Stamp::Epoch,
            3 => Stamp::Delta,
            4 => Stamp::Date,
            _ => Stamp::First,
        };
        let clock = Clock::new(stamp, args.nano);
        let form = match (args.output, args.style) {
            (Output::Json, _) => Form::Json,
            (_, Style::Tcpdump) => Form::Tcpdump(Tcpdump { clock }),
            (output, Style::Netdiag) => Form::Lines(Lines::new(clock, output == Output::Wide)),
        };
        Self {
            text: Text::new(cx.style.color),
            form,
            hex: args.hex && args.output != Output::Json,
            at_once: cx.style.terminal || args.line_buffered,
        }
    }

    fn take(&mut self, cx: &mut Context, shown: &Shown) -> Result<(), Error> {
        match &mut self.form {
            Form::Lines(lines) => lines.write(shown, &mut self.text),
            Form::Tcpdump(lines) => lines.write(shown, &mut self.text),
            Form::Json => Json.write(shown, &mut self.text),
        }
        if self.hex {
            show::hex::write(shown, &mut self.text);
        }
        if self.at_once || self.text.len() > ENOUGH {
            self.flush(cx)?;
        }
        if self.at_once {
            cx.out.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self, cx: &mut Context) -> Result<(), Error> {
        cx.out.write_all(self.text.bytes())?;
        self.text.clear();
        Ok(())
    }
}

/// Writes packets to a capture file.
pub(super) struct Dump {
    name: String,
    writer: Option<Writer<Box<dyn Write>>>,
    decap: bool,
}

impl Dump {
    fn new(path: &Path, decap: bool) -> Result<Self, Error> {
        let name = path.display().to_string();
        let target: Box<dyn Write> = if files::is_stdout(path) {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(|error| Error::new(format!("{name}: {error}")))?)
        };
        let form = if path.extension().is_some_and(|extension| extension == "pcapng") {
            FileForm::Pcapng
        } else {
            FileForm::Pcap
        };
        Ok(Self {
            name,
            writer: Some(Writer::new(target, form)),
            decap,
        })
    }

    fn take(&mut self, shown: &Shown) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let packet = &shown.packet;
        let inner = if self.decap {
            decap::inner(packet.data, shown.stack, false)
        } else {
            None
        };
        let written = match inner {
            Some(inner) => writer.packet(
                packet.time,
                inner.link,
                &[inner.header, inner.data],
                inner.wire_len,
            ),
            None => writer.packet(packet.time, packet.link, &[packet.data], packet.wire_len),
        };
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::new(format!(
                "{}: packet {} is of link type {}, and a pcap file can have only one",
                self.name,
                shown.number,
                packet.link.name()
            ))
            .hint("give the file a name that ends in .pcapng")),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.writer.take().map(Writer::finish) {
            Some(Err(error)) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        let mut failed = Error::from(error);
        failed.message = format!("{}: {}", self.name, failed.message);
        failed
    }
}
