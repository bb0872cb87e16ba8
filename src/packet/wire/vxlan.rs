//! VXLAN (RFC 7348), its group policy extension, VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe) and OTV, which has the same header
//! with an overlay number where VXLAN's is reserved.

use super::ethernet::ether_type;
use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, be24, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const FLAGS: usize = 0;
    /// VXLAN: reserved. OTV: the overlay.
    pub(super) const OVERLAY: usize = 1;
    /// With the G flag (draft-smith-vxlan-group-policy, 2.1).
    pub(super) const POLICY: usize = 2;
    /// VXLAN-GPE.
    pub(super) const NEXT_PROTOCOL: usize = 3;
    pub(super) const VNI: usize = 4;
    pub(super) const RESERVED: usize = 7;
}

/// Bytes of the header.
pub const LEN: usize = 8;

/// Bits of the flags.
pub mod flag {
    /// The VNI is valid.
    pub const VNI: u8 = 0x08;
    /// A group policy is there.
    pub const POLICY: u8 = 0x80;
    /// VXLAN-GPE: the next protocol is there.
    pub const PROTOCOL: u8 = 0x04;
    /// VXLAN-GPE: the payload is for whoever ends the tunnel.
    pub const OAM: u8 = 0x01;
}

/// A header.
#[derive(Debug, Clone, Copy)]
pub struct Vxlan<'a>(pub &'a [u8]);

impl Vxlan<'_> {
    pub fn flags(&self) -> u8 {
        u8_at(self.0, field::FLAGS)
    }

    /// 24 bits.
    pub fn vni(&self) -> u32 {
        be24(self.0, field::VNI)
    }

    /// OTV's overlay: 0 in VXLAN; none where the group policy has its place.
    pub fn overlay(&self) -> u32 {
        if self.flags() & flag::POLICY == 0 {
            be24(self.0, field::OVERLAY)
        } else {
            0
        }
    }

    /// The group policy.
    pub fn policy(&self) -> Option<u16> {
        (self.flags() & flag::POLICY != 0).then(|| be16(self.0, field::POLICY))
    }

    /// VXLAN-GPE: what follows.
    pub fn next_protocol(&self) -> Option<u8> {
        (self.flags() & flag::PROTOCOL != 0).then(|| u8_at(self.0, field::NEXT_PROTOCOL))
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    Ok(Step::new(LEN, Next::Ethernet))
}

pub(crate) fn gpe(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    let header = Vxlan(bytes);
    let next = if header.flags() & 0x30 != 0 {
        Next::Stop(Why::Version)
    } else if header.flags() & flag::OAM != 0 {
        Next::Data
    } else {
        match header.next_protocol() {
            None | Some(3) => Next::Ethernet,
            Some(1) => Next::Type(ether_type::IPV4),
            Some(2) => Next::Type(ether_type::IPV6),
            Some(5) => Next::Type(ether_type::MPLS),
            Some(_) => Next::Data,
        }
    };
    Ok(Step::new(LEN, next))
}

/// Whether a UDP payload on an unknown port has the shape of VXLAN: flags, reserved byte, and a frame whose type is known
/// and whose IP header fits.
pub(crate) fn has_shape(bytes: &[u8]) -> bool {
    const KNOWN: u8 = flag::VNI | flag::POLICY | flag::PROTOCOL;
    let flags = u8_at(bytes, field::FLAGS);
    if flags & flag::VNI == 0 || flags & !KNOWN != 0 || u8_at(bytes, field::RESERVED) != 0 {
        return false;
    }
    let Some(inside) = bytes.get(LEN + super::ethernet::LEN..) else {
        return false;
    };
    let first = u8_at(inside, 0);
    match be16(bytes, LEN + 12) {
        ether_type::IPV4 => {
            first >> 4 == 4 && first & 0x0f >= 5 && {
                let total = usize::from(be16(inside, 2));
                total >= 20 && total <= inside.len()
            }
        }
        ether_type::IPV6 => first >> 4 == 6 && usize::from(be16(inside, 4)) + 40 <= inside.len(),
        ether_type::ARP => inside.len() >= 28 && be16(inside, 2) == ether_type::IPV4,
        ether_type::VLAN | ether_type::QINQ | ether_type::MPLS => inside.len() >= 24,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vni_policy_and_overlay() {
        let plain = [0x08, 0, 0, 0, 0, 0, 100, 0];
        assert_eq!((Vxlan(&plain).vni(), Vxlan(&plain).overlay()), (100, 0));
        assert_eq!(Vxlan(&plain).policy(), None);
        let policy = [0x88, 0, 0x01, 0x02, 0, 0x10, 0, 0];
        assert_eq!(Vxlan(&policy).policy(), Some(0x102));
        assert_eq!((Vxlan(&policy).vni(), Vxlan(&policy).overlay()), (0x1000, 0));
        let otv = [0x08, 0, 0, 7, 0, 0, 1, 0];
        assert_eq!(Vxlan(&otv).overlay(), 7);
    }

    #[test]
    fn gpe_says_what_follows() {
        assert_eq!(gpe(&[0x0c, 0, 0, 1, 0, 0, 1, 0]).unwrap().next, Next::Type(0x800));
        assert_eq!(gpe(&[0x08, 0, 0, 0, 0, 0, 1, 0]).unwrap().next, Next::Ethernet);
        assert_eq!(gpe(&[0x0d, 0, 0, 1, 0, 0, 1, 0]).unwrap().next, Next::Data);
        assert_eq!(
            gpe(&[0x1c, 0, 0, 1, 0, 0, 1, 0]).unwrap().next,
            Next::Stop(Why::Version)
        );
    }

    #[test]
    fn noise_has_no_shape() {
        assert!(!has_shape(&[0x08; 60]));
        let mut bytes = vec![0x08, 0, 0, 0, 0, 0, 1, 0];
        bytes.extend([0; 12]);
        bytes.extend([0x08, 0x00, 0x45, 0, 0, 20]);
        bytes.extend([0; 16]);
        assert!(has_shape(&bytes));
        bytes[7] = 1;
        assert!(!has_shape(&bytes));
    }
}
