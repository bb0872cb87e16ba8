//! What tells flows apart: the innermost addresses and ports, and what they travel in.

use std::hash::{BuildHasherDefault, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::packet::decap;
use crate::packet::layer::{Kind, Layer, Stack};
use crate::packet::wire::gre::Gre;
use crate::packet::wire::icmp::{Icmp, kind as icmp_kind};
use crate::packet::wire::icmpv6::{Icmpv6, kind as icmpv6_kind};
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::Ipv6;
use crate::packet::wire::tcp::Tcp;

/// One end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct End {
    pub address: IpAddr,
    /// Of TCP, UDP and SCTP; the identifier of an ICMP echo.
    pub port: u16,
}

/// What a packet travels in: the outermost encapsulation that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Via {
    pub kind: Kind,
    /// The virtual network, where there is one; the key of GRE.
    pub number: Option<u32>,
}

/// A flow; the lower end comes first, whoever speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub via: Option<Via>,
    pub kind: Kind,
    pub a: End,
    pub b: End,
}

impl Key {
    /// Of a packet, and whether it goes from `b` to `a`; none for one without IP inside.
    pub fn of(frame: &[u8], stack: &Stack) -> Option<(Self, bool)> {
        let level = stack.innermost();
        let ip = level.iter().find(|layer| layer.kind.is_ip())?;
        let last = level.last()?;
        let (source, destination) = addresses(frame, ip);
        let speaks = |layer: &&Layer| {
            matches!(
                layer.kind,
                Kind::Tcp | Kind::Udp | Kind::Sctp | Kind::Icmp | Kind::Icmpv6
            )
        };
        let transport = level.iter().rev().find(speaks);
        let (from, to) = transport.map_or((0, 0), |layer| ports(frame, layer));
        let from = End {
            address: source,
            port: from,
        };
        let to = End {
            address: destination,
            port: to,
        };
        let back = to < from;
        let (a, b) = if back { (to, from) } else { (from, to) };
        let kind = transport.unwrap_or(last).kind;
        let via = via(frame, stack);
        Some((Self { via, kind, a, b }, back))
    }
}

/// The addresses of an IP header.
pub fn addresses(frame: &[u8], ip: &Layer) -> (IpAddr, IpAddr) {
    let header = ip.header(frame);
    if ip.kind == Kind::Ipv4 {
        let ip = Ipv4(header);
        (
            Ipv4Addr::from(ip.source()).into(),
            Ipv4Addr::from(ip.destination()).into(),
        )
    } else {
        let ip = Ipv6(header);
        (
            Ipv6Addr::from(ip.source()).into(),
            Ipv6Addr::from(ip.destination()).into(),
        )
    }
}

fn ports(frame: &[u8], layer: &Layer) -> (u16, u16) {
    let header = layer.header(frame);
    let echo = match layer.kind {
        Kind::Icmp => {
            let icmp = Icmp(header);
            matches!(icmp.kind(), icmp_kind::ECHO | icmp_kind::ECHO_REPLY).then(|| icmp.id())
        }
        Kind::Icmpv6 => {
            let icmp = Icmpv6(header);
            matches!(icmp.kind(), icmpv6_kind::ECHO | icmpv6_kind::ECHO_REPLY).then(|| icmp.id())
        }
        _ => return (Tcp(header).source(), Tcp(header).destination()),
    };
    (echo.unwrap_or(0), echo.unwrap_or(0))
}

/// What a packet travels in.
pub fn via(frame: &[u8], stack: &Stack) -> Option<Via> {
    let layers = stack.travelling();
    let inside = layers.iter().position(|layer| layer.level > 0)?;
    let outer = layers.get(..inside)?;
    let named = outer.iter().rev().find(|layer| {
        matches!(
            layer.kind,
            Kind::Vxlan | Kind::VxlanGpe | Kind::Geneve | Kind::Gre | Kind::FlannelUdp | Kind::Mpls
        )
    });
    Some(match named {
        Some(layer) => Via {
            kind: layer.kind,
            number: match layer.kind {
                Kind::Gre => Gre(layer.header(frame)).key(),
                _ => decap::vni(frame, layer),
            },
        },
        // IP in IP.
        None => Via {
            kind: outer.iter().find(|layer| layer.kind.is_ip())?.kind,
            number: None,
        },
    })
}

impl Via {
    /// In words.
    pub fn text(self) -> String {
        let name = match self.kind {
            Kind::Ipv4 => "ipip",
            Kind::Ipv6 => "ip6 tunnel",
            kind => kind.name(),
        };
        match (self.kind, self.number) {
            (_, None) => name.to_owned(),
            (Kind::Gre, Some(key)) => format!("{name} key {key:#x}"),
            (_, Some(vni)) => format!("{name} vni {vni}"),
        }
    }
}

/// A quick hash of few words: keys come from captures, and the table is bounded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quick(u64);

/// Makes `Quick` hashers.
pub type BuildQuick = BuildHasherDefault<Quick>;

impl Quick {
    const fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            if let Some(place) = word.get_mut(..chunk.len()) {
                place.copy_from_slice(chunk);
            }
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.add(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
