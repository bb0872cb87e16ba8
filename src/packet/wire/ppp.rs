//! PPP (RFC 1661, 1662), and PPP over Ethernet (RFC 2516).

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, u8_at};

/// The fields of PPP over Ethernet.
mod field {
    pub(super) const CODE: usize = 1;
    pub(super) const SESSION: usize = 2;
    pub(super) const LENGTH: usize = 4;
}

/// Bytes of the PPPoE header.
pub const PPPOE_LEN: usize = 6;
/// Address and control field in front of the protocol (RFC 1662, 3.1).
const ADDRESS_CONTROL: u16 = 0xff03;

/// A PPPoE header.
#[derive(Debug, Clone, Copy)]
pub struct Pppoe<'a>(pub &'a [u8]);

impl Pppoe<'_> {
    /// 0 in a session; others are of discovery (RFC 2516, 5).
    pub fn code(&self) -> u8 {
        u8_at(self.0, field::CODE)
    }

    pub fn session(&self) -> u16 {
        be16(self.0, field::SESSION)
    }
}

/// A PPP header: its protocol.
#[derive(Debug, Clone, Copy)]
pub struct Ppp<'a>(pub &'a [u8]);

impl Ppp<'_> {
    /// The protocol number, of one byte or two.
    pub fn protocol(&self) -> u16 {
        let at = if be16(self.0, 0) == ADDRESS_CONTROL { 2 } else { 0 };
        let first = u8_at(self.0, at);
        if first & 1 == 1 {
            u16::from(first)
        } else {
            be16(self.0, at)
        }
    }
}

pub(crate) fn pppoe(bytes: &[u8], session: bool) -> Read {
    need(bytes, PPPOE_LEN)?;
    let next = if session { Next::Ppp } else { Next::Data };
    Ok(Step {
        len: PPPOE_LEN,
        total: Some(PPPOE_LEN + usize::from(be16(bytes, field::LENGTH))),
        next,
    })
}

/// Address and control may be left out, and the protocol be one byte (RFC 1661, 6.5 and 6.6).
pub(crate) fn ppp(bytes: &[u8]) -> Read {
    need(bytes, 1)?;
    let skip = if be16(bytes, 0) == ADDRESS_CONTROL { 2 } else { 0 };
    need(bytes, skip + 1)?;
    let len = if u8_at(bytes, skip) & 1 == 1 {
        skip + 1
    } else {
        skip + 2
    };
    need(bytes, len)?;
    let next = match Ppp(bytes).protocol() {
        0x0021 => Next::Type(super::ethernet::ether_type::IPV4),
        0x0057 => Next::Type(super::ethernet::ether_type::IPV6),
        0x0281 => Next::Type(super::ethernet::ether_type::MPLS),
        _ => Next::Data,
    };
    Ok(Step::new(len, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_carries_ppp() {
        let bytes = [0x11, 0, 0, 7, 0, 22, 0x00, 0x21, 0x45];
        let step = pppoe(&bytes, true).unwrap();
        assert_eq!((step.next, step.total), (Next::Ppp, Some(28)));
        assert_eq!(Pppoe(&bytes).session(), 7);
        assert_eq!(ppp(&bytes[6..]).unwrap().next, Next::Type(0x800));
    }

    #[test]
    fn a_compressed_protocol() {
        assert_eq!(
            ppp(&[0xff, 0x03, 0x21, 0x45]),
            Ok(Step::new(3, Next::Type(0x800)))
        );
        assert!(ppp(&[0xff, 0x03]).is_err());
    }
}
