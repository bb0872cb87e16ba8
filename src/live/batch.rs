//! Packets on their way from the thread that drains a ring to the one that shows them.

use crate::packet::file::Time;

/// Bytes after which a batch is full.
const FULL: usize = 256 << 10;

/// What a capture counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets that passed the filter, lost ones among them.
    pub received: u64,
    /// Packets that the kernel had no room for in the ring.
    pub dropped: u64,
    /// Packets that were captured, and thrown away because nobody took the output.
    pub not_shown: u64,
}

impl Counters {
    /// Packets that nobody will see.
    pub const fn lost(self) -> u64 {
        self.dropped + self.not_shown
    }
}

/// Packets of one link, in the order of the ring.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// Older packets than this don't come any more.
    pub(super) until: Time,
    pub(super) counters: Counters,
    /// Why this is the last one, when it isn't because of [`super::Taps::stop`].
    pub(super) failed: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    time: Time,
    wire_len: u32,
    /// Of its bytes, in the batch's.
    end: usize,
}

impl Batch {
    pub(super) fn push(&mut self, time: Time, wire_len: u32, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        self.records.push(Record {
            time,
            wire_len,
            end: self.bytes.len(),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Ready to be filled again.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    pub(super) fn time(&self, at: usize) -> Option<Time> {
        self.records.get(at).map(|record| record.time)
    }

    /// A packet: when, its length on the wire, and what was captured of it.
    pub(super) fn packet(&self, at: usize) -> Option<(Time, u32, &[u8])> {
        let record = self.records.get(at)?;
        let start = at
            .checked_sub(1)
            .and_then(|before| self.records.get(before))
            .map_or(0, |before| before.end);
        Some((record.time, record.wire_len, self.bytes.get(start..record.end)?))
    }
}
