//! ARP (RFC 826) and RARP (RFC 903), with addresses of any length.

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, u8_at};

mod field {
    pub(super) const HARDWARE: usize = 0;
    pub(super) const PROTOCOL: usize = 2;
    pub(super) const HARDWARE_LEN: usize = 4;
    pub(super) const PROTOCOL_LEN: usize = 5;
    pub(super) const OPERATION: usize = 6;
    pub(super) const ADDRESSES: usize = 8;
}

/// Operations (RFC 826).
pub const REQUEST: u16 = 1;
pub const REPLY: u16 = 2;

/// An ARP packet.
#[derive(Debug, Clone, Copy)]
pub struct Arp<'a>(pub &'a [u8]);

impl<'a> Arp<'a> {
    pub fn hardware(&self) -> u16 {
        be16(self.0, field::HARDWARE)
    }

    pub fn protocol(&self) -> u16 {
        be16(self.0, field::PROTOCOL)
    }

    pub fn operation(&self) -> u16 {
        be16(self.0, field::OPERATION)
    }

    /// The nth of the four addresses: link and IP of the sender, link and IP of the target.
    fn address(&self, nth: usize) -> &'a [u8] {
        let hardware = usize::from(u8_at(self.0, field::HARDWARE_LEN));
        let protocol = usize::from(u8_at(self.0, field::PROTOCOL_LEN));
        let (at, length) = match nth {
            0 => (0, hardware),
            1 => (hardware, protocol),
            2 => (hardware + protocol, hardware),
            _ => (2 * hardware + protocol, protocol),
        };
        let at = field::ADDRESSES + at;
        self.0.get(at..at + length).unwrap_or(&[])
    }

    pub fn sender_link(&self) -> &'a [u8] {
        self.address(0)
    }

    pub fn sender(&self) -> &'a [u8] {
        self.address(1)
    }

    pub fn target_link(&self) -> &'a [u8] {
        self.address(2)
    }

    pub fn target(&self) -> &'a [u8] {
        self.address(3)
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, field::ADDRESSES)?;
    let hardware = usize::from(u8_at(bytes, field::HARDWARE_LEN));
    let protocol = usize::from(u8_at(bytes, field::PROTOCOL_LEN));
    let len = field::ADDRESSES + 2 * (hardware + protocol);
    need(bytes, len)?;
    Ok(Step {
        len,
        total: Some(len),
        next: Next::Data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_lengths() {
        let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, 1];
        bytes.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        assert_eq!(step(&bytes).unwrap().len, 28);
        assert_eq!(Arp(&bytes).sender(), [10, 0, 0, 1]);
        assert_eq!(Arp(&bytes).target(), [10, 0, 0, 2]);
        bytes[4] = 8;
        assert!(step(&bytes).is_err());
        assert!(Arp(&bytes).target().is_empty());
    }
}
