//! UDP (RFC 768).

use super::{Next, Read, Step, need};
use crate::packet::bytes::be16;
use crate::packet::layer::Why;

mod field {
    pub(super) const SOURCE: usize = 0;
    pub(super) const DESTINATION: usize = 2;
    pub(super) const LENGTH: usize = 4;
    pub(super) const CHECKSUM: usize = 6;
}

/// Bytes of the header.
pub const LEN: usize = 8;

/// A header.
#[derive(Debug, Clone, Copy)]
pub struct Udp<'a>(pub &'a [u8]);

impl Udp<'_> {
    pub fn source(&self) -> u16 {
        be16(self.0, field::SOURCE)
    }

    pub fn destination(&self) -> u16 {
        be16(self.0, field::DESTINATION)
    }

    /// Bytes of header and payload.
    pub fn length(&self) -> u16 {
        be16(self.0, field::LENGTH)
    }

    /// 0: none was made, as tunnels may (RFC 6935).
    pub fn checksum(&self) -> u16 {
        be16(self.0, field::CHECKSUM)
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let header = Udp(bytes);
    let length = usize::from(header.length());
    let next = if length != 0 && length < LEN {
        Next::Stop(Why::Length)
    } else {
        Next::Datagram
    };
    Ok(Step {
        len: LEN,
        // 0: a jumbogram (RFC 2675), or segmentation was left to the card.
        total: (length >= LEN).then_some(length),
        next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_length_bounds_the_payload() {
        let bytes = [0x9c, 0x40, 0x12, 0xb5, 0, 58, 0, 0];
        let step = step(&bytes).unwrap();
        assert_eq!(step.total, Some(58));
        assert_eq!(step.next, Next::Datagram);
        assert_eq!(
            super::step(&[0, 1, 0, 2, 0, 7, 0, 0]).unwrap().next,
            Next::Stop(Why::Length)
        );
    }
}
