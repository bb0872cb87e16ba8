//! TCP (RFC 9293).

use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{be16, be32, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const SOURCE: usize = 0;
    pub(super) const DESTINATION: usize = 2;
    pub(super) const SEQUENCE: usize = 4;
    pub(super) const ACK: usize = 8;
    pub(super) const OFFSET: usize = 12;
    pub(super) const FLAGS: usize = 13;
    pub(super) const WINDOW: usize = 14;
    pub(super) const CHECKSUM: usize = 16;
    pub(super) const OPTIONS: usize = 20;
}

/// Bytes of a header without options.
pub const LEN: usize = 20;

/// Bits of the flags.
pub mod flag {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;
}

/// A header.
#[derive(Debug, Clone, Copy)]
pub struct Tcp<'a>(pub &'a [u8]);

impl<'a> Tcp<'a> {
    pub fn source(&self) -> u16 {
        be16(self.0, field::SOURCE)
    }

    pub fn destination(&self) -> u16 {
        be16(self.0, field::DESTINATION)
    }

    pub fn sequence(&self) -> u32 {
        be32(self.0, field::SEQUENCE)
    }

    pub fn ack(&self) -> u32 {
        be32(self.0, field::ACK)
    }

    pub fn flags(&self) -> u8 {
        u8_at(self.0, field::FLAGS)
    }

    /// Not scaled.
    pub fn window(&self) -> u16 {
        be16(self.0, field::WINDOW)
    }

    pub fn checksum(&self) -> u16 {
        be16(self.0, field::CHECKSUM)
    }

    /// Whether all that every header has was captured.
    pub fn is_whole(&self) -> bool {
        self.0.len() >= LEN
    }

    /// The options, with their kind.
    pub fn options(&self) -> Options<'a> {
        Options(self.0.get(field::OPTIONS..).unwrap_or(&[]))
    }
}

/// An option of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpOption {
    /// Largest segment, in bytes (RFC 9293, 3.7.1).
    MaxSegment(u16),
    /// Bits that the window is shifted by (RFC 7323).
    WindowScale(u8),
    /// RFC 2018.
    SackPermitted,
    /// Number of blocks.
    Sack(u8),
    /// Value and echo (RFC 7323).
    Timestamps(u32, u32),
    Other(u8),
}

/// Options of a header, up to the first that can't be.
#[derive(Debug, Clone)]
pub struct Options<'a>(&'a [u8]);

impl Iterator for Options<'_> {
    type Item = TcpOption;

    fn next(&mut self) -> Option<TcpOption> {
        while let [1, rest @ ..] = self.0 {
            self.0 = rest;
        }
        let [kind, length, ..] = *self.0 else {
            return None;
        };
        let length = usize::from(length);
        if kind == 0 || length < 2 {
            return None;
        }
        let option = self.0.get(..length)?;
        self.0 = self.0.get(length..)?;
        Some(match (kind, length) {
            (2, 4) => TcpOption::MaxSegment(be16(option, 2)),
            (3, 3) => TcpOption::WindowScale(u8_at(option, 2)),
            (4, 2) => TcpOption::SackPermitted,
            (5, 10..) => TcpOption::Sack(u8_at(option, 1).saturating_sub(2) / 8),
            (8, 10) => TcpOption::Timestamps(be32(option, 2), be32(option, 6)),
            _ => TcpOption::Other(kind),
        })
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let len = usize::from(u8_at(bytes, field::OFFSET) >> 4) * 4;
    if len < LEN {
        return Err(Trouble::Bad(Why::Length));
    }
    need(bytes, len)?;
    let header = Tcp(bytes);
    // What comes with a reset is its cause in words (RFC 9293, 3.5.2), not the stream.
    let next = if header.flags() & flag::RST != 0 {
        Next::Data
    } else {
        Next::Stream
    };
    Ok(Step::new(len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_options() {
        let mut bytes = vec![
            0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0xa0, 0x12, 0xfa, 0xf0, 0, 0, 0, 0,
        ];
        assert_eq!(step(&bytes), Err(Trouble::Short(40)));
        bytes.extend([2, 4, 0x05, 0x78, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7]);
        let tcp = Tcp(&bytes);
        assert_eq!(
            (tcp.source(), tcp.destination(), tcp.flags()),
            (40000, 80, flag::SYN | flag::ACK)
        );
        assert_eq!(
            tcp.options().collect::<Vec<_>>(),
            [
                TcpOption::MaxSegment(1400),
                TcpOption::SackPermitted,
                TcpOption::Timestamps(1, 2),
                TcpOption::WindowScale(7),
            ]
        );
    }

    #[test]
    fn options_that_lie_end() {
        let mut bytes = vec![0; 20];
        bytes.extend([2, 0, 0, 0]);
        assert_eq!(Tcp(&bytes).options().count(), 0);
        bytes.truncate(20);
        bytes.extend([2, 200, 0, 0]);
        assert_eq!(Tcp(&bytes).options().count(), 0);
    }
}
