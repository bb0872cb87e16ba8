//! Many packets at a time, with the bytes they lie in: for threads that decode them side by side. Only the headers of a
//! file's records are read for it, so that whoever waits for the file waits little.

use std::io::ErrorKind;
use std::sync::Arc;

use super::record::Record;
use super::{Error, Format, Interface, Packet, Reader};
use crate::packet::bytes::small;

/// Packets of a file that follow one another. Used again for other packets, so that none is allocated.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    records: Vec<Record>,
    interfaces: Arc<[Interface]>,
    first: u64,
}

impl Block {
    /// The packets: number in the file from 1, packet, and what the file says of its link.
    pub fn packets(&self) -> impl Iterator<Item = (u64, Packet<'_>, Option<&Interface>)> {
        self.records.iter().zip(self.first..).map(|(record, number)| {
            let packet = record.packet(&self.bytes);
            (number, packet, self.interfaces.get(packet.interface))
        })
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl Reader {
    /// The packets that are next, as many as one read of the file brought; false at the end. An error comes after all
    /// packets before it.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, Error> {
        block.records.clear();
        block.first = self.taken + 1;
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
        if block.interfaces.len() != self.interfaces.len() {
            block.interfaces = self.interfaces.as_slice().into();
        }
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
