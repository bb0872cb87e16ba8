//! Where packets go: lines on standard output, or a file.

use std::sync::Arc;

use super::cluster::Plan;
use super::dump::Dump;
use super::summary::{Counting, Form as FlowForm, Summary};
use super::tui::Tui;
use super::{Args, Context, Error, Outcome, Output, Style};
use crate::packet::file::Interface;
use crate::packet::show::{self, Clock, Json, Layout, Lines, Names, Shown, Stamp, Tcpdump, Text};

/// Bytes of text after which it is written: as many as standard output takes without copying them (see `cli::main`).
const ENOUGH: usize = 64 << 10;

/// Takes the packets that were chosen.
pub(super) enum Sink {
    Show(Shower),
    Write(Dump),
    Flows(Counting),
    Summary(Summary),
    Tui(Box<Tui>),
}

impl Sink {
    pub(super) fn new(args: &Args, plan: &mut Plan, cx: &Context) -> Result<Self, Error> {
        let names = plan.names.take();
        if args.tui {
            return Ok(Self::Tui(Box::new(Tui::new(names, args.zone(), cx)?)));
        }
        if args.summary || args.flows {
            let form = FlowForm {
                output: args.output,
                names,
            };
            return Ok(if args.summary {
                Self::Summary(Summary::new(form, plan.vteps.take()))
            } else {
                Self::Flows(Counting::new(form))
            });
        }
        Ok(match &args.file.write {
            Some(path) => Self::Write(Dump::new(path, &args.file, names, args.names)?),
            None => Self::Show(Shower::new(args, names, cx)),
        })
    }

    pub(super) fn take(&mut self, cx: &mut Context, shown: &Shown) -> Result<(), Error> {
        match self {
            Self::Show(shower) => shower.take(cx, shown),
            Self::Write(dump) => dump.take(shown),
            Self::Flows(counting) => {
                counting.take(shown);
                Ok(())
            }
            Self::Summary(summary) => {
                summary.take(shown);
                Ok(())
            }
            Self::Tui(tui) => tui.take(shown),
        }
    }

    /// Writes what is there so far: an error comes after it.
    pub(super) fn flush(&mut self, cx: &mut Context) -> Result<(), Error> {
        match self {
            Self::Show(shower) => shower.flush(cx),
            Self::Write(dump) => dump.finish(&[]),
            Self::Flows(_) | Self::Summary(_) | Self::Tui(_) => Ok(()),
        }
    }

    /// Nobody wants more packets.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Tui(tui) if tui.has_ended())
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
            Self::Flows(_) | Self::Summary(_) => Ok(()),
            Self::Tui(tui) => tui.quiet(),
        }
    }

    /// Ends the output; the links with what was lost on each go into a file.
    pub(super) fn finish(&mut self, cx: &mut Context, interfaces: &[Interface]) -> Result<Outcome, Error> {
        match self {
            Self::Flows(counting) => return counting.show(cx),
            Self::Summary(summary) => return summary.show(cx),
            Self::Write(dump) => dump.finish(interfaces)?,
            Self::Show(shower) => shower.flush(cx)?,
            Self::Tui(tui) => tui.stay()?,
        }
        Ok(Outcome::Good)
    }
}

/// Writes packets in the form that was asked for.
#[derive(Clone)]
pub(super) struct Shower {
    text: Text,
    form: Form,
    hex: bool,
    at_once: bool,
}

#[derive(Clone)]
enum Form {
    Lines(Lines),
    Tcpdump(Tcpdump),
    Json(Json),
}

impl Shower {
    fn new(args: &Args, names: Option<Arc<Names>>, cx: &Context) -> Self {
        let stamp = match args.time {
            0 => Stamp::Clock,
            1 => Stamp::None,
            2 => Stamp::Epoch,
            3 => Stamp::Delta,
            4 => Stamp::Date,
            _ => Stamp::First,
        };
        let clock = Clock::new(stamp, args.nano).in_zone(args.zone());
        let form = match (args.output, args.style) {
            (Output::Json, _) => Form::Json(Json::new(names)),
            (_, Style::Tcpdump) => Form::Tcpdump(Tcpdump { clock }),
            (output, Style::Netdiag) => {
                let mut lines = Lines::new(clock, output == Output::Wide);
                lines.names = names;
                Form::Lines(lines)
            }
        };
        Self {
            text: Text::new(cx.style.color),
            form,
            hex: args.hex && args.output != Output::Json,
            at_once: cx.style.terminal || args.line_buffered || args.from.follow,
        }
    }

    /// Whether lines depend on those before by no more than [`Shower::layout`] has, and nobody watches them come.
    pub(super) fn may_be_made_apart(&self) -> bool {
        let own_time = match &self.form {
            Form::Lines(Lines { clock, .. }) | Form::Tcpdump(Tcpdump { clock }) => clock.stamp.is_own(),
            Form::Json(_) => true,
        };
        own_time && !self.at_once
    }

    /// What lines take over from those before.
    pub(super) fn layout(&self) -> Layout {
        match &self.form {
            Form::Lines(lines) => lines.layout(),
            Form::Tcpdump(_) | Form::Json(_) => Layout::default(),
        }
    }

    pub(super) fn resume(&mut self, layout: Layout) {
        if let Form::Lines(lines) = &mut self.form {
            lines.resume(layout);
        }
    }

    /// Writes a packet into the text that is given away by [`Shower::text`].
    pub(super) fn write(&mut self, shown: &Shown) {
        match &mut self.form {
            Form::Lines(lines) => lines.write(shown, &mut self.text),
            Form::Tcpdump(lines) => lines.write(shown, &mut self.text),
            Form::Json(json) => json.write(shown, &mut self.text),
        }
        if self.hex {
            show::hex::write(shown, &mut self.text);
        }
    }

    /// The text so far, for one to go on with.
    pub(super) const fn text(&mut self) -> &mut Text {
        &mut self.text
    }

    pub(super) fn take(&mut self, cx: &mut Context, shown: &Shown) -> Result<(), Error> {
        self.write(shown);
        if self.at_once || self.text.len() >= ENOUGH {
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
