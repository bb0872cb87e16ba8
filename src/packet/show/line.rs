//! One line a packet, with ` | ` between the headers of each encapsulation and the next.

use std::sync::Arc;

use super::names::Names;
use super::text::{Paint, Text};
use super::{Clock, Shown, payload, tunnel};
use crate::packet::layer::{Kind, Layer, Stop};
use crate::packet::wire::arp::Arp;
use crate::packet::wire::cooked::Cooked;
use crate::packet::wire::ethernet::Ethernet;
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::Ipv6;
use crate::packet::wire::tcp::Tcp;
use crate::packet::wire::vlan::Vlan;

/// Between a packet and the one in it.
pub const SEPARATOR: &str = " | ";
/// Columns that a pair of addresses is padded to at most: two of IPv4 with ports.
const WIDEST: usize = 45;
/// With their names.
const WIDEST_NAMED: usize = 100;
/// Levels whose columns line up.
const LEVELS: usize = 4;

/// See [`Lines::layout`].
pub type Layout = [usize; LEVELS];

/// Writes lines.
#[derive(Debug, Clone)]
pub struct Lines {
    pub clock: Clock,
    /// Also ports of tunnels, link addresses, TTL, windows and options.
    pub wide: bool,
    /// Shown beside addresses.
    pub names: Option<Arc<Names>>,
    /// Of the addresses of each level: the widest so far.
    widths: [usize; LEVELS],
}

impl Lines {
    pub const fn new(clock: Clock, wide: bool) -> Self {
        Self {
            clock,
            wide,
            names: None,
            widths: [0; LEVELS],
        }
    }

    /// What lines take over from those before, if times are the packets' own: writers with the same write the same.
    pub const fn layout(&self) -> Layout {
        self.widths
    }

    /// Goes on as another writer would.
    pub const fn resume(&mut self, layout: Layout) {
        self.widths = layout;
    }

    /// Writes a packet and the end of its line.
    pub fn write(&mut self, shown: &Shown, out: &mut Text) {
        self.clock.write(shown.packet.time, out);
        link(shown, out);
        let frame = shown.packet.data;
        let layers = shown.stack.travelling();
        let mut rest = layers;
        while let Some(first) = rest.first() {
            let count = rest.iter().take_while(|layer| layer.level == first.level).count();
            let (level, inside) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let outer = !inside.is_empty();
            out.paint(if outer { Paint::Outer } else { Paint::Inner });
            self.addresses(frame, level, outer, out);
            out.unpaint();
            if outer {
                out.paint(Paint::Tunnel);
                tunnel::write(frame, level, inside.first(), out);
                out.unpaint();
                out.str(SEPARATOR);
            } else {
                tunnel_end(frame, level, out);
                payload::write(shown, level, self.wide, out);
            }
            rest = inside;
        }
        if layers.is_empty() {
            out.str("link type ");
            out.number(shown.packet.link.0);
            out.str(" len ");
            out.number(shown.packet.wire_len);
        }
        if let Some(stop) = shown.stack.stop() {
            out.byte(b' ');
            out.paint(Paint::Bad);
            ended(stop, out);
            out.unpaint();
        }
        if let Some(comment) = shown.packet.comment.filter(|_| self.wide) {
            out.str(" # ");
            out.escaped(comment.get(..200).unwrap_or(comment));
        }
        out.byte(b'\n');
    }

    /// `A.port > B.port`, padded so that what follows lines up with the lines before.
    fn addresses(&mut self, frame: &[u8], level: &[Layer], outer: bool, out: &mut Text) {
        let start = out.len();
        for layer in level {
            match layer.kind {
                Kind::Vlan => {
                    out.str("vlan ");
                    out.number(Vlan(layer.header(frame)).id());
                    out.byte(b' ');
                }
                Kind::Ethernet if self.wide => {
                    let header = Ethernet(layer.header(frame));
                    out.link(&header.source());
                    out.str(" > ");
                    out.link(&header.destination());
                    out.byte(b' ');
                }
                _ => {}
            }
        }
        let names = self.names.as_deref();
        endpoints(frame, level, !outer || self.wide, names, out);
        if self.wide {
            ttl(frame, level, out);
        }
        let index = usize::from(level.first().map_or(0, |layer| layer.level));
        let has_ip = level.iter().any(|layer| layer.kind.is_ip());
        let written = out.len().saturating_sub(start);
        let widest = if self.names.is_some() {
            WIDEST_NAMED
        } else {
            WIDEST
        };
        if let Some(width) = self.widths.get_mut(index).filter(|_| has_ip) {
            *width = (*width).max(written.min(widest));
            out.pad(width.saturating_sub(written));
        }
    }
}

/// The link and the direction, if the capture tells them.
fn link(shown: &Shown, out: &mut Text) {
    let frame = shown.packet.data;
    let name = shown.interface.and_then(|interface| interface.name.as_ref());
    if let Some(name) = name {
        out.escaped(name.as_bytes());
        out.byte(b' ');
    }
    let cooked = shown.stack.layers().first().and_then(|layer| match layer.kind {
        Kind::Sll => Some(Cooked::first(layer.header(frame))),
        Kind::Sll2 => Some(Cooked::second(layer.header(frame))),
        _ => None,
    });
    if let Some(cooked) = cooked {
        if let (Some(number), None) = (cooked.link(), name) {
            out.str("if");
            out.number(number);
            out.byte(b' ');
        }
        let name = cooked.direction_name();
        out.str(name);
        out.pad(4usize.saturating_sub(name.len()));
    } else if shown.packet.direction != 0 {
        out.str(if shown.packet.direction == 1 {
            "In  "
        } else {
            "Out "
        });
    }
}

