//! `ip -j addr` (iproute2 `ip/ipaddress.c`: `print_addrinfo`).

use super::tree::{Item, each};
use crate::parse::{ParseError, iproute};
use crate::state::link::{Address, AddressFlags, IfIndex};

/// Reads the addresses of `ip -j addr`, in the kernel's order.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn addresses(text: &str) -> Result<Vec<Address>, ParseError> {
    let of_links = each(text, |item| {
        let infos = item.list("addr_info")?;
        let mut addresses = Vec::new();
        for info in infos {
            // Multicast addresses of `ip maddr` have no `local`.
            if info.get("local").is_some() {
                let link = item.need("ifindex", item.number("ifindex")?)?;
                addresses.push(address(&info, IfIndex(link))?);
            }
        }
        Ok(Some(addresses))
    })?;
    Ok(of_links.concat())
}

/// One address, of either form.
pub(in crate::parse) fn address(info: &Item, link: IfIndex) -> Result<Address, String> {
    let ip = info.need("local", info.ip("local")?)?;
    let prefix_len = info.need("prefixlen", info.number::<u8>("prefixlen")?)?;
    if prefix_len > if ip.is_ipv4() { 32 } else { 128 } {
        return Err(info.error("prefixlen", "too long"));
    }
    let mut flags = if info.flag("dynamic") {
        0
    } else {
        AddressFlags::PERMANENT.0
    };
    for (name, flag) in FLAGS {
        if info.flag(name) {
            flags |= flag;
        }
    }
    flags |= info
        .read("ifa_flags", "flags in hexadecimal digits", |text| {
            u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
        })?
        .unwrap_or(0);
    Ok(Address {
        peer: info.ip("address")?,
        broadcast: info.ip("broadcast")?,
        scope: info.read("scope", "a scope", iproute::scope)?.unwrap_or_default(),
        flags: AddressFlags(flags),
        label: info.text("label")?,
        ..Address::new(link, ip, prefix_len)
    })
}

/// IFA_F_* by iproute2's names; `dynamic` is the lack of IFA_F_PERMANENT.
pub(in crate::parse) const FLAGS: [(&str, u32); 13] = [
    ("secondary", 1),
    ("temporary", 1),
    ("nodad", 1 << 1),
    ("optimistic", 1 << 2),
    ("dadfailed", 1 << 3),
    ("home", 1 << 4),
    ("homeaddress", 1 << 4),
    ("deprecated", 1 << 5),
    ("tentative", 1 << 6),
    ("mngtmpaddr", 1 << 8),
    ("noprefixroute", 1 << 9),
    ("autojoin", 1 << 10),
    ("stable-privacy", 1 << 11),
];
