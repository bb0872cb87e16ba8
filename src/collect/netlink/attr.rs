//! Netlink's attributes (`include/uapi/linux/netlink.h`, `struct nlattr`): type, length, value, aligned to four bytes.
//!
//! Readers are total: a value that is too short reads as zero, and a list that is cut ends where it is cut.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// NLA_F_NESTED: the value is a list of attributes.
const NESTED: u16 = 0x8000;
/// NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const TYPE: u16 = 0x3fff;
const HEADER: usize = 4;

/// The attributes of a list, in its order.
#[derive(Clone)]
pub(super) struct Attributes<'a>(&'a [u8]);

/// Types and values of a list of attributes.
pub(super) const fn attributes(bytes: &[u8]) -> Attributes<'_> {
    Attributes(bytes)
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16(self.0));
        let kind = u16(self.0.get(2..)?) & TYPE;
        let value = self.0.get(HEADER..length)?;
        self.0 = self.0.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// The value of the first attribute of this type.
pub(super) fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(kind, value)| (kind == wanted).then_some(value))
}

/// NLA_ALIGN, NLMSG_ALIGN, RTNH_ALIGN.
pub(super) const fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// Adds an attribute.
pub(super) fn push(list: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(HEADER + value.len()).unwrap_or(u16::MAX);
    list.extend(length.to_ne_bytes());
    list.extend(kind.to_ne_bytes());
    list.extend(value);
    list.resize(align(list.len()), 0);
}

/// Adds a list as an attribute.
pub(super) fn push_nested(list: &mut Vec<u8>, kind: u16, value: &[u8]) {
    push(list, kind | NESTED, value);
}

pub(super) fn u8(value: &[u8]) -> u8 {
    value.first().copied().unwrap_or_default()
}

/// Zero is false.
pub(super) fn flag(value: &[u8]) -> bool {
    u8(value) != 0
}

pub(super) fn u16(value: &[u8]) -> u16 {
    value.first_chunk().map_or(0, |bytes| u16::from_ne_bytes(*bytes))
}

pub(super) fn u32(value: &[u8]) -> u32 {
    value.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

pub(super) fn i32(value: &[u8]) -> i32 {
    value.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes))
}

pub(super) fn u64(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// `__be16`
pub(super) fn be16(value: &[u8]) -> u16 {
    value.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// `__be32`
pub(super) fn be32(value: &[u8]) -> u32 {
    value.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// `__be64`
pub(super) fn be64(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// An address of four or sixteen bytes.
pub(super) fn ip(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from_bits(be32(value)))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(*value.first_chunk::<16>()?))),
        _ => None,
    }
}

/// An address; none for the unspecified one, by which tunnels say *any*.
pub(super) fn some_ip(value: &[u8]) -> Option<IpAddr> {
    ip(value).filter(|ip| !ip.is_unspecified())
}

/// `aa:bb:cc:dd:ee:ff`; none unless it is six bytes.
pub(super) fn mac(value: &[u8]) -> Option<String> {
    let octets = <&[u8; 6]>::try_from(value).ok()?;
    Some(octets.map(|octet| format!("{octet:02x}")).join(":"))
}

/// A text up to its NUL. The kernel keeps names as bytes; what isn't UTF-8 is replaced.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_as_it_was_made() {
        let mut inner = Vec::new();
        push(&mut inner, 1, b"eth0\0");
        let mut list = Vec::new();
        push_nested(&mut list, 18, &inner);
        push(&mut list, 4, &1500_u32.to_ne_bytes());
        let read: Vec<_> = attributes(&list).collect();
        assert_eq!(read, [(18, &inner[..]), (4, &1500_u32.to_ne_bytes())]);
        assert_eq!(text(find(&inner, 1).unwrap()), "eth0");
        assert_eq!(u32(find(&list, 4).unwrap()), 1500);
    }

    #[test]
    fn what_is_cut_ends_the_list() {
        let mut list = Vec::new();
        push(&mut list, 1, &[1; 8]);
        push(&mut list, 2, &[2; 5]);
        for length in 0..list.len() {
            let read = attributes(&list[..length]).count();
            assert_eq!(read, usize::from(length >= 12) + usize::from(length >= 21));
        }
        // A length that is less than the header's would never end.
        assert_eq!(attributes(&[0, 0, 1, 0, 9, 9, 9, 9]).count(), 0);
        assert_eq!((u32(&[1]), be16(&[]), ip(&[1, 2, 3])), (0, 0, None));
    }
}
