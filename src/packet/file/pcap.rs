//! The classic format (draft-ietf-opsawg-pcap): either byte order, micro- or nanoseconds, and the modified one of old
//! Linux systems, whose records have 8 bytes more.

use super::buffer::Buffer;
use super::interface::{Clock, Interface};
use super::record::Record;
use super::{Error, LONGEST_PACKET, LinkType, Time};
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

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = array(bytes, at);
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    pub(super) fn next(
        &mut self,
        buffer: &mut Buffer,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Record>, Error> {
        let head = buffer.peek(self.header)?;
        if head.len() < self.header {
            if !head.is_empty() {
                let had = head.len();
                let offset = buffer.offset();
                warnings.push(format!(
                    "at byte {offset}: it ends in the middle of a packet's header"
                ));
                buffer.skip(had);
            }
            return Ok(None);
        }
        let seconds = self.u32(head, 0);
        let fraction = self.u32(head, 4);
        let mut captured = self.u32(head, 8);
        let mut wire_len = self.u32(head, 12);
        if self.swapped && captured > wire_len {
            std::mem::swap(&mut captured, &mut wire_len);
        }
        let length = captured as usize;
        if length > LONGEST_PACKET {
            return Err(Error::Broken {
                offset: buffer.offset(),
                what: format!("a packet of {captured} bytes can't be: the file is damaged here"),
            });
        }
        // A damaged one may be of more than a second: then it is that much later.
        let nanoseconds = u64::from(fraction) * if self.nanoseconds { 1 } else { 1000 };
        let whole = self.header + length;
        let had = buffer.peek(whole)?.len();
        if had < whole {
            let offset = buffer.offset();
            warnings.push(format!(
                "at byte {offset}: it ends in the middle of a packet of {length} bytes"
            ));
            buffer.skip(had);
            return Ok(None);
        }
        let start = small(buffer.take(whole));
        Ok(Some(Record {
            time: Time {
                seconds: i64::from(seconds) + i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(0),
                nanoseconds: u32::try_from(nanoseconds % 1_000_000_000).unwrap_or(0),
            },
            link: self.link,
            interface: 0,
            wire_len,
            data: start + small(self.header)..start + small(whole),
            comment: None,
            direction: 0,
        }))
    }
}
