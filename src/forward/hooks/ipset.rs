//! Whether a packet is in an ipset (`net/netfilter/ipset/ip_set_core.c`, `ip_set_hash_gen.h`).

use std::collections::HashMap;
use std::sync::OnceLock;

use ipnet::IpNet;

use super::super::packet::{Packet, Transport};
use super::super::prefixes::Prefixes;
use super::Call;
use crate::state::Netns;
use crate::state::ipset::{Element, IpSet, Part};
use crate::state::link::IfIndex;
use crate::state::netfilter::{Dir, IpSetMatch};

/// Sets of sets may nest once; a snapshot may say otherwise.
const MAX_DEPTH: u32 = 4;

/// The sets of a namespace, by name.
#[derive(Debug, Default)]
pub(super) struct IpSets<'a> {
    sets: HashMap<&'a str, Indexed<'a>>,
    /// No index is asked.
    pub(super) plain: bool,
}

/// A set, and which elements an address can be in: those whose first part it fits, and those that begin otherwise.
#[derive(Debug)]
struct Indexed<'a> {
    set: &'a IpSet,
    index: OnceLock<(Prefixes<Vec<u32>>, Vec<u32>)>,
}

impl<'a> IpSets<'a> {
    pub(super) fn new(net: &'a Netns) -> Self {
        // Of a name that stands twice, the first holds.
        let sets = net.ipsets.items().iter().rev().map(|set| {
            let index = OnceLock::new();
            (&*set.name, Indexed { set, index })
        });
        Self {
            sets: sets.collect(),
            plain: false,
        }
    }

    /// None when the set wasn't read, or has a part that can't be compared.
    pub(super) fn holds(&self, call: &Call, matched: &IpSetMatch) -> Option<bool> {
        let inside = self.contains(call, self.sets.get(&*matched.name)?, matched, 0)?;
        Some(inside != matched.negated)
    }

    fn contains(&self, call: &Call, indexed: &Indexed, matched: &IpSetMatch, depth: u32) -> Option<bool> {
        let set = indexed.set;
        if depth > MAX_DEPTH {
            return None;
        }
        if &*set.kind == "list:set" {
            for element in &set.elements {
                let Some(Part::Set(name)) = element.parts.first() else {
                    return None;
                };
                if self.contains(call, self.sets.get(&**name)?, matched, depth + 1)? {
                    return Some(true);
                }
            }
            return Some(false);
        }
        if set.v6 != call.packet.is_v6() && !set.kind.starts_with("bitmap:port") {
            return Some(false);
        }
        // Of elements that cover each other the one with the longest prefix holds, that of the first address before that
        // of the second; an exception covers as any other (`mtype_test_cidrs`).
        let mut best: Option<([u8; 2], &Element)> = None;
        let candidates = indexed.candidates(call, &matched.dirs, self.plain);
        let longest = (&*set.kind == "hash:net,iface")
            .then(|| {
                candidates
                    .iter()
                    .filter_map(|element| covers(call, element, &matched.dirs))
                    .max()
            })
            .flatten();
        for element in candidates {
            if let Some(lengths) = fit(call, set, element, &matched.dirs)?
                && best.is_none_or(|(longest, _)| lengths > longest)
                && longest.is_none_or(|longest| lengths[0] == longest)
            {
                best = Some((lengths, element));
            }
        }
        Some(best.is_some_and(|(_, element)| !element.nomatch || matched.return_nomatch))
    }
}

/// How long the prefix is that covers the packet's address, whatever else the element asks: where links are asked for,
/// too, no shorter prefix is looked at behind one that fits (`multi` of `hash_netiface4_data_equal`).
fn covers(call: &Call, element: &Element, dirs: &[Dir]) -> Option<u8> {
    let ip = match dirs.first()? {
        Dir::Src => call.packet.src,
        Dir::Dst => call.packet.dst,
    };
    let net = match element.parts.first()? {
        Part::Net(net) => *net,
        Part::Addr(ip) => IpNet::from(*ip),
        _ => return None,
    };
    net.contains(&ip).then(|| net.prefix_len())
}

impl<'a> Indexed<'a> {
    /// The elements that the packet may fit, in their order.
    fn candidates(&self, call: &Call, dirs: &[Dir], plain: bool) -> Vec<&'a Element> {
        let elements = &self.set.elements;
        let ip = match dirs.first().filter(|_| !plain) {
            Some(Dir::Src) => call.packet.src,
            Some(Dir::Dst) => call.packet.dst,
            None => return elements.iter().collect(),
        };
        let (nets, others) = self.index.get_or_init(|| self.index());
        let mut found: Vec<u32> = nets.containing(ip).flatten().chain(others).copied().collect();
        found.sort_unstable();
        found
            .into_iter()
            .filter_map(|at| elements.get(at as usize))
            .collect()
    }

    fn index(&self) -> (Prefixes<Vec<u32>>, Vec<u32>) {
        let (mut nets, mut others) = (Prefixes::<Vec<u32>>::default(), Vec::new());
        for (number, element) in (0..).zip(&self.set.elements) {
            let net = match (element.parts.first(), self.set.netmask) {
                (Some(Part::Net(net)), _) => Some(*net),
                (Some(Part::Addr(ip)), None) => Some(IpNet::from(*ip)),
                (Some(Part::Addr(ip)), Some(length)) => IpNet::new(*ip, length).ok(),
                _ => None,
            };
            match net {
                Some(net) => nets.entry(net).push(number),
                None => others.push(number),
            }
        }
        (nets, others)
    }
}

/// How long the prefixes of an element that fits are; `Some(None)` when it doesn't fit.
#[expect(clippy::option_option, reason = "not known, and not fitting, are two things")]
fn fit(call: &Call, set: &IpSet, element: &Element, dirs: &[Dir]) -> Option<Option<[u8; 2]>> {
    let packet = &call.packet;
    let mut lengths = [0; 2];
    let mut nets = lengths.iter_mut();
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
                if let Some(length) = nets.next() {
                    *length = net.prefix_len();
                }
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
    Some(Some(lengths))
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
