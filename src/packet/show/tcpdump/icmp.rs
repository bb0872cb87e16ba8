//! ICMP and ICMPv6 in tcpdump's words.

use super::Shown;
use crate::packet::layer::{Kind, Layer};
use crate::packet::show::text::Text;
use crate::packet::wire::icmp::{self, Icmp, kind as icmp_kind};
use crate::packet::wire::icmpv6::{self, Icmpv6, kind as icmpv6_kind};
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::tcp::Tcp;

pub(super) fn v4(shown: &Shown, icmp: Icmp, layer: &Layer, out: &mut Text) {
    out.str("ICMP ");
    match (icmp.kind(), icmp.code()) {
        (kind @ (icmp_kind::ECHO | icmp_kind::ECHO_REPLY), _) => {
            out.str(if kind == icmp_kind::ECHO {
                "echo request, id "
            } else {
                "echo reply, id "
            });
            out.number(icmp.id());
            out.str(", seq ");
            out.number(icmp.sequence());
        }
        (icmp_kind::UNREACHABLE, code) => unreachable(shown, icmp, code, out),
        (icmp_kind::REDIRECT, _) => {
            out.str("redirect ");
            quoted_destination(shown, out);
            out.str(" to host ");
            out.ipv4(icmp.gateway());
        }
        (icmp_kind::TIME_EXCEEDED, 0) => out.str("time exceeded in-transit"),
        (icmp_kind::TIME_EXCEEDED, _) => out.str("ip reassembly time exceeded"),
        (icmp_kind::SOURCE_QUENCH, _) => out.str("source quench"),
        (kind, _) => {
            out.str("type-#");
            out.number(kind);
        }
    }
    out.str(", length ");
    out.number(layer.total);
}

fn quoted_destination(shown: &Shown, out: &mut Text) {
    let quoted = shown.stack.quoted().first();
    if let Some(ip) = quoted.filter(|layer| layer.kind == Kind::Ipv4) {
        out.ipv4(Ipv4(ip.header(shown.packet.data)).destination());
    }
}

fn unreachable(shown: &Shown, icmp: Icmp, code: u8, out: &mut Text) {
    match code {
        0 | 1 => {
            out.str(if code == 0 { "net " } else { "host " });
            quoted_destination(shown, out);
            out.str(" unreachable");
        }
        2 | 3 => {
            quoted_destination(shown, out);
            let quoted = shown.stack.quoted().iter();
            let ports = quoted
                .clone()
                .find(|layer| matches!(layer.kind, Kind::Tcp | Kind::Udp));
            if let Some(layer) = ports.filter(|_| code == 3) {
                out.str(if layer.kind == Kind::Tcp {
                    " tcp port "
                } else {
                    " udp port "
                });
                out.number(Tcp(layer.header(shown.packet.data)).destination());
            } else {
                let ip = quoted.clone().find(|layer| layer.kind == Kind::Ipv4);
                out.str(" protocol ");
                out.number(ip.map_or(0, |ip| Ipv4(ip.header(shown.packet.data)).protocol()));
            }
            out.str(" unreachable");
        }
        icmp::FRAGMENTATION_NEEDED => {
            quoted_destination(shown, out);
            out.str(" unreachable - need to frag (mtu ");
            out.number(icmp.mtu());
            out.byte(b')');
        }
        _ => {
            out.str(if code == 9 { "net " } else { "host " });
            quoted_destination(shown, out);
            out.str(" unreachable");
            if matches!(code, 9 | 10 | 13) {
                out.str(" - admin prohibited");
                out.str(if code == 13 { " filter" } else { "" });
            }
        }
    }
}

pub(super) fn v6(icmp: Icmpv6, layer: &Layer, out: &mut Text) {
    out.str("ICMP6, ");
    match icmp.kind() {
        kind @ (icmpv6_kind::ECHO | icmpv6_kind::ECHO_REPLY) => {
            out.str(if kind == icmpv6_kind::ECHO {
                "echo request, id "
            } else {
                "echo reply, id "
            });
            out.number(icmp.id());
            out.str(", seq ");
            out.number(icmp.sequence());
        }
        icmpv6_kind::NEIGHBOR_SOLICITATION => out.str("neighbor solicitation, who has "),
        icmpv6_kind::NEIGHBOR_ADVERTISEMENT => out.str("neighbor advertisement, tgt is "),
        icmpv6_kind::ROUTER_SOLICITATION => out.str("router solicitation"),
        icmpv6_kind::ROUTER_ADVERTISEMENT => out.str("router advertisement"),
        icmpv6_kind::TOO_BIG => {
            out.str("packet too big, mtu ");
            out.number(icmp.mtu());
        }
        icmpv6_kind::UNREACHABLE => {
            out.str("destination unreachable, unreachable ");
            out.str(icmpv6::unreachable(icmp.code()));
        }
        icmpv6_kind::TIME_EXCEEDED => out.str("time exceeded in-transit"),
        icmpv6_kind::MLD2_REPORT => {
            out.str("multicast listener report v2, ");
            out.number(icmp.sequence());
            out.str(" group record(s)");
        }
        kind => {
            out.str("type-#");
            out.number(kind);
        }
    }
    if let Some(target) = icmp.target() {
        out.ipv6(target);
    }
    out.str(", length ");
    out.number(layer.total);
}
