//! Where packets come from: a capture file, or links as they pass.

#[cfg(feature = "capture")]
mod live;
pub(super) mod recorded;
#[cfg(feature = "capture")]
mod spot;

use std::sync::Arc;

use super::cluster::Plan;
use super::{Args, Context, Error, Sink};
use crate::cli::signals;
use crate::packet::file::{Interface, Packet};
use crate::packet::show::Names;

#[cfg(feature = "capture")]
pub(super) use spot::{Spot, spots};

/// A source of packets.
pub(super) enum Input {
    Recorded(recorded::Recorded),
    #[cfg(feature = "capture")]
    Live(live::Live),
}

impl Input {
    /// The file that is to be read, if one is. Its names stand behind those that the cluster has.
    pub(super) fn recorded(args: &Args, plan: &mut Plan) -> Result<Option<Self>, Error> {
        let Some(path) = &args.from.read else {
            return Ok(None);
        };
        if args.from.follow {
            signals::watch()?;
        }
        let mut file = recorded::Recorded::open(path, args.from.follow)?;
        let told = file.reader().names();
        if !told.is_empty() {
            let mut names = plan
                .names
                .take()
                .map_or_else(Names::default, Arc::unwrap_or_clone);
            for (address, name) in told {
                names.add(*address, name);
            }
            plan.names = Some(Arc::new(names));
        }
        Ok(Some(Self::Recorded(file)))
    }

    /// The links that are to be captured.
    pub(super) fn live(args: &Args, plan: &mut Plan, cx: &mut Context) -> Result<Self, Error> {
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
