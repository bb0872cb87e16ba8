//! DHCP (RFC 2131) and its options (RFC 2132).

use super::{Next, Read, Step, need};
use crate::packet::bytes::{array, be32, u8_at};

mod field {
    pub(super) const OPERATION: usize = 0;
    pub(super) const TRANSACTION: usize = 4;
    pub(super) const YOUR_ADDRESS: usize = 16;
    pub(super) const HARDWARE: usize = 28;
    pub(super) const MAGIC: usize = 236;
    pub(super) const OPTIONS: usize = 240;
}

/// Its ports: server and client.
pub const PORTS: [u16; 2] = [67, 68];
/// Options follow (RFC 2132, 2).
const MAGIC: u32 = 0x6382_5363;

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Dhcp<'a>(pub &'a [u8]);

impl<'a> Dhcp<'a> {
    pub fn is_reply(&self) -> bool {
        u8_at(self.0, field::OPERATION) == 2
    }

    pub fn transaction(&self) -> u32 {
        be32(self.0, field::TRANSACTION)
    }

    /// The address that the client gets.
    pub fn your_address(&self) -> [u8; 4] {
        array(self.0, field::YOUR_ADDRESS)
    }

    /// The client's link address.
    pub fn hardware(&self) -> [u8; 6] {
        array(self.0, field::HARDWARE)
    }

    /// The value of an option.
    pub fn option(&self, wanted: u8) -> Option<&'a [u8]> {
        if be32(self.0, field::MAGIC) != MAGIC {
            return None;
        }
        let mut rest = self.0.get(field::OPTIONS..)?;
        loop {
            match rest {
                [0, after @ ..] => rest = after,
                [255, ..] | [] | [_] => return None,
                [kind, length, after @ ..] => {
                    let (value, next) = after.split_at_checked(usize::from(*length))?;
                    if *kind == wanted {
                        return Some(value);
                    }
                    rest = next;
                }
            }
        }
    }

    /// What the message is (RFC 2132, 9.6).
    pub fn name(&self) -> &'static str {
        match self.option(53) {
            Some([1]) => "Discover",
            Some([2]) => "Offer",
            Some([3]) => "Request",
            Some([4]) => "Decline",
            Some([5]) => "ACK",
            Some([6]) => "NAK",
            Some([7]) => "Release",
            Some([8]) => "Inform",
            _ if self.is_reply() => "Reply",
            _ => "Request",
        }
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, field::MAGIC)?;
    Ok(Step::new(bytes.len(), Next::Data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer() {
        let mut bytes = vec![0; 236];
        bytes[0] = 2;
        bytes[16..20].copy_from_slice(&[10, 0, 0, 9]);
        bytes.extend([0x63, 0x82, 0x53, 0x63, 0, 53, 1, 2, 255]);
        let dhcp = Dhcp(&bytes);
        assert_eq!((dhcp.name(), dhcp.your_address()), ("Offer", [10, 0, 0, 9]));
        bytes.truncate(243);
        assert_eq!(Dhcp(&bytes).option(53), None);
    }
}
