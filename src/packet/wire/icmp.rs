//! ICMP (RFC 792).

use super::{Next, Read, Step, need};
use crate::packet::bytes::{array, be16, u8_at};

mod field {
    pub(super) const TYPE: usize = 0;
    pub(super) const CODE: usize = 1;
    pub(super) const CHECKSUM: usize = 2;
    pub(super) const ID: usize = 4;
    pub(super) const GATEWAY: usize = 4;
    pub(super) const SEQUENCE: usize = 6;
    pub(super) const MTU: usize = 6;
}

/// Bytes up to the data, or to the quoted packet.
pub const LEN: usize = 8;

/// Types.
pub mod kind {
    pub const ECHO_REPLY: u8 = 0;
    pub const UNREACHABLE: u8 = 3;
    pub const SOURCE_QUENCH: u8 = 4;
    pub const REDIRECT: u8 = 5;
    pub const ECHO: u8 = 8;
    pub const TIME_EXCEEDED: u8 = 11;
    pub const PARAMETER: u8 = 12;
}

/// Code of an unreachable: fragmentation needed and DF set (RFC 1191).
pub const FRAGMENTATION_NEEDED: u8 = 4;

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Icmp<'a>(pub &'a [u8]);

impl Icmp<'_> {
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

    /// Of "fragmentation needed": bytes that the next hop takes (RFC 1191, 4).
    pub fn mtu(&self) -> u16 {
        be16(self.0, field::MTU)
    }

    /// Of a redirect.
    pub fn gateway(&self) -> [u8; 4] {
        array(self.0, field::GATEWAY)
    }

    /// Whether it complains about a packet, and quotes it.
    pub fn is_error(&self) -> bool {
        matches!(
            self.kind(),
            kind::UNREACHABLE | kind::SOURCE_QUENCH | kind::REDIRECT | kind::TIME_EXCEEDED | kind::PARAMETER
        )
    }
}

/// What an "unreachable" of this code says (RFC 792, RFC 1812 5.2.7.1).
pub const fn unreachable(code: u8) -> &'static str {
    match code {
        0 => "net unreachable",
        1 => "host unreachable",
        2 => "protocol unreachable",
        3 => "port unreachable",
        4 => "need to frag",
        5 => "source route failed",
        6 => "net unknown",
        7 => "host unknown",
        8 => "source host isolated",
        9 => "net admin prohibited",
        10 => "host admin prohibited",
        11 => "net tos unreachable",
        12 => "host tos unreachable",
        13 => "admin prohibited",
        14 => "host precedence violation",
        15 => "precedence cutoff",
        _ => "unreachable",
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let next = if Icmp(bytes).is_error() {
        Next::Quote
    } else {
        Next::Data
    };
    Ok(Step::new(LEN, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes() {
        let bytes = [3, 4, 0, 0, 0, 0, 0x05, 0xaa];
        assert_eq!(step(&bytes).unwrap().next, Next::Quote);
        assert_eq!(Icmp(&bytes).mtu(), 1450);
        let echo = [8, 0, 0, 0, 0x12, 0x34, 0, 9];
        assert_eq!(step(&echo).unwrap().next, Next::Data);
        assert_eq!((Icmp(&echo).id(), Icmp(&echo).sequence()), (0x1234, 9));
    }
}
