//! Where packets go: lines on standard output, or a file.

use super::dump::Dump;
use super::summary::Summary;
use super::{Args, Context, Error, Outcome, Output, Style};
use crate::packet::file::Interface;
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
        Ok(match &args.file.write {
            Some(path) => Self::Write(Dump::new(path, &args.file)?),
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
            Self::Write(dump) => dump.finish(&[]),
            Self::Summary(_) => Ok(()),
        }
    }

    /// Nothing passes at the moment: whoever watches sees all there is.
    #[cfg(feature = "capture")]
    pub(super) fn quiet(&mut self, cx: &mut Context) -> Result<(), Error> {
        match self {
            Self::Show(shower) => {
                shower.flush(cx)?;
                Ok(cx.out.flush()?)
            }
            Self::Write(dump) => dump.flush(),
            Self::Summary(_) => Ok(()),
        }
    }

    /// Ends the output; the links with what was lost on each go into a file.
    pub(super) fn finish(&mut self, cx: &mut Context, interfaces: &[Interface]) -> Result<Outcome, Error> {
        match self {
            Self::Summary(summary) => return summary.show(cx),
            Self::Write(dump) => dump.finish(interfaces)?,
            Self::Show(shower) => shower.flush(cx)?,
        }
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
            at_once: cx.style.terminal || args.line_buffered || args.from.follow,
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
