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

/// What stands before the value of a field: of a length that the compiler knows, it is a few moves.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

#[expect(clippy::inline_always, reason = "so that the key's length is known")]
#[inline(always)]
fn number(key: &str, value: impl Into<u64>, out: &mut Text) {
    out.str(key);
    out.number(value);
}

/// A value between quotes that needs no escapes.
#[expect(clippy::inline_always, reason = "so that the key's length is known")]
#[inline(always)]
fn quoted(key: &str, out: &mut Text, write: impl FnOnce(&mut Text)) {
    out.str(key);
    out.byte(b'"');
    write(out);
    out.byte(b'"');
}

fn yes(key: &str, value: bool, out: &mut Text) {
    if value {
        out.str(key);
        out.str("true");
    }
}

fn ether_type(value: u16, out: &mut Text) {
    quoted(key!("type"), out, |out| out.hex16(value));
}

fn ports(source: u16, destination: u16, out: &mut Text) {
    number(key!("source"), source, out);
    number(key!("destination"), destination, out);
}

pub(super) fn write(frame: &[u8], layer: &Layer, out: &mut Text) {
    let header = layer.header(frame);
    match layer.kind {
        Kind::Ethernet => {
            let ethernet = Ethernet(header);
            quoted(key!("source"), out, |out| out.link(&ethernet.source()));
            quoted(key!("destination"), out, |out| out.link(&ethernet.destination()));
            ether_type(ethernet.ether_type(), out);
        }
        Kind::Sll => cooked(Cooked::first(header), out),
        Kind::Sll2 => cooked(Cooked::second(header), out),
        Kind::Vlan => {
            let vlan = Vlan(header);
            number(key!("vlan"), vlan.id(), out);
            number(key!("priority"), vlan.priority(), out);
            ether_type(vlan.ether_type(), out);
        }
        Kind::Arp => arp(Arp(header), out),
        Kind::Ipv4 => ipv4(Ipv4(header), out),
        Kind::Ipv6 => {
            let ip = Ipv6(header);
            quoted(key!("source"), out, |out| out.ipv6(ip.source()));
            quoted(key!("destination"), out, |out| out.ipv6(ip.destination()));
            number(key!("nextHeader"), ip.next_header(), out);
            number(key!("hopLimit"), ip.hop_limit(), out);
            number(key!("trafficClass"), ip.traffic_class(), out);
            number(key!("flowLabel"), ip.flow_label(), out);
        }
        Kind::Ipv6Ext => number(key!("nextHeader"), Extension(header).next_header(), out),
        Kind::Tcp => tcp(Tcp(header), out),
        Kind::Udp => ports(Udp(header).source(), Udp(header).destination(), out),
        Kind::Sctp => ports(Sctp(header).source(), Sctp(header).destination(), out),
        Kind::Icmp => {
            let icmp = Icmp(header);
            number(key!("type"), icmp.kind(), out);
            number(key!("code"), icmp.code(), out);
            if matches!(icmp.kind(), icmp::kind::ECHO | icmp::kind::ECHO_REPLY) {
                number(key!("id"), icmp.id(), out);
                number(key!("sequence"), icmp.sequence(), out);
            } else if (icmp.kind(), icmp.code()) == (icmp::kind::UNREACHABLE, icmp::FRAGMENTATION_NEEDED) {
                number(key!("mtu"), icmp.mtu(), out);
            }
        }
        Kind::Icmpv6 => {
            let icmp = Icmpv6(header);
            number(key!("type"), icmp.kind(), out);
            number(key!("code"), icmp.code(), out);
            if matches!(icmp.kind(), icmpv6::kind::ECHO | icmpv6::kind::ECHO_REPLY) {
                number(key!("id"), icmp.id(), out);
                number(key!("sequence"), icmp.sequence(), out);
            } else if icmp.kind() == icmpv6::kind::TOO_BIG {
                number(key!("mtu"), icmp.mtu(), out);
            } else if let Some(target) = icmp.target() {
                quoted(key!("target"), out, |out| out.ipv6(target));
            }
        }
        Kind::Igmp => quoted(key!("group"), out, |out| out.ipv4(Igmp(header).group())),
        Kind::Bgp | Kind::Dns | Kind::Dhcp => {
            let mut text = Text::new(false);
            application::write(layer.kind, header, &mut text);
            out.str(key!("text"));
            out.json(text.bytes().trim_ascii_start());
        }
        _ => tunnel(header, layer.kind, out),
    }
}

