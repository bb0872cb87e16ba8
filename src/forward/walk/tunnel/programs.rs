//! Programs that read a TUN link, and send what they read to other nodes: flannel's UDP back end (`backend/udp`), and
//! stand-ins for Calico's `tunl0`.

use std::net::IpAddr;

use super::super::super::packet::{Header, Inner, Owner, Packet, Transport, proto};
use super::super::super::topology::At;
use super::super::{Cause, Outcome, State, Walker, What};
use super::Outer;
use crate::state::kind::LinkData;
use crate::state::link::Link;

/// Its port.
pub(super) const FLANNEL_UDP: u16 = 8285;

/// What Calico calls its IPIP link.
const STAND_IN: &str = "tunl0";

impl Walker<'_, '_> {
    /// Whether no socket of UDP has this port.
    pub(super) fn nobody_listens(&self, at: At, port: u16) -> bool {
        let sockets = self.topology.place(at.place).net.udp.known();
        sockets.is_some_and(|all| all.iter().all(|socket| socket.local.port() != port))
    }

    /// Into flannel's UDP back end: flanneld reads the TUN link and sends to the node whose subnet holds the address.
    pub(in super::super) fn tun(&self, mut state: State, at: At, link: &Link, next: IpAddr) -> Vec<Outcome> {
        if link.name == STAND_IN && next != state.packet.dst {
            return self.stand_in(state, at, next);
        }
        if !link.name.starts_with("flannel") {
            return state.undecided(
                at.place,
                format!("which program reads {}, and what it does", link.name),
            );
        }
        // `tun_net_xmit` drops what no program reads.
        if self.nobody_listens(at, FLANNEL_UDP) {
            let (proto, port) = ("udp", FLANNEL_UDP);
            return state.dropped(at.place, Cause::PortClosed { proto, port });
        }
        let dst = state.packet.dst;
        let Some((remote, text)) = self.flannel_node(at, dst) else {
            return state.undecided(
                at.place,
                format!("which node flanneld sends packets for {dst} to"),
            );
        };
        state.note(at.place, Some(at.link), What::Assumption, text);
        let inner = Inner::Packet {
            packet: state.packet.clone(),
            header: Header::default(),
        };
        let transport = Transport::Udp {
            sport: FLANNEL_UDP,
            dport: FLANNEL_UDP,
        };
        let outer = Outer {
            local: None,
            remote,
            transport,
            size: state.packet.on_wire() + 28,
            df: false,
            link: None,
        };
        self.by_program(state, at, outer, inner)
    }

    /// Calico's `tunl0` where the kernel has no IPIP: a program reads the TUN link that has its name, and sends to the
    /// route's gateway.
    fn stand_in(&self, mut state: State, at: At, next: IpAddr) -> Vec<Outcome> {
        let text =
            format!("{STAND_IN} is a TUN link: its program is taken to send in IPIP (protocol 4) to {next}");
        state.note(at.place, Some(at.link), What::Assumption, text);
        let inner = Inner::Packet {
            packet: state.packet.clone(),
            header: Header::default(),
        };
        let outer = Outer {
            local: None,
            remote: next,
            transport: Transport::Other(proto::IPIP),
            size: state.packet.on_wire() + 20,
            df: state.packet.df,
            link: None,
        };
        self.by_program(state, at, outer, inner)
    }

    /// A program sends on its own account: not within what the kernel sends.
    fn by_program(&self, mut state: State, at: At, outer: Outer, inner: Inner) -> Vec<Outcome> {
        state.nested = 0;
        state.packet.owner = Owner::UNKNOWN;
        self.carry(state, at, outer, inner)
    }

    /// The node with a bridge or link in whose segment the address lies, and its address on the wire.
    fn flannel_node(&self, at: At, dst: IpAddr) -> Option<(IpAddr, String)> {
        let here = self.topology.place(at.place).node;
        let (_, place) = self.topology.hosts().find(|(_, place)| {
            !std::ptr::eq(place.node, here)
                && place.net.addresses.items().iter().any(|address| {
                    address.prefix_len > 0
                        && address.network().is_some_and(|net| net.contains(&dst))
                        && place.net.link(address.link).is_some_and(Link::is_bridge)
                })
        })?;
        let uplink = place.net.addresses.items().iter().find(|address| {
            self.topology.place_of(place.net).is_some_and(|id| {
                self.topology.cables().has(At {
                    place: id,
                    link: address.link,
                })
            })
        });
        let outer = uplink.or_else(|| {
            place.net.addresses.items().iter().find(|address| {
                place
                    .net
                    .link(address.link)
                    .is_some_and(|link| link.name.starts_with("eth") || link.name.starts_with("en"))
            })
        })?;
        let text = format!("flanneld sends it to {} ({})", place.node.name, outer.ip);
        Some((outer.ip, text))
    }
}

/// Whether a packet is of this back end.
pub(super) fn is_flannel(outer: &Packet) -> bool {
    outer
        .transport
        .ports()
        .is_some_and(|(_, dport)| dport == FLANNEL_UDP)
}

/// Whether this is the TUN link that flanneld has open.
pub(super) fn is_flannels(link: &Link) -> bool {
    link.name.starts_with("flannel")
        && (matches!(link.data, Some(LinkData::Tun(_))) || link.kind.as_deref() == Some("tun"))
}

/// Whether it is a TUN link that stands in for Calico's `tunl0`, and takes this packet.
pub(super) fn stands_in(link: &Link, outer: &Packet) -> bool {
    link.name == STAND_IN && link.kind.as_deref() == Some("tun") && outer.proto() == proto::IPIP
}
