//! IPv6 and its extension headers (RFC 8200).

use super::ipv4::protocol;
use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{array, be16, be32, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const VERSION_CLASS_LABEL: usize = 0;
    pub(super) const PAYLOAD_LENGTH: usize = 4;
    pub(super) const NEXT_HEADER: usize = 6;
    pub(super) const HOP_LIMIT: usize = 7;
    pub(super) const SOURCE: usize = 8;
    pub(super) const DESTINATION: usize = 24;
}

/// Bytes of the fixed header.
pub const LEN: usize = 40;

/// A fixed header.
#[derive(Debug, Clone, Copy)]
pub struct Ipv6<'a>(pub &'a [u8]);

impl Ipv6<'_> {
    pub fn traffic_class(&self) -> u8 {
        let [_, class, ..] = (be32(self.0, field::VERSION_CLASS_LABEL) >> 4).to_be_bytes();
        class
    }

    /// 20 bits.
    pub fn flow_label(&self) -> u32 {
        be32(self.0, field::VERSION_CLASS_LABEL) & 0x000f_ffff
    }

    /// Bytes after this header, extension headers included.
    pub fn payload_length(&self) -> u16 {
        be16(self.0, field::PAYLOAD_LENGTH)
    }

    pub fn next_header(&self) -> u8 {
        u8_at(self.0, field::NEXT_HEADER)
    }

    pub fn hop_limit(&self) -> u8 {
        u8_at(self.0, field::HOP_LIMIT)
    }

    pub fn source(&self) -> [u8; 16] {
        array(self.0, field::SOURCE)
    }

    pub fn destination(&self) -> [u8; 16] {
        array(self.0, field::DESTINATION)
    }
}

/// An extension header (RFC 8200, 4): which one it is, the header before says.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a>(pub &'a [u8]);

impl Extension<'_> {
    pub fn next_header(&self) -> u8 {
        u8_at(self.0, 0)
    }

    /// Of a fragment header: in bytes (RFC 8200, 4.5).
    pub fn fragment_offset(&self) -> u16 {
        be16(self.0, 2) & 0xfff8
    }

    /// Of a fragment header.
    pub fn more_fragments(&self) -> bool {
        be16(self.0, 2) & 1 != 0
    }

    /// Of a fragment header.
    pub fn fragment_id(&self) -> u32 {
        be32(self.0, 4)
    }
}

/// Whether a next header is an extension header that is walked over.
pub const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::DESTINATION
            | protocol::MOBILITY
            | protocol::HIP
            | protocol::SHIM6
    )
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, 1)?;
    if u8_at(bytes, 0) >> 4 != 6 {
        return Err(Trouble::Bad(Why::Version));
    }
    need(bytes, LEN)?;
    let header = Ipv6(bytes);
    let payload = usize::from(header.payload_length());
    Ok(Step {
        len: LEN,
        // 0: a jumbogram (RFC 2675), or segmentation was left to the card.
        total: (payload != 0 || header.next_header() == protocol::NONE).then_some(LEN + payload),
        next: Next::Proto(header.next_header().into()),
    })
}

/// An extension header, which is `kind` by the header before it.
pub(crate) fn extension(kind: u8, bytes: &[u8]) -> Read {
    need(bytes, 8)?;
    let header = Extension(bytes);
    let len = if kind == protocol::FRAGMENT {
        8
    } else {
        8 + usize::from(u8_at(bytes, 1)) * 8
    };
    need(bytes, len)?;
    let next = if kind == protocol::FRAGMENT && header.fragment_offset() != 0 {
        Next::Data
    } else {
        Next::Proto(header.next_header().into())
    };
    Ok(Step::new(len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let mut bytes = vec![0x6a, 0xb1, 0x23, 0x45, 0, 8, 44, 63];
        bytes.extend([0xfd; 16]);
        bytes.extend([0xfe; 16]);
        let ip = Ipv6(&bytes);
        assert_eq!((ip.traffic_class(), ip.flow_label()), (0xab, 0x12345));
        let step = step(&bytes).unwrap();
        assert_eq!((step.total, step.next), (Some(48), Next::Proto(44)));
    }

    #[test]
    fn a_later_fragment_has_no_next_header() {
        let first = [17, 0, 0, 1, 0, 0, 0, 9];
        assert_eq!(extension(44, &first).unwrap().next, Next::Proto(17));
        assert!(Extension(&first).more_fragments());
        let later = [17, 0, 0, 8, 0, 0, 0, 9];
        assert_eq!(extension(44, &later).unwrap().next, Next::Data);
        assert_eq!(extension(60, &[6, 1, 0, 0, 0, 0, 0, 0]), Err(Trouble::Short(16)));
    }
}
