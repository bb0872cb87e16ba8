//! ERSPAN types II and III (draft-foschiano-erspan-03). Type I has no header.

use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{be16, be32, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const VERSION_VLAN: usize = 0;
    pub(super) const SESSION: usize = 2;
    /// Type II.
    pub(super) const INDEX: usize = 4;
    /// Type III: P, frame type, hardware, direction, granularity, O.
    pub(super) const FRAME_TYPE: usize = 10;
    pub(super) const LAST: usize = 11;
}

/// Bytes of type II.
pub const LEN_II: usize = 8;
/// Bytes of type III without the platform's part.
pub const LEN_III: usize = 12;
/// Bytes of the platform's part.
const PLATFORM_LEN: usize = 8;

/// A header of type II or III.
#[derive(Debug, Clone, Copy)]
pub struct Erspan<'a>(pub &'a [u8]);

impl Erspan<'_> {
    /// Version 1 is type II, 2 is type III.
    pub fn version(&self) -> u8 {
        u8_at(self.0, field::VERSION_VLAN) >> 4
    }

    pub fn vlan(&self) -> u16 {
        be16(self.0, field::VERSION_VLAN) & 0x0fff
    }

    /// 10 bits.
    pub fn session(&self) -> u16 {
        be16(self.0, field::SESSION) & 0x03ff
    }

    /// Type II, 20 bits.
    pub fn index(&self) -> u32 {
        be32(self.0, field::INDEX) & 0x000f_ffff
    }
}

/// Which type it is, the version says, whatever GRE's protocol says.
pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN_II)?;
    match Erspan(bytes).version() {
        1 => Ok(Step::new(LEN_II, Next::Ethernet)),
        2 => type_iii(bytes),
        _ => Err(Trouble::Bad(Why::Version)),
    }
}

fn type_iii(bytes: &[u8]) -> Read {
    need(bytes, LEN_III)?;
    let platform = u8_at(bytes, field::LAST) & 1 != 0;
    let len = LEN_III + if platform { PLATFORM_LEN } else { 0 };
    need(bytes, len)?;
    let next = match (u8_at(bytes, field::FRAME_TYPE) >> 2) & 0x1f {
        0 => Next::Ethernet,
        2 => Next::Ip,
        _ => Next::Data,
    };
    Ok(Step::new(len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_types() {
        let two = [0x10, 0x64, 0x02, 0x9a, 0, 0, 0x7f, 0xf8];
        assert_eq!(step(&two), Ok(Step::new(8, Next::Ethernet)));
        let header = Erspan(&two);
        assert_eq!((header.version(), header.vlan(), header.session()), (1, 100, 666));
        assert_eq!(header.index(), 0x7ff8);
        let mut three = vec![0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        assert!(step(&three).is_err());
        three.extend([0; 8]);
        assert_eq!(step(&three), Ok(Step::new(20, Next::Ethernet)));
        three[10] = 0x04;
        assert_eq!(step(&three).unwrap().next, Next::Data);
    }
}
