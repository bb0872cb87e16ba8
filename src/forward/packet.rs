//! The packet that is walked: what tables, rules and links look at, and nothing else.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::fib::{Flow, LOOPBACK};
use crate::state::link::IfIndex;

/// IPPROTO_*.
pub mod proto {
    pub const ICMP: u8 = 1;
    pub const IPIP: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const GRE: u8 = 47;
    pub const ICMPV6: u8 = 58;
    pub const SCTP: u8 = 132;
}

/// What is above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Tcp {
        sport: u16,
        dport: u16,
    },
    Udp {
        sport: u16,
        dport: u16,
    },
    Sctp {
        sport: u16,
        dport: u16,
    },
    /// Type, code, identifier: ICMP or ICMPv6, by the family of the addresses.
    Icmp {
        kind: u8,
        code: u8,
        id: u16,
    },
    /// IPPROTO_*.
    Other(u8),
}

impl Transport {
    /// An echo request.
    pub const fn echo(v6: bool, id: u16) -> Self {
        Self::Icmp {
            kind: if v6 { 128 } else { 8 },
            code: 0,
            id,
        }
    }

    /// Source and destination port.
    pub const fn ports(self) -> Option<(u16, u16)> {
        match self {
            Self::Tcp { sport, dport } | Self::Udp { sport, dport } | Self::Sctp { sport, dport } => {
                Some((sport, dport))
            }
            Self::Icmp { .. } | Self::Other(_) => None,
        }
    }

    /// The same with other ports, where it has any.
    #[must_use]
    pub const fn with_ports(self, sport: u16, dport: u16) -> Self {
        match self {
            Self::Tcp { .. } => Self::Tcp { sport, dport },
            Self::Udp { .. } => Self::Udp { sport, dport },
            Self::Sctp { .. } => Self::Sctp { sport, dport },
            other => other,
        }
    }

    /// What answers it: ports turned around, the echo reply of an echo request.
    #[must_use]
    pub const fn reply(self) -> Self {
        match self {
            Self::Icmp { kind: 8, code, id } => Self::Icmp { kind: 0, code, id },
            Self::Icmp { kind: 128, code, id } => Self::Icmp { kind: 129, code, id },
            other => match other.ports() {
                Some((sport, dport)) => other.with_ports(dport, sport),
                None => other,
            },
        }
    }
}

/// Whose socket a packet is of (`sk_uid`, and the credentials of the socket's file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// No program of this namespace: the kernel made it, or it came in.
    Nobody,
    /// A user and a group; none: not known.
    User { uid: Option<u32>, gid: Option<u32> },
}

impl Owner {
    pub const ROOT: Self = Self::User {
        uid: Some(0),
        gid: Some(0),
    };

    /// A program of nobody knows which user.
    pub const UNKNOWN: Self = Self::User { uid: None, gid: None };

    /// Whom policy rules see (`flowi_uid`): the namespace's root for what the kernel sends.
    pub const fn uid(self) -> u32 {
        match self {
            Self::User { uid: Some(uid), .. } => uid,
            Self::User { uid: None, .. } | Self::Nobody => 0,
        }
    }
}

/// A packet, as it is at one moment of its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// Its program leaves the source to the kernel, which looks for a route before there is one.
    pub unbound: bool,
    pub transport: Transport,
    /// Who has its socket, in the namespace that it starts in.
    pub owner: Owner,
    /// It answers another one: of TCP, a SYN ACK.
    pub answers: bool,
    pub tos: u8,
    pub ttl: u8,
    /// Bytes, IP header included.
    pub size: u32,
    /// The sender wants it whole (with IPv4: don't fragment).
    pub df: bool,
    /// Of what it was cut into, the longest.
    pub fragment: Option<u32>,
    /// `skb->mark`: within one namespace only.
    pub mark: u32,
    /// The link by which a bridge's port got it (`physdev-in`), while it is bridged.
    pub physdev_in: Option<IfIndex>,
    /// A tunnel's packet that NAT changed: its UDP checksum was made for what it was, where the packet inside has none
    /// yet (`lco_csum`, `inet_proto_csum_replace4`).
    pub translated: bool,
    /// What is carried, when this is the outer packet of a tunnel.
    pub inner: Option<Box<Inner>>,
}

/// What a tunnel's packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inner {
    /// IPIP, 6in4, GRE without Ethernet, flannel's UDP back end.
    Packet { packet: Packet, header: Header },
    /// VXLAN, Geneve, gretap.
    Frame { frame: Frame, header: Header },
}

/// What a tunnel's own header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// VNI, or the key of GRE.
    pub id: Option<u32>,
    /// GRE: a checksum is in it.
    pub csum: bool,
    /// GRE: a sequence number is in it.
    pub seq: bool,
}

/// An Ethernet frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub src: Mac,
    pub dst: Mac,
    /// 802.1Q tag on the wire.
    pub vlan: Option<u16>,
    pub payload: Payload,
}

