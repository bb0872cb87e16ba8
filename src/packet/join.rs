//! Two captures of the same traffic at two places: which packets were seen at both, which left one and never arrived at
//! the other, and how long they took. Packets are known again by what no router changes: innermost addresses, IP's
//! identification, and what the transport says.

mod clocks;
mod mark;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::file::Packet;
use super::layer::Stack;
use clocks::{Clocks, Deltas};
pub use mark::Mark;

/// Packets that are named one by one.
const NAMED: usize = 20;
/// Packets of both captures that are put together: each costs [`Join::PACKET`] bytes.
pub const MOST_PACKETS: usize = 1 << 24;

/// A packet that was seen at one place. There are many of them.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    mark: u64,
    /// Nanoseconds since 1970, by that place's clock.
    time: i64,
    /// In its file, from 1.
    number: u32,
    /// Index of its addresses, of which there are not more than packets, and in the lowest 8 bits the TTL.
    pair_and_ttl: u32,
}

impl Sighting {
    const fn pair(&self) -> usize {
        (self.pair_and_ttl >> 8) as usize
    }

    const fn ttl(&self) -> u8 {
        self.pair_and_ttl.to_le_bytes()[0]
    }
}

/// Addresses of a packet: from, to.
type Pair = (IpAddr, IpAddr);

/// Two captures, while they are read. Packets are not in the same order in both, so that all of them are remembered.
#[derive(Debug, Default)]
pub struct Join {
    seen: [Vec<Sighting>; 2],
    pairs: BTreeMap<Pair, u32>,
    /// Packets without IP.
    others: [u64; 2],
}

/// What both captures say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Packets of each capture, without those that have no IP inside.
    pub packets: [u64; 2],
    pub others: [u64; 2],
    pub both: u64,
    /// Packets that one capture has from a time when the other was not running.
    pub outside: [u64; 2],
    /// Nanoseconds that the second clock is ahead of the first one; none where no packet is in both.
    pub ahead: Option<i64>,
    /// By how much that may be wrong; none where packets went only one way: then the quickest is taken to need no time.
    pub give_or_take: Option<i64>,
    pub ways: Vec<Way>,
}

/// Packets from one address to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub from: IpAddr,
    pub to: IpAddr,
    /// The capture that they passed first: 0 or 1; none where nothing tells.
    pub first: Option<usize>,
    /// Packets seen at both places.
    pub arrived: u64,
    /// Packets seen only at the one, and only at the other.
    pub only: [u64; 2],
    /// The first of those, with their numbers in the files.
    pub named: [Vec<u32>; 2],
    /// Nanoseconds from the first place to the second: least, median, most.
    pub delay: Option<[i64; 3]>,
}

impl Way {
    /// Packets that left and never arrived; none where nothing tells which place comes first.
    pub fn lost(&self) -> Option<u64> {
        self.first.and_then(|first| self.only.get(first).copied())
    }
}

impl Join {
    /// Bytes of memory for each packet: what is remembered of it, and half of the time that two of them took.
    pub const PACKET: usize = size_of::<Sighting>() + size_of::<i64>() / 2;

    /// Adds a packet of a capture (0 or 1); false when there are [`MOST_PACKETS`] already.
    #[must_use]
    pub fn add(&mut self, capture: usize, number: u64, packet: &Packet, stack: &Stack) -> bool {
        let Some(Mark { mark, from, to, ttl }) = Mark::of(packet.data, stack) else {
            if let Some(others) = self.others.get_mut(capture) {
                *others += 1;
            }
            return true;
        };
        if self.seen.iter().map(Vec::len).sum::<usize>() >= MOST_PACKETS {
            return false;
        }
        let next = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
        let pair = *self.pairs.entry((from, to)).or_insert(next);
        if let Some(seen) = self.seen.get_mut(capture) {
            seen.push(Sighting {
                mark,
                time: packet.time.nanos(),
                number: u32::try_from(number).unwrap_or(u32::MAX),
                pair_and_ttl: pair << 8 | u32::from(ttl),
            });
        }
        true
    }

