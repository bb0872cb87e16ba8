//! Links that are captured as packets pass.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::net::if_::{if_indextoname, if_nameindex};

use super::super::cluster::Plan;
use super::super::select::both;
use super::super::{Args, Context, Error, Output, Sink};
use super::spot::Spot;
use crate::cli::signals;
use crate::live::{self, Look, Options, Tap, Taps};
use crate::output::text;
use crate::packet::LinkType;
use crate::packet::file::{Interface, Packet};

/// Bytes that are kept of a packet that is only shown: headers of all layers, not what they carry.
const SNAP: u32 = 512;
/// How often it is looked whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often losses are told.
const TELL: Duration = Duration::from_secs(5);

/// Links that are open.
pub(in super::super) struct Live {
    taps: Taps,
    /// Those that were asked for; behind them, those that packets of the link `any` came by.
    interfaces: Vec<Interface>,
    /// Of `any`: the place of a link, by its number in the kernel.
    by_number: HashMap<u32, usize>,
    deadline: Option<Instant>,
    told: Instant,
    lost: u64,
    taken: u64,
    /// Packets are shown as JSON.
    json: bool,
}

impl Live {
    pub(super) fn open(args: &Args, plan: &mut Plan, cx: &mut Context) -> Result<Self, Error> {
        let options = Options {
            snap: args
                .from
                .snap
                .unwrap_or(if args.file.write.is_some() || args.hex {
                    0
                } else {
                    SNAP
                }),
            ring: args.from.ring.saturating_mul(1024),
            promiscuous: args.from.promiscuous,
            expression: both(&plan.outer, &args.expression.join(" ")),
            never_wait: args.file.write.is_none(),
        };
        let mut spots: Vec<Spot> = args.from.links.iter().map(|link| Spot::here(link)).collect();
        spots.append(&mut plan.spots);
        let mut taps: Vec<Tap> = Vec::new();
        for spot in &spots {
            if taps.iter().any(|tap| tap.name == spot.name) {
                return Err(Error::new(format!("{} is named twice", spot.name)));
            }
            taps.push(
                spot.open(&options)?
                    .map_err(|error| explained(&error, &options))?,
            );
        }
        if let Err(why) = live::give_up() {
            writeln!(cx.err, "{} {why}", cx.style.warn("warning:"))?;
        }
        signals::watch()?;
        let interfaces = taps
            .iter()
            .map(|tap| {
                // Of `any`, each packet has its own link's name.
                let name = (tap.link != LinkType::SLL2 && spots.len() > 1).then(|| tap.name.clone());
                Interface::live(tap.link, name)
            })
            .collect();
        let taps = Taps::start(taps);
        let names: Vec<&str> = spots.iter().map(|spot| spot.name.as_str()).collect();
        // Whoever waits to begin with what is to be captured, waits for this.
        writeln!(cx.err, "capturing on {}", names.join(", "))?;
        Ok(Self {
            taps,
            interfaces,
            by_number: HashMap::new(),
            deadline: args.from.duration.map(|duration| Instant::now() + duration),
            told: Instant::now(),
            lost: 0,
            taken: 0,
            json: args.output == Output::Json && !args.summary && args.file.write.is_none(),
        })
    }

    pub(super) fn next(
        &mut self,
        cx: &mut Context,
        sink: &mut Sink,
    ) -> Result<Option<(Packet<'_>, Option<&Interface>)>, Error> {
        loop {
            match self.taps.look(PATIENCE) {
                Look::Packet => break,
                Look::End => return Ok(None),
                Look::Quiet => {
                    sink.quiet(cx)?;
                    self.look_around(cx)?;
                }
            }
            if sink.has_ended() {
                return Ok(None);
            }
            if signals::stopped() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.taps.stop();
            }
        }
        let Some(mut packet) = self.taps.take() else {
            return Ok(None);
        };
        self.taken += 1;
        if packet.link == LinkType::SLL2 {
            packet.interface = by_number(&mut self.by_number, &mut self.interfaces, &packet);
        }
        Ok(Some((packet, self.interfaces.get(packet.interface))))
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Tells of packets that are lost while there is still time to do something about it.
    fn look_around(&mut self, cx: &mut Context) -> Result<(), Error> {
        if self.told.elapsed() < TELL {
            return Ok(());
        }
        self.told = Instant::now();
        let lost = self
            .taps
            .counted()
            .map(|(_, _, counters, _)| counters.lost())
            .sum();
        if lost > self.lost {
            let new = text::count(usize::try_from(lost - self.lost).unwrap_or(usize::MAX), "packet");
            self.lost = lost;
            writeln!(cx.err, "{} {new} lost so far", cx.style.warn("warning:"))?;
        }
        Ok(())
    }

