//! From bytes to layers. Reads headers only, allocates nothing, and takes a time that is bounded by the layers.

use super::bytes::{be16, small};
use super::layer::{Kind, Layer, MOST, Stack, Stop, Why};
use super::link_type::{LinkType, Start};
use super::ports::Ports;
use super::wire::ethernet::ether_type;
use super::wire::ipv4::protocol;
use super::wire::{self, Next, Read, Step, Trouble};

/// Extension headers in a row that are walked over.
const MOST_EXTENSIONS: u8 = 8;

/// A decoder: what doesn't change from packet to packet.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    pub ports: Ports,
    /// Take no UDP payload for VXLAN only because it looks like it.
    pub known_ports_only: bool,
}

/// Where decoding is.
struct Walk<'a> {
    /// The captured bytes that are next, as far as what encloses them goes.
    rest: &'a [u8],
    stack: &'a mut Stack,
    /// Bytes of the frame that were captured.
    captured: u32,
    /// Where the next byte is in the frame.
    at: u32,
    /// The end of what encloses it, on the wire.
    end: u32,
    /// Of TCP or UDP: source and destination.
    ports: [u16; 2],
    level: u8,
    /// An address of the present level was seen.
    has_ip: bool,
    quoted: bool,
    extensions: u8,
}

impl Decoder {
    /// Decodes a frame of `wire_len` bytes, of which some were captured, into `stack`.
    pub fn decode(&self, frame: &[u8], link: LinkType, wire_len: u32, stack: &mut Stack) {
        stack.clear();
        let captured = small(frame.len());
        let mut walk = Walk {
            rest: frame.get(..captured as usize).unwrap_or(frame),
            stack,
            captured,
            at: 0,
            end: wire_len.max(captured),
            ports: [0; 2],
            level: 0,
            has_ip: false,
            quoted: false,
            extensions: 0,
        };
        let mut next = match link.start() {
            Start::Next(next) => Some(next),
            Start::Null => walk.read(Kind::Null, wire::null::step),
            Start::Sll => walk.read(Kind::Sll, wire::cooked::sll),
            Start::Sll2 => walk.read(Kind::Sll2, wire::cooked::sll2),
            Start::Unknown => None,
        };
        while let Some(now) = next {
            next = self.follow(&mut walk, now);
        }
    }

    /// Reads the header that is next; none when there is none.
    fn follow(&self, walk: &mut Walk, next: Next) -> Option<Next> {
        match next {
            Next::Stream if walk.ports.contains(&wire::bgp::PORT) => {
                let read = wire::bgp::step(walk.rest)?;
                walk.take(Kind::Bgp, read)
            }
            Next::Data | Next::Stream => None,
            Next::Stop(why) => walk.stop_at_last(why),
            Next::Ethernet => walk.read(Kind::Ethernet, wire::ethernet::step),
            Next::Type(kind) => walk.ether_type(kind),
            Next::Proto(kind) => walk.protocol(kind),
            Next::Ip => match walk.rest.first().map(|first| first >> 4) {
                Some(6) => walk.read(Kind::Ipv6, wire::ipv6::step),
                _ => walk.read(Kind::Ipv4, wire::ipv4::step),
            },
            Next::Quote => {
                let v6 = walk
                    .stack
                    .layers()
                    .last()
                    .is_some_and(|last| last.kind == Kind::Icmpv6);
                walk.quoted = true;
                // An error may quote nothing.
                if walk.rest.is_empty() {
                    None
                } else if v6 {
                    walk.read(Kind::Ipv6, wire::ipv6::step)
                } else {
                    walk.read(Kind::Ipv4, wire::ipv4::step)
                }
            }
            Next::Labelled => Some(wire::mpls::payload(walk.rest)),
            Next::ControlWord => walk.read(Kind::ControlWord, wire::mpls::control_word),
            Next::Ppp => walk.read(Kind::Ppp, wire::ppp::ppp),
            Next::Gre(kind) => Some(walk.gre(kind, false)),
            Next::SequencedGre(kind) => Some(walk.gre(kind, true)),
            Next::Erspan => walk.read(Kind::Erspan, wire::erspan::step),
            Next::Datagram => self.datagram(walk),
            Next::Vxlan => walk.read(Kind::Vxlan, wire::vxlan::step),
            Next::VxlanGpe => walk.read(Kind::VxlanGpe, wire::vxlan::gpe),
            Next::Geneve => walk.read(Kind::Geneve, wire::geneve::step),
            Next::FlannelUdp => walk.take(Kind::FlannelUdp, Ok(Step::new(0, Next::Ip))),
            Next::WireGuard => walk.read(Kind::WireGuard, wire::wireguard::step),
        }
    }

