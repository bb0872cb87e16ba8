//! Tunnels in tcpdump's words.

use crate::packet::layer::Layer;
use crate::packet::show::text::Text;
use crate::packet::wire::geneve::{Geneve, flag as geneve_flag};
use crate::packet::wire::gre::{Gre, flag as gre_flag};
use crate::packet::wire::mpls::Mpls;
use crate::packet::wire::vxlan::Vxlan;

/// Port 8472 was OTV's first: so tcpdump called it up to 4.99.5.
pub(super) fn vxlan(header: Vxlan, port: Option<u16>, out: &mut Text) {
    let valid = header.flags() & 0x08 != 0;
    if port == Some(8472) {
        out.str("OTV, flags [");
        out.str(if valid { "I" } else { "." });
        out.str("] (0x");
        out.hex_byte(header.flags());
        out.str("), overlay ");
        out.number(header.overlay());
        out.str(", instance ");
    } else {
        out.str("VXLAN, flags [");
        out.str(if valid { "I" } else { "invalid" });
        out.str("] (0x");
        out.hex_byte(header.flags());
        out.str("), vni ");
    }
    out.number(header.vni());
}

pub(super) fn geneve(header: Geneve, last: bool, out: &mut Text) {
    out.str("Geneve, Flags [");
    let flags = header.flags();
    out.str(
        match (flags & geneve_flag::OAM != 0, flags & geneve_flag::CRITICAL != 0) {
            (false, false) => "none",
            (true, false) => "O",
            (false, true) => "C",
            (true, true) => "OC",
        },
    );
    out.str("], vni ");
    out.hex(u64::from(header.vni()));
    if header.options_len() > 0 {
        out.str(", options [");
        out.number(header.options_len() as u64);
        out.str(" bytes]");
    }
    if last {
        out.str(", geneve-proto-");
        out.hex(u64::from(header.protocol()));
    } else {
        out.str(": ");
    }
}

pub(super) fn gre(header: Gre, layer: &Layer, last: bool, out: &mut Text) {
    out.str("GREv");
    out.number(header.version());
    if header.flags() & (gre_flag::CHECKSUM | gre_flag::ROUTING) != 0 {
        out.str(", off 0x0");
    }
    if let Some(key) = header.key() {
        out.str(", key=");
        out.hex(u64::from(key));
    }
    if let Some(sequence) = header.sequence() {
        out.str(", seq ");
        out.number(sequence);
    }
    out.str(", length ");
    out.number(layer.total);
    out.str(": ");
    if last {
        out.str("gre-proto-");
        out.hex(u64::from(header.protocol()));
    }
}

pub(super) fn mpls(header: Mpls, out: &mut Text) {
    out.str("MPLS");
    for label in header.labels() {
        out.str(" (label ");
        out.number(label.label);
        out.str(", tc ");
        out.number(label.class);
        out.str(if label.bottom { ", [S], ttl " } else { ", ttl " });
        out.number(label.ttl);
        out.byte(b')');
    }
    out.byte(b' ');
}