    /// Ends the capture; what it lost is known then.
    pub(super) fn end(&mut self) {
        self.taps.stop();
        while self.taps.look(PATIENCE) != Look::End {
            // Behind the last packet that was wanted.
            let _ = self.taps.take();
        }
        for (interface, (_, _, counters, _)) in self.interfaces.iter_mut().zip(self.taps.counted()) {
            interface.dropped = counters.lost();
        }
    }

    /// The last object of JSON: what was counted on each link.
    fn end_object(&self, cx: &mut Context) -> Result<(), Error> {
        let links: Vec<_> = self
            .taps
            .counted()
            .map(|(name, _, counters, failed)| {
                serde_json::json!({
                    "link": name,
                    "received": counters.received,
                    "dropped": counters.dropped,
                    "notShown": counters.not_shown,
                    "failed": failed,
                })
            })
            .collect();
        let end = serde_json::json!({"end": {"packets": self.taken, "links": links}});
        writeln!(cx.out, "{end}")?;
        Ok(cx.out.flush()?)
    }

    /// What was captured and what was not.
    pub(super) fn report(&self, cx: &mut Context) -> Result<(), Error> {
        if self.json {
            self.end_object(cx)?;
        }
        let warning = cx.style.warn("warning:");
        let count = |number: u64| text::count(usize::try_from(number).unwrap_or(usize::MAX), "packet");
        for (name, link, counters, failed) in self.taps.counted() {
            if let Some(why) = failed {
                writeln!(cx.err, "{warning} {name}: the capture ended: {why}")?;
            }
            if counters.dropped > 0 {
                writeln!(
                    cx.err,
                    "{warning} {name}: {} of {} lost: the ring was full (--ring makes it larger, an expression or \
                     --write does with less time)",
                    count(counters.dropped),
                    counters.received
                )?;
            }
            if counters.not_shown > 0 {
                let not_shown = count(counters.not_shown);
                writeln!(
                    cx.err,
                    "{warning} {name}: {not_shown} not shown: the output was not taken in time"
                )?;
            }
            if !link.is_known() {
                writeln!(cx.err, "{warning} {name}: link type {} is not decoded", link.0)?;
            }
        }
        writeln!(cx.err, "{} captured", count(self.taken))?;
        Ok(())
    }
}

/// The link that a packet of `any` came by; it has its number in its cooked header.
fn by_number(known: &mut HashMap<u32, usize>, interfaces: &mut Vec<Interface>, packet: &Packet) -> usize {
    let Some(number) = packet.data.get(4..8).and_then(|bytes| bytes.first_chunk()) else {
        return packet.interface;
    };
    let number = u32::from_be_bytes(*number);
    *known.entry(number).or_insert_with(|| {
        let name = if_indextoname(number).ok();
        let name = name.map(|name| name.to_string_lossy().into_owned());
        interfaces.push(Interface::live(LinkType::SLL2, name));
        interfaces.len() - 1
    })
}

/// What failed, and what to do about it.
fn explained(error: &live::Error, options: &Options) -> Error {
    let new = Error::new(error.to_string());
    match error {
        live::Error::NoLink { .. } => {
            let links = if_nameindex().map(|links| {
                let names: Vec<String> = links
                    .iter()
                    .map(|link| link.name().to_string_lossy().into_owned())
                    .take(20)
                    .collect();
                names.join(", ")
            });
            new.hint(format!(
                "links here: {}, and `any` for all",
                links.unwrap_or_else(|_| "not known".to_owned())
            ))
        }
        live::Error::Denied { .. } => {
            new.hint("be root, or give netdiag CAP_NET_RAW: setcap cap_net_raw+ep $(command -v netdiag)")
        }
        live::Error::Expression(_) => new.hint(format!("in: {}", options.expression)),
        live::Error::Failed { .. } => new,
    }
}
