//! The words for the packet inside: `tcp [S] seq 1 len 0`, `icmp echo request id 7 seq 1`.

use super::text::Text;
use super::{Shown, application};
use crate::packet::layer::{Kind, Layer};
use crate::packet::wire::ah::Esp;
use crate::packet::wire::arp::{self, Arp};
use crate::packet::wire::icmp::{self, Icmp, kind as icmp_kind};
use crate::packet::wire::icmpv6::{self, Icmpv6, kind as icmpv6_kind};
use crate::packet::wire::igmp::Igmp;
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::{Extension, Ipv6};
use crate::packet::wire::sctp;
use crate::packet::wire::tcp::{Tcp, TcpOption, flag};
use crate::packet::wire::wireguard::WireGuard;

/// Writes what the last headers of a packet say; each word after a blank.
pub(super) fn write(shown: &Shown, level: &[Layer], wide: bool, out: &mut Text) {
    let frame = shown.packet.data;
    let Some(last) = level.last() else {
        return;
    };
    for layer in level {
        let header = layer.header(frame);
        match layer.kind {
            Kind::Ipv4 if Ipv4(header).is_fragment() => {
                fragment(
                    u64::from(Ipv4(header).id()),
                    Ipv4(header).fragment_offset(),
                    Ipv4(header).more_fragments(),
                    out,
                );
            }
            Kind::Tcp => tcp(Tcp(header), layer, wide, out),
            Kind::Udp if layer.cut => out.str(" udp"),
            Kind::Udp => {
                out.str(" udp len ");
                out.number(layer.payload_len());
            }
            Kind::Sctp => {
                out.str(" sctp ");
                out.str(layer.payload(frame).first().map_or("", |kind| sctp::chunk(*kind)));
            }
            Kind::Icmp => icmp(Icmp(header), layer, out),
            Kind::Icmpv6 => icmpv6(Icmpv6(header), layer, out),
            Kind::Igmp => {
                out.str(" igmp ");
                out.str(Igmp(header).name());
                out.byte(b' ');
                out.ipv4(Igmp(header).group());
            }
            Kind::Esp => {
                out.str(" esp spi ");
                out.hex(u64::from(Esp(header).spi()));
                out.str(" seq ");
                out.number(Esp(header).sequence());
            }
            Kind::WireGuard => wireguard(WireGuard(header), out),
            Kind::Bgp | Kind::Dns | Kind::Dhcp => application::write(layer.kind, header, out),
            _ => {}
        }
    }
    unknown(frame, last, out);
    let quoted = shown.stack.quoted();
    if !quoted.is_empty() {
        quote(frame, quoted, out);
    }
}

fn fragment(id: u64, offset: u32, more: bool, out: &mut Text) {
    out.str(" frag id ");
    out.number(id);
    out.str(" off ");
    out.number(offset);
    if more {
        out.byte(b'+');
    }
}

/// Of a header after which nothing was decoded: which protocol would follow.
fn unknown(frame: &[u8], last: &Layer, out: &mut Text) {
    let header = last.header(frame);
    let protocol = match last.kind {
        Kind::Ipv4 if Ipv4(header).fragment_offset() == 0 => Ipv4(header).protocol(),
        Kind::Ipv6 => Ipv6(header).next_header(),
        Kind::Ipv6Ext => Extension(header).next_header(),
        _ => return,
    };
    let name = match protocol {
        6 => "tcp",
        17 => "udp",
        47 => "gre",
        59 => "no next header",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        _ => "proto ",
    };
    out.byte(b' ');
    out.str(name);
    if name == "proto " {
        out.number(protocol);
    }
    out.str(" len ");
    out.number(last.payload_len());
}

/// The flags of TCP in tcpdump's letters.
pub(super) fn flags(flags: u8, out: &mut Text) {
    const LETTERS: [(u8, u8); 8] = [
        (flag::FIN, b'F'),
        (flag::SYN, b'S'),
        (flag::RST, b'R'),
        (flag::PSH, b'P'),
        (flag::ACK, b'.'),
        (flag::URG, b'U'),
        (flag::ECE, b'E'),
        (flag::CWR, b'W'),
    ];
    if flags == 0 {
        out.str("none");
    }
    for (bit, letter) in LETTERS {
        if flags & bit != 0 {
            out.byte(letter);
        }
    }
}

fn tcp(tcp: Tcp, layer: &Layer, wide: bool, out: &mut Text) {
    out.str(" tcp");
    if !tcp.is_whole() {
        return;
    }
    out.str(" [");
    flags(tcp.flags(), out);
    out.byte(b']');
    let length = layer.payload_len();
    if length > 0 || tcp.flags() & (flag::SYN | flag::FIN | flag::RST) != 0 {
        out.str(" seq ");
        out.number(tcp.sequence());
    }
    if tcp.flags() & flag::ACK != 0 {
        out.str(" ack ");
        out.number(tcp.ack());
    }
    if wide {
        out.str(" win ");
        out.number(tcp.window());
        let options = tcp.options();
        tcp_options(options, out);
    }
    out.str(" len ");
    out.number(length);
}

