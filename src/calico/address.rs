//! Addresses as Calico reads them. The parsers of std take what Go's take: no leading zeros, no zones.

use std::net::IpAddr;

/// An address and, if given, the length of its prefix. Host bits are kept.
pub(super) fn parse(text: &str) -> Option<(IpAddr, Option<u8>)> {
    let Some((ip, length)) = text.split_once('/') else {
        return Some((text.parse().ok()?, None));
    };
    let ip: IpAddr = ip.parse().ok()?;
    Some((ip, Some(prefix_length(length, ip)?)))
}

fn prefix_length(text: &str, ip: IpAddr) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let length: u8 = plain.then(|| text.parse().ok()).flatten()?;
    (length <= full_length(ip)).then_some(length)
}

/// The length of a prefix that holds this address alone.
pub(super) const fn full_length(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Which IP version an address of a node is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// Why this is no address of this version.
    pub(super) fn refuses(self, ip: IpAddr) -> Option<&'static str> {
        match (self, ip) {
            (Self::V6, IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => {
                Some("an IPv4 address written as IPv6, must be IPv6")
            }
            (Self::V4, IpAddr::V6(_)) => Some("an IPv6 address, must be IPv4"),
            (Self::V6, IpAddr::V4(_)) => Some("an IPv4 address, must be IPv6"),
            _ => None,
        }
    }

    /// Why this can't be the address of a node.
    pub(super) fn refuses_node(self, ip: IpAddr) -> Option<&'static str> {
        self.refuses(ip).or(match ip {
            ip if ip.is_unspecified() => Some("the unspecified address, which no node can have"),
            ip if ip.is_multicast() => Some("a multicast address, which no node can have"),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_leading_zeros_no_zone_and_at_most_one_length() {
        for text in [
            "010.0.0.1/24",
            "10.0.0.01",
            "10.0.0.1/024",
            "10.0.0.1/+24",
            "10.0.0.1/",
            "10.0.0.1/33",
            "10.0.0.1/24/24",
            "fd80::1/129",
            "fe80::1%eth0",
            "fe80::1%eth0/64",
            "::ffff:010.0.0.1",
            " 10.0.0.1",
            "10.0.0",
            "",
            "/",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for (text, ip, length) in [
            ("10.0.0.1/24", "10.0.0.1", Some(24)),
            ("10.0.0.1", "10.0.0.1", None),
            ("0.0.0.0/0", "0.0.0.0", Some(0)),
            ("fd80::01/64", "fd80::1", Some(64)),
        ] {
            assert_eq!(parse(text), Some((ip.parse().unwrap(), length)), "{text}");
        }
    }
}
