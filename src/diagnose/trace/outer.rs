//! What a tunnel makes of a packet.

use std::net::IpAddr;

use super::ends::End;
use crate::forward::fib::{Flow, source_address};
use crate::forward::packet::{Inner, Packet, proto};
use crate::state::kind::LinkData;

/// What the sender makes of a packet: outer addresses, VNI or key, UDP port, options of GRE.
pub(super) struct Outer {
    pub(super) kind: &'static str,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) id: Option<u32>,
    pub(super) port: u16,
    pub(super) csum: bool,
    pub(super) seq: bool,
}

impl Outer {
    pub(super) fn of_packet(packet: &Packet) -> Option<Self> {
        let (frame, header) = match packet.inner.as_deref()? {
            Inner::Packet { header, .. } => (false, header),
            Inner::Frame { header, .. } => (true, header),
        };
        Some(Self {
            kind: kind(packet.proto(), packet.is_v6(), frame)?,
            src: packet.src,
            dst: packet.dst,
            id: header.id,
            port: packet.transport.ports().map_or(0, |(_, port)| port),
            csum: header.csum,
            seq: header.seq,
        })
    }

    /// What a link for frames with one remote sends.
    pub(super) fn of_link(end: End) -> Option<Self> {
        let place = end.place;
        let source = |remote: IpAddr| {
            let hit = place.fib.lookup(&Flow::to(remote)).ok()?;
            source_address(place.net, remote, &hit, hit.hops.first().copied())
        };
        match &end.link.data {
            Some(LinkData::Geneve(geneve)) if !geneve.external => Some(Self {
                kind: "geneve",
                src: source(geneve.remote?)?,
                dst: geneve.remote?,
                id: geneve.vni,
                port: geneve.port,
                csum: false,
                seq: false,
            }),
            Some(LinkData::Tunnel(tunnel)) if !tunnel.external => Some(Self {
                kind: ["gretap", "ip6gretap"]
                    .into_iter()
                    .find(|kind| end.link.kind.as_deref() == Some(kind))?,
                src: tunnel.local.or_else(|| source(tunnel.remote?))?,
                dst: tunnel.remote?,
                id: tunnel.okey,
                port: 0,
                csum: tunnel.ocsum,
                seq: tunnel.oseq,
            }),
            _ => None,
        }
    }

    /// The link of its module's own that takes what no other one does.
    pub(super) fn fallback(&self) -> Option<&'static str> {
        let name = match self.kind {
            "ipip" => "tunl0",
            "gre" => "gre0",
            "sit" => "sit0",
            "ip6tnl" => "ip6tnl0",
            "ip6gre" => "ip6gre0",
            _ => return None,
        };
        Some(name)
    }
}

/// The kind of links that take such a packet.
const fn kind(number: u8, v6: bool, frame: bool) -> Option<&'static str> {
    match (number, v6, frame) {
        (proto::IPIP, false, _) => Some("ipip"),
        (proto::IPV6, false, _) => Some("sit"),
        (proto::IPIP | proto::IPV6, true, _) => Some("ip6tnl"),
        (proto::GRE, false, false) => Some("gre"),
        (proto::GRE, true, false) => Some("ip6gre"),
        (proto::GRE, false, true) => Some("gretap"),
        (proto::GRE, true, true) => Some("ip6gretap"),
        (proto::UDP, _, true) => Some("geneve"),
        _ => None,
    }
}
