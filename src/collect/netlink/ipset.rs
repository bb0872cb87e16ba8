//! The sets of ipset(8) (`include/uapi/linux/netfilter/ipset/ip_set.h`).

use std::net::IpAddr;

use ipnet::IpNet;

use super::attr::{attributes, be16, be32, be64, find, push, text, u8};
use super::nfnetlink::{self, IPSET, open};
use super::socket::Error;
use crate::state::ipset::{Element, IpSet, IpSetFlags, Part};

const CMD_LIST: u8 = 7;
/// Every kernel since 2.6.39 speaks it.
const PROTOCOL: u8 = 6;

// Of a command.
const A_PROTOCOL: u16 = 1;
const A_SETNAME: u16 = 2;
const A_TYPENAME: u16 = 3;
const A_FAMILY: u16 = 5;
const A_DATA: u16 = 7;
const A_ADT: u16 = 8;

// Of a set and of an element.
const A_IP: u16 = 1;
const A_IP_TO: u16 = 2;
const A_CIDR: u16 = 3;
const A_PORT: u16 = 4;
const A_PORT_TO: u16 = 5;
const A_TIMEOUT: u16 = 6;
const A_PROTO: u16 = 7;
const A_FLAGS: u16 = 8;
const A_MARK: u16 = 10;
const A_MARKMASK: u16 = 11;

// Of a set.
const A_HASHSIZE: u16 = 18;
const A_MAXELEM: u16 = 19;
const A_NETMASK: u16 = 20;
const A_SIZE: u16 = 23;
const A_REFERENCES: u16 = 25;

// Of an element.
const A_ETHER: u16 = 17;
const A_NAME: u16 = 18;
const A_IP2: u16 = 20;
const A_CIDR2: u16 = 21;
const A_IFACE: u16 = 23;
const A_BYTES: u16 = 24;
const A_PACKETS: u16 = 25;
const A_COMMENT: u16 = 26;
const A_SKBMARK: u16 = 27;
const A_SKBPRIO: u16 = 28;
const A_SKBQUEUE: u16 = 29;

// IPSET_FLAG_*.
const PHYSDEV: u32 = 1 << 1;
const NOMATCH: u32 = 1 << 2;
const COUNTERS: u32 = 1 << 3;
const COMMENT: u32 = 1 << 4;
const FORCEADD: u32 = 1 << 5;
const SKBINFO: u32 = 1 << 6;
const WILDCARD: u32 = 1 << 7;

const NFPROTO_IPV6: u8 = 10;

/// All sets of the calling thread's namespace, with their elements.
pub(super) fn read() -> Result<Vec<IpSet>, Error> {
    let mut body = nfnetlink::header(0);
    push(&mut body, A_PROTOCOL, &[PROTOCOL]);
    let sets = open()?.dump(nfnetlink::kind(IPSET, CMD_LIST), &body, part)?;
    Ok(sets)
}

/// One message of the dump: a set, or more elements of the one before.
fn part(message: &[u8], sets: &mut Vec<IpSet>) {
    let Some(body) = message.get(nfnetlink::HEADER..) else {
        return;
    };
    let Some(name) = find(body, A_SETNAME).map(text) else {
        return;
    };
    if sets.last().is_none_or(|set| *set.name != *name) {
        sets.push(IpSet {
            name: name.into(),
            ..IpSet::default()
        });
    }
    let Some(set) = sets.last_mut() else { return };
    for (kind, value) in attributes(body) {
        match kind {
            A_TYPENAME => set.kind = text(value).into(),
            A_FAMILY => set.v6 = u8(value) == NFPROTO_IPV6,
            A_DATA => header(value, set),
            A_ADT => {
                let kind = set.kind.clone();
                let elements = attributes(value).map(|(_, element)| self::element(element, &kind));
                set.elements.extend(elements);
            }
            _ => {}
        }
    }
}

fn header(list: &[u8], set: &mut IpSet) {
    let bitmap = set.kind.starts_with("bitmap:");
    for (kind, value) in attributes(list) {
        match kind {
            A_TIMEOUT => set.timeout = Some(be32(value)),
            A_HASHSIZE => set.hashsize = Some(be32(value)),
            A_MAXELEM => set.maxelem = Some(be32(value)),
            A_NETMASK => set.netmask = Some(u8(value)),
            A_MARKMASK => set.markmask = Some(be32(value)),
            A_SIZE => set.size = Some(be32(value)),
            A_REFERENCES => set.references = Some(be32(value)),
            A_FLAGS => {
                let has = |flag| be32(value) & flag != 0;
                set.flags = IpSetFlags {
                    counters: has(COUNTERS),
                    comment: has(COMMENT),
                    skbinfo: has(SKBINFO),
                    forceadd: has(FORCEADD),
                };
            }
            _ => {}
        }
    }
    if bitmap {
        let address = |kind| find(list, kind).and_then(ip).map(Part::Addr);
        let port = |kind| {
            let port = find(list, kind).map(be16)?;
            Some(Part::Port { proto: None, port })
        };
        set.range = address(A_IP)
            .zip(address(A_IP_TO))
            .or_else(|| port(A_PORT).zip(port(A_PORT_TO)));
        // A bitmap of networks tells the mask as a hash does, one of addresses not at all.
    }
}

