//! The fields of each protocol in JSON.

use super::text::Text;
use super::{application, payload};
use crate::packet::layer::{Kind, Layer};
use crate::packet::wire::ah::{Ah, Esp};
use crate::packet::wire::arp::Arp;
use crate::packet::wire::cooked::Cooked;
use crate::packet::wire::erspan::Erspan;
use crate::packet::wire::ethernet::Ethernet;
use crate::packet::wire::geneve::Geneve;
use crate::packet::wire::gre::Gre;
use crate::packet::wire::icmp::{self, Icmp};
use crate::packet::wire::icmpv6::{self, Icmpv6};
use crate::packet::wire::igmp::Igmp;
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::{Extension, Ipv6};
use crate::packet::wire::mpls::Mpls;
use crate::packet::wire::ppp::{Ppp, Pppoe};
use crate::packet::wire::sctp::Sctp;
use crate::packet::wire::tcp::Tcp;
use crate::packet::wire::udp::Udp;
use crate::packet::wire::vlan::Vlan;
use crate::packet::wire::vxlan::Vxlan;
use crate::packet::wire::wireguard::WireGuard;

fn number(name: &str, value: impl Into<u64>, out: &mut Text) {
    key(name, out);
    out.number(value);
}

fn key(name: &str, out: &mut Text) {
    out.str(",\"");
    out.str(name);
    out.str("\":");
}

/// A value between quotes that needs no escapes.
fn quoted(name: &str, out: &mut Text, write: impl FnOnce(&mut Text)) {
    key(name, out);
    out.byte(b'"');
    write(out);
    out.byte(b'"');
}

fn yes(name: &str, value: bool, out: &mut Text) {
    if value {
        key(name, out);
        out.str("true");
    }
}

fn ether_type(value: u16, out: &mut Text) {
    quoted("type", out, |out| out.hex16(value));
}

fn ports(source: u16, destination: u16, out: &mut Text) {
    number("source", source, out);
    number("destination", destination, out);
}

pub(super) fn write(frame: &[u8], layer: &Layer, out: &mut Text) {
    let header = layer.header(frame);
    match layer.kind {
        Kind::Ethernet => {
            let ethernet = Ethernet(header);
            quoted("source", out, |out| out.link(&ethernet.source()));
            quoted("destination", out, |out| out.link(&ethernet.destination()));
            ether_type(ethernet.ether_type(), out);
        }
        Kind::Sll => cooked(Cooked::first(header), out),
        Kind::Sll2 => cooked(Cooked::second(header), out),
        Kind::Vlan => {
            let vlan = Vlan(header);
            number("vlan", vlan.id(), out);
            number("priority", vlan.priority(), out);
            ether_type(vlan.ether_type(), out);
        }
        Kind::Arp => arp(Arp(header), out),
        Kind::Ipv4 => ipv4(Ipv4(header), out),
        Kind::Ipv6 => {
            let ip = Ipv6(header);
            quoted("source", out, |out| out.ipv6(ip.source()));
            quoted("destination", out, |out| out.ipv6(ip.destination()));
            number("nextHeader", ip.next_header(), out);
            number("hopLimit", ip.hop_limit(), out);
            number("trafficClass", ip.traffic_class(), out);
            number("flowLabel", ip.flow_label(), out);
        }
        Kind::Ipv6Ext => number("nextHeader", Extension(header).next_header(), out),
        Kind::Tcp => tcp(Tcp(header), out),
        Kind::Udp => ports(Udp(header).source(), Udp(header).destination(), out),
        Kind::Sctp => ports(Sctp(header).source(), Sctp(header).destination(), out),
        Kind::Icmp => {
            let icmp = Icmp(header);
            number("type", icmp.kind(), out);
            number("code", icmp.code(), out);
            if matches!(icmp.kind(), icmp::kind::ECHO | icmp::kind::ECHO_REPLY) {
                number("id", icmp.id(), out);
                number("sequence", icmp.sequence(), out);
            } else if (icmp.kind(), icmp.code()) == (icmp::kind::UNREACHABLE, icmp::FRAGMENTATION_NEEDED) {
                number("mtu", icmp.mtu(), out);
            }
        }
        Kind::Icmpv6 => {
            let icmp = Icmpv6(header);
            number("type", icmp.kind(), out);
            number("code", icmp.code(), out);
            if matches!(icmp.kind(), icmpv6::kind::ECHO | icmpv6::kind::ECHO_REPLY) {
                number("id", icmp.id(), out);
                number("sequence", icmp.sequence(), out);
            } else if icmp.kind() == icmpv6::kind::TOO_BIG {
                number("mtu", icmp.mtu(), out);
            } else if let Some(target) = icmp.target() {
                quoted("target", out, |out| out.ipv6(target));
            }
        }
        Kind::Igmp => quoted("group", out, |out| out.ipv4(Igmp(header).group())),
        Kind::Bgp | Kind::Dns | Kind::Dhcp => {
            let mut text = Text::new(false);
            application::write(layer.kind, header, &mut text);
            key("text", out);
            out.json(text.bytes().trim_ascii_start());
        }
        _ => tunnel(header, layer.kind, out),
    }
}

