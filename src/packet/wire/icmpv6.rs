//! ICMPv6 (RFC 4443), with the messages of neighbour discovery (RFC 4861).

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, be32, u8_at};

mod field {
    pub(super) const TYPE: usize = 0;
    pub(super) const CODE: usize = 1;
    pub(super) const CHECKSUM: usize = 2;
    pub(super) const ID: usize = 4;
    pub(super) const MTU: usize = 4;
    pub(super) const SEQUENCE: usize = 6;
    pub(super) const TARGET: usize = 8;
}

/// Bytes of an echo, and of an error up to the packet it quotes.
pub const LEN: usize = 8;
/// Bytes of the header that every message has.
pub const LEAST: usize = 4;

/// Types.
pub mod kind {
    pub const UNREACHABLE: u8 = 1;
    pub const TOO_BIG: u8 = 2;
    pub const TIME_EXCEEDED: u8 = 3;
    pub const PARAMETER: u8 = 4;
    pub const ECHO: u8 = 128;
    pub const ECHO_REPLY: u8 = 129;
    pub const ROUTER_SOLICITATION: u8 = 133;
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    pub const NEIGHBOR_SOLICITATION: u8 = 135;
    pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
    pub const REDIRECT: u8 = 137;
    pub const MLD2_REPORT: u8 = 143;
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Icmpv6<'a>(pub &'a [u8]);

impl Icmpv6<'_> {
    pub fn kind(&self) -> u8 {
        u8_at(self.0, field::TYPE)
    }

    pub fn code(&self) -> u8 {
        u8_at(self.0, field::CODE)
    }

    pub fn checksum(&self) -> u16 {
        be16(self.0, field::CHECKSUM)
    }

    /// Of an echo.
    pub fn id(&self) -> u16 {
        be16(self.0, field::ID)
    }

    /// Of an echo.
    pub fn sequence(&self) -> u16 {
        be16(self.0, field::SEQUENCE)
    }

    /// Of "packet too big": bytes that the next hop takes.
    pub fn mtu(&self) -> u32 {
        be32(self.0, field::MTU)
    }

    /// Whom a neighbour message is about (RFC 4861, 4.3 and 4.4).
    pub fn target(&self) -> Option<[u8; 16]> {
        if !matches!(
            self.kind(),
            kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT | kind::REDIRECT
        ) {
            return None;
        }
        self.0.get(field::TARGET..)?.first_chunk().copied()
    }

    /// Whether it complains about a packet, and quotes it.
    pub fn is_error(&self) -> bool {
        self.kind() != 0 && self.kind() <= kind::PARAMETER
    }
}

/// What an "unreachable" of this code says (RFC 4443, 3.1).
pub const fn unreachable(code: u8) -> &'static str {
    match code {
        0 => "no route",
        1 => "admin prohibited",
        2 => "beyond scope",
        3 => "address unreachable",
        4 => "port unreachable",
        5 => "source address failed policy",
        6 => "reject route",
        _ => "unreachable",
    }
}

/// Neighbour messages are taken whole, so that their target is part of the layer.
pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEAST)?;
    let message = Icmpv6(bytes);
    let len = match message.kind() {
        kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT => 24,
        kind::REDIRECT => 40,
        kind::ROUTER_ADVERTISEMENT => 16,
        _ => LEN,
    };
    need(bytes, len)?;
    let next = if message.is_error() {
        Next::Quote
    } else {
        Next::Data
    };
    Ok(Step::new(len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solicitation_has_a_target() {
        let mut bytes = vec![135, 0, 0, 0, 0, 0, 0, 0];
        assert!(step(&bytes).is_err());
        bytes.extend([0xfd; 16]);
        assert_eq!(step(&bytes), Ok(Step::new(24, Next::Data)));
        assert_eq!(Icmpv6(&bytes).target(), Some([0xfd; 16]));
        assert_eq!(step(&[2, 0, 0, 0, 0, 0, 5, 0]).unwrap().next, Next::Quote);
    }
}
