//! Two captures of the same traffic at two places: which packets were seen at both, which left one and never arrived at
//! the other, and how long they took. Packets are known again by what no router changes: innermost addresses, IP's
//! identification, and what the transport says.

mod clocks;
mod mark;
mod sorter;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use super::bytes::{array, be64};
use super::file::Packet;
use super::layer::Stack;
use clocks::{Clocks, Deltas};
pub use mark::Mark;
use sorter::{Entry, Sorted, Sorter};

/// Packets that are named one by one.
const NAMED: usize = 20;
/// Packets of each capture that are held in memory, at most.
const HELD: usize = 1 << 19;

/// A packet that was seen at one place. There are many of them. In the order that finds them again at the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sighting {
    mark: u64,
    /// Nanoseconds since 1970, by that place's clock.
    time: i64,
    /// In its file, from 1.
    number: u64,
    /// Index of its addresses.
    pair: u32,
    ttl: u8,
}

impl Entry for Sighting {
    const LEN: usize = 29;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.mark.to_be_bytes());
        bytes.extend(self.time.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.pair.to_be_bytes());
        bytes.push(self.ttl);
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            mark: be64(bytes, 0),
            time: i64::from_be_bytes(array(bytes, 8)),
            number: be64(bytes, 16),
            pair: u32::from_be_bytes(array(bytes, 24)),
            ttl: array::<1>(bytes, 28)[0],
        }
    }
}

/// How much later the second place saw a packet, by its own clock: index of its addresses, nanoseconds.
type Delta = (u32, i64);

impl Entry for Delta {
    const LEN: usize = 12;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0.to_be_bytes());
        bytes.extend(self.1.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        (
            u32::from_be_bytes(array(bytes, 0)),
            i64::from_be_bytes(array(bytes, 4)),
        )
    }
}

/// Addresses of a packet: from, to.
type Pair = (IpAddr, IpAddr);

/// Two captures, while they are read. Packets are not in the same order in both, and clocks differ, so that all of them are
/// remembered: what is more than memory should hold lies in files without names in the directory for temporary files.
#[derive(Debug)]
pub struct Join {
    places: [Place; 2],
    pairs: BTreeMap<Pair, u32>,
}

/// What one capture has.
#[derive(Debug)]
struct Place {
    seen: Sorter<Sighting>,
    /// Packets without IP.
    others: u64,
    /// First and last, by its clock.
    span: Option<(i64, i64)>,
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
    pub named: [Vec<u64>; 2],
    /// Nanoseconds from the first place to the second: least, median, most.
    pub delay: Option<[i64; 3]>,
}

impl Way {
    /// Packets that left and never arrived; none where nothing tells which place comes first.
    pub fn lost(&self) -> Option<u64> {
        self.first.and_then(|first| self.only.get(first).copied())
    }
}

impl Default for Join {
    fn default() -> Self {
        Self::holding(HELD)
    }
}

impl Join {
    /// Bytes of a temporary file for each packet: what is remembered of it, and half of the time that two of them took.
    pub const PACKET: usize = Sighting::LEN + <Delta as Entry>::LEN / 2;

    /// Holds so many packets of each capture in memory, at most.
    fn holding(most: usize) -> Self {
        let place = || Place {
            seen: Sorter::new(most),
            others: 0,
            span: None,
        };
        Self {
            places: [place(), place()],
            pairs: BTreeMap::new(),
        }
    }

    /// Adds a packet of a capture (0 or 1), all of the one before those of the other. Fails when a temporary file can't be
    /// written.
    pub fn add(&mut self, capture: usize, number: u64, packet: &Packet, stack: &Stack) -> io::Result<()> {
        let Some(place) = self.places.get_mut(capture) else {
            return Ok(());
        };
        let Some(Mark { mark, from, to, ttl }) = Mark::of(packet.data, stack) else {
            place.others += 1;
            return Ok(());
        };
        let next = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
        let time = packet.time.nanos();
        let (first, last) = place.span.unwrap_or((time, time));
        place.span = Some((first.min(time), last.max(time)));
        place.seen.push(Sighting {
            mark,
            time,
            number,
            pair: *self.pairs.entry((from, to)).or_insert(next),
            ttl,
        })
    }

    /// A capture was added.
    pub fn finish(&mut self, capture: usize) -> io::Result<()> {
        self.places
            .get_mut(capture)
            .map_or(Ok(()), |place| place.seen.finish())
    }

