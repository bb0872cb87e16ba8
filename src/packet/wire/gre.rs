//! GRE (RFC 2784, RFC 2890; RFC 1701's routing), version 1 of PPTP (RFC 2637) and MikroTik's EoIP.

use super::ethernet::ether_type;
use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{be16, be32, le32, u8_at};
use crate::packet::layer::Why;

mod field {
    pub(super) const FLAGS: usize = 0;
    pub(super) const PROTOCOL: usize = 2;
    pub(super) const OPTIONAL: usize = 4;
}

/// Bytes of a header without optional fields.
pub const LEN: usize = field::OPTIONAL;

/// Bits of the flags.
pub mod flag {
    pub const CHECKSUM: u16 = 0x8000;
    pub const ROUTING: u16 = 0x4000;
    pub const KEY: u16 = 0x2000;
    pub const SEQUENCE: u16 = 0x1000;
    /// Version 1: an acknowledgement is there.
    pub const ACK: u16 = 0x0080;
    pub const VERSION: u16 = 0x0007;
}

/// The protocol of MikroTik's EoIP, in version 1.
pub const EOIP: u16 = 0x6400;
/// Source routes that are walked over.
const MOST_ROUTES: usize = 16;

/// A header.
#[derive(Debug, Clone, Copy)]
pub struct Gre<'a>(pub &'a [u8]);

impl Gre<'_> {
    pub fn flags(&self) -> u16 {
        be16(self.0, field::FLAGS)
    }

    pub fn version(&self) -> u16 {
        self.flags() & flag::VERSION
    }

    pub fn protocol(&self) -> u16 {
        be16(self.0, field::PROTOCOL)
    }

    /// Where the key is: after checksum and offset.
    fn key_at(&self) -> usize {
        if self.flags() & (flag::CHECKSUM | flag::ROUTING) == 0 || self.version() == 1 {
            field::OPTIONAL
        } else {
            field::OPTIONAL + 4
        }
    }

    /// RFC 2890, 2.1. NVGRE's upper 24 bits are the virtual subnet (RFC 7637, 3.2).
    pub fn key(&self) -> Option<u32> {
        (self.flags() & flag::KEY != 0).then(|| be32(self.0, self.key_at()))
    }

    /// NVGRE's virtual subnet, 24 bits (RFC 7637, 3.2): of a key around a frame.
    pub fn virtual_subnet(&self) -> Option<u32> {
        self.key()
            .filter(|_| self.protocol() == ether_type::TEB)
            .map(|key| key >> 8)
    }

    /// RFC 2890, 2.2.
    pub fn sequence(&self) -> Option<u32> {
        let at = self.key_at() + if self.flags() & flag::KEY == 0 { 0 } else { 4 };
        (self.flags() & flag::SEQUENCE != 0).then(|| be32(self.0, at))
    }

    /// EoIP: the number of the tunnel.
    pub fn tunnel_id(&self) -> Option<u16> {
        let [low, high, ..] = (le32(self.0, 4) >> 16).to_le_bytes();
        (self.version() == 1 && self.protocol() == EOIP).then(|| u16::from_le_bytes([low, high]))
    }

    /// PPTP: the number of the call (RFC 2637, 4.1).
    pub fn call(&self) -> Option<u16> {
        (self.version() == 1 && self.protocol() == ether_type::PPP).then(|| be16(self.0, 6))
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, field::OPTIONAL)?;
    let flags = be16(bytes, field::FLAGS);
    match flags & flag::VERSION {
        0 => version_0(bytes, flags),
        1 => version_1(bytes, flags),
        _ => Err(Trouble::Bad(Why::Version)),
    }
}

fn version_0(bytes: &[u8], flags: u16) -> Read {
    let mut len = field::OPTIONAL;
    for bits in [flag::CHECKSUM | flag::ROUTING, flag::KEY, flag::SEQUENCE] {
        if flags & bits != 0 {
            len += 4;
        }
    }
    need(bytes, len)?;
    if flags & flag::ROUTING != 0 {
        len = routes(bytes, len)?;
    }
    let protocol = be16(bytes, field::PROTOCOL);
    let next = if flags & flag::SEQUENCE == 0 {
        Next::Gre(protocol)
    } else {
        Next::SequencedGre(protocol)
    };
    Ok(Step::new(len, next))
}

