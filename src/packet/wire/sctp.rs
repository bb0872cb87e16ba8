//! SCTP (RFC 9260): the common header, and which chunk comes first.

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, be32};

/// Bytes of the common header.
pub const LEN: usize = 12;

/// A common header.
#[derive(Debug, Clone, Copy)]
pub struct Sctp<'a>(pub &'a [u8]);

impl Sctp<'_> {
    pub fn source(&self) -> u16 {
        be16(self.0, 0)
    }

    pub fn destination(&self) -> u16 {
        be16(self.0, 2)
    }

    /// Verification tag.
    pub fn tag(&self) -> u32 {
        be32(self.0, 4)
    }
}

/// The name of a chunk's type (RFC 9260, 3.2).
pub const fn chunk(kind: u8) -> &'static str {
    match kind {
        0 => "DATA",
        1 => "INIT",
        2 => "INIT ACK",
        3 => "SACK",
        4 => "HEARTBEAT",
        5 => "HEARTBEAT ACK",
        6 => "ABORT",
        7 => "SHUTDOWN",
        8 => "SHUTDOWN ACK",
        9 => "ERROR",
        10 => "COOKIE ECHO",
        11 => "COOKIE ACK",
        14 => "SHUTDOWN COMPLETE",
        _ => "chunk",
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    Ok(Step::new(LEN, Next::Data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_header() {
        let bytes = [0x9c, 0x40, 0x0b, 0x59, 0, 0, 0, 9, 0, 0, 0, 0, 1];
        assert_eq!(step(&bytes).unwrap().len, 12);
        assert_eq!((Sctp(&bytes).destination(), Sctp(&bytes).tag()), (2905, 9));
        assert_eq!(chunk(bytes[12]), "INIT");
    }
}