    /// Puts both captures together, once they are finished. Fails when a temporary file can't be read or written.
    pub fn joined(self) -> io::Result<Joined> {
        let [a, b] = &self.places;
        let mut pairs: Vec<Pair> = vec![(IpAddr::from([0; 4]), IpAddr::from([0; 4])); self.pairs.len()];
        for (pair, at) in &self.pairs {
            if let Some(place) = pairs.get_mut(*at as usize) {
                *place = *pair;
            }
        }
        let deltas = self.deltas()?;
        let back = |pair: usize| {
            let (from, to) = pairs.get(pair)?;
            self.pairs.get(&(*to, *from)).map(|back| *back as usize)
        };
        let clocks = Clocks::new(&deltas, back);
        let mut joined = Joined {
            packets: [a.seen.len() as u64, b.seen.len() as u64],
            others: [a.others, b.others],
            both: deltas.iter().map(|deltas| deltas.count).sum(),
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
                arrived: deltas.count,
                only: [0; 2],
                named: [Vec::new(), Vec::new()],
                delay: first.and_then(|first| deltas.delay(first, ahead)),
            });
        }
        let common = common(a.span, b.span, ahead);
        matched(a.seen.sorted()?, b.seen.sorted()?, |found| {
            let Match::Only(capture, sighting) = found else {
                return Ok(());
            };
            // By the first clock.
            let shift = if capture == 0 { 0 } else { ahead };
            let time = sighting.time.saturating_sub(shift);
            let inside = common.is_some_and(|(from, to)| (from..=to).contains(&time));
            let way = joined.ways.get_mut(sighting.pair as usize).filter(|_| inside);
            match (way, joined.outside.get_mut(capture)) {
                (Some(way), _) => way.miss(capture, sighting.number),
                (None, Some(outside)) => *outside += 1,
                (None, None) => {}
            }
            Ok(())
        })?;
        joined.ways.retain(|way| way.arrived > 0 || way.only != [0; 2]);
        Ok(joined)
    }

    /// Of each pair of addresses, what packets say that were seen at both places.
    fn deltas(&self) -> io::Result<Vec<Deltas>> {
        let [a, b] = &self.places;
        let mut deltas = vec![Deltas::default(); self.pairs.len()];
        let mut sorter = Sorter::new(a.seen.most());
        matched(a.seen.sorted()?, b.seen.sorted()?, |found| {
            let Match::Both(a, b) = found else {
                return Ok(());
            };
            if let Some(deltas) = deltas.get_mut(a.pair as usize) {
                deltas.count(a.ttl, b.ttl);
            }
            sorter.push((a.pair, b.time.saturating_sub(a.time)))
        })?;
        sorter.finish()?;
        let mut sorted = sorter.sorted()?;
        while let Some((pair, delta)) = sorted.next()? {
            if let Some(deltas) = deltas.get_mut(pair as usize) {
                deltas.tell(delta);
            }
        }
        Ok(deltas)
    }
}

impl Way {
    fn miss(&mut self, capture: usize, number: u64) {
        if let (Some(only), Some(named)) = (self.only.get_mut(capture), self.named.get_mut(capture)) {
            *only += 1;
            // Those that come first in the file.
            let at = named.partition_point(|other| *other < number);
            named.truncate(NAMED - usize::from(at < NAMED));
            if at < NAMED {
                named.insert(at, number);
            }
        }
    }
}

/// What a packet turns out to be.
enum Match {
    /// Seen at both places.
    Both(Sighting, Sighting),
    /// Seen at one.
    Only(usize, Sighting),
}

/// Finds packets that are in both captures, and those that are in one. Of equal packets, the first is the other's first.
fn matched(
    mut a: Sorted<Sighting>,
    mut b: Sorted<Sighting>,
    mut found: impl FnMut(Match) -> io::Result<()>,
) -> io::Result<()> {
    let (mut one, mut other) = (a.next()?, b.next()?);
    loop {
        match (one, other) {
            (Some(first), Some(second)) if first.mark == second.mark => {
                found(Match::Both(first, second))?;
                (one, other) = (a.next()?, b.next()?);
            }
            (Some(only), other) if other.is_none_or(|other| only.mark < other.mark) => {
                found(Match::Only(0, only))?;
                one = a.next()?;
            }
            (_, Some(only)) => {
                found(Match::Only(1, only))?;
                other = b.next()?;
            }
            (_, None) => return Ok(()),
        }
    }
}

/// The time in which both captures ran, by the first clock.
fn common(a: Option<(i64, i64)>, b: Option<(i64, i64)>, ahead: i64) -> Option<(i64, i64)> {
    let ((a_from, a_to), (b_from, b_to)) = (a?, b?);
    Some((
        a_from.max(b_from.saturating_sub(ahead)),
        a_to.min(b_to.saturating_sub(ahead)),
    ))
}

#[cfg(test)]
mod tests;