/// RFC 1701: entries of family, offset, length and addresses; one without family and length ends the list.
fn routes(bytes: &[u8], mut at: usize) -> Result<usize, Trouble> {
    for _ in 0..MOST_ROUTES {
        need(bytes, at + 4)?;
        let family = be16(bytes, at);
        let length = usize::from(u8_at(bytes, at + 3));
        at += 4;
        if family == 0 && length == 0 {
            return Ok(at);
        }
        at += length;
        need(bytes, at)?;
    }
    Err(Trouble::Bad(Why::Length))
}

fn version_1(bytes: &[u8], flags: u16) -> Read {
    let protocol = be16(bytes, field::PROTOCOL);
    // Payload length and call, or EoIP's payload length and tunnel.
    let mut len = 8;
    if protocol == EOIP {
        need(bytes, len)?;
        return Ok(Step {
            len,
            total: Some(len + usize::from(be16(bytes, 4))),
            next: Next::Ethernet,
        });
    }
    let has_payload = flags & flag::SEQUENCE != 0;
    if has_payload {
        len += 4;
    }
    if flags & flag::ACK != 0 {
        len += 4;
    }
    need(bytes, len)?;
    let next = if has_payload && protocol == ether_type::PPP {
        Next::Ppp
    } else {
        Next::Data
    };
    Ok(Step::new(len, next))
}

/// What follows a header of version 0, by its protocol.
pub(crate) fn payload(protocol: u16, sequenced: bool, bytes: &[u8]) -> Next {
    match protocol {
        ether_type::TEB => Next::Ethernet,
        // Without a sequence number there is no ERSPAN header: type I (draft-foschiano-erspan, 4.1).
        ether_type::ERSPAN_II if !sequenced => Next::Ethernet,
        ether_type::ERSPAN_II | ether_type::ERSPAN_III => Next::Erspan,
        ether_type::PPP => Next::Ppp,
        // Version 2 of WCCP has a header of 4 bytes, which can't start like IPv4.
        ether_type::WCCP if u8_at(bytes, 0) >> 4 == 4 => Next::Type(ether_type::IPV4),
        other => Next::Type(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields() {
        let bytes = [0x30, 0, 0x65, 0x58, 0, 0, 0x01, 0x11, 0, 0, 0, 5];
        assert_eq!(step(&bytes), Ok(Step::new(12, Next::SequencedGre(0x6558))));
        assert_eq!(
            (Gre(&bytes).key(), Gre(&bytes).sequence()),
            (Some(0x111), Some(5))
        );
        let summed = [0xa0, 0, 0x08, 0, 0xab, 0xcd, 0, 0, 0, 0, 0, 9];
        assert_eq!(step(&summed), Ok(Step::new(12, Next::Gre(0x800))));
        assert_eq!(Gre(&summed).key(), Some(9));
    }

    #[test]
    fn routing_ends() {
        let mut bytes = vec![0x40, 0, 0x08, 0, 0, 0, 0, 0];
        bytes.extend([0, 2, 0, 4, 10, 0, 0, 1, 0, 0, 0, 0, 0x45]);
        assert_eq!(step(&bytes), Ok(Step::new(20, Next::Gre(0x800))));
        let endless = [0x40, 0, 8, 0].into_iter().chain([1; 400]).collect::<Vec<u8>>();
        assert!(step(&endless).is_err());
    }

    #[test]
    fn eoip_names_its_tunnel() {
        let bytes = [0x20, 0x01, 0x64, 0x00, 0, 60, 7, 0];
        assert_eq!(step(&bytes).unwrap().next, Next::Ethernet);
        assert_eq!(Gre(&bytes).tunnel_id(), Some(7));
    }
}