    /// Puts both captures together.
    pub fn joined(mut self) -> Joined {
        for seen in &mut self.seen {
            seen.sort_unstable_by_key(|sighting| (sighting.mark, sighting.time, sighting.number));
        }
        let [a, b] = &self.seen;
        let mut pairs: Vec<Pair> = vec![(IpAddr::from([0; 4]), IpAddr::from([0; 4])); self.pairs.len()];
        for (pair, at) in &self.pairs {
            if let Some(place) = pairs.get_mut(*at as usize) {
                *place = *pair;
            }
        }
        let mut deltas = vec![Deltas::default(); pairs.len()];
        let mut both = 0;
        matched(a, b, |found| {
            if let Match::Both(a, b) = found {
                both += 1;
                if let Some(deltas) = deltas.get_mut(a.pair()) {
                    deltas.add(b.time.saturating_sub(a.time), a.ttl(), b.ttl());
                }
            }
        });
        let back = |pair: usize| {
            let (from, to) = pairs.get(pair)?;
            self.pairs.get(&(*to, *from)).map(|back| *back as usize)
        };
        let clocks = Clocks::new(&mut deltas, back);
        let mut joined = Joined {
            packets: [a.len() as u64, b.len() as u64],
            others: self.others,
            both,
            outside: [0; 2],
            ahead: clocks.as_ref().map(|clocks| clocks.ahead),
            give_or_take: clocks.as_ref().and_then(|clocks| clocks.give_or_take),
            ways: Vec::new(),
        };
        let ahead = joined.ahead.unwrap_or(0);
        let firsts: Vec<Option<usize>> = deltas
            .iter()
            .map(|deltas| deltas.first(clocks.as_ref()))
            .collect();
        for (at, ((from, to), deltas)) in pairs.iter().zip(&deltas).enumerate() {
            let answered = || back(at).and_then(|back| firsts.get(back).copied().flatten());
            let first = firsts.get(at).copied().flatten();
            joined.ways.push(Way {
                from: *from,
                to: *to,
                first: first.or_else(|| answered().map(|first| 1 - first)),
                arrived: deltas.len() as u64,
                only: [0; 2],
                named: [Vec::new(), Vec::new()],
                delay: first.and_then(|first| deltas.delay(first, ahead)),
            });
        }
        let common = common(a, b, ahead);
        matched(a, b, |found| {
            let Match::Only(capture, sighting) = found else {
                return;
            };
            // By the first clock.
            let shift = if capture == 0 { 0 } else { ahead };
            let time = sighting.time.saturating_sub(shift);
            let inside = common.is_some_and(|(from, to)| (from..=to).contains(&time));
            let way = joined.ways.get_mut(sighting.pair()).filter(|_| inside);
            match (way, joined.outside.get_mut(capture)) {
                (Some(way), _) => way.miss(capture, sighting.number),
                (None, Some(outside)) => *outside += 1,
                (None, None) => {}
            }
        });
        joined.ways.retain(|way| way.arrived > 0 || way.only != [0; 2]);
        for named in joined.ways.iter_mut().flat_map(|way| &mut way.named) {
            named.sort_unstable();
            named.truncate(NAMED);
        }
        joined
    }
}

impl Way {
    fn miss(&mut self, capture: usize, number: u32) {
        if let (Some(only), Some(named)) = (self.only.get_mut(capture), self.named.get_mut(capture)) {
            *only += 1;
            named.push(number);
        }
    }
}

/// What a packet turns out to be.
enum Match<'s> {
    /// Seen at both places.
    Both(&'s Sighting, &'s Sighting),
    /// Seen at one.
    Only(usize, &'s Sighting),
}

/// Finds packets that are in both captures, and those that are in one. Of equal packets, the first is the other's first.
fn matched<'s>(a: &'s [Sighting], b: &'s [Sighting], mut found: impl FnMut(Match<'s>)) {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(one), Some(other)) if one.mark == other.mark => {
                if let Some((one, other)) = a.next().zip(b.next()) {
                    found(Match::Both(one, other));
                }
            }
            (Some(one), other) if other.is_none_or(|other| one.mark < other.mark) => {
                found(Match::Only(0, one));
                a.next();
            }
            (_, Some(other)) => {
                found(Match::Only(1, other));
                b.next();
            }
            (_, None) => return,
        }
    }
}

/// The time in which both captures ran, by the first clock.
fn common(a: &[Sighting], b: &[Sighting], ahead: i64) -> Option<(i64, i64)> {
    let span = |seen: &[Sighting], shift: i64| {
        let times = || seen.iter().map(|sighting| sighting.time.saturating_sub(shift));
        Some((times().min()?, times().max()?))
    };
    let ((a_from, a_to), (b_from, b_to)) = (span(a, 0)?, span(b, ahead)?);
    Some((a_from.max(b_from), a_to.min(b_to)))
}

#[cfg(test)]
mod tests;
