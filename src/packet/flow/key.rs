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
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    /// `a` and `b`, each in two words; those of IPv4 have only the second one.
    addresses: [u64; 4],
    /// Ports of `a` and `b`, and the number of the virtual network.
    ends: u64,
    kind: Kind,
    via: Option<Kind>,
    flags: u8,
}

const V6: u8 = 1;
const NUMBERED: u8 = 2;

/// A key as a row of a table begins with it: short, since the row is waited for. Of IPv6, addresses are folded to what
/// IPv4 needs, and lie apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    ends: u64,
    addresses: [u32; 2],
    /// Where the whole addresses are, for IPv6.
    pub(super) whole: u32,
    kind: Kind,
    via: Option<Kind>,
    flags: u8,
}

/// The addresses of IPv6: those of [`Packed`].
pub(super) type Whole = [u64; 4];

impl Short {
    #[inline]
    pub(super) fn new(key: &Packed, whole: u32) -> Self {
        let Packed {
            ends,
            kind,
            via,
            flags,
            ..
        } = *key;
        Self {
            ends,
            addresses: key.folded(),
            whole,
            kind,
            via,
            flags,
        }
    }

    /// Whether it may be the key: of IPv4, whether it is. Without a branch for each part: they are nearly always equal.
    #[inline]
    pub(super) fn is_like(&self, key: &Packed) -> bool {
        let [a, b] = self.addresses;
        let [other_a, other_b] = key.folded();
        let differ = (self.ends ^ key.ends) | u64::from((a ^ other_a) | (b ^ other_b));
        let rest = (self.kind, self.via, self.flags) == (key.kind, key.via, key.flags);
        differ == 0 && rest
    }

    /// With the whole addresses, for IPv6.
    pub(super) fn packed(&self, whole: Option<&Whole>) -> Packed {
        let [a, b] = self.addresses.map(u64::from);
        Packed {
            addresses: whole
                .copied()
                .filter(|_| self.flags & V6 != 0)
                .unwrap_or([0, a, 0, b]),
            ends: self.ends,
            kind: self.kind,
            via: self.via,
            flags: self.flags,
        }
    }
}

impl Packed {
    /// Of a packet's innermost header, the ports behind it, and what it travels in; whether it goes from `b` to `a`.
    #[inline]
    pub(super) fn of_ipv4(ip: Ipv4, (from, to): (u16, u16), kind: Kind, via: Option<Via>) -> (Self, bool) {
        // Address and port in one number: which is the lower one is as often the one as the other.
        let end =
            |address: [u8; 4], port: u16| u64::from(u32::from_be_bytes(address)) << 16 | u64::from(port);
        let (from, to) = (end(ip.source(), from), end(ip.destination(), to));
        let (a, b) = (from.min(to), from.max(to));
        let port = |end: u64| u16::try_from(end & 0xffff).unwrap_or(0);
        let addresses = [0, a >> 16, 0, b >> 16];
        (Self::new(addresses, (port(a), port(b)), kind, via, 0), to < from)
    }

    fn of_ipv6(ip: Ipv6, (from, to): (u16, u16), kind: Kind, via: Option<Via>) -> (Self, bool) {
        let words = |address: [u8; 16]| [be64(&address, 0), be64(&address, 8)];
        let (from, to) = ((words(ip.source()), from), (words(ip.destination()), to));
        let back = to < from;
        let (a, b) = if back { (to, from) } else { (from, to) };
        let addresses = [a.0[0], a.0[1], b.0[0], b.0[1]];
        (Self::new(addresses, (a.1, b.1), kind, via, V6), back)
    }

    #[inline]
    fn new(addresses: [u64; 4], (a, b): (u16, u16), kind: Kind, via: Option<Via>, flags: u8) -> Self {
        let number = via.and_then(|via| via.number);
        Self {
            addresses,
            ends: u64::from(a) << 48 | u64::from(b) << 32 | u64::from(number.unwrap_or(0)),
            kind,
            via: via.map(|via| via.kind),
            flags: flags | if number.is_some() { NUMBERED } else { 0 },
        }
    }

    /// The addresses, where they don't fit into a [`Short`].
    #[inline]
    pub(super) const fn whole(&self) -> Option<&Whole> {
        if self.flags & V6 == 0 {
            None
        } else {
            Some(&self.addresses)
        }
    }

