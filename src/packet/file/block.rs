//! Many packets at a time, with the bytes they lie in: for threads that decode them side by side. Only the headers of a
//! file's records are read for it, so that whoever waits for the file waits little.

use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;

use super::pcap::Pcap;
use super::record::Record;
use super::{Error, Format, Interface, Packet, Reader};
use crate::packet::bytes::small;

/// Packets of a file that follow one another. Used again for other packets, so that none is allocated.
#[derive(Debug, Default)]
pub struct Block {
    pub(super) bytes: Vec<u8>,
    records: Vec<Record>,
    /// Whole records of a classic file that lie one behind the other, of which none is described.
    run: Option<(Pcap, Range<usize>)>,
    interfaces: Arc<[Interface]>,
    first: u64,
}

impl Block {
    /// The packets: number in the file from 1, packet, and what the file says of its link.
    pub fn packets(&self) -> impl Iterator<Item = (u64, Packet<'_>, Option<&Interface>)> {
        let mut run = self.run.as_ref().map(|(format, run)| {
            let bytes = self.bytes.get(run.clone()).unwrap_or(&[]);
            (*format, bytes)
        });
        let in_run = std::iter::from_fn(move || {
            let (format, rest) = run.as_mut()?;
            let (packet, behind) = format.whole(rest)?;
            *rest = behind;
            Some(packet)
        });
        let described = self.records.iter().map(|record| record.packet(&self.bytes));
        in_run
            .chain(described)
            .zip(self.first..)
            .map(|(packet, number)| (number, packet, self.interfaces.get(packet.interface)))
    }

    /// Begins with the packets that a reader takes next.
    pub(super) fn begin(&mut self, reader: &Reader) {
        self.records.clear();
        self.run = None;
        self.first = reader.taken + 1;
        self.know(reader);
    }

    fn know(&mut self, reader: &Reader) {
        if self.interfaces.len() != reader.interfaces.len() {
            self.interfaces = reader.interfaces.as_slice().into();
        }
    }

    /// Has the whole records that lie in a part of its bytes.
    pub(super) fn set_run(&mut self, format: Pcap, run: Range<usize>) {
        self.run = Some((format, run));
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.run.as_ref().is_none_or(|(_, run)| run.is_empty())
    }
}

impl Reader {
    /// The packets that are next, as many as one read of the file brought; false at the end. An error comes after all
    /// packets before it.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, Error> {
        block.begin(self);
        // Read into the block's own bytes, which the cache of the caller's processor may still have. What was met ahead
        // stays where it is.
        if self.ahead.is_none() {
            self.buffer.exchange(&mut block.bytes);
        }
        loop {
            self.take_whole(&mut block.records);
            self.buffer.held = !block.records.is_empty();
            let found = match self.next_record() {
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock && self.buffer.held => None,
                // Met again by the next call.
                Err(_) if !block.records.is_empty() => None,
                other => other?,
            };
            let Some(record) = found else {
                break;
            };
            block.records.push(record);
        }
        self.buffer.held = false;
        self.buffer.exchange(&mut block.bytes);
        block.know(self);
        Ok(!block.is_empty())
    }

    /// Takes the packets of a classic file that the buffer has: each of them is described once, where it stays.
    fn take_whole(&mut self, records: &mut Vec<Record>) {
        let (Format::Pcap(pcap), None) = (&self.format, &self.ahead) else {
            return;
        };
        let (start, rest) = (self.buffer.start(), self.buffer.rest());
        let mut behind = rest;
        while let Some((packet, next)) = pcap.whole(behind) {
            behind = next;
            let end = start + rest.len() - behind.len();
            records.push(Record {
                time: packet.time,
                link: packet.link,
                direction: packet.direction,
                interface: packet.interface,
                wire_len: packet.wire_len,
                data: small(end - packet.data.len())..small(end),
                comment: None,
            });
            self.taken += 1;
        }
        let passed = rest.len() - behind.len();
        self.buffer.skip(passed);
    }
}
