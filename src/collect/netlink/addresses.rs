//! Addresses (rtnetlink(7), RTM_GETADDR).

use super::attr::{attributes, ip, text, u32};
use super::socket::{Error, Socket};
use super::uapi::{IFA_ADDRESS, IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS, IFA_LABEL, IFA_LOCAL, RTM_GETADDR};
use super::{both_families, is_family};
use crate::state::link::{Address, AddressFlags, IfIndex, Scope};

/// `struct ifaddrmsg`: family, prefix length, flags, scope, link.
const HEADER: usize = 8;
/// `struct ifa_cacheinfo`: two lifetimes, then when it was added.
const CREATED: usize = 8;

/// The addresses of all links: IPv4, then IPv6.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<Address>, Error> {
    both_families(|family| {
        socket.dump(
            RTM_GETADDR,
            &[family, 0, 0, 0, 0, 0, 0, 0],
            |message, addresses| {
                addresses.extend(is_family(message, family).then(|| address(message)).flatten());
            },
        )
    })
}

pub(super) fn address(message: &[u8]) -> Option<Address> {
    let (header, list) = message.split_at_checked(HEADER)?;
    let (mut local, mut remote, mut broadcast, mut label) = (None, None, None, None);
    // Eight bits in the header, all of them in the attribute.
    let mut flags = u32::from(header[2]);
    let mut created = None;
    for (kind, value) in attributes(list) {
        match kind {
            IFA_LOCAL => local = ip(value),
            IFA_ADDRESS => remote = ip(value),
            IFA_BROADCAST => broadcast = ip(value),
            IFA_LABEL => label = Some(text(value)),
            IFA_FLAGS => flags = u32(value),
            IFA_CACHEINFO => created = value.get(CREATED..).map(|stamp| u64::from(u32(stamp))),
            _ => {}
        }
    }
    let link = IfIndex(u32(&header[4..]));
    // IFA_LOCAL is the address; on point-to-point links IFA_ADDRESS is the other end's.
    Some(Address {
        peer: remote.filter(|remote| local.is_some_and(|local| local != *remote)),
        broadcast,
        scope: Scope(header[3]),
        flags: AddressFlags(flags),
        label,
        created,
        ..Address::new(link, local.or(remote)?, header[1])
    })
}

#[cfg(test)]
mod tests {
    use super::super::attr::push;
    use super::super::uapi::AF_INET;
    use super::*;

    #[test]
    fn only_the_other_end_of_an_address_is_its_peer() {
        let read = |attributes: &[(u16, [u8; 4])]| {
            let mut message = vec![AF_INET, 30, 0x80, 0, 2, 0, 0, 0];
            for (kind, value) in attributes {
                push(&mut message, *kind, value);
            }
            let read = address(&message).unwrap();
            (read.to_string(), read.peer.map(|peer| peer.to_string()))
        };
        let (one, two) = ([10, 9, 0, 1], [10, 9, 0, 2]);
        let peer = Some("10.9.0.2".to_owned());
        assert_eq!(
            read(&[(IFA_ADDRESS, two), (IFA_LOCAL, one)]),
            ("10.9.0.1/30".into(), peer)
        );
        assert_eq!(
            read(&[(IFA_ADDRESS, one), (IFA_LOCAL, one)]),
            ("10.9.0.1/30".into(), None)
        );
        assert_eq!(read(&[(IFA_ADDRESS, one)]), ("10.9.0.1/30".into(), None));
    }

    #[test]
    fn the_attribute_has_more_flags_than_the_header() {
        let mut message = vec![AF_INET, 8, 0x80, 254, 1, 0, 0, 0];
        push(&mut message, IFA_ADDRESS, &[127, 0, 0, 1]);
        assert_eq!(address(&message).unwrap().flags, AddressFlags(0x80));
        push(&mut message, IFA_FLAGS, &0x280_u32.to_ne_bytes());
        let address = address(&message).unwrap();
        assert_eq!((address.flags, address.scope), (AddressFlags(0x280), Scope::HOST));
    }
}
