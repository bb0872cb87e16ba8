//! Flows of which only packets and bytes are counted: less is kept of each, so that more of them stay in the cache.

use std::ops::ControlFlow;

use super::key::{self, Packed, Short};
use super::table::{Hint, Row, Table};
use super::{Flow, Flows, MOST_FLOWS, usual};
use crate::packet::decode::Decoder;
use crate::packet::file::{self, Block, Packet, Reader, Time};
use crate::packet::layer::Stack;

/// Packets whose flows are looked for at once: so the processor waits for many of them together.
const TOGETHER: usize = 128;

/// A packet, as far as counting goes.
#[derive(Debug)]
pub struct Counted {
    /// None for a packet without IP inside.
    pub(super) key: Option<Packed>,
    /// It goes from `b` to `a`.
    pub(super) back: bool,
    pub(super) wire_len: u32,
    pub(super) number: u64,
    /// Nanoseconds since 1970.
    pub(super) time: i64,
}

impl Counted {
    /// Of a packet, which is the `number`th of the file.
    #[inline]
    pub fn of(number: u64, packet: &Packet, stack: &Stack) -> Self {
        Self::new(number, packet, key::packed(packet.data, stack))
    }

    /// Of a packet whose layers nobody knows: they are asked for only if it isn't usual.
    #[inline]
    fn decoded(number: u64, packet: &Packet, decoder: &Decoder, stack: &mut Stack) -> Self {
        match usual::packed(packet, decoder) {
            Some(flow) => Self::new(number, packet, Some(flow)),
            None => Self::by_layers(number, packet, decoder, stack),
        }
    }

    #[cold]
    fn by_layers(number: u64, packet: &Packet, decoder: &Decoder, stack: &mut Stack) -> Self {
        decoder.decode(packet.data, packet.link, packet.wire_len, stack);
        Self::of(number, packet, stack)
    }

    #[inline]
    fn new(number: u64, packet: &Packet, flow: Option<(Packed, bool)>) -> Self {
        let (key, back) = flow.map_or((None, false), |(key, back)| (Some(key), back));
        Self {
            key,
            back,
            wire_len: packet.wire_len,
            number,
            time: packet.time.nanos(),
        }
    }
}

/// Packets that are counted together.
struct Next<'a> {
    decoder: &'a Decoder,
    stack: Stack,
    packets: Vec<Counted>,
}

impl<'a> Next<'a> {
    fn new(decoder: &'a Decoder) -> Self {
        Self {
            decoder,
            stack: Stack::default(),
            packets: Vec::with_capacity(TOGETHER),
        }
    }

    #[expect(clippy::inline_always, reason = "else packets go through memory, in pieces")]
    #[inline(always)]
    fn take(&mut self, number: u64, packet: &Packet, counts: &mut Counts) {
        self.packets
            .push(Counted::decoded(number, packet, self.decoder, &mut self.stack));
        if self.packets.len() == TOGETHER {
            self.finish(counts);
        }
    }

    fn finish(&mut self, counts: &mut Counts) {
        counts.add_some(&self.packets);
        self.packets.clear();
    }
}

/// What is counted of a flow: one line of the cache, so that each packet waits for no more.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Count {
    key: Short,
    pub(super) packets: [u32; 2],
    /// From `a` to `b`, and back: bytes on the wire, all headers included.
    pub(super) bytes: [u64; 2],
    /// Nanoseconds since 1970.
    pub(super) first: i64,
    pub(super) last: i64,
}

const _: () = assert!(size_of::<Count>() == 64, "a line of the cache");

impl Row for Count {
    #[inline]
    fn key(&self) -> &Short {
        &self.key
    }
}

impl Count {
    const fn new(key: Short, counted: &Counted) -> Self {
        Self {
            key,
            bytes: [0; 2],
            packets: [0; 2],
            last: counted.time,
            first: counted.time,
        }
    }

    #[inline]
    fn add(&mut self, counted: &Counted) {
        let way = usize::from(counted.back);
        self.packets[way] = self.packets[way].saturating_add(1);
        self.bytes[way] = self.bytes[way].saturating_add(u64::from(counted.wire_len));
        self.last = self.last.max(counted.time);
    }

    /// Adds what was counted of the same flow in another part of the capture.
    fn join(&mut self, other: &Self) {
        for way in 0..2 {
            self.packets[way] = self.packets[way].saturating_add(other.packets[way]);
            self.bytes[way] = self.bytes[way].saturating_add(other.bytes[way]);
        }
        self.last = self.last.max(other.last);
    }
}

/// The first packet of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Opening {
    pub(super) number: u64,
    /// It went from `b` to `a`.
    pub(super) back: bool,
}

/// The flows of a capture, or of parts of one, while it is read.
#[derive(Debug)]
pub struct Counts {
    table: Table<Count>,
    /// Of each row.
    openings: Vec<Opening>,
    hints: Vec<Option<Hint>>,
    rows: Vec<Option<u32>>,
    packets: u64,
    bytes: u64,
    untold: u64,
    others: u64,
    /// Nanoseconds since 1970.
    first: i64,
    last: i64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            table: Table::default(),
            openings: Vec::new(),
            hints: Vec::new(),
            rows: Vec::new(),
            packets: 0,
            bytes: 0,
            untold: 0,
            others: 0,
            first: i64::MAX,
            last: i64::MIN,
        }
    }
}

