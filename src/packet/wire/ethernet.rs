//! Ethernet II and IEEE 802.3 frames.

use super::{Next, Read, Step, need};
use crate::packet::bytes::{array, be16};

mod field {
    pub(super) const DESTINATION: usize = 0;
    pub(super) const SOURCE: usize = 6;
    pub(super) const TYPE: usize = 12;
}

/// Bytes of the header.
pub const LEN: usize = 14;
/// The smallest EtherType; below, the field is the length of an 802.3 payload (IEEE 802.3, 3.2.6).
pub const FIRST_TYPE: u16 = 0x600;

/// EtherTypes that are decoded.
pub mod ether_type {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const RARP: u16 = 0x8035;
    pub const TEB: u16 = 0x6558;
    pub const VLAN: u16 = 0x8100;
    pub const QINQ: u16 = 0x88a8;
    pub const QINQ_9100: u16 = 0x9100;
    pub const QINQ_9200: u16 = 0x9200;
    pub const IPV6: u16 = 0x86dd;
    pub const PPP: u16 = 0x880b;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_DISCOVERY: u16 = 0x8863;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const WCCP: u16 = 0x883e;
    pub const ERSPAN_II: u16 = 0x88be;
    pub const ERSPAN_III: u16 = 0x22eb;
}

/// A frame's header.
#[derive(Debug, Clone, Copy)]
pub struct Ethernet<'a>(pub &'a [u8]);

impl Ethernet<'_> {
    pub fn destination(&self) -> [u8; 6] {
        array(self.0, field::DESTINATION)
    }

    pub fn source(&self) -> [u8; 6] {
        array(self.0, field::SOURCE)
    }

    /// EtherType, or the length of an 802.3 payload.
    pub fn ether_type(&self) -> u16 {
        be16(self.0, field::TYPE)
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let kind = be16(bytes, field::TYPE);
    if kind < FIRST_TYPE {
        return Ok(Step {
            len: LEN,
            total: Some(LEN + usize::from(kind)),
            next: Next::Data,
        });
    }
    Ok(Step::new(LEN, Next::Type(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_or_a_length() {
        let mut frame = [0x11; 60];
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        assert_eq!(step(&frame), Ok(Step::new(14, Next::Type(0x800))));
        frame[12..14].copy_from_slice(&[0x00, 0x26]);
        assert_eq!(step(&frame).unwrap().total, Some(14 + 38));
        assert!(step(&frame[..13]).is_err());
    }
}
