//! Linux cooked captures, of `-i any`: LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2.

use super::ethernet::{FIRST_TYPE, ether_type};
use super::vlan::LEN;
use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, be32, u8_at};

mod v1 {
    pub(super) const TYPE: usize = 0;
    pub(super) const HARDWARE: usize = 2;
    pub(super) const ADDRESS_LEN: usize = 4;
    pub(super) const ADDRESS: usize = 6;
    pub(super) const PROTOCOL: usize = 14;
    pub(super) const LEN: usize = 16;
}

mod v2 {
    pub(super) const PROTOCOL: usize = 0;
    pub(super) const INDEX: usize = 4;
    pub(super) const HARDWARE: usize = 8;
    pub(super) const TYPE: usize = 10;
    pub(super) const ADDRESS_LEN: usize = 11;
    pub(super) const ADDRESS: usize = 12;
    pub(super) const LEN: usize = 20;
}

/// Hardware types whose packets have no EtherType: GRE (778) has the protocol of GRE (LINKTYPE_LINUX_SLL).
const HARDWARE_GRE: u16 = 778;
/// Netlink.
const HARDWARE_NETLINK: u16 = 824;

/// A cooked header of either version.
#[derive(Debug, Clone, Copy)]
pub struct Cooked<'a> {
    header: &'a [u8],
    second: bool,
}

impl<'a> Cooked<'a> {
    /// Version 1.
    pub const fn first(header: &'a [u8]) -> Self {
        Self {
            header,
            second: false,
        }
    }

    /// Version 2.
    pub const fn second(header: &'a [u8]) -> Self {
        Self { header, second: true }
    }

    pub fn protocol(&self) -> u16 {
        be16(self.header, if self.second { v2::PROTOCOL } else { v1::PROTOCOL })
    }

    /// Which way the packet went: 0 to us, 1 broadcast, 2 multicast, 3 to others, 4 from us.
    pub fn direction(&self) -> u16 {
        if self.second {
            u16::from(u8_at(self.header, v2::TYPE))
        } else {
            be16(self.header, v1::TYPE)
        }
    }

    /// The direction in tcpdump's words.
    pub fn direction_name(&self) -> &'static str {
        match self.direction() {
            0 => "In",
            1 => "B",
            2 => "M",
            3 => "P",
            4 => "Out",
            _ => "?",
        }
    }

    /// ARPHRD of the link.
    pub fn hardware(&self) -> u16 {
        be16(self.header, if self.second { v2::HARDWARE } else { v1::HARDWARE })
    }

    /// Number of the link on the host that captured; version 2 has it.
    pub fn link(&self) -> Option<u32> {
        self.second.then(|| be32(self.header, v2::INDEX))
    }

    /// The sender's link address.
    pub fn address(&self) -> &'a [u8] {
        let (length, at) = if self.second {
            (usize::from(u8_at(self.header, v2::ADDRESS_LEN)), v2::ADDRESS)
        } else {
            (usize::from(be16(self.header, v1::ADDRESS_LEN)), v1::ADDRESS)
        };
        self.header.get(at..at + length.min(8)).unwrap_or(&[])
    }
}

fn next(header: Cooked, after: &[u8]) -> Next {
    match (header.hardware(), header.protocol()) {
        // Of two VLAN tags, the kernel takes the outer one away, and says the type behind the inner one.
        (_, protocol @ (ether_type::IPV4 | ether_type::IPV6)) if is_tagged(protocol, after) => {
            Next::Type(ether_type::VLAN)
        }
        (HARDWARE_NETLINK, _) => Next::Data,
        (HARDWARE_GRE, protocol) => Next::Gre(protocol),
        (_, protocol) if protocol < FIRST_TYPE => Next::Data,
        (_, protocol) => Next::Type(protocol),
    }
}

/// Whether a tag stands where IP should be.
fn is_tagged(protocol: u16, after: &[u8]) -> bool {
    let version = if protocol == ether_type::IPV4 { 4 } else { 6 };
    after.len() > LEN
        && u8_at(after, 0) >> 4 != version
        && be16(after, 2) == protocol
        && u8_at(after, LEN) >> 4 == version
}

pub(crate) fn sll(bytes: &[u8]) -> Read {
    need(bytes, v1::LEN)?;
    Ok(Step::new(
        v1::LEN,
        next(Cooked::first(bytes), bytes.get(v1::LEN..).unwrap_or(&[])),
    ))
}

pub(crate) fn sll2(bytes: &[u8]) -> Read {
    need(bytes, v2::LEN)?;
    Ok(Step::new(
        v2::LEN,
        next(Cooked::second(bytes), bytes.get(v2::LEN..).unwrap_or(&[])),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions() {
        let first = [0, 4, 0, 1, 0, 6, 2, 2, 3, 4, 5, 6, 0, 0, 8, 0];
        assert_eq!(sll(&first), Ok(Step::new(16, Next::Type(0x800))));
        assert_eq!(Cooked::first(&first).address(), [2, 2, 3, 4, 5, 6]);
        assert_eq!(Cooked::first(&first).direction_name(), "Out");
        let second = [0x86, 0xdd, 0, 0, 0, 0, 0, 9, 0, 1, 0, 6, 2, 2, 3, 4, 5, 6, 0, 0];
        assert_eq!(sll2(&second), Ok(Step::new(20, Next::Type(0x86dd))));
        let header = Cooked::second(&second);
        assert_eq!((header.link(), header.direction_name()), (Some(9), "In"));
        assert!(sll2(&second[..12]).is_err());
    }

    #[test]
    fn an_inner_tag_is_left_in_front_of_ip() {
        let mut bytes = vec![0x08, 0x00, 0, 0, 0, 0, 0, 9, 0, 1, 0, 6, 2, 2, 3, 4, 5, 6, 0, 0];
        bytes.extend([0x00, 0x2a, 0x08, 0x00, 0x45]);
        assert_eq!(sll2(&bytes).unwrap().next, Next::Type(0x8100));
        bytes.drain(20..24);
        assert_eq!(sll2(&bytes).unwrap().next, Next::Type(0x0800));
    }
}