/// The address in an attribute of IPSET_ATTR_IPADDR_IPV4 or _IPV6.
fn ip(value: &[u8]) -> Option<IpAddr> {
    attributes(value).find_map(|(_, value)| super::attr::ip(value))
}

fn element(list: &[u8], kind: &str) -> Element {
    let number = |wanted| find(list, wanted).map(be32);
    let flags = number(A_FLAGS).unwrap_or_default();
    let dimensions = kind.split_once(':').map_or("", |(_, dimensions)| dimensions);
    let mut addresses = [(A_IP, A_CIDR), (A_IP2, A_CIDR2)].into_iter();
    let mut parts = Vec::with_capacity(2);
    for dimension in dimensions.split(',') {
        let part = match dimension {
            "ip" | "net" => addresses
                .next()
                .and_then(|(address, length)| self::address(list, dimension, address, length)),
            "port" => find(list, A_PORT).map(|port| Part::Port {
                proto: find(list, A_PROTO).map(u8),
                port: be16(port),
            }),
            "mac" => find(list, A_ETHER).and_then(|mac| Some(Part::Mac(mac.try_into().ok()?))),
            "mark" => number(A_MARK).map(Part::Mark),
            "iface" => find(list, A_IFACE).map(|name| Part::Link {
                name: text(name).into(),
                physdev: flags & PHYSDEV != 0,
                wildcard: flags & WILDCARD != 0,
            }),
            "set" => find(list, A_NAME).map(|name| Part::Set(text(name).into())),
            _ => None,
        };
        parts.extend(part);
    }
    Element {
        parts,
        nomatch: flags & NOMATCH != 0,
        timeout: number(A_TIMEOUT),
        packets: find(list, A_PACKETS).map(be64),
        bytes: find(list, A_BYTES).map(be64),
        comment: find(list, A_COMMENT).map(|comment| text(comment).into()),
        skbmark: find(list, A_SKBMARK).map(be64).map(halves),
        skbprio: number(A_SKBPRIO).map(|class| {
            let [a, b, c, d] = class.to_be_bytes();
            (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        }),
        skbqueue: find(list, A_SKBQUEUE).map(be16),
    }
}

fn halves(both: u64) -> (u32, u32) {
    let half = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or_default();
    (half(both >> 32), half(both))
}

/// An address, or a network; without a length it is of one address.
fn address(list: &[u8], dimension: &str, address: u16, length: u16) -> Option<Part> {
    let address = find(list, address).and_then(ip)?;
    if dimension == "ip" {
        return Some(Part::Addr(address));
    }
    Some(Part::Net(match find(list, length).map(u8) {
        Some(length) => IpNet::new(address, length).ok()?,
        None => address.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::attr::push_nested;
    use super::*;

    #[test]
    fn a_set_may_come_in_parts_and_a_torn_part_ends_it() {
        let mut address = Vec::new();
        push(&mut address, 1, &[10, 0, 0, 1]);
        let mut one = Vec::new();
        push_nested(&mut one, A_IP, &address);
        push(&mut one, A_CIDR, &[24]);
        push(&mut one, A_FLAGS, &NOMATCH.to_be_bytes());
        let mut elements = Vec::new();
        push_nested(&mut elements, A_DATA, &one);
        let mut first = vec![0; nfnetlink::HEADER];
        push(&mut first, A_SETNAME, b"x\0");
        let mut more = first.clone();
        push(&mut first, A_TYPENAME, b"hash:net\0");
        push_nested(&mut first, A_ADT, &elements);
        push_nested(&mut more, A_ADT, &elements);
        let mut sets = Vec::new();
        part(&first, &mut sets);
        part(&more, &mut sets);
        assert_eq!(sets.len(), 1);
        let net = Part::Net("10.0.0.1/24".parse().unwrap());
        assert_eq!(sets[0].elements.len(), 2);
        assert_eq!(
            (&sets[0].elements[1].parts[0], sets[0].elements[1].nomatch),
            (&net, true)
        );
        for length in 0..first.len() {
            part(&first[..length], &mut Vec::new());
        }
    }
}
