//! The classic format (draft-ietf-opsawg-pcap): either byte order, micro- or nanoseconds, and the modified one of old
//! Linux systems, whose records have 8 bytes more.

use super::buffer::Buffer;
use super::interface::{Clock, Interface};
use super::record::Record;
use super::{Error, LONGEST_PACKET, LinkType, Packet, Time};
use crate::packet::bytes::{array, small};

mod field {
    pub(super) const MAJOR: usize = 4;
    pub(super) const MINOR: usize = 6;
    pub(super) const SNAP: usize = 16;
    pub(super) const LINK: usize = 20;
    /// Bytes of the file header.
    pub(super) const LEN: usize = 24;
}

/// The format of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pcap {
    big_endian: bool,
    nanoseconds: bool,
    /// Bytes of a record's header.
    header: usize,
    link: LinkType,
    /// Written before captured and original length had their places: whichever is smaller was captured.
    swapped: bool,
}

impl Pcap {
    /// Reads the file header, if it is one.
    pub(super) fn open(
        buffer: &mut Buffer,
        magic: [u8; 4],
        interfaces: &mut Vec<Interface>,
    ) -> Result<Option<Self>, Error> {
        let (big_endian, nanoseconds, header) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false, 16),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false, 16),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true, 16),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true, 16),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, false, 24),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, false, 24),
            _ => return Ok(None),
        };
        let mut pcap = Self {
            big_endian,
            nanoseconds,
            header,
            link: LinkType(0),
            swapped: false,
        };
        let head = buffer.peek(field::LEN)?;
        if head.len() < field::LEN {
            return Err(Error::Header(head.len() as u64));
        }
        let (major, minor) = (pcap.u16(head, field::MAJOR), pcap.u16(head, field::MINOR));
        if major != 2 {
            return Err(Error::Broken {
                offset: field::MAJOR as u64,
                what: format!("version {major} of pcap is not known, only 2"),
            });
        }
        // The upper bits say how many bytes of checksum end a frame.
        let [low, high, ..] = pcap.u32(head, field::LINK).to_le_bytes();
        pcap.link = LinkType(u16::from_le_bytes([low, high]));
        let snap = pcap.u32(head, field::SNAP);
        pcap.swapped = minor < 3;
        buffer.skip(field::LEN);
        interfaces.push(Interface {
            link: pcap.link,
            name: None,
            snap,
            dropped: 0,
            clock: Clock::MICROSECONDS,
        });
        Ok(Some(pcap))
    }

    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = array(bytes, at);
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    #[inline]
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = array(bytes, at);
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// The packet that bytes begin with, and the bytes behind it; none if it isn't whole, or needs a closer look.
    #[inline]
    pub(super) fn whole<'a>(&self, bytes: &'a [u8]) -> Option<(Packet<'a>, &'a [u8])> {
        let (head, behind) = bytes.split_at_checked(self.header)?;
        let captured = self.u32(head, 8);
        if captured as usize > LONGEST_PACKET || self.swapped {
            return None;
        }
        let (data, behind) = behind.split_at_checked(captured as usize)?;
        let packet = Packet {
            time: self.time(head),
            link: self.link,
            interface: 0,
            wire_len: self.u32(head, 12),
            data,
            comment: None,
            direction: 0,
        };
        Some((packet, behind))
    }

    /// Passes over the records that bytes have whole, as long as they begin before `end`: where the next one begins, and how
    /// many these are.
    pub(super) fn pass(&self, bytes: &[u8], mut at: usize, end: usize) -> (usize, u64) {
        let mut count = 0;
        while at < end
            && let Some(rest) = bytes.get(at..)
            && let Some(length) = self.record_len(rest).filter(|length| *length <= rest.len())
        {
            at += length;
            count += 1;
        }
        (at, count)
    }

    /// Bytes of the record that bytes begin with, as far as they tell; none if it needs a closer look.
    #[inline]
    pub(super) fn record_len(&self, bytes: &[u8]) -> Option<usize> {
        if bytes.len() < self.header {
            return Some(self.header);
        }
        let captured = self.u32(bytes, 8) as usize;
        (captured <= LONGEST_PACKET && !self.swapped).then_some(self.header + captured)
    }

    #[inline]
    fn time(self, head: &[u8]) -> Time {
        let seconds = i64::from(self.u32(head, 0));
        let fraction = self.u32(head, 4);
        let (units, length) = if self.nanoseconds {
            (1_000_000_000, 1)
        } else {
            (1_000_000, 1000)
        };
        if fraction < units {
            return Time {
                seconds,
                nanoseconds: fraction * length,
            };
        }
        // A damaged one is of more than a second: then it is that much later.
        Time {
            seconds: seconds + i64::from(fraction / units),
            nanoseconds: fraction % units * length,
        }
    }

    #[inline]
    pub(super) fn next(
        &mut self,
        buffer: &mut Buffer,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Record>, Error> {
        let head = buffer.peek(self.header)?;
        if head.len() < self.header {
            if !head.is_empty() {
                let had = head.len();
                ends_early(buffer, had, "packet's header", warnings);
            }
            return Ok(None);
        }
        let time = self.time(head);
        let mut captured = self.u32(head, 8);
        let mut wire_len = self.u32(head, 12);
        if self.swapped && captured > wire_len {
            std::mem::swap(&mut captured, &mut wire_len);
        }
        let length = captured as usize;
        if length > LONGEST_PACKET {
            return Err(too_long(buffer, captured));
        }
        let whole = self.header + length;
        let had = buffer.peek(whole)?.len();
        if had < whole {
            ends_early(buffer, had, &format!("packet of {length} bytes"), warnings);
            return Ok(None);
        }
        let start = small(buffer.take(whole));
        Ok(Some(Record {
            time,
            link: self.link,
            interface: 0,
            wire_len,
            data: start + small(self.header)..start + small(whole),
            comment: None,
            direction: 0,
        }))
    }
}

#[cold]
fn too_long(buffer: &Buffer, captured: u32) -> Error {
    Error::Broken {
        offset: buffer.offset(),
        what: format!("a packet of {captured} bytes can't be: the file is damaged here"),
    }
}

#[cold]
fn ends_early(buffer: &mut Buffer, had: usize, what: &str, warnings: &mut Vec<String>) {
    let offset = buffer.offset();
    warnings.push(format!("at byte {offset}: it ends in the middle of a {what}"));
    buffer.skip(had);
}
