//! Whether a packet is in an ipset (`net/netfilter/ipset/ip_set_core.c`, `ip_set_hash_gen.h`).

use super::super::packet::{Packet, Transport};
use super::Call;
use crate::state::ipset::{Element, IpSet, Part};
use crate::state::link::IfIndex;
use crate::state::netfilter::{Dir, IpSetMatch};

/// Sets of sets may nest once; a snapshot may say otherwise.
const MAX_DEPTH: u32 = 4;

/// None when the set wasn't read, or has a part that can't be compared.
pub(super) fn holds(call: &Call, matched: &IpSetMatch) -> Option<bool> {
    let set = named(call, &matched.name)?;
    let inside = contains(call, set, matched, 0)?;
    Some(inside != matched.negated)
}

fn named<'a>(call: &Call<'_, 'a>, name: &str) -> Option<&'a IpSet> {
    call.place
        .net
        .ipsets
        .items()
        .iter()
        .find(|set| &*set.name == name)
}

fn contains(call: &Call, set: &IpSet, matched: &IpSetMatch, depth: u32) -> Option<bool> {
    if depth > MAX_DEPTH {
        return None;
    }
    if &*set.kind == "list:set" {
        for element in &set.elements {
            let Some(Part::Set(name)) = element.parts.first() else {
                return None;
            };
            if contains(call, named(call, name)?, matched, depth + 1)? {
                return Some(true);
            }
        }
        return Some(false);
    }
    if set.v6 != call.packet.is_v6() && !set.kind.starts_with("bitmap:port") {
        return Some(false);
    }
    // Of elements that cover each other the most specific holds; an exception covers as any other.
    let mut best: Option<(u32, &Element)> = None;
    for element in &set.elements {
        if let Some(length) = fit(call, set, element, &matched.dirs)?
            && best.is_none_or(|(longest, _)| length > longest)
        {
            best = Some((length, element));
        }
    }
    Some(best.is_some_and(|(_, element)| !element.nomatch || matched.return_nomatch))
}

/// How many bits of addresses an element that fits is sure of; `Some(None)` when it doesn't fit.
#[expect(clippy::option_option, reason = "not known, and not fitting, are two things")]
fn fit(call: &Call, set: &IpSet, element: &Element, dirs: &[Dir]) -> Option<Option<u32>> {
    let packet = &call.packet;
    let mut bits = 0;
    for (at, part) in element.parts.iter().enumerate() {
        let dir = dirs.get(at).or(dirs.last())?;
        let ip = match dir {
            Dir::Src => packet.src,
            Dir::Dst => packet.dst,
        };
        let fits = match part {
            Part::Addr(wanted) => match set.netmask {
                Some(length) => ipnet::IpNet::new(ip, length).is_ok_and(|net| net.contains(wanted)),
                None => *wanted == ip,
            },
            Part::Net(net) => {
                bits += u32::from(net.prefix_len());
                net.contains(&ip)
            }
            Part::Port { proto, port } => {
                proto.is_none_or(|proto| proto == packet.proto()) && port_of(packet, *dir) == Some(*port)
            }
            Part::Mark(mark) => packet.mark & set.markmask.unwrap_or(u32::MAX) == *mark,
            Part::Link {
                name,
                physdev,
                wildcard,
            } => {
                let link = link_of(call, *dir, *physdev);
                let link = link.and_then(|index| Some(call.place.fib.link(index)?.name.as_str()));
                link.is_some_and(|link| {
                    if *wildcard {
                        link.starts_with(&**name)
                    } else {
                        *link == **name
                    }
                })
            }
            Part::Mac(_) | Part::Set(_) => return None,
        };
        if !fits {
            return Some(None);
        }
    }
    Some(Some(bits))
}

/// Of ICMP: type and code.
fn port_of(packet: &Packet, dir: Dir) -> Option<u16> {
    match (packet.transport, dir) {
        (Transport::Icmp { kind, code, .. }, _) => Some(u16::from(kind) << 8 | u16::from(code)),
        (transport, Dir::Src) => transport.ports().map(|(sport, _)| sport),
        (transport, Dir::Dst) => transport.ports().map(|(_, dport)| dport),
    }
}

const fn link_of(call: &Call, dir: Dir, physdev: bool) -> Option<IfIndex> {
    match (dir, physdev) {
        (Dir::Src, false) => call.in_link,
        (Dir::Dst, false) => call.out_link,
        (Dir::Src, true) => call.physdev.0,
        (Dir::Dst, true) => call.physdev.1,
    }
}
