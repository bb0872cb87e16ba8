//! IPv4 (RFC 791).

use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{array, be16, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const VERSION_IHL: usize = 0;
    pub(super) const TOS: usize = 1;
    pub(super) const TOTAL_LENGTH: usize = 2;
    pub(super) const ID: usize = 4;
    pub(super) const FRAGMENT: usize = 6;
    pub(super) const TTL: usize = 8;
    pub(super) const PROTOCOL: usize = 9;
    pub(super) const CHECKSUM: usize = 10;
    pub(super) const SOURCE: usize = 12;
    pub(super) const DESTINATION: usize = 16;
    pub(super) const OPTIONS: usize = 20;
}

/// Bytes of a header without options.
pub const LEN: usize = 20;

/// Protocol numbers that are decoded (shared with IPv6's next header).
pub mod protocol {
    pub const HOP_BY_HOP: u8 = 0;
    pub const ICMP: u8 = 1;
    pub const IGMP: u8 = 2;
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const AH: u8 = 51;
    pub const ICMPV6: u8 = 58;
    pub const NONE: u8 = 59;
    pub const DESTINATION: u8 = 60;
    pub const SCTP: u8 = 132;
    pub const MOBILITY: u8 = 135;
    pub const MPLS: u8 = 137;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
    pub const ETHERNET: u8 = 143;
}

/// A header.
#[derive(Debug, Clone, Copy)]
pub struct Ipv4<'a>(pub &'a [u8]);

impl<'a> Ipv4<'a> {
    /// Bytes of header with options: the IHL field counts words of 4.
    pub fn header_len(&self) -> usize {
        usize::from(u8_at(self.0, field::VERSION_IHL) & 0x0f) * 4
    }

    /// Of version 4, and without options.
    pub fn is_plain(&self) -> bool {
        u8_at(self.0, field::VERSION_IHL) == 0x45
    }

    /// Type of service: DSCP (RFC 2474) and ECN (RFC 3168).
    pub fn tos(&self) -> u8 {
        u8_at(self.0, field::TOS)
    }

    /// Bytes of header and payload; 0 from a host that left segmentation to its card.
    pub fn total_length(&self) -> u16 {
        be16(self.0, field::TOTAL_LENGTH)
    }

    pub fn id(&self) -> u16 {
        be16(self.0, field::ID)
    }

    pub fn dont_fragment(&self) -> bool {
        be16(self.0, field::FRAGMENT) & 0x4000 != 0
    }

    pub fn more_fragments(&self) -> bool {
        be16(self.0, field::FRAGMENT) & 0x2000 != 0
    }

    /// In bytes.
    pub fn fragment_offset(&self) -> u32 {
        u32::from(be16(self.0, field::FRAGMENT) & 0x1fff) * 8
    }

    /// Part of a packet, be it the first.
    pub fn is_fragment(&self) -> bool {
        be16(self.0, field::FRAGMENT) & 0x3fff != 0
    }

    pub fn ttl(&self) -> u8 {
        u8_at(self.0, field::TTL)
    }

    pub fn protocol(&self) -> u8 {
        u8_at(self.0, field::PROTOCOL)
    }

    pub fn checksum(&self) -> u16 {
        be16(self.0, field::CHECKSUM)
    }

    pub fn source(&self) -> [u8; 4] {
        array(self.0, field::SOURCE)
    }

    pub fn destination(&self) -> [u8; 4] {
        array(self.0, field::DESTINATION)
    }

    pub fn options(&self) -> &'a [u8] {
        self.0.get(field::OPTIONS..).unwrap_or(&[])
    }

    /// The end of a source route (RFC 791, 3.1: options 131 and 137), which checksums are made with.
    pub fn final_destination(&self) -> [u8; 4] {
        let mut rest = self.options();
        while let [kind, after @ ..] = rest {
            match kind {
                0 => break,
                1 => rest = after,
                _ => {
                    let length = usize::from(u8_at(rest, 1));
                    if length < 2 || length > rest.len() {
                        break;
                    }
                    let pointer = usize::from(u8_at(rest, 2));
                    if matches!(kind, 131 | 137) && length >= 7 && pointer < length {
                        return array(rest, length - 4);
                    }
                    rest = rest.get(length..).unwrap_or(&[]);
                }
            }
        }
        self.destination()
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, 1)?;
    let header = Ipv4(bytes);
    if u8_at(bytes, field::VERSION_IHL) >> 4 != 4 {
        return Err(Trouble::Bad(Why::Version));
    }
    let len = header.header_len();
    if len < LEN {
        return Err(Trouble::Bad(Why::Length));
    }
    need(bytes, LEN)?;
    need(bytes, len)?;
    let total = usize::from(header.total_length());
    let next = if total != 0 && total < len {
        Next::Stop(Why::Length)
    } else if header.fragment_offset() != 0 {
        Next::Data
    } else {
        Next::Proto(header.protocol().into())
    };
    Ok(Step {
        len,
        // 0: segmentation was left to the card, or the packet is larger than the field can say.
        total: (total >= len).then_some(total),
        next,
    })
}

/// Whether bytes, of which there are `length` on the wire, look like one whole packet.
pub(crate) fn fills(bytes: &[u8], length: usize) -> bool {
    let header = Ipv4(bytes);
    u8_at(bytes, field::VERSION_IHL) >> 4 == 4
        && header.header_len() >= LEN
        && usize::from(header.total_length()) == length
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 20] = [
        0x45, 0x10, 0, 60, 0x12, 0x34, 0x40, 0, 64, 6, 0xab, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2,
    ];

    #[test]
    fn fields() {
        let ip = Ipv4(&HEADER);
        assert_eq!((ip.id(), ip.ttl(), ip.protocol()), (0x1234, 64, 6));
        assert!(ip.dont_fragment() && !ip.more_fragments() && !ip.is_fragment());
        assert_eq!(ip.destination(), [10, 0, 0, 2]);
        let step = step(&HEADER).unwrap();
        assert_eq!((step.len, step.total, step.next), (20, Some(60), Next::Proto(6)));
    }

    #[test]
    fn lengths_that_lie() {
        let mut header = HEADER;
        header[3] = 19;
        assert_eq!(step(&header).unwrap().next, Next::Stop(Why::Length));
        header[3] = 0;
        assert_eq!(step(&header).unwrap().total, None);
        header[0] = 0x44;
        assert_eq!(step(&header), Err(Trouble::Bad(Why::Length)));
        header[0] = 0x4f;
        assert_eq!(step(&header), Err(Trouble::Short(60)));
    }

    #[test]
    fn only_the_first_fragment_has_a_next_header() {
        let mut header = HEADER;
        header[6..8].copy_from_slice(&[0x20, 0x02]);
        assert_eq!(step(&header).unwrap().next, Next::Data);
        assert_eq!(Ipv4(&header).fragment_offset(), 16);
    }

    #[test]
    fn a_source_route_ends_elsewhere() {
        let mut bytes = HEADER.to_vec();
        bytes[0] = 0x48;
        bytes.extend([1, 131, 11, 4, 10, 9, 9, 1, 10, 9, 9, 2]);
        assert_eq!(Ipv4(&bytes).final_destination(), [10, 9, 9, 2]);
    }
}
