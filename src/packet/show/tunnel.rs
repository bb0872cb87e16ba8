//! The words for what encapsulates: `vxlan vni 1`, `ipip`, `gre key 0x1`.

use super::text::Text;
use crate::packet::layer::{Kind, Layer};
use crate::packet::wire::ah::Ah;
use crate::packet::wire::erspan::Erspan;
use crate::packet::wire::ethernet::ether_type;
use crate::packet::wire::geneve::Geneve;
use crate::packet::wire::gre::Gre;
use crate::packet::wire::mpls::Mpls;
use crate::packet::wire::ppp::Pppoe;
use crate::packet::wire::udp::Udp;
use crate::packet::wire::vxlan::Vxlan;

/// Writes what one level has between its addresses and the next level; each word after a blank.
pub(super) fn write(frame: &[u8], level: &[Layer], inside: Option<&Layer>, out: &mut Text) {
    let mut named = false;
    let mut port = None;
    for layer in level {
        let header = layer.header(frame);
        match layer.kind {
            Kind::Udp => port = Some(Udp(header).destination()),
            Kind::Ah => {
                out.str(" ah spi ");
                out.hex(u64::from(Ah(header).spi()));
            }
            Kind::Gre => gre(Gre(header), out),
            Kind::Erspan => {
                out.str(" erspan session ");
                out.number(Erspan(header).session());
            }
            Kind::Vxlan => vxlan(Vxlan(header), port, out),
            Kind::VxlanGpe => {
                out.str(" vxlan-gpe vni ");
                out.number(Vxlan(header).vni());
            }
            Kind::Geneve => geneve(Geneve(header), port, out),
            Kind::FlannelUdp => out.str(" flannel-udp"),
            Kind::Mpls => mpls(Mpls(header), out),
            Kind::Pppoe => {
                out.str(" pppoe session ");
                out.number(Pppoe(header).session());
            }
            _ => continue,
        }
        named |= !matches!(layer.kind, Kind::Ah | Kind::Pppoe);
    }
    if named {
        return;
    }
    let around = level.iter().rev().find(|layer| layer.kind.is_ip());
    if let (Some(around), Some(inside)) = (around, inside) {
        out.str(match (around.kind, inside.kind) {
            (Kind::Ipv4, Kind::Ipv4) => " ipip",
            (Kind::Ipv4, Kind::Ipv6) => " 6in4",
            (Kind::Ipv6, Kind::Ipv4) => " 4in6",
            (Kind::Ipv6, Kind::Ipv6) => " 6in6",
            _ => " ethernet-in-ip",
        });
    }
}

/// The port is told when it isn't the registered one; real OTV only by its overlay.
fn vxlan(header: Vxlan, port: Option<u16>, out: &mut Text) {
    let overlay = header.overlay();
    let otv = overlay != 0 && port == Some(8472);
    out.str(if otv { " otv" } else { " vxlan" });
    if let Some(port) = port.filter(|port| *port != 4789 && !otv) {
        out.byte(b'(');
        out.number(port);
        out.byte(b')');
    }
    if otv {
        out.str(" overlay ");
        out.number(overlay);
        out.str(" instance ");
        out.number(header.vni());
        return;
    }
    out.str(" vni ");
    out.number(header.vni());
    if let Some(policy) = header.policy() {
        out.str(" policy ");
        out.number(policy);
    }
    if header.flags() & 0x08 == 0 {
        out.str(" [no vni flag]");
    }
}

fn geneve(header: Geneve, port: Option<u16>, out: &mut Text) {
    out.str(" geneve");
    if let Some(port) = port.filter(|port| *port != 6081) {
        out.byte(b'(');
        out.number(port);
        out.byte(b')');
    }
    out.str(" vni ");
    out.number(header.vni());
    if header.options_len() > 0 {
        out.str(" opts ");
        out.number(header.options_len() as u64);
    }
}

fn gre(header: Gre, out: &mut Text) {
    if let Some(tunnel) = header.tunnel_id() {
        out.str(" eoip tunnel ");
        out.number(tunnel);
        return;
    }
    out.str(" gre");
    if let Some(call) = header.call() {
        out.str(" call ");
        out.number(call);
    } else if let Some(key) = header.key() {
        out.str(" key ");
        out.hex(u64::from(key));
    }
    if let Some(sequence) = header.sequence() {
        out.str(" seq ");
        out.number(sequence);
    }
    if header.protocol() == ether_type::ERSPAN_II && header.sequence().is_none() {
        out.str(" erspan");
    }
}

fn mpls(header: Mpls, out: &mut Text) {
    out.str(" mpls ");
    for (at, label) in header.labels().enumerate() {
        if at > 0 {
            out.byte(b'/');
        }
        out.number(label.label);
    }
}