    /// What a UDP payload is, by its ports, then by its shape.
    fn datagram(&self, walk: &mut Walk) -> Option<Next> {
        let [source, destination] = walk.ports;
        let rest = walk.rest;
        if walk.at >= walk.end {
            return None;
        }
        if let Some(next) = self.ports.get(destination).next() {
            return Some(next);
        }
        for port in [destination, source] {
            if wire::dns::PORTS.contains(&port) {
                return walk.read(Kind::Dns, wire::dns::step);
            }
            if wire::dhcp::PORTS.contains(&port) {
                return walk.read(Kind::Dhcp, wire::dhcp::step);
            }
        }
        let length = walk.end.saturating_sub(walk.at) as usize;
        if wire::wireguard::has_shape(rest, length) {
            return Some(Next::WireGuard);
        }
        let shape = wire::vxlan::has_shape(rest);
        if shape && !self.known_ports_only {
            return Some(Next::Vxlan);
        }
        // An answer of a tunnel's own port: rare, and then the ephemeral port may be anybody's.
        match self.ports.get(source).next() {
            Some(Next::Vxlan) if !shape => None,
            Some(Next::Geneve) if be16(rest, 2) != ether_type::TEB => None,
            // An IP packet that fills the datagram.
            Some(Next::FlannelUdp) if !wire::ipv4::fills(rest, length) => None,
            other => other,
        }
    }
}

