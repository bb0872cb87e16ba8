//! Single packets that say that something is wrong: errors of ICMP, wrong checksums, fragments of tunnels, BGP's errors.

use std::collections::BTreeMap;

use super::Finding;
use super::key::{self, via};
use super::seen::Remark;
use crate::packet::checksum::{self, Verdict};
use crate::packet::layer::{Kind, Layer, Stack};
use crate::packet::wire::bgp::{self, Messages};
use crate::packet::wire::icmp::{self, Icmp};
use crate::packet::wire::icmpv6::{self, Icmpv6};
use crate::packet::wire::ipv4::Ipv4;

/// Different complaints that are remembered.
const MOST: usize = 1000;

/// Complaints of a capture: by code and text, how often, and the first packet.
#[derive(Debug, Default)]
pub(super) struct Complaints(BTreeMap<(&'static str, String), (u64, u64)>);

impl Complaints {
    pub(super) fn add(&mut self, number: u64, code: &'static str, text: String) {
        let key = (code, text);
        if self.0.len() < MOST || self.0.contains_key(&key) {
            self.0.entry(key).or_insert((0, number)).0 += 1;
        }
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.0.iter().map(|((code, text), (packets, number))| Finding {
            code,
            text: text.clone(),
            packets: *packets,
            number: *number,
        })
    }
}

/// Looks for what is wrong with a packet by itself.
pub(super) fn look(frame: &[u8], stack: &Stack, remarks: &mut Vec<Remark>) {
    Look {
        frame,
        stack,
        remarks,
    }
    .all();
}

struct Look<'a> {
    frame: &'a [u8],
    stack: &'a Stack,
    remarks: &'a mut Vec<Remark>,
}

impl Look<'_> {
    fn all(&mut self) {
        let (frame, stack) = (self.frame, self.stack);
        let layers = stack.travelling();
        let mut ip: Option<&Layer> = None;
        for (at, layer) in layers.iter().enumerate() {
            let header = layer.header(frame);
            match layer.kind {
                Kind::Ipv4 => {
                    if let Verdict::Wrong(..) = checksum::ipv4(header) {
                        self.checksum(layer, layer, "IPv4 header");
                    }
                    let first = Ipv4(header).more_fragments() && Ipv4(header).fragment_offset() == 0;
                    if first && layer.level == 0 && layers.last().is_some_and(|last| last.level > 0) {
                        self.fragment(layer);
                    }
                    ip = Some(layer);
                }
                Kind::Ipv6 => ip = Some(layer),
                Kind::Tcp | Kind::Udp => {
                    if let Some(ip) = ip
                        && let Verdict::Wrong(..) =
                            checksum::transport(frame, ip, layer, layers.get(at + 1..).unwrap_or(&[]))
                    {
                        let name = if layer.kind == Kind::Tcp { "TCP" } else { "UDP" };
                        self.checksum(ip, layer, name);
                    }
                }
                Kind::Icmp | Kind::Icmpv6 => self.icmp(ip, layer),
                Kind::Bgp => self.bgp(ip, header),
                _ => {}
            }
        }
    }

    fn say(&mut self, code: &'static str, text: String) {
        self.remarks.push(Remark::Wrong(code, text));
    }

    /// The checksum of a layer, or of what it belongs to.
    fn checksum(&mut self, ip: &Layer, layer: &Layer, what: &str) {
        let (frame, layers) = (self.frame, self.stack.travelling());
        // Of VXLAN and Geneve, cards have got both the outer and the inner ones wrong.
        let tunnel = layers
            .iter()
            .position(|layer| matches!(layer.kind, Kind::Vxlan | Kind::Geneve));
        let in_tunnel = tunnel.is_some() && layer.kind != Kind::Ipv4;
        let code = if in_tunnel {
            "tunnel-checksum-offload"
        } else {
            "checksum-wrong"
        };
        let (from, to) = key::addresses(frame, ip);
        let place = if ip.level == 0 { "" } else { " inside the tunnel" };
        self.say(code, format!("wrong {what} checksums{place} from {from} to {to}"));
    }

    fn fragment(&mut self, ip: &Layer) {
        let (frame, stack) = (self.frame, self.stack);
        let (from, to) = key::addresses(frame, ip);
        let name = via(frame, stack).map_or(String::new(), key::Via::text);
        self.say(
            "tunnel-fragmented",
            format!("packets of {name} from {from} to {to} are fragmented: the MTU inside is too large"),
        );
    }

    fn icmp(&mut self, ip: Option<&Layer>, layer: &Layer) {
        let (frame, stack) = (self.frame, self.stack);
        let Some(quoted) = stack.quoted().iter().find(|layer| layer.kind.is_ip()) else {
            return;
        };
        let Some(sender) = ip.map(|ip| key::addresses(frame, ip).0) else {
            return;
        };
        let header = layer.header(frame);
        let (from, to) = key::addresses(frame, quoted);
        let (code, what) = if layer.kind == Kind::Icmp {
            let message = Icmp(header);
            match (message.kind(), message.code()) {
                (icmp::kind::UNREACHABLE, icmp::FRAGMENTATION_NEEDED) => (
                    "fragmentation-needed",
                    format!("needs packets of at most {} bytes", message.mtu()),
                ),
                (icmp::kind::UNREACHABLE, code) => {
                    ("destination-unreachable", icmp::unreachable(code).to_owned())
                }
                (icmp::kind::TIME_EXCEEDED, 0) => ("ttl-expired", "TTL expired: a loop?".to_owned()),
                (icmp::kind::TIME_EXCEEDED, _) => ("fragments-missing", "fragments were missing".to_owned()),
                _ => return,
            }
        } else {
            let message = Icmpv6(header);
            match message.kind() {
                icmpv6::kind::TOO_BIG => (
                    "fragmentation-needed",
                    format!("needs packets of at most {} bytes", message.mtu()),
                ),
                icmpv6::kind::UNREACHABLE => (
                    "destination-unreachable",
                    icmpv6::unreachable(message.code()).to_owned(),
                ),
                icmpv6::kind::TIME_EXCEEDED => ("ttl-expired", "hop limit expired: a loop?".to_owned()),
                _ => return,
            }
        };
        self.say(
            code,
            format!("{sender} answers packets from {from} to {to}: {what}"),
        );
    }

    fn bgp(&mut self, ip: Option<&Layer>, bytes: &[u8]) {
        let Some((from, to)) = ip.map(|ip| key::addresses(self.frame, ip)) else {
            return;
        };
        for (code, subcode) in Messages(bytes).filter_map(|message| message.error()) {
            let text = bgp::error_text(code, subcode);
            self.say(
                "bgp-error",
                format!("BGP: {from} ends the session with {to}: {text} ({code}/{subcode})"),
            );
        }
    }
}
