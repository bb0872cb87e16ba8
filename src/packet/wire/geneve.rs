//! Geneve (RFC 8926).

use super::ethernet::ether_type;
use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{be16, be24, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const VERSION_LENGTH: usize = 0;
    pub(super) const FLAGS: usize = 1;
    pub(super) const PROTOCOL: usize = 2;
    pub(super) const VNI: usize = 4;
    pub(super) const OPTIONS: usize = 8;
}

/// Bytes of a header without options.
pub const LEN: usize = 8;

/// Bits of the flags.
pub mod flag {
    /// The payload is a control message.
    pub const OAM: u8 = 0x80;
    /// An option must be understood.
    pub const CRITICAL: u8 = 0x40;
}

/// A header.
#[derive(Debug, Clone, Copy)]
pub struct Geneve<'a>(pub &'a [u8]);

impl<'a> Geneve<'a> {
    /// Bytes of options; the field counts words of 4.
    pub fn options_len(&self) -> usize {
        usize::from(u8_at(self.0, field::VERSION_LENGTH) & 0x3f) * 4
    }

    pub fn flags(&self) -> u8 {
        u8_at(self.0, field::FLAGS)
    }

    /// Of the known version, without options, around a frame.
    pub fn is_plain_frame(&self) -> bool {
        u8_at(self.0, field::VERSION_LENGTH) == 0 && self.protocol() == ether_type::TEB
    }

    /// EtherType of what follows.
    pub fn protocol(&self) -> u16 {
        be16(self.0, field::PROTOCOL)
    }

    /// 24 bits.
    pub fn vni(&self) -> u32 {
        be24(self.0, field::VNI)
    }

    /// The options, up to one that doesn't fit.
    pub fn options(&self) -> Options<'a> {
        Options(self.0.get(field::OPTIONS..).unwrap_or(&[]))
    }
}

/// An option (RFC 8926, 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneveOption<'a> {
    pub class: u16,
    /// The highest bit says that it is critical.
    pub kind: u8,
    pub data: &'a [u8],
}

/// Options of a header.
#[derive(Debug, Clone)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = GeneveOption<'a>;

    fn next(&mut self) -> Option<GeneveOption<'a>> {
        let length = usize::from(self.0.get(3)? & 0x1f) * 4;
        let data = self.0.get(4..4 + length)?;
        let option = GeneveOption {
            class: be16(self.0, 0),
            kind: u8_at(self.0, 2),
            data,
        };
        self.0 = self.0.get(4 + length..)?;
        Some(option)
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    if u8_at(bytes, field::VERSION_LENGTH) >> 6 != 0 {
        return Err(Trouble::Bad(Why::Version));
    }
    let header = Geneve(bytes);
    let len = LEN + header.options_len();
    need(bytes, len)?;
    let next = match header.protocol() {
        ether_type::TEB => Next::Ethernet,
        other => Next::Type(other),
    };
    Ok(Step::new(len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_walked() {
        let bytes = [
            2, 0x40, 0x65, 0x58, 0, 0, 0x0b, 0, 0x01, 0x02, 0x80, 1, 0, 1, 0, 2,
        ];
        assert_eq!(step(&bytes), Ok(Step::new(16, Next::Ethernet)));
        let header = Geneve(&bytes);
        assert_eq!((header.vni(), header.flags()), (11, flag::CRITICAL));
        let options: Vec<_> = header.options().collect();
        assert_eq!(
            (options[0].class, options[0].kind, options[0].data),
            (0x102, 0x80, &[0, 1, 0, 2][..])
        );
        assert_eq!(step(&bytes[..15]), Err(Trouble::Short(16)));
    }

    #[test]
    fn another_version_stops() {
        assert_eq!(step(&[0x40; 8]), Err(Trouble::Bad(Why::Version)));
    }
}