impl Walk<'_> {
    /// Reads a header. Each kind has a function of its own, in which all else is inlined.
    #[inline(never)]
    fn read(&mut self, kind: Kind, step: impl Fn(&[u8]) -> Read) -> Option<Next> {
        let read = step(self.rest);
        self.take(kind, read)
    }

    /// Makes a layer of a header that was read, and goes to what follows it.
    #[expect(
        clippy::inline_always,
        reason = "else what was read goes through memory, and comes back in other pieces"
    )]
    #[inline(always)]
    fn take(&mut self, kind: Kind, read: Read) -> Option<Next> {
        let step = match read {
            Ok(step) => step,
            Err(trouble) => {
                self.trouble(kind, trouble);
                return None;
            }
        };
        if let Some(total) = step.total {
            self.end = self.end.min(self.at.saturating_add(small(total)));
            self.rest = self.rest.get(..total).unwrap_or(self.rest);
        }
        if !self.push(kind, small(step.len), false) {
            self.stop(kind, step.len, Why::Depth);
            return None;
        }
        self.skip(step.len);
        Some(step.next)
    }

    /// Passes over bytes of what encloses them.
    #[inline]
    fn skip(&mut self, length: usize) {
        self.at = self.at.saturating_add(small(length)).min(self.end);
        self.rest = self.rest.get(length..).unwrap_or(&[]);
    }

    /// Adds a layer; false when there are too many.
    #[inline]
    fn push(&mut self, kind: Kind, len: u32, cut: bool) -> bool {
        // A frame in a packet, or a packet in a packet: an encapsulation.
        let inside = match kind {
            Kind::Ethernet => !self.stack.is_empty(),
            Kind::Ipv4 | Kind::Ipv6 | Kind::Arp => self.has_ip,
            _ => false,
        };
        if inside {
            self.level = self.level.saturating_add(1);
            self.has_ip = false;
            self.extensions = 0;
        }
        self.has_ip |= kind.is_ip();
        let layer = Layer {
            kind,
            level: self.level,
            quoted: self.quoted,
            cut,
            offset: self.at,
            len,
            total: self.end.saturating_sub(self.at),
        };
        self.stack.push(layer, inside)
    }

    /// Notes why a header can't be read. Of the end of a packet, as quoted by ICMP or cut by a capture, the ports are kept.
    #[cold]
    fn trouble(&mut self, kind: Kind, trouble: Trouble) {
        let had = self.rest.len();
        let (needed, why) = match trouble {
            Trouble::Bad(why) => (0, why),
            Trouble::Short(needed) if self.at.saturating_add(small(needed)) > self.end => {
                (needed, Why::Enclosed)
            }
            Trouble::Short(needed) => (needed, Why::Captured),
        };
        let ports = matches!(kind, Kind::Tcp | Kind::Udp | Kind::Sctp);
        if ports && had >= 4 && self.stack.layers().len() < MOST {
            let len = if needed == 0 { had.min(20) } else { had.min(needed) };
            self.push(kind, small(len), true);
        }
        // An error quotes only the start of a packet: nothing is wrong when it ends.
        if !(self.quoted && needed != 0) {
            self.stop(kind, needed, why);
        }
    }

    #[cold]
    fn stop(&mut self, kind: Kind, needed: usize, why: Why) {
        self.stack.end(Stop {
            kind,
            offset: self.at.min(self.captured),
            needed: small(needed),
            had: small(self.rest.len()),
            why,
        });
    }

    /// The last layer forbids going on.
    fn stop_at_last(&mut self, why: Why) -> Option<Next> {
        if let Some(last) = self.stack.layers().last().copied() {
            self.stack.end(Stop {
                kind: last.kind,
                offset: last.offset,
                needed: last.len,
                had: last.len,
                why,
            });
        }
        None
    }

    fn ether_type(&mut self, kind: u16) -> Option<Next> {
        match kind {
            ether_type::IPV4 => self.read(Kind::Ipv4, wire::ipv4::step),
            ether_type::IPV6 => self.read(Kind::Ipv6, wire::ipv6::step),
            ether_type::ARP | ether_type::RARP => self.read(Kind::Arp, wire::arp::step),
            ether_type::VLAN | ether_type::QINQ | ether_type::QINQ_9100 | ether_type::QINQ_9200 => {
                self.read(Kind::Vlan, wire::vlan::step)
            }
            ether_type::MPLS | ether_type::MPLS_MULTICAST => self.read(Kind::Mpls, wire::mpls::step),
            ether_type::PPPOE_SESSION => self.read(Kind::Pppoe, |bytes| wire::ppp::pppoe(bytes, true)),
            ether_type::PPPOE_DISCOVERY => self.read(Kind::Pppoe, |bytes| wire::ppp::pppoe(bytes, false)),
            ether_type::TEB => self.read(Kind::Ethernet, wire::ethernet::step),
            _ => None,
        }
    }

    /// A header that begins with two ports.
    #[inline]
    fn read_ports(&mut self, kind: Kind, step: impl Fn(&[u8]) -> Read) -> Option<Next> {
        self.ports = [be16(self.rest, 0), be16(self.rest, 2)];
        self.read(kind, step)
    }

    fn gre(&mut self, kind: u16, sequenced: bool) -> Next {
        match wire::gre::payload(kind, sequenced, self.rest) {
            Next::Type(ether_type::WCCP) => {
                self.skip(4);
                Next::Type(ether_type::IPV4)
            }
            other => other,
        }
    }

    fn protocol(&mut self, kind: u16) -> Option<Next> {
        let kind = u8::try_from(kind).ok()?;
        match kind {
            protocol::TCP => self.read_ports(Kind::Tcp, wire::tcp::step),
            protocol::UDP => self.read_ports(Kind::Udp, wire::udp::step),
            protocol::IPV4 => self.read(Kind::Ipv4, wire::ipv4::step),
            protocol::IPV6 => self.read(Kind::Ipv6, wire::ipv6::step),
            protocol::GRE => self.read(Kind::Gre, wire::gre::step),
            protocol::ICMP => self.read(Kind::Icmp, wire::icmp::step),
            protocol::ICMPV6 => self.read(Kind::Icmpv6, wire::icmpv6::step),
            protocol::IGMP => self.read(Kind::Igmp, wire::igmp::step),
            protocol::SCTP => self.read(Kind::Sctp, wire::sctp::step),
            protocol::AH => self.read(Kind::Ah, wire::ah::step),
            protocol::ESP => self.read(Kind::Esp, wire::ah::esp),
            protocol::MPLS => self.read(Kind::Mpls, wire::mpls::step),
            protocol::ETHERNET => self.read(Kind::Ethernet, wire::ethernet::step),
            _ if wire::ipv6::is_extension(kind) && self.in_ipv6() => {
                self.extensions = self.extensions.saturating_add(1);
                if self.extensions > MOST_EXTENSIONS {
                    self.stop(Kind::Ipv6Ext, 0, Why::Depth);
                    return None;
                }
                self.read(Kind::Ipv6Ext, |bytes| wire::ipv6::extension(kind, bytes))
            }
            _ => None,
        }
    }

    /// Whether the header before is of IPv6.
    fn in_ipv6(&self) -> bool {
        let ip = self.stack.layers().iter().rev().find(|layer| layer.kind.is_ip());
        ip.is_some_and(|layer| layer.kind == Kind::Ipv6)
    }
}
