//! `ipset save` (ipset(8)).

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::{ParseError, excerpt};
use crate::state::ipset::{Element, IpSet, Part};
use crate::state::netfilter::names::Domain;

/// ICMP's types and codes by ipset's names (`ipset list -t`; libipset `icmp.c`, `icmpv6.c`): type × 256 + code.
const ICMP: &[(&str, u16)] = &[
    ("echo-reply", 0),
    ("network-unreachable", 0x300),
    ("host-unreachable", 0x301),
    ("protocol-unreachable", 0x302),
    ("port-unreachable", 0x303),
    ("fragmentation-needed", 0x304),
    ("source-route-failed", 0x305),
    ("network-unknown", 0x306),
    ("host-unknown", 0x307),
    ("network-prohibited", 0x309),
    ("host-prohibited", 0x30a),
    ("TOS-network-unreachable", 0x30b),
    ("TOS-host-unreachable", 0x30c),
    ("communication-prohibited", 0x30d),
    ("host-precedence-violation", 0x30e),
    ("precedence-cutoff", 0x30f),
    ("source-quench", 0x400),
    ("network-redirect", 0x500),
    ("host-redirect", 0x501),
    ("TOS-network-redirect", 0x502),
    ("TOS-host-redirect", 0x503),
    ("echo-request", 0x800),
    ("router-advertisement", 0x900),
    ("router-solicitation", 0xa00),
    ("ttl-zero-during-transit", 0xb00),
    ("ttl-zero-during-reassembly", 0xb01),
    ("ip-header-bad", 0xc00),
    ("required-option-missing", 0xc01),
    ("timestamp-request", 0xd00),
    ("timestamp-reply", 0xe00),
    ("address-mask-request", 0x1100),
    ("address-mask-reply", 0x1200),
];

const ICMP6: &[(&str, u16)] = &[
    ("no-route", 0x100),
    ("communication-prohibited", 0x101),
    ("address-unreachable", 0x103),
    ("port-unreachable", 0x104),
    ("packet-too-big", 0x200),
    ("ttl-zero-during-transit", 0x300),
    ("ttl-zero-during-reassembly", 0x301),
    ("bad-header", 0x400),
    ("unknown-header-type", 0x401),
    ("unknown-option", 0x402),
    ("echo-request", 0x8000),
    ("echo-reply", 0x8100),
    ("router-solicitation", 0x8500),
    ("router-advertisement", 0x8600),
    ("neighbour-solicitation", 0x8700),
    ("neighbor-solicitation", 0x8700),
    ("neighbour-advertisement", 0x8800),
    ("neighbor-advertisement", 0x8800),
    ("redirect", 0x8900),
];

/// Reads the output of `ipset save`.
///
/// # Errors
/// Names the first line that is neither `create` nor `add` of a set created before it.
pub fn ipset_save(text: &str) -> Result<Vec<IpSet>, ParseError> {
    let mut sets: Vec<IpSet> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let done = if let Some(rest) = line.strip_prefix("create ") {
            create(rest).map(|set| sets.push(set))
        } else if let Some(rest) = line.strip_prefix("add ") {
            add(&mut sets, rest)
        } else {
            None
        };
        done.ok_or_else(|| ParseError::new(index + 1, format!("not read: {:?}", excerpt(line))))?;
    }
    Ok(sets)
}

