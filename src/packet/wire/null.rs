//! BSD loopback (LINKTYPE_NULL and LINKTYPE_LOOP): an address family in the byte order of whoever captured.

use super::ethernet::ether_type;
use super::{Next, Read, Step, need};
use crate::packet::bytes::{be32, le32};

/// Bytes of the header.
pub const LEN: usize = 4;

/// A loopback header.
#[derive(Debug, Clone, Copy)]
pub struct Null<'a>(pub &'a [u8]);

impl Null<'_> {
    /// The address family; the order of its bytes is told by where they are zero.
    pub fn family(&self) -> u32 {
        let big = be32(self.0, 0);
        if big > 0xffff { le32(self.0, 0) } else { big }
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let next = match Null(bytes).family() {
        2 => Next::Type(ether_type::IPV4),
        // Linux, NetBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => Next::Type(ether_type::IPV6),
        _ => Next::Data,
    };
    Ok(Step::new(LEN, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_byte_order() {
        assert_eq!(step(&[2, 0, 0, 0]), Ok(Step::new(4, Next::Type(0x800))));
        assert_eq!(step(&[0, 0, 0, 30]), Ok(Step::new(4, Next::Type(0x86dd))));
    }
}