fn tunnel(header: &[u8], kind: Kind, out: &mut Text) {
    match kind {
        Kind::Vxlan | Kind::VxlanGpe => {
            let vxlan = Vxlan(header);
            number("vni", vxlan.vni(), out);
            quoted("flags", out, |out| out.hex(u64::from(vxlan.flags())));
            if let Some(policy) = vxlan.policy() {
                number("policy", policy, out);
            } else if kind == Kind::Vxlan && vxlan.overlay() != 0 {
                number("overlay", vxlan.overlay(), out);
            }
        }
        Kind::Geneve => {
            let geneve = Geneve(header);
            number("vni", geneve.vni(), out);
            quoted("protocol", out, |out| out.hex16(geneve.protocol()));
            number("optionsLength", geneve.options_len() as u64, out);
        }
        Kind::Gre => {
            let gre = Gre(header);
            quoted("protocol", out, |out| out.hex16(gre.protocol()));
            number("version", gre.version(), out);
            if let Some(tunnel) = gre.tunnel_id() {
                number("tunnel", tunnel, out);
            } else if let Some(value) = gre.key() {
                number("key", value, out);
            }
            if let Some(sequence) = gre.sequence() {
                number("sequence", sequence, out);
            }
        }
        Kind::Erspan => {
            number("session", Erspan(header).session(), out);
            number("vlan", Erspan(header).vlan(), out);
        }
        Kind::Mpls => {
            key("labels", out);
            out.byte(b'[');
            for (at, label) in Mpls(header).labels().enumerate() {
                if at > 0 {
                    out.byte(b',');
                }
                out.number(label.label);
            }
            out.byte(b']');
        }
        Kind::Pppoe => {
            number("session", Pppoe(header).session(), out);
            number("code", Pppoe(header).code(), out);
        }
        Kind::Ppp => quoted("protocol", out, |out| out.hex16(Ppp(header).protocol())),
        Kind::Ah => {
            quoted("spi", out, |out| out.hex(u64::from(Ah(header).spi())));
            number("sequence", Ah(header).sequence(), out);
        }
        Kind::Esp => {
            quoted("spi", out, |out| out.hex(u64::from(Esp(header).spi())));
            number("sequence", Esp(header).sequence(), out);
        }
        Kind::WireGuard => {
            let message = WireGuard(header);
            quoted("message", out, |out| out.str(message.name()));
            if let Some(receiver) = message.receiver() {
                quoted("receiver", out, |out| out.hex(u64::from(receiver)));
            }
            if let Some(counter) = message.counter() {
                number("counter", counter, out);
            }
        }
        _ => {}
    }
}

fn cooked(cooked: Cooked, out: &mut Text) {
    quoted("direction", out, |out| out.str(cooked.direction_name()));
    if let Some(link) = cooked.link() {
        number("link", link, out);
    }
    quoted("address", out, |out| out.link(cooked.address()));
    ether_type(cooked.protocol(), out);
}

fn arp(arp: Arp, out: &mut Text) {
    number("operation", arp.operation(), out);
    quoted("senderLink", out, |out| out.link(arp.sender_link()));
    quoted("sender", out, |out| out.address(arp.sender()));
    quoted("targetLink", out, |out| out.link(arp.target_link()));
    quoted("target", out, |out| out.address(arp.target()));
}

fn ipv4(ip: Ipv4, out: &mut Text) {
    quoted("source", out, |out| out.ipv4(ip.source()));
    quoted("destination", out, |out| out.ipv4(ip.destination()));
    number("protocol", ip.protocol(), out);
    number("ttl", ip.ttl(), out);
    number("id", ip.id(), out);
    if ip.tos() != 0 {
        number("tos", ip.tos(), out);
    }
    yes("dontFragment", ip.dont_fragment(), out);
    if ip.is_fragment() {
        number("fragmentOffset", ip.fragment_offset(), out);
        yes("moreFragments", ip.more_fragments(), out);
    }
}

fn tcp(tcp: Tcp, out: &mut Text) {
    ports(tcp.source(), tcp.destination(), out);
    if !tcp.is_whole() {
        return;
    }
    quoted("flags", out, |out| payload::flags(tcp.flags(), out));
    number("sequence", tcp.sequence(), out);
    number("ack", tcp.ack(), out);
    number("window", tcp.window(), out);
}
