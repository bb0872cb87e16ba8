//! The body of a BGP UPDATE (RFC 4271, 4.3), with the routes of IPv6 (RFC 4760).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bgp::Message;
use crate::packet::bytes::{array, be16, be32, u8_at};

/// A prefix: an address with zeros after its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    pub address: IpAddr,
    pub length: u8,
}

/// Prefixes of one family, up to the first that can't be.
#[derive(Debug, Clone)]
pub struct Prefixes<'a> {
    bytes: &'a [u8],
    v6: bool,
}

impl Iterator for Prefixes<'_> {
    type Item = Prefix;

    fn next(&mut self) -> Option<Prefix> {
        let (&length, rest) = self.bytes.split_first()?;
        if length > if self.v6 { 128 } else { 32 } {
            return None;
        }
        let (bits, rest) = rest.split_at_checked(usize::from(length).div_ceil(8))?;
        self.bytes = rest;
        let mut address = [0; 16];
        address.get_mut(..bits.len())?.copy_from_slice(bits);
        let address = if self.v6 {
            Ipv6Addr::from(address).into()
        } else {
            Ipv4Addr::from(array::<4>(&address, 0)).into()
        };
        Some(Prefix { address, length })
    }
}

/// What an UPDATE says.
#[derive(Debug, Clone)]
pub struct Update<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    announced: &'a [u8],
}

impl<'a> Update<'a> {
    /// None when the lengths don't fit, or another message is given.
    pub fn new(message: Message<'a>) -> Option<Self> {
        if message.kind() != 2 {
            return None;
        }
        let body = message.body();
        let (withdrawn, rest) = body.get(2..)?.split_at_checked(usize::from(be16(body, 0)))?;
        let length = usize::from(be16(rest, 0));
        let (attributes, announced) = rest.get(2..)?.split_at_checked(length)?;
        Some(Self {
            withdrawn,
            attributes,
            announced,
        })
    }

    /// Whether it only says that all routes were sent (RFC 4724, 2).
    pub fn is_end_of_rib(&self) -> bool {
        self.withdrawn.is_empty() && self.attributes.is_empty() && self.announced.is_empty()
    }

    pub fn withdrawn(&self) -> impl Iterator<Item = Prefix> {
        let v6 = self.attribute(15).filter(|value| is_v6_unicast(value));
        Prefixes {
            bytes: self.withdrawn,
            v6: false,
        }
        .chain(Prefixes {
            bytes: v6.and_then(|value| value.get(3..)).unwrap_or(&[]),
            v6: true,
        })
    }

    pub fn announced(&self) -> impl Iterator<Item = Prefix> {
        let v6 = self.attribute(14).filter(|value| is_v6_unicast(value));
        // Family, length of the next hop, next hop, a reserved byte, prefixes.
        let v6 = v6.and_then(|value| value.get(5 + usize::from(u8_at(value, 3))..));
        Prefixes {
            bytes: self.announced,
            v6: false,
        }
        .chain(Prefixes {
            bytes: v6.unwrap_or(&[]),
            v6: true,
        })
    }

    pub fn next_hop(&self) -> Option<IpAddr> {
        if let Some(value) = self.attribute(3).filter(|value| value.len() == 4) {
            return Some(Ipv4Addr::from(array::<4>(value, 0)).into());
        }
        let value = self.attribute(14)?;
        (is_v6_unicast(value) && u8_at(value, 3) >= 16).then(|| Ipv6Addr::from(array::<16>(value, 4)).into())
    }

    /// The AS numbers of the path, nearest first, taken as of 4 bytes or of 2, whichever fits.
    pub fn as_path(&self) -> Vec<u32> {
        let value = self.attribute(2).unwrap_or(&[]);
        read_path(value, 4)
            .or_else(|| read_path(value, 2))
            .unwrap_or_default()
    }

    fn attribute(&self, wanted: u8) -> Option<&'a [u8]> {
        let mut rest = self.attributes;
        while let [flags, code, after @ ..] = rest {
            let (length, value) = if flags & 0x10 == 0 {
                (usize::from(u8_at(after, 0)), after.get(1..)?)
            } else {
                (usize::from(be16(after, 0)), after.get(2..)?)
            };
            let (value, next) = value.split_at_checked(length)?;
            if *code == wanted {
                return Some(value);
            }
            rest = next;
        }
        None
    }
}

/// Address family 2, subsequent family 1.
fn is_v6_unicast(value: &[u8]) -> bool {
    value.starts_with(&[0, 2, 1])
}

fn read_path(mut value: &[u8], width: usize) -> Option<Vec<u32>> {
    let mut path = Vec::new();
    while let [_, count, rest @ ..] = value {
        let (numbers, next) = rest.split_at_checked(usize::from(*count) * width)?;
        path.extend(numbers.chunks_exact(width).map(|number| {
            if width == 4 {
                be32(number, 0)
            } else {
                u32::from(be16(number, 0))
            }
        }));
        value = next;
    }
    value.is_empty().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff; 16];
        bytes.extend(u16::try_from(19 + body.len()).unwrap().to_be_bytes());
        bytes.push(2);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn routes_come_and_go() {
        let mut body = vec![0, 4, 24, 10, 9, 9];
        let path = [0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0x00, 0x40, 3, 4, 10, 0, 0, 2];
        body.extend(u16::try_from(path.len()).unwrap().to_be_bytes());
        body.extend(path);
        body.extend([26, 10, 244, 1, 64]);
        let bytes = update(&body);
        let update = Update::new(Message(&bytes)).unwrap();
        let show = |prefix: Prefix| format!("{}/{}", prefix.address, prefix.length);
        assert_eq!(update.withdrawn().map(show).collect::<Vec<_>>(), ["10.9.9.0/24"]);
        assert_eq!(
            update.announced().map(show).collect::<Vec<_>>(),
            ["10.244.1.64/26"]
        );
        assert_eq!(update.as_path(), [64512]);
        assert_eq!(update.next_hop(), Some([10, 0, 0, 2].into()));
    }

    #[test]
    fn lengths_that_lie_say_nothing() {
        assert!(Update::new(Message(&update(&[0, 200, 24]))).is_none());
        assert!(
            Update::new(Message(&update(&[0, 0, 0, 0])))
                .unwrap()
                .is_end_of_rib()
        );
    }
}
