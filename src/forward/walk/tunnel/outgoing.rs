//! Into IP tunnels: ipip, sit, ip6tnl, gre and its kin (`ip_tunnel_xmit`, `ipip6_tunnel_xmit`, `ip6_tnl_xmit`).

use std::net::{IpAddr, Ipv6Addr};

use super::super::super::packet::{Frame, Header, Inner, Transport, proto};
use super::super::super::topology::At;
use super::super::l2::packet_of;
use super::super::{Cause, Missing, Outcome, State, Walker};
use super::{Metadata, Outer};
use crate::state::kind::Tunnel;
use crate::state::link::Link;

/// `struct iphdr`, `struct ipv6hdr`, and the destination option that limits encapsulation (RFC 2473, on by default).
const IPV4: u32 = 20;
const IPV6: u32 = 40 + 8;
/// `struct gre_base_hdr`, and each of its options.
const GRE: u32 = 4;
const ETHERNET: u32 = 14;

impl Walker<'_, '_> {
    /// Into a link without Ethernet: to its remote, to the one that the route names, or, where it has none, to the
    /// route's gateway (Calico's `tunl0`).
    pub(in super::super) fn ip_tunnel(
        &self,
        mut state: State,
        at: At,
        link: &Link,
        tunnel: &Tunnel,
        next: IpAddr,
    ) -> Vec<Outcome> {
        let metadata = state.metadata.take();
        let v6 = state.packet.is_v6();
        let kind = link.kind.as_deref().unwrap_or_default();
        let number = match (kind, v6) {
            ("ipip" | "ip6tnl", false) => proto::IPIP,
            ("sit" | "ip6tnl", true) => proto::IPV6,
            ("gre" | "ip6gre", _) => proto::GRE,
            ("ipip" | "sit", _) => {
                let family = if v6 { "IPv6" } else { "IPv4" };
                return state.dropped(
                    at.place,
                    format!("{}, a {kind} link, carries no {family}", link.name),
                );
            }
            _ => {
                let missing = Missing::Behind {
                    link: link.name.clone(),
                    kind: kind.to_owned(),
                };
                return state.undecided(at.place, missing);
            }
        };
        let Some(remote) = remote(tunnel, metadata, next, &state) else {
            let why = Cause::NoRemote {
                link: link.name.clone(),
                dst: next,
            };
            return state.dropped(at.place, why);
        };
        let header = header(tunnel, metadata);
        let inner = Inner::Packet {
            packet: state.packet.clone(),
            header,
        };
        let outer = Outer {
            local: tunnel
                .local
                .or_else(|| metadata.and_then(|metadata| metadata.local)),
            remote,
            transport: Transport::Other(number),
            size: state.packet.on_wire() + overhead(remote, number, header),
            // Only what is IPv4 hands its own DF on; sit looks at the link's setting alone.
            df: tunnel.pmtudisc || (!v6 && state.packet.df),
            link: tunnel.link,
        };
        self.carry(state, at, outer, inner)
    }

    /// Into gretap or ip6gretap.
    pub(in super::super) fn frame_tunnel(
        &self,
        mut state: State,
        at: At,
        link: &Link,
        tunnel: &Tunnel,
        frame: &Frame,
    ) -> Vec<Outcome> {
        let metadata = state.metadata.take();
        let remote = metadata.map(|metadata| metadata.remote).or(tunnel.remote);
        let kind = link.kind.as_deref().unwrap_or_default();
        let (Some(remote), "gretap" | "ip6gretap") = (remote, kind) else {
            let missing = Missing::Behind {
                link: link.name.clone(),
                kind: kind.to_owned(),
            };
            return state.undecided(at.place, missing);
        };
        let header = header(tunnel, metadata);
        let packet = packet_of(frame);
        let outer = Outer {
            local: tunnel
                .local
                .or_else(|| metadata.and_then(|metadata| metadata.local)),
            remote,
            transport: Transport::Other(proto::GRE),
            size: frame.length() + ETHERNET + overhead(remote, proto::GRE, header),
            df: tunnel.pmtudisc || packet.is_some_and(|packet| !packet.is_v6() && packet.df),
            link: tunnel.link,
        };
        let inner = Inner::Frame {
            frame: frame.clone(),
            header,
        };
        self.carry(state, at, outer, inner)
    }
}

/// To whom the outer packet goes.
fn remote(tunnel: &Tunnel, metadata: Option<Metadata>, next: IpAddr, state: &State) -> Option<IpAddr> {
    if tunnel.external {
        return metadata.map(|metadata| metadata.remote);
    }
    if tunnel.remote.is_some() {
        return tunnel.remote;
    }
    // A gateway, or an address that has one in it.
    match (next, state.packet.dst) {
        (IpAddr::V6(next), IpAddr::V6(dst)) => embedded(next).or_else(|| six_to_four(dst)),
        (next, dst) => (next != dst).then_some(next),
    }
}

/// `::a.b.c.d` (RFC 4291, 2.5.5.1).
fn embedded(ip: Ipv6Addr) -> Option<IpAddr> {
    let compatible = ip.segments()[..6] == [0; 6] && !ip.is_unspecified() && !ip.is_loopback();
    let [.., a, b, c, d] = ip.octets();
    compatible.then(|| [a, b, c, d].into())
}

/// 2002::/16 (RFC 3056).
fn six_to_four(ip: Ipv6Addr) -> Option<IpAddr> {
    let [0x20, 0x02, a, b, c, d, ..] = ip.octets() else {
        return None;
    };
    Some([a, b, c, d].into())
}

fn header(tunnel: &Tunnel, metadata: Option<Metadata>) -> Header {
    match metadata.filter(|_| tunnel.external) {
        Some(metadata) => Header {
            id: metadata.key.then_some(metadata.id),
            csum: metadata.csum,
            seq: metadata.seq,
        },
        None => Header {
            id: tunnel.okey,
            csum: tunnel.ocsum,
            seq: tunnel.oseq,
        },
    }
}

/// What the outer headers cost.
const fn overhead(remote: IpAddr, number: u8, header: Header) -> u32 {
    let ip = if remote.is_ipv4() { IPV4 } else { IPV6 };
    if number != proto::GRE {
        return ip;
    }
    let options = header.id.is_some() as u32 + header.csum as u32 + header.seq as u32;
    ip + GRE + 4 * options
}
