//! Where packets come from: a capture file, or links as they pass.

#[cfg(feature = "capture")]
mod live;
pub(super) mod recorded;
#[cfg(feature = "capture")]
mod spot;

use super::cluster::Plan;
use super::{Args, Context, Error, Sink};
use crate::cli::signals;
use crate::packet::file::{Interface, Packet};

#[cfg(feature = "capture")]
pub(super) use spot::{Spot, spots};

/// A source of packets.
pub(super) enum Input {
    Recorded(recorded::Recorded),
    #[cfg(feature = "capture")]
    Live(live::Live),
}

impl Input {
    pub(super) fn open(args: &Args, plan: &mut Plan, cx: &mut Context) -> Result<Self, Error> {
        if let Some(path) = &args.from.read {
            if args.from.follow {
                signals::watch()?;
            }
            return Ok(Self::Recorded(recorded::Recorded::open(path, args.from.follow)?));
        }
        #[cfg(feature = "capture")]
        return Ok(Self::Live(live::Live::open(args, plan, cx)?));
        #[cfg(not(feature = "capture"))]
        {
            let _ = (cx, plan, &args.from);
            Err(Error::new(
                "links can't be captured: this netdiag was built without libpcap (feature capture)",
            )
            .hint("read a file with -r"))
        }
    }

    /// The next packet; none at the end. Before an error is returned, what was shown so far is written.
    pub(super) fn next(
        &mut self,
        cx: &mut Context,
        sink: &mut Sink,
    ) -> Result<Option<(Packet<'_>, Option<&Interface>)>, Error> {
        match self {
            Self::Recorded(recorded) => recorded.next(cx, sink),
            #[cfg(feature = "capture")]
            Self::Live(live) => live.next(cx, sink),
        }
    }

    /// Nothing more is wanted.
    pub(super) fn end(&mut self) {
        match self {
            Self::Recorded(_) => {}
            #[cfg(feature = "capture")]
            Self::Live(live) => live.end(),
        }
    }

    /// The links, with what was lost on each.
    pub(super) fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Recorded(recorded) => recorded.interfaces(),
            #[cfg(feature = "capture")]
            Self::Live(live) => live.interfaces(),
        }
    }

    /// Says what was wrong with the input, and what is missing of it.
    pub(super) fn warn(&self, cx: &mut Context) -> Result<(), Error> {
        cx.out.flush()?;
        match self {
            Self::Recorded(recorded) => recorded.warn(cx),
            #[cfg(feature = "capture")]
            Self::Live(live) => live.report(cx),
        }
    }
}
