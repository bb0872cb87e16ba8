//! Authentication header (RFC 4302) and the start of encrypted payload (RFC 4303).

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be32, u8_at};

mod field {
    pub(super) const NEXT_HEADER: usize = 0;
    pub(super) const PAYLOAD_LEN: usize = 1;
    pub(super) const SPI: usize = 4;
    pub(super) const SEQUENCE: usize = 8;
}

/// Bytes up to the integrity check value.
const LEN: usize = 12;
/// Bytes of ESP in the clear.
const ESP_LEN: usize = 8;

/// An authentication header.
#[derive(Debug, Clone, Copy)]
pub struct Ah<'a>(pub &'a [u8]);

impl Ah<'_> {
    pub fn next_header(&self) -> u8 {
        u8_at(self.0, field::NEXT_HEADER)
    }

    /// Security parameters index.
    pub fn spi(&self) -> u32 {
        be32(self.0, field::SPI)
    }

    pub fn sequence(&self) -> u32 {
        be32(self.0, field::SEQUENCE)
    }
}

/// The part of encrypted payload that can be read.
#[derive(Debug, Clone, Copy)]
pub struct Esp<'a>(pub &'a [u8]);

impl Esp<'_> {
    /// Security parameters index.
    pub fn spi(&self) -> u32 {
        be32(self.0, 0)
    }

    pub fn sequence(&self) -> u32 {
        be32(self.0, 4)
    }
}

/// The length field counts words of 4, less 2 (RFC 4302, 2.2).
pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let len = (usize::from(u8_at(bytes, field::PAYLOAD_LEN)) + 2) * 4;
    if len < LEN {
        return Err(super::Trouble::Bad(crate::packet::layer::Why::Length));
    }
    need(bytes, len)?;
    Ok(Step::new(
        len,
        Next::Proto(u8_at(bytes, field::NEXT_HEADER).into()),
    ))
}

pub(crate) fn esp(bytes: &[u8]) -> Read {
    need(bytes, ESP_LEN)?;
    Ok(Step::new(ESP_LEN, Next::Data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_length_counts_words() {
        let mut bytes = vec![4, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 7];
        assert_eq!(step(&bytes), Err(super::super::Trouble::Short(24)));
        bytes.extend([0xaa; 12]);
        assert_eq!(step(&bytes), Ok(Step::new(24, Next::Proto(4))));
        assert_eq!((Ah(&bytes).spi(), Ah(&bytes).sequence()), (0x1234, 7));
    }
}