fn tcp_options(options: impl Iterator<Item = TcpOption>, out: &mut Text) {
    for option in options {
        match option {
            TcpOption::MaxSegment(bytes) => {
                out.str(" mss ");
                out.number(bytes);
            }
            TcpOption::WindowScale(bits) => {
                out.str(" wscale ");
                out.number(bits);
            }
            TcpOption::SackPermitted => out.str(" sackOK"),
            TcpOption::Sack(blocks) => {
                out.str(" sack ");
                out.number(blocks);
            }
            TcpOption::Timestamps(..) | TcpOption::Other(_) => {}
        }
    }
}

fn icmp(icmp: Icmp, layer: &Layer, out: &mut Text) {
    out.str(" icmp ");
    if layer.cut {
        return;
    }
    match icmp.kind() {
        kind @ (icmp_kind::ECHO | icmp_kind::ECHO_REPLY) => {
            out.str(if kind == icmp_kind::ECHO {
                "echo request"
            } else {
                "echo reply"
            });
            echo(icmp.id(), icmp.sequence(), layer, out);
        }
        icmp_kind::UNREACHABLE => {
            out.str(icmp::unreachable(icmp.code()));
            if icmp.code() == icmp::FRAGMENTATION_NEEDED {
                out.str(" mtu ");
                out.number(icmp.mtu());
            }
        }
        icmp_kind::REDIRECT => {
            out.str("redirect to ");
            out.ipv4(icmp.gateway());
        }
        icmp_kind::TIME_EXCEEDED if icmp.code() == 0 => out.str("time exceeded in transit"),
        icmp_kind::TIME_EXCEEDED => out.str("reassembly time exceeded"),
        icmp_kind::SOURCE_QUENCH => out.str("source quench"),
        icmp_kind::PARAMETER => out.str("parameter problem"),
        kind => {
            out.str("type ");
            out.number(kind);
            out.str(" code ");
            out.number(icmp.code());
        }
    }
}

fn echo(id: u16, sequence: u16, layer: &Layer, out: &mut Text) {
    out.str(" id ");
    out.number(id);
    out.str(" seq ");
    out.number(sequence);
    out.str(" len ");
    out.number(layer.total);
}

fn icmpv6(icmp: Icmpv6, layer: &Layer, out: &mut Text) {
    out.str(" icmp6 ");
    if layer.cut {
        return;
    }
    match icmp.kind() {
        kind @ (icmpv6_kind::ECHO | icmpv6_kind::ECHO_REPLY) => {
            out.str(if kind == icmpv6_kind::ECHO {
                "echo request"
            } else {
                "echo reply"
            });
            echo(icmp.id(), icmp.sequence(), layer, out);
        }
        icmpv6_kind::UNREACHABLE => out.str(icmpv6::unreachable(icmp.code())),
        icmpv6_kind::TOO_BIG => {
            out.str("packet too big mtu ");
            out.number(icmp.mtu());
        }
        icmpv6_kind::TIME_EXCEEDED => out.str("time exceeded in transit"),
        icmpv6_kind::PARAMETER => out.str("parameter problem"),
        icmpv6_kind::ROUTER_SOLICITATION => out.str("router solicitation"),
        icmpv6_kind::ROUTER_ADVERTISEMENT => out.str("router advertisement"),
        icmpv6_kind::NEIGHBOR_SOLICITATION => out.str("who has"),
        icmpv6_kind::NEIGHBOR_ADVERTISEMENT => out.str("neighbor is"),
        icmpv6_kind::REDIRECT => out.str("redirect to"),
        icmpv6_kind::MLD2_REPORT => out.str("multicast report v2"),
        kind => {
            out.str("type ");
            out.number(kind);
        }
    }
    if let Some(target) = icmp.target() {
        out.byte(b' ');
        out.ipv6(target);
    }
}

fn wireguard(message: WireGuard, out: &mut Text) {
    out.str(" wireguard ");
    out.str(message.name());
    if let Some(receiver) = message.receiver() {
        out.str(" to ");
        out.hex(u64::from(receiver));
    }
    if let Some(counter) = message.counter() {
        out.str(" counter ");
        out.number(counter);
    }
}

/// ARP in tcpdump's words.
pub(super) fn arp(header: Arp, out: &mut Text) {
    match header.operation() {
        arp::REQUEST => {
            out.str("arp who-has ");
            out.address(header.target());
            out.str(" tell ");
            out.address(header.sender());
        }
        arp::REPLY => {
            out.str("arp ");
            out.address(header.sender());
            out.str(" is-at ");
            out.link(header.sender_link());
        }
        operation => {
            out.str("arp operation ");
            out.number(operation);
        }
    }
}

/// The packet that an ICMP error is about.
fn quote(frame: &[u8], quoted: &[Layer], out: &mut Text) {
    let last = quoted.last().map_or(0, |layer| layer.level);
    let inner = quoted.partition_point(|layer| layer.level < last);
    let inner = quoted.get(inner..).unwrap_or(quoted);
    out.str(" (about ");
    super::line::endpoints(frame, inner, true, None, out);
    for layer in inner {
        match layer.kind {
            Kind::Tcp => out.str(" tcp"),
            Kind::Udp => out.str(" udp"),
            Kind::Icmp => out.str(" icmp"),
            Kind::Icmpv6 => out.str(" icmp6"),
            Kind::Gre => out.str(" gre"),
            _ => {}
        }
    }
    out.byte(b')');
}