impl Counts {
    /// For a thread that counts some parts of a capture, in any order, beside others: see [`Counts::join`]. It tells all
    /// flows apart, also more than [`MOST_FLOWS`].
    pub fn of_parts() -> Self {
        Self {
            table: Table::without_limit(),
            ..Self::default()
        }
    }

    /// Flows so far.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds all packets that are left of a file.
    pub fn read(&mut self, reader: &mut Reader, decoder: &Decoder) -> Result<(), file::Error> {
        let mut next = Next::new(decoder);
        let read = reader.each(|number, packet, _| {
            next.take(number, &packet, self);
            ControlFlow::<()>::Continue(())
        });
        next.finish(self);
        read.map(|_| ())
    }

    /// Adds the packets of a block.
    pub fn add_block(&mut self, block: &Block, decoder: &Decoder) {
        let mut next = Next::new(decoder);
        for (number, packet, _) in block.packets() {
            next.take(number, &packet, self);
        }
        next.finish(self);
    }

    /// Adds the next packets.
    pub fn add_all(&mut self, packets: &[Counted]) {
        for some in packets.chunks(TOGETHER) {
            self.add_some(some);
        }
    }

    fn add_some(&mut self, packets: &[Counted]) {
        // First where their flows are: so the processor waits for many of them at once.
        self.hints.clear();
        let hint = |counted: &Counted| counted.key.as_ref().map(|key| self.table.hint(key));
        self.hints.extend(packets.iter().map(hint));
        self.rows.clear();
        let likely = |(counted, hint): (&Counted, &Option<Hint>)| {
            self.table.likely_row((*hint)?, counted.key.as_ref()?)
        };
        self.rows.extend(packets.iter().zip(&self.hints).map(likely));
        for ((counted, hint), row) in packets.iter().zip(&self.hints).zip(&mut self.rows) {
            if let (None, Some(key), Some(hint)) = (*row, &counted.key, hint) {
                *row = self.table.row(*hint, key, |key| {
                    let Counted { number, back, .. } = *counted;
                    self.openings.push(Opening { number, back });
                    Count::new(key, counted)
                });
            }
        }
        for (counted, row) in packets.iter().zip(&self.rows) {
            self.bytes += u64::from(counted.wire_len);
            self.first = self.first.min(counted.time);
            self.last = self.last.max(counted.time);
            match row.and_then(|row| self.table.get_mut(row)) {
                Some(count) => count.add(counted),
                None if counted.key.is_none() => self.others += 1,
                None => self.untold += 1,
            }
        }
        self.packets += packets.len() as u64;
    }

    /// Adds what threads counted that have all parts of the capture so far among them.
    pub fn join(&mut self, threads: impl IntoIterator<Item = Self>) {
        for mut part in threads {
            if part.table.len() > self.table.len() {
                std::mem::swap(&mut self.table, &mut part.table);
                std::mem::swap(&mut self.openings, &mut part.openings);
            }
            self.join_rows(&part);
            self.packets += part.packets;
            self.bytes += part.bytes;
            self.others += part.others;
            self.first = self.first.min(part.first);
            self.last = self.last.max(part.last);
        }
        self.untold += self.cut();
    }

    fn join_rows(&mut self, part: &Self) {
        for (row, other) in part.table.rows().zip(&part.openings) {
            let Some(count) = part.table.get(row) else {
                continue;
            };
            let mut known = true;
            let key = part.table.key(count);
            let row = self.table.row(self.table.hint(&key), &key, |key| {
                known = false;
                self.openings.push(*other);
                Count { key, ..*count }
            });
            let Some(row) = row.filter(|_| known) else {
                continue;
            };
            let opening = self.openings.get_mut(row as usize);
            if let (Some(there), Some(opening)) = (self.table.get_mut(row), opening) {
                there.join(count);
                if other.number < opening.number {
                    (*opening, there.first) = (*other, count.first);
                }
            }
        }
    }

    /// Keeps the flows that began first, as many as are told apart; the packets of the others.
    fn cut(&mut self) -> u64 {
        let all = std::mem::take(&mut self.table);
        if all.len() <= MOST_FLOWS {
            self.table = all.with_limit();
            return 0;
        }
        let openings = std::mem::take(&mut self.openings);
        let mut rows: Vec<_> = openings.into_iter().zip(all.rows()).collect();
        rows.sort_unstable();
        let mut cut = 0;
        for (opening, row) in rows {
            let Some(count) = all.get(row) else { continue };
            let key = all.key(count);
            let kept = self
                .table
                .row(self.table.hint(&key), &key, |key| Count { key, ..*count });
            if kept.is_some() {
                self.openings.push(opening);
            } else {
                cut += count
                    .packets
                    .iter()
                    .map(|packets| u64::from(*packets))
                    .sum::<u64>();
            }
        }
        cut
    }

    /// The flows, to be shown.
    pub fn into_flows(self) -> Flows {
        let time = |nanos: i64| (self.packets > 0).then(|| Time::from_nanos(nanos));
        let mut openings = self.openings.into_iter();
        Flows {
            packets: self.packets,
            bytes: self.bytes,
            untold: self.untold,
            others: self.others,
            first: time(self.first),
            last: time(self.last),
            table: self.table.map(|count| {
                let none = Opening {
                    number: 0,
                    back: false,
                };
                (count.key, Flow::counted(&count, openings.next().unwrap_or(none)))
            }),
            ..Flows::default()
        }
    }
}
