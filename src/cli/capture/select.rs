//! Which packets are wanted.

use super::cluster::Plan;
use super::{Args, Error};
use crate::packet::file::Packet;
use crate::packet::filter::{self, Filter};
use crate::packet::{Stack, decap};

/// What a packet must be like.
#[derive(Clone)]
pub(super) struct Select {
    outer: Option<Filter>,
    inner: Option<Filter>,
    vni: Option<u32>,
}

impl Select {
    pub(super) fn new(args: &Args, plan: &Plan) -> Result<Self, Error> {
        // On a link, the kernel has done it.
        let outer = if args.from.read.is_some() || !args.from.join.is_empty() {
            both(&plan.outer, &args.expression.join(" "))
        } else {
            String::new()
        };
        let inner = both(&plan.inner, args.inner.as_deref().unwrap_or_default());
        let compile = |expression: &str| Filter::new(expression).map_err(|error| wrong(expression, &error));
        Ok(Self {
            outer: (!outer.is_empty()).then(|| compile(&outer)).transpose()?,
            inner: (!inner.is_empty()).then(|| compile(&inner)).transpose()?,
            vni: args.vni,
        })
    }

    #[inline]
    pub(super) fn takes(&mut self, packet: &Packet, stack: &Stack) -> Result<bool, Error> {
        Ok(self.takes_all() || self.chooses(packet, stack)?)
    }

    /// Whether every packet is wanted.
    #[inline]
    pub(super) const fn takes_all(&self) -> bool {
        self.vni.is_none() && self.outer.is_none() && self.inner.is_none()
    }

    fn chooses(&mut self, packet: &Packet, stack: &Stack) -> Result<bool, Error> {
        let frame = packet.data;
        if let Some(wanted) = self.vni {
            let mut layers = stack.travelling().iter();
            if !layers.any(|layer| decap::vni(frame, layer) == Some(wanted)) {
                return Ok(false);
            }
        }
        let failed = |error: filter::Error| wrong("of this link type", &error);
        if let Some(filter) = &mut self.outer
            && !filter
                .passes(packet.link, &[frame, &[]], packet.wire_len)
                .map_err(failed)?
        {
            return Ok(false);
        }
        let Some(filter) = &mut self.inner else {
            return Ok(true);
        };
        // What isn't encapsulated is its own innermost packet.
        match decap::inner(frame, stack, false) {
            Some(inner) => filter.passes(inner.link, &[inner.header, inner.data], inner.wire_len),
            None => filter.passes(packet.link, &[frame, &[]], packet.wire_len),
        }
        .map_err(failed)
    }
}

/// An expression that is two.
pub(super) fn both(one: &str, other: &str) -> String {
    match (one, other) {
        ("", only) | (only, "") => only.to_owned(),
        (one, other) => format!("({one}) and ({other})"),
    }
}

fn wrong(what: &str, error: &filter::Error) -> Error {
    let new = Error::new(format!("filter {what:?}: {error}"));
    match error {
        filter::Error::Expression(_) => new.hint("the language is tcpdump's: man pcap-filter"),
        filter::Error::NotBuilt => new.hint("build it with libpcap-dev: cargo build --features capture"),
    }
}