/// `NAME hash:ip family inet hashsize 1024 maxelem 65536`
fn create(line: &str) -> Option<IpSet> {
    let mut words = line.split_whitespace();
    let mut set = IpSet {
        name: words.next()?.into(),
        kind: words.next()?.into(),
        ..IpSet::default()
    };
    while let Some(word) = words.next() {
        match word {
            "counters" => set.flags.counters = true,
            "comment" => set.flags.comment = true,
            "skbinfo" => set.flags.skbinfo = true,
            "forceadd" => set.flags.forceadd = true,
            _ => {
                let value = words.next()?;
                match word {
                    "family" => set.v6 = value == "inet6",
                    "timeout" => set.timeout = Some(value.parse().ok()?),
                    "hashsize" => set.hashsize = Some(value.parse().ok()?),
                    "maxelem" => set.maxelem = Some(value.parse().ok()?),
                    "netmask" => set.netmask = Some(value.parse().ok()?),
                    "markmask" => set.markmask = Some(number(value)?),
                    "size" => set.size = Some(value.parse().ok()?),
                    "range" => set.range = Some(range(value)?),
                    // bucketsize, initval, and what newer releases have.
                    _ => {}
                }
            }
        }
    }
    Some(set)
}

/// `100-200`, `10.0.0.0-10.0.0.255`, `10.0.0.0/24`
fn range(text: &str) -> Option<(Part, Part)> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some((Part::Addr(net.network()), Part::Addr(net.broadcast())));
    }
    let (first, last) = text.split_once('-')?;
    let part = |text: &str| match text.parse::<Ipv4Addr>() {
        Ok(address) => Some(Part::Addr(address.into())),
        Err(_) => Some(Part::Port {
            proto: None,
            port: text.parse().ok()?,
        }),
    };
    Some((part(first)?, part(last)?))
}

fn add(sets: &mut [IpSet], line: &str) -> Option<()> {
    let (name, rest) = line.split_once(' ')?;
    // It is the last one, as ipset prints them.
    let set = sets.iter_mut().rev().find(|set| &*set.name == name)?;
    let (parts, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut element = Element {
        parts: self::parts(&set.kind, parts)?,
        ..Element::default()
    };
    while !rest.trim().is_empty() {
        let (word, after) = rest
            .trim_start()
            .split_once(' ')
            .unwrap_or((rest.trim_start(), ""));
        if word == "nomatch" {
            element.nomatch = true;
            rest = after;
            continue;
        }
        if word == "comment" {
            let (text, after) = comment(after)?;
            element.comment = Some(text.into());
            rest = after;
            continue;
        }
        let (value, after) = after.split_once(' ').unwrap_or((after, ""));
        rest = after;
        match word {
            "timeout" => element.timeout = Some(value.parse().ok()?),
            "packets" => element.packets = Some(value.parse().ok()?),
            "bytes" => element.bytes = Some(value.parse().ok()?),
            "skbmark" => {
                let (value, mask) = value.split_once('/').unwrap_or((value, "0xffffffff"));
                element.skbmark = Some((number(value)?, number(mask)?));
            }
            "skbprio" => {
                let (major, minor) = value.split_once(':')?;
                let half = |text| u16::from_str_radix(text, 16).ok();
                element.skbprio = Some((half(major)?, half(minor)?));
            }
            "skbqueue" => element.skbqueue = Some(value.parse().ok()?),
            _ => {}
        }
    }
    set.elements.push(element);
    Some(())
}

/// `"some text" …`: ipset allows no quotes inside.
fn comment(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        Some(rest) => rest.split_once('"'),
        None => Some(text.split_once(' ').unwrap_or((text, ""))),
    }
}

/// `10.0.0.0/8,tcp:80` by `hash:net,port`
fn parts(kind: &str, text: &str) -> Option<Vec<Part>> {
    let (_, dimensions) = kind.split_once(':')?;
    let dimensions: Vec<&str> = dimensions.split(',').collect();
    let mut parts = Vec::with_capacity(dimensions.len());
    let mut words = text.splitn(dimensions.len(), ',');
    for dimension in dimensions {
        // `bitmap:ip,mac` may lack the second.
        let Some(word) = words.next() else { break };
        parts.push(part(dimension, word)?);
    }
    words.next().is_none().then_some(parts)
}

