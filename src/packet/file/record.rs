//! Where a packet lies in a buffer, with what the file says of it.

use std::ops::Range;

use super::{LinkType, Packet, Time};

/// A packet of a file.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) time: Time,
    pub(super) link: LinkType,
    /// As [`Packet::direction`].
    pub(super) direction: u8,
    /// As [`Packet::interface`].
    pub(super) interface: usize,
    pub(super) wire_len: u32,
    /// Its bytes, in the buffer's.
    pub(super) data: Range<u32>,
    pub(super) comment: Option<Range<u32>>,
}

impl Record {
    /// The packet, in the buffer that it was found in.
    #[inline]
    pub(super) fn packet<'a>(&self, bytes: &'a [u8]) -> Packet<'a> {
        let part = |range: &Range<u32>| bytes.get(range.start as usize..range.end as usize);
        Packet {
            time: self.time,
            link: self.link,
            interface: self.interface,
            wire_len: self.wire_len,
            data: part(&self.data).unwrap_or(&[]),
            comment: self.comment.as_ref().and_then(part),
            direction: self.direction,
        }
    }
}
