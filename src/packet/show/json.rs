//! One JSON object a packet, with all its layers.
//!
//! ```text
//! number       from 1, of the packet in the file
//! time         RFC 3339, UTC, nanoseconds
//! linkType     of the capture: EN10MB, RAW, LINUX_SLL, …
//! interface    name of the link, if the file has it
//! captured     bytes captured
//! length       bytes on the wire
//! comment      of pcapng
//! layers       outermost first; each has
//!   layer      ethernet, vlan, arp, ipv4, ipv6, tcp, udp, icmp, vxlan, geneve, gre, …
//!   level      0 for the outermost packet, one more with each encapsulation
//!   offset     first byte of the header, from the start of the frame
//!   length     bytes of the header that were captured
//!   payload    bytes after it on the wire
//!   quoted     true for what an ICMP error quotes
//!   sourceName, destinationName
//!              of IP addresses that have one, with --names
//!   …          fields of the protocol, such as source, destination, vni, flags
//! ended        where decoding ended before the packet did: layer, offset, needed, had, why
//! ```
//!
//! After the packets of links, the last object has only `end`: how many `packets` there were, and of each of the `links`
//! what the kernel `received` and `dropped`, and what was `notShown`.

use std::sync::Arc;

use super::names::Names;
use super::text::Text;
use super::time::Rfc3339;
use super::{Shown, json_fields};
use crate::packet::Kind;
use crate::packet::layer::Layer;
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::Ipv6;

/// Writes objects.
#[derive(Debug, Clone)]
pub struct Json {
    names: Option<Arc<Names>>,
    clock: Rfc3339,
}

impl Json {
    pub fn new(names: Option<Arc<Names>>) -> Self {
        Self {
            names,
            clock: Rfc3339::default(),
        }
    }

    /// Writes a packet and the end of its line.
    pub fn write(&mut self, shown: &Shown, out: &mut Text) {
        let packet = &shown.packet;
        out.str("{\"number\":");
        out.number(shown.number);
        out.str(",\"time\":\"");
        self.clock.write(packet.time, out);
        out.str("\",\"linkType\":\"");
        out.str(packet.link.name());
        out.byte(b'"');
        if let Some(name) = shown.interface.and_then(|interface| interface.name.as_ref()) {
            out.str(",\"interface\":");
            out.json(name.as_bytes());
        }
        out.str(",\"captured\":");
        out.number(packet.data.len() as u64);
        out.str(",\"length\":");
        out.number(packet.wire_len);
        if let Some(comment) = packet.comment {
            out.str(",\"comment\":");
            out.json(comment);
        }
        out.str(",\"layers\":[");
        for (at, layer) in shown.stack.layers().iter().enumerate() {
            if at > 0 {
                out.byte(b',');
            }
            out.str("{\"layer\":\"");
            out.str(layer.kind.name());
            out.str("\",\"level\":");
            out.number(layer.level);
            out.str(",\"offset\":");
            out.number(layer.offset);
            out.str(",\"length\":");
            out.number(layer.len);
            out.str(",\"payload\":");
            out.number(layer.payload_len());
            if layer.quoted {
                out.str(",\"quoted\":true");
            }
            json_fields::write(packet.data, layer, out);
            if let Some(names) = self.names.as_deref().filter(|_| layer.kind.is_ip()) {
                self::names(names, packet.data, layer, out);
            }
            out.byte(b'}');
        }
        out.byte(b']');
        if let Some(stop) = shown.stack.stop() {
            out.str(",\"ended\":{\"layer\":\"");
            out.str(stop.kind.name());
            out.str("\",\"offset\":");
            out.number(stop.offset);
            out.str(",\"needed\":");
            out.number(stop.needed);
            out.str(",\"had\":");
            out.number(stop.had);
            out.str(",\"why\":\"");
            out.str(stop.why.text());
            out.str("\"}");
        }
        out.str("}\n");
    }
}

fn names(names: &Names, frame: &[u8], layer: &Layer, out: &mut Text) {
    let header = layer.header(frame);
    let found = if layer.kind == Kind::Ipv4 {
        let ip = Ipv4(header);
        [names.ipv4(ip.source()), names.ipv4(ip.destination())]
    } else {
        let ip = Ipv6(header);
        [names.ipv6(ip.source()), names.ipv6(ip.destination())]
    };
    for (key, name) in [",\"sourceName\":", ",\"destinationName\":"]
        .into_iter()
        .zip(found)
    {
        if let Some(name) = name {
            out.str(key);
            out.json(name.as_bytes());
        }
    }
}
