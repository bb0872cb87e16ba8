//! Lines in tcpdump's words (of `tcpdump -nS`, 4.99): VXLAN on two lines, other tunnels on one.

mod icmp;
mod tcp;
mod tunnel;

use super::text::Text;
use super::{Clock, Shown};
use crate::packet::layer::{Kind, Layer, Why};
use crate::packet::wire::ah::{Ah, Esp};
use crate::packet::wire::arp::{self, Arp};
use crate::packet::wire::cooked::Cooked;
use crate::packet::wire::ethernet::Ethernet;
use crate::packet::wire::geneve::Geneve;
use crate::packet::wire::gre::Gre;
use crate::packet::wire::icmp::Icmp;
use crate::packet::wire::icmpv6::Icmpv6;
use crate::packet::wire::igmp::Igmp;
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::Ipv6;
use crate::packet::wire::mpls::Mpls;
use crate::packet::wire::tcp::Tcp;
use crate::packet::wire::udp::Udp;
use crate::packet::wire::vxlan::Vxlan;

/// Writes lines.
#[derive(Debug, Clone)]
pub struct Tcpdump {
    pub clock: Clock,
}

impl Tcpdump {
    /// Writes a packet and the end of its line, or lines.
    pub fn write(&mut self, shown: &Shown, out: &mut Text) {
        let frame = shown.packet.data;
        self.clock.write(shown.packet.time, out);
        let layers = shown.stack.travelling();
        let mut missing = 0;
        for (at, layer) in layers.iter().enumerate() {
            if layer.kind.is_ip() {
                missing = declared(frame, layer).saturating_sub(layer.total);
            }
            // Lengths are those that the headers say.
            let layer = &Layer {
                total: layer.total.saturating_add(missing),
                ..*layer
            };
            let before = at.checked_sub(1).and_then(|at| layers.get(at));
            let after = layers.get(at + 1..).unwrap_or(&[]);
            write_layer(shown, before, layer, after, missing, out);
        }
        if let Some(stop) = shown.stack.stop() {
            if stop.why == Why::Captured || stop.why == Why::Enclosed {
                out.str(" [|");
                out.str(match stop.kind {
                    Kind::Ipv4 => "ip",
                    Kind::Ipv6 => "ip6",
                    kind => kind.name(),
                });
                out.byte(b']');
            } else {
                out.str(" (invalid)");
            }
        }
        out.byte(b'\n');
    }
}

fn write_layer(
    shown: &Shown,
    before: Option<&Layer>,
    layer: &Layer,
    after: &[Layer],
    missing: u32,
    out: &mut Text,
) {
    let frame = shown.packet.data;
    let header = layer.header(frame);
    let last = after.is_empty();
    match layer.kind {
        Kind::Sll | Kind::Sll2 => {
            let cooked = if layer.kind == Kind::Sll {
                Cooked::first(header)
            } else {
                Cooked::second(header)
            };
            if let Some(link) = cooked.link() {
                out.str("if");
                out.number(link);
                out.byte(b' ');
            }
            out.str(cooked.direction_name());
            out.pad(4usize.saturating_sub(cooked.direction_name().len()).max(1));
        }
        Kind::Ethernet if last => {
            let ethernet = Ethernet(header);
            out.link(&ethernet.source());
            out.str(" > ");
            out.link(&ethernet.destination());
            out.str(", ethertype Unknown (");
            out.hex16(ethernet.ether_type());
            out.str("), length ");
            out.number(layer.total);
        }
        Kind::Ipv4 | Kind::Ipv6 => {
            let ports = after
                .iter()
                .find(|layer| layer.kind != Kind::Ah && layer.kind != Kind::Ipv6Ext);
            ip(frame, layer, ports, missing, out);
        }
        Kind::Arp => {
            let length = before.map_or(layer.total, Layer::payload_len);
            write_arp(Arp(header), length, out);
        }
        Kind::Udp | Kind::Tcp if layer.cut => {}
        Kind::Udp => match after.first().map(|layer| layer.kind) {
            Some(Kind::Vxlan | Kind::VxlanGpe | Kind::Geneve | Kind::Mpls | Kind::Gre) => {}
            Some(Kind::FlannelUdp) => {
                udp_length(layer, out);
                out.byte(b'\n');
            }
            _ => udp_length(layer, out),
        },
        Kind::Tcp => tcp::write(Tcp(header), layer, out),
        Kind::Icmp => icmp::v4(shown, Icmp(header), layer, out),
        Kind::Icmpv6 => icmp::v6(Icmpv6(header), layer, out),
        Kind::Vxlan => {
            let port = before.map(|udp| Udp(udp.header(frame)).destination());
            tunnel::vxlan(Vxlan(header), port, out);
            if !last {
                out.byte(b'\n');
            }
        }
        Kind::VxlanGpe => {
            out.str("VXLAN-GPE, flags [");
            out.str(if Vxlan(header).flags() & 0x08 == 0 {
                "."
            } else {
                "I"
            });
            out.str(if Vxlan(header).flags() & 0x04 == 0 {
                ""
            } else {
                "P"
            });
            out.str("], vni ");
            out.number(Vxlan(header).vni());
            out.str(if last { "" } else { ": " });
        }
        Kind::Geneve => tunnel::geneve(Geneve(header), last, out),
        Kind::Gre => tunnel::gre(Gre(header), layer, last, out),
        Kind::Mpls => tunnel::mpls(Mpls(header), out),
        Kind::Ah => {
            out.str("AH(spi=");
            hex32(Ah(header).spi(), out);
            out.str(",seq=");
            out.hex(u64::from(Ah(header).sequence()));
            out.str(",icv=0x");
            for byte in header.get(12..).unwrap_or(&[]) {
                out.hex_byte(*byte);
            }
            out.str("): ");
        }
        Kind::Igmp => {
            out.str("igmp ");
            out.str(Igmp(header).name());
            match Igmp(header).kind() {
                0x22 => {
                    out.str(", ");
                    out.number(crate::packet::bytes::be16(header, 6));
                    out.str(" group record(s)");
                }
                0x11 => {}
                _ => {
                    out.byte(b' ');
                    out.ipv4(Igmp(header).group());
                }
            }
        }
        Kind::Ipv6Ext => {
            let hop =
                before.is_some_and(|ip| ip.kind == Kind::Ipv6 && Ipv6(ip.header(frame)).next_header() == 0);
            out.str(if hop { "HBH " } else { "" });
        }
        Kind::Esp => {
            out.str("ESP(spi=");
            hex32(Esp(header).spi(), out);
            out.str(",seq=");
            out.hex(u64::from(Esp(header).sequence()));
            out.str("), length ");
            out.number(layer.total);
        }
        _ => {}
    }
}