fn part(dimension: &str, word: &str) -> Option<Part> {
    Some(match dimension {
        "ip" => Part::Addr(word.parse().ok()?),
        "net" => Part::Net(match word.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => word.parse::<IpAddr>().ok()?.into(),
        }),
        "port" => port(word)?,
        "mac" => {
            let mut mac = [0; 6];
            let mut octets = word.split(':');
            for octet in &mut mac {
                *octet = u8::from_str_radix(octets.next()?, 16).ok()?;
            }
            Part::Mac(mac)
        }
        "mark" => Part::Mark(number(word)?),
        "iface" => {
            let name = word.strip_prefix("physdev:");
            let physdev = name.is_some();
            Part::Link {
                name: name.unwrap_or(word).into(),
                physdev,
                wildcard: false,
            }
        }
        "set" => Part::Set(word.into()),
        _ => return None,
    })
}

/// `80`, `tcp:80`, `icmp:echo-request`, `icmpv6:128/0`, `gre:0`
fn port(word: &str) -> Option<Part> {
    let Some((proto, port)) = word.split_once(':') else {
        let port = word.parse().ok()?;
        return Some(Part::Port { proto: None, port });
    };
    let number = Domain::Protocol
        .number(proto)
        .or_else(|| proto.parse().ok())
        .and_then(|number| u8::try_from(number).ok())?;
    let names = match number {
        1 => ICMP,
        58 => ICMP6,
        _ => &[],
    };
    let port = if let Some((_, number)) = names.iter().find(|(name, _)| *name == port) {
        *number
    } else if let Some((kind, code)) = port.split_once('/') {
        u16::from_be_bytes([kind.parse().ok()?, code.parse().ok()?])
    } else {
        port.parse().ok()?
    };
    Some(Part::Port {
        proto: Some(number),
        port,
    })
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sets_and_elements_are_read() {
        let text = "create b hash:net family inet hashsize 64 maxelem 1000 timeout 600 counters comment bucketsize 12\n\
            add b 10.1.0.0/16 timeout 596 nomatch packets 4 bytes 5 comment \"hi there\"\n\
            add b 10.0.0.1\n\
            create l hash:ip,port,net family inet6 hashsize 1024 maxelem 65536\n\
            add l fd00::1,ipv6-icmp:echo-request,fd00::/8\n\
            create f bitmap:port range 100-200\nadd f 150\n\
            create i hash:net,iface family inet hashsize 1 maxelem 2\nadd i 10.0.0.0/24,physdev:eth1\n\
            create p list:set size 4\nadd p b\n";
        let sets = ipset_save(text).unwrap();
        assert_eq!(sets.len(), 5);
        assert_eq!((sets[0].timeout, sets[0].flags.counters), (Some(600), true));
        let element = &sets[0].elements[0];
        assert!(element.nomatch);
        assert_eq!(
            (element.timeout, element.packets, element.bytes),
            (Some(596), Some(4), Some(5))
        );
        assert_eq!(element.comment.as_deref(), Some("hi there"));
        assert_eq!(
            sets[0].elements[1].parts,
            [Part::Net("10.0.0.1/32".parse().unwrap())]
        );
        let echo = Part::Port {
            proto: Some(58),
            port: 0x8000,
        };
        assert_eq!(sets[1].elements[0].parts[1], echo);
        let port = |port| Part::Port { proto: None, port };
        assert_eq!(sets[2].range, Some((port(100), port(200))));
        assert_eq!(sets[4].elements[0].parts, [Part::Set("b".into())]);
    }

    #[test]
    fn a_foreign_line_is_an_error_with_its_number() {
        let error = ipset_save("create a hash:ip family inet\nadd b 1.2.3.4\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: not read: \"add b 1.2.3.4\"");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", lines in "((create|add) a (hash:ip,port|list:set|hash:net)?( timeout| comment| \"| 1|,|tcp:|/|:|\n)*){0,20}") {
            let _ = ipset_save(&text);
            let _ = ipset_save(&lines);
        }
    }
}
