//! What tells flows apart: the innermost addresses and ports, and what they travel in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::packet::bytes::be64;
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

/// A key in few bytes, that is quickly compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    /// Of 16 bytes or, in the second, of 4.
    a: [u64; 2],
    b: [u64; 2],
    a_port: u16,
    b_port: u16,
    number: u32,
    kind: Kind,
    via: Option<Kind>,
    flags: u8,
}

const V6: u8 = 1;
const NUMBERED: u8 = 2;

impl Packed {
    pub(super) fn key(&self) -> Key {
        let address = |[high, low]: [u64; 2]| -> IpAddr {
            if self.flags & V6 != 0 {
                Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)).into()
            } else {
                Ipv4Addr::from(u32::try_from(low).unwrap_or(0)).into()
            }
        };
        Key {
            via: self.via.map(|kind| Via {
                kind,
                number: (self.flags & NUMBERED != 0).then_some(self.number),
            }),
            kind: self.kind,
            a: End {
                address: address(self.a),
                port: self.a_port,
            },
            b: End {
                address: address(self.b),
                port: self.b_port,
            },
        }
    }

    /// Keys come from captures, and the table is bounded: nothing is gained by flows that collide.
    pub(super) const fn hash(&self) -> u64 {
        let mut hash = 0;
        let ports = (self.a_port as u64) << 32 | (self.b_port as u64) << 48 | self.number as u64;
        let words = [
            self.a[0],
            self.a[1],
            self.b[0],
            self.b[1],
            ports,
            self.kind as u64,
        ];
        let mut at = 0;
        while at < words.len() {
            hash = (hash ^ words[at])
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(23);
            at += 1;
        }
        hash ^ hash >> 32
    }
}

impl From<&Key> for Packed {
    fn from(key: &Key) -> Self {
        let words = |address: IpAddr| match address {
            IpAddr::V4(address) => [0, u64::from(address.to_bits())],
            IpAddr::V6(address) => [be64(&address.octets(), 0), be64(&address.octets(), 8)],
        };
        let number = key.via.and_then(|via| via.number);
        let v6 = if key.a.address.is_ipv6() { V6 } else { 0 };
        Self {
            a: words(key.a.address),
            b: words(key.b.address),
            a_port: key.a.port,
            b_port: key.b.port,
            number: number.unwrap_or(0),
            kind: key.kind,
            via: key.via.map(|via| via.kind),
            flags: v6 | if number.is_some() { NUMBERED } else { 0 },
        }
    }
}

impl Key {
    /// Of a packet; none for one without IP inside.
    pub fn of(frame: &[u8], stack: &Stack) -> Option<Self> {
        packed(frame, stack).map(|(packed, _)| packed.key())
    }
}

/// The flow of a packet, and whether it goes from `b` to `a`; none for one without IP inside.
pub(super) fn packed(frame: &[u8], stack: &Stack) -> Option<(Packed, bool)> {
    let level = stack.innermost();
    let ip = level.iter().find(|layer| layer.kind.is_ip())?;
    let last = level.last()?;
    let header = ip.header(frame);
    let words = |address: [u8; 16]| [be64(&address, 0), be64(&address, 8)];
    let (source, destination, flags) = if ip.kind == Kind::Ipv4 {
        let short = |address: [u8; 4]| [0, u64::from(u32::from_be_bytes(address))];
        (short(Ipv4(header).source()), short(Ipv4(header).destination()), 0)
    } else {
        (
            words(Ipv6(header).source()),
            words(Ipv6(header).destination()),
            V6,
        )
    };
    let speaks = |layer: &&Layer| {
        matches!(
            layer.kind,
            Kind::Tcp | Kind::Udp | Kind::Sctp | Kind::Icmp | Kind::Icmpv6
        )
    };
    let transport = level.iter().rev().find(speaks);
    let (from, to) = transport.map_or((0, 0), |layer| ports(frame, layer));
    let (from, to) = ((source, from), (destination, to));
    let back = to < from;
    let ((a, a_port), (b, b_port)) = if back { (to, from) } else { (from, to) };
    let via = via(frame, stack);
    let number = via.and_then(|via| via.number);
    let packed = Packed {
        a,
        b,
        a_port,
        b_port,
        number: number.unwrap_or(0),
        kind: transport.unwrap_or(last).kind,
        via: via.map(|via| via.kind),
        flags: flags | if number.is_some() { NUMBERED } else { 0 },
    };
    Some((packed, back))
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