fn hex32(number: u32, out: &mut Text) {
    out.str("0x");
    for byte in number.to_be_bytes() {
        out.hex_byte(byte);
    }
}

fn udp_length(layer: &Layer, out: &mut Text) {
    out.str("UDP, length ");
    out.number(layer.payload_len());
}

/// Bytes of header and payload as the header says; 0 where it doesn't.
fn declared(frame: &[u8], layer: &Layer) -> u32 {
    let header = layer.header(frame);
    if layer.kind == Kind::Ipv4 {
        u32::from(Ipv4(header).total_length())
    } else {
        match Ipv6(header).payload_length() {
            0 => 0,
            length => u32::from(length) + 40,
        }
    }
}

fn ip(frame: &[u8], layer: &Layer, next: Option<&Layer>, missing: u32, out: &mut Text) {
    out.str(if layer.kind == Kind::Ipv4 { "IP " } else { "IP6 " });
    if missing > 0 {
        out.str(if layer.kind == Kind::Ipv4 {
            "truncated-ip - "
        } else {
            "truncated-ip6 - "
        });
        out.number(missing);
        out.str(" bytes missing! ");
    }
    let with_ports = next.filter(|next| matches!(next.kind, Kind::Tcp | Kind::Udp | Kind::Sctp));
    match with_ports {
        Some(next) => super::line::endpoints(frame, &[*layer, *next], true, None, out),
        None => super::line::endpoints(frame, &[*layer], false, None, out),
    }
    out.str(": ");
    let header = layer.header(frame);
    match (layer.kind, next.is_none()) {
        (Kind::Ipv4, true) => {
            out.str("ip-proto-");
            out.number(Ipv4(header).protocol());
            if Ipv4(header).fragment_offset() == 0 {
                out.byte(b' ');
                out.number(layer.payload_len());
            }
        }
        (Kind::Ipv6, true) => {
            out.str("ip-proto-");
            out.number(Ipv6(header).next_header());
            out.byte(b' ');
            out.number(layer.payload_len());
        }
        _ => {}
    }
}

fn write_arp(header: Arp, length: u32, out: &mut Text) {
    out.str("ARP, ");
    match header.operation() {
        arp::REQUEST => {
            out.str("Request who-has ");
            out.address(header.target());
            if header.target_link().iter().any(|byte| *byte != 0) {
                out.str(" (");
                out.link(header.target_link());
                out.byte(b')');
            }
            out.str(" tell ");
            out.address(header.sender());
        }
        arp::REPLY => {
            out.str("Reply ");
            out.address(header.sender());
            out.str(" is-at ");
            out.link(header.sender_link());
        }
        operation => {
            out.str("unknown (");
            out.number(operation);
            out.byte(b')');
        }
    }
    out.str(", length ");
    out.number(length);
}