impl Frame {
    /// Bytes behind its header: of ARP 28; of neighbor discovery 72, with the option that names a link-layer address.
    pub const fn length(&self) -> u32 {
        match &self.payload {
            Payload::Ip(packet) => packet.on_wire(),
            Payload::Ask { target, .. } | Payload::Tell { target, .. } if target.is_ipv6() => 72,
            Payload::Ask { .. } | Payload::Tell { .. } => 28,
        }
    }
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    Ip(Packet),
    /// An ARP request or neighbor solicitation: who has `target`, asked by `sender`.
    Ask {
        target: IpAddr,
        sender: IpAddr,
    },
    /// The answer to `sender`: `mac` has `target`. It comes `from` the target, or a proxy's own address (IPv6).
    Tell {
        target: IpAddr,
        mac: Mac,
        sender: IpAddr,
        from: IpAddr,
    },
}

/// A 48-bit address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub const BROADCAST: Self = Self([0xff; 6]);
    pub const ZERO: Self = Self([0; 6]);

    /// `aa:bb:cc:dd:ee:ff`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }

    /// Where those listen who may have this address (RFC 4291, 2.7.1; RFC 2464, 7).
    pub const fn solicited(ip: Ipv6Addr) -> Self {
        let [.., a, b, c] = ip.octets();
        Self([0x33, 0x33, 0xff, a, b, c])
    }

    /// Where those listen who have joined a group (RFC 1112, 6.4; RFC 2464, 7).
    pub const fn group(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => {
                let [_, a, b, c] = ip.octets();
                Self([0x01, 0x00, 0x5e, a & 0x7f, b, c])
            }
            IpAddr::V6(ip) => {
                let [.., a, b, c, d] = ip.octets();
                Self([0x33, 0x33, a, b, c, d])
            }
        }
    }

    /// Broadcast and multicast.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.0.map(|octet| format!("{octet:02x}"));
        f.write_str(&octets.join(":"))
    }
}

impl Packet {
    /// A packet of a host itself, as ping(8) or a connect(2) makes it.
    pub const fn new(src: IpAddr, dst: IpAddr, transport: Transport) -> Self {
        Self {
            src,
            dst,
            unbound: false,
            transport,
            owner: Owner::ROOT,
            answers: false,
            tos: 0,
            ttl: 64,
            size: 84,
            df: true,
            fragment: None,
            mark: 0,
            physdev_in: None,
            translated: false,
            inner: None,
        }
    }

    /// Bytes of the longest piece that goes over links.
    pub const fn on_wire(&self) -> u32 {
        match self.fragment {
            Some(piece) => piece,
            None => self.size,
        }
    }

    /// Whether it is a tunnel's, and carries one of several pieces of a packet.
    pub fn carries_piece(&self) -> bool {
        let carried = match self.inner.as_deref() {
            Some(Inner::Packet { packet, .. }) => packet,
            Some(Inner::Frame { frame, .. }) => match &frame.payload {
                Payload::Ip(packet) => packet,
                Payload::Ask { .. } | Payload::Tell { .. } => return false,
            },
            None => return false,
        };
        carried.fragment.is_some() || carried.carries_piece()
    }

    pub const fn is_v6(&self) -> bool {
        self.dst.is_ipv6()
    }

    /// IPPROTO_*.
    pub const fn proto(&self) -> u8 {
        match self.transport {
            Transport::Tcp { .. } => proto::TCP,
            Transport::Udp { .. } => proto::UDP,
            Transport::Sctp { .. } => proto::SCTP,
            Transport::Icmp { .. } if self.is_v6() => proto::ICMPV6,
            Transport::Icmp { .. } => proto::ICMP,
            Transport::Other(proto) => proto,
        }
    }

    /// What the FIB looks at, for a packet that came in by a link.
    pub fn flow(&self, iif: IfIndex) -> Flow {
        let (sport, dport) = self.transport.ports().unwrap_or_default();
        Flow {
            src: Some(self.src),
            iif,
            mark: self.mark,
            tos: self.tos,
            proto: self.proto(),
            sport,
            dport,
            uid: if iif == LOOPBACK { self.owner.uid() } else { 0 },
            ..Flow::to(self.dst)
        }
    }
}

impl fmt::Display for Packet {
    /// `10.0.0.1 → 10.0.0.2 icmp echo request`, `10.0.0.1:40000 → 10.0.0.2:80 tcp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.transport {
            Transport::Tcp { .. } => "tcp",
            Transport::Udp { .. } => "udp",
            Transport::Sctp { .. } => "sctp",
            Transport::Icmp { kind: 8 | 128, .. } => "icmp echo request",
            Transport::Icmp { kind: 0 | 129, .. } => "icmp echo reply",
            Transport::Icmp { .. } => "icmp",
            Transport::Other(proto::IPIP) => "ipip",
            Transport::Other(proto::IPV6) => "6in4",
            Transport::Other(proto::GRE) => "gre",
            Transport::Other(proto) => return write!(f, "{} → {} proto {proto}", self.src, self.dst),
        };
        match self.transport.ports() {
            Some((sport, dport)) => write!(
                f,
                "{} → {} {name}",
                SocketAddr::new(self.src, sport),
                SocketAddr::new(self.dst, dport)
            ),
            None => write!(f, "{} → {} {name}", self.src, self.dst),
        }
    }
}