/// The addresses of one level, with or without ports, and with names beside those that have one.
pub(super) fn endpoints(
    frame: &[u8],
    level: &[Layer],
    with_ports: bool,
    names: Option<&Names>,
    out: &mut Text,
) {
    let mut ip = None;
    let mut ports = None;
    for layer in level {
        match layer.kind {
            Kind::Ipv4 | Kind::Ipv6 => ip = Some(layer),
            Kind::Tcp | Kind::Udp | Kind::Sctp if with_ports => ports = Some(layer),
            Kind::Arp => {
                payload::arp(Arp(layer.header(frame)), out);
                return;
            }
            _ => {}
        }
    }
    let Some(ip) = ip else {
        no_ip(frame, level, out);
        return;
    };
    let header = ip.header(frame);
    // Ports are at the same place in all three.
    let ports = ports.map(|layer| Tcp(layer.header(frame)));
    let (source, destination) = (
        ports.map(|ports| ports.source()),
        ports.map(|ports| ports.destination()),
    );
    if ip.kind == Kind::Ipv4 {
        let ip = Ipv4(header);
        let name = |address| names.and_then(|names| names.ipv4(address));
        out.ipv4(ip.source());
        port_and_name(source, name(ip.source()), out);
        out.str(" > ");
        out.ipv4(ip.destination());
        port_and_name(destination, name(ip.destination()), out);
    } else {
        let ip = Ipv6(header);
        let name = |address| names.and_then(|names| names.ipv6(address));
        out.ipv6(ip.source());
        port_and_name(source, name(ip.source()), out);
        out.str(" > ");
        out.ipv6(ip.destination());
        port_and_name(destination, name(ip.destination()), out);
    }
}

#[inline]
fn port_and_name(port: Option<u16>, name: Option<&str>, out: &mut Text) {
    if let Some(port) = port {
        out.byte(b'.');
        out.number(port);
    }
    if let Some(name) = name {
        out.byte(b'(');
        out.raw(name.as_bytes());
        out.byte(b')');
    }
}

/// A frame that carries no IP.
fn no_ip(frame: &[u8], level: &[Layer], out: &mut Text) {
    let Some(last) = level.last() else {
        return;
    };
    if let Some(layer) = level.iter().find(|layer| layer.kind == Kind::Ethernet) {
        let header = Ethernet(layer.header(frame));
        out.link(&header.source());
        out.str(" > ");
        out.link(&header.destination());
    } else {
        out.str(last.kind.name());
    }
    let ether_type = match last.kind {
        Kind::Ethernet => Ethernet(last.header(frame)).ether_type(),
        Kind::Vlan => Vlan(last.header(frame)).ether_type(),
        Kind::Sll => Cooked::first(last.header(frame)).protocol(),
        Kind::Sll2 => Cooked::second(last.header(frame)).protocol(),
        _ => return,
    };
    match ether_type {
        0x88cc => out.str(" lldp"),
        0x888e => out.str(" eapol"),
        0..0x600 => out.str(" 802.3"),
        _ => {
            out.str(" type ");
            out.hex16(ether_type);
        }
    }
    out.str(" len ");
    out.number(last.payload_len());
}

/// Of a tunnel whose content could not be read: its name all the same.
fn tunnel_end(frame: &[u8], level: &[Layer], out: &mut Text) {
    let carries = |layer: &Layer| {
        matches!(
            layer.kind,
            Kind::Vxlan
                | Kind::VxlanGpe
                | Kind::Geneve
                | Kind::Gre
                | Kind::Erspan
                | Kind::Mpls
                | Kind::Ah
                | Kind::FlannelUdp
                | Kind::Pppoe
        )
    };
    if level.iter().any(carries) {
        tunnel::write(frame, level, None, out);
    }
}

fn ttl(frame: &[u8], level: &[Layer], out: &mut Text) {
    for layer in level {
        match layer.kind {
            Kind::Ipv4 => {
                let header = Ipv4(layer.header(frame));
                out.str(" ttl ");
                out.number(header.ttl());
                out.str(" id ");
                out.number(header.id());
                if header.dont_fragment() {
                    out.str(" DF");
                }
            }
            Kind::Ipv6 => {
                out.str(" hlim ");
                out.number(Ipv6(layer.header(frame)).hop_limit());
            }
            _ => {}
        }
    }
}

/// Where decoding ended and why.
fn ended(stop: &Stop, out: &mut Text) {
    out.byte(b'[');
    out.str(stop.kind.name());
    out.str(" at byte ");
    out.number(stop.offset);
    out.str(": ");
    out.str(stop.why.text());
    if stop.needed > stop.had {
        out.str(", ");
        out.number(stop.had);
        out.str(" of ");
        out.number(stop.needed);
        out.str(" bytes");
    }
    out.byte(b']');
}