fn tunnel(header: &[u8], kind: Kind, out: &mut Text) {
    match kind {
        Kind::Vxlan | Kind::VxlanGpe => {
            let vxlan = Vxlan(header);
            number(key!("vni"), vxlan.vni(), out);
            quoted(key!("flags"), out, |out| out.hex(u64::from(vxlan.flags())));
            if let Some(policy) = vxlan.policy() {
                number(key!("policy"), policy, out);
            } else if kind == Kind::Vxlan && vxlan.overlay() != 0 {
                number(key!("overlay"), vxlan.overlay(), out);
            }
        }
        Kind::Geneve => {
            let geneve = Geneve(header);
            number(key!("vni"), geneve.vni(), out);
            quoted(key!("protocol"), out, |out| out.hex16(geneve.protocol()));
            number(key!("optionsLength"), geneve.options_len() as u64, out);
        }
        Kind::Gre => {
            let gre = Gre(header);
            quoted(key!("protocol"), out, |out| out.hex16(gre.protocol()));
            number(key!("version"), gre.version(), out);
            if let Some(tunnel) = gre.tunnel_id() {
                number(key!("tunnel"), tunnel, out);
            } else if let Some(value) = gre.key() {
                number(key!("key"), value, out);
            }
            if let Some(sequence) = gre.sequence() {
                number(key!("sequence"), sequence, out);
            }
        }
        Kind::Erspan => {
            number(key!("session"), Erspan(header).session(), out);
            number(key!("vlan"), Erspan(header).vlan(), out);
        }
        Kind::Mpls => {
            out.str(key!("labels"));
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
            number(key!("session"), Pppoe(header).session(), out);
            number(key!("code"), Pppoe(header).code(), out);
        }
        Kind::Ppp => quoted(key!("protocol"), out, |out| out.hex16(Ppp(header).protocol())),
        Kind::Ah => {
            quoted(key!("spi"), out, |out| out.hex(u64::from(Ah(header).spi())));
            number(key!("sequence"), Ah(header).sequence(), out);
        }
        Kind::Esp => {
            quoted(key!("spi"), out, |out| out.hex(u64::from(Esp(header).spi())));
            number(key!("sequence"), Esp(header).sequence(), out);
        }
        Kind::WireGuard => {
            let message = WireGuard(header);
            quoted(key!("message"), out, |out| out.str(message.name()));
            if let Some(receiver) = message.receiver() {
                quoted(key!("receiver"), out, |out| out.hex(u64::from(receiver)));
            }
            if let Some(counter) = message.counter() {
                number(key!("counter"), counter, out);
            }
        }
        _ => {}
    }
}

fn cooked(cooked: Cooked, out: &mut Text) {
    quoted(key!("direction"), out, |out| out.str(cooked.direction_name()));
    if let Some(link) = cooked.link() {
        number(key!("link"), link, out);
    }
    quoted(key!("address"), out, |out| out.link(cooked.address()));
    ether_type(cooked.protocol(), out);
}

fn arp(arp: Arp, out: &mut Text) {
    number(key!("operation"), arp.operation(), out);
    quoted(key!("senderLink"), out, |out| out.link(arp.sender_link()));
    quoted(key!("sender"), out, |out| out.address(arp.sender()));
    quoted(key!("targetLink"), out, |out| out.link(arp.target_link()));
    quoted(key!("target"), out, |out| out.address(arp.target()));
}

fn ipv4(ip: Ipv4, out: &mut Text) {
    quoted(key!("source"), out, |out| out.ipv4(ip.source()));
    quoted(key!("destination"), out, |out| out.ipv4(ip.destination()));
    number(key!("protocol"), ip.protocol(), out);
    number(key!("ttl"), ip.ttl(), out);
    number(key!("id"), ip.id(), out);
    if ip.tos() != 0 {
        number(key!("tos"), ip.tos(), out);
    }
    yes(key!("dontFragment"), ip.dont_fragment(), out);
    if ip.is_fragment() {
        number(key!("fragmentOffset"), ip.fragment_offset(), out);
        yes(key!("moreFragments"), ip.more_fragments(), out);
    }
}

fn tcp(tcp: Tcp, out: &mut Text) {
    ports(tcp.source(), tcp.destination(), out);
    if !tcp.is_whole() {
        return;
    }
    quoted(key!("flags"), out, |out| payload::flags(tcp.flags(), out));
    number(key!("sequence"), tcp.sequence(), out);
    number(key!("ack"), tcp.ack(), out);
    number(key!("window"), tcp.window(), out);
}
