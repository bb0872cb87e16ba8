//! VLAN tags: IEEE 802.1Q, and 802.1ad (QinQ).

use super::ethernet::FIRST_TYPE;
use super::{Next, Read, Step, need};
use crate::packet::bytes::be16;

mod field {
    pub(super) const TCI: usize = 0;
    pub(super) const TYPE: usize = 2;
}

/// Bytes of a tag after the EtherType that announces it.
pub const LEN: usize = 4;

/// A tag.
#[derive(Debug, Clone, Copy)]
pub struct Vlan<'a>(pub &'a [u8]);

impl Vlan<'_> {
    /// 12 bits.
    pub fn id(&self) -> u16 {
        be16(self.0, field::TCI) & 0x0fff
    }

    /// Priority code point, 3 bits.
    pub fn priority(&self) -> u16 {
        be16(self.0, field::TCI) >> 13
    }

    /// Drop eligible indicator.
    pub fn drop_eligible(&self) -> bool {
        be16(self.0, field::TCI) & 0x1000 != 0
    }

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
    fn a_tag_has_priority_and_number() {
        let tag = [0x70, 0x2a, 0x86, 0xdd];
        assert_eq!(step(&tag), Ok(Step::new(4, Next::Type(0x86dd))));
        let tag = Vlan(&tag);
        assert_eq!((tag.id(), tag.priority(), tag.drop_eligible()), (42, 3, true));
    }
}