    #[inline]
    fn folded(&self) -> [u32; 2] {
        let [a_high, a_low, b_high, b_low] = self.addresses;
        [a_high ^ a_low, b_high ^ b_low]
            .map(|word| u32::try_from((word ^ word >> 32) & 0xffff_ffff).unwrap_or(0))
    }

    pub(super) fn key(&self) -> Key {
        let [a_high, a_low, b_high, b_low] = self.addresses;
        let address = |high: u64, low: u64| -> IpAddr {
            if self.flags & V6 != 0 {
                Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)).into()
            } else {
                Ipv4Addr::from(u32::try_from(low).unwrap_or(0)).into()
            }
        };
        let port = |shift: u32| u16::try_from(self.ends >> shift & 0xffff).unwrap_or(0);
        let number = u32::try_from(self.ends & 0xffff_ffff).unwrap_or(0);
        Key {
            via: self.via.map(|kind| Via {
                kind,
                number: (self.flags & NUMBERED != 0).then_some(number),
            }),
            kind: self.kind,
            a: End {
                address: address(a_high, a_low),
                port: port(48),
            },
            b: End {
                address: address(b_high, b_low),
                port: port(32),
            },
        }
    }

    /// Keys come from captures, and the table is bounded: nothing is gained by flows that collide.
    #[inline]
    pub(super) fn hash(&self) -> u64 {
        const ODD: [u64; 4] = [
            0x9e37_79b9_7f4a_7c15,
            0xc2b2_ae3d_27d4_eb4f,
            0xd6e8_feb8_6659_fd93,
            0xa076_1d64_78bd_642f,
        ];
        // Products that don't wait for one another.
        let mix = |one: u64, other: u64| {
            let product = u128::from(one) * u128::from(other);
            let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
            u64::try_from(low ^ high).unwrap_or(0)
        };
        let [a_high, a_low, b_high, b_low] = self.addresses;
        let low = mix(a_low ^ ODD[0], b_low.rotate_left(32) ^ ODD[1]);
        let high = mix(a_high ^ ODD[1], b_high.rotate_left(32) ^ ODD[2]);
        let ends = mix(self.ends ^ ODD[2], self.kind as u64 ^ ODD[3]);
        mix(low ^ high.rotate_left(17) ^ ends.rotate_left(41), ODD[0])
    }
}

impl From<&Key> for Packed {
    fn from(key: &Key) -> Self {
        let words = |address: IpAddr| match address {
            IpAddr::V4(address) => [0, u64::from(address.to_bits())],
            IpAddr::V6(address) => [be64(&address.octets(), 0), be64(&address.octets(), 8)],
        };
        let ([a_high, a_low], [b_high, b_low]) = (words(key.a.address), words(key.b.address));
        let flags = if key.a.address.is_ipv6() { V6 } else { 0 };
        let ports = (key.a.port, key.b.port);
        Self::new([a_high, a_low, b_high, b_low], ports, key.kind, key.via, flags)
    }
}

impl Key {
    /// Of a packet; none for one without IP inside.
    pub fn of(frame: &[u8], stack: &Stack) -> Option<Self> {
        packed(frame, stack).map(|(packed, _)| packed.key())
    }
}

/// The flow of a packet, and whether it goes from `b` to `a`; none for one without IP inside.
#[inline]
pub(super) fn packed(frame: &[u8], stack: &Stack) -> Option<(Packed, bool)> {
    let level = stack.innermost();
    let ip = level.iter().find(|layer| layer.kind.is_ip())?;
    let last = level.last()?;
    let speaks = |layer: &&Layer| {
        matches!(
            layer.kind,
            Kind::Tcp | Kind::Udp | Kind::Sctp | Kind::Icmp | Kind::Icmpv6
        )
    };
    let transport = level.iter().rev().find(speaks);
    let (from, to) = transport.map_or((0, 0), |layer| ports(frame, layer));
    let header = ip.header(frame);
    let kind = transport.unwrap_or(last).kind;
    let via = via(frame, stack);
    Some(if ip.kind == Kind::Ipv4 {
        Packed::of_ipv4(Ipv4(header), (from, to), kind, via)
    } else {
        Packed::of_ipv6(Ipv6(header), (from, to), kind, via)
    })
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
