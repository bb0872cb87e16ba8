//! Who takes a packet that has arrived, and how that one answers.

use std::net::{IpAddr, SocketAddr};

use super::super::fib::LOOPBACK;
use super::super::packet::{Owner, Transport};
use super::super::topology::At;
use super::{Cause, End, State, Walker, What};
use crate::state::link::{IfIndex, is_link_local};
use crate::state::socket::TcpState;

impl Walker<'_, '_> {
    /// The link that answers are looked up by: that of the question in a VRF, for addresses that hold on that link only
    /// (datagrams from one have to name its link: `ip6_datagram_send_ctl`, `__inet6_bind`), and for echo requests of IPv6
    /// (`icmpv6_echo_reply`).
    pub(super) fn answers_by(&self, state: &State, at: At) -> Option<IfIndex> {
        let packet = &state.packet;
        let echo = matches!(packet.transport, Transport::Icmp { .. });
        let datagram = matches!(packet.transport, Transport::Udp { .. });
        let of_link = is_link_local(packet.src) || (datagram && is_link_local(packet.dst));
        let by_link = packet.is_v6() && (echo || of_link);
        if !by_link {
            return Some(at.link).filter(|_| self.is_vrf(at));
        }
        if at.link != LOOPBACK || !echo {
            return Some(at.link);
        }
        let hit = self
            .topology
            .place(at.place)
            .fib
            .lookup(&packet.flow(at.link))
            .ok()?;
        hit.hops.first()?.link
    }

    /// A connection to a port that nobody listens on is reset; a datagram to one is answered with an ICMP error. Else it is
    /// known whose socket takes it.
    pub(super) fn refused(&self, state: &mut State, at: At) -> Option<End> {
        let place = self.topology.place(at.place);
        if state.packet.answers {
            return None;
        }
        let dst = state.packet.dst;
        let (proto, port, taker) = match state.packet.transport {
            Transport::Tcp { dport, .. } => {
                let sockets = place.net.tcp.known().map(|all| {
                    let listen = all.iter().filter(|socket| socket.state == TcpState::Listen);
                    taker(listen.map(|socket| (socket.local, socket.uid)), dst, dport)
                });
                ("tcp", dport, sockets)
            }
            Transport::Udp { dport, .. } => {
                let sockets = place.net.udp.known().map(|all| {
                    let bound = all.iter().map(|socket| (socket.local, socket.uid));
                    taker(bound, dst, dport)
                });
                ("udp", dport, sockets)
            }
            _ => return None,
        };
        match taker {
            Some(Some(owner)) => {
                state.listener = owner;
                None
            }
            Some(None) => Some(End::Rejected(Cause::PortClosed { proto, port })),
            None => {
                let text = format!("somebody listens on port {port} (sockets were not read)");
                state.note(at.place, None, What::Assumption, text);
                None
            }
        }
    }
}

/// Who owns the socket that takes what is for an address and port: one with the address goes first. A socket of IPv6
/// that is bound to :: takes IPv4, too, unless it was told not to. Of several, any may.
fn taker(sockets: impl Iterator<Item = (SocketAddr, u32)>, dst: IpAddr, port: u16) -> Option<Owner> {
    let mut best: Option<(bool, Option<u32>)> = None;
    for (local, uid) in sockets {
        let bound = local.ip() == dst;
        if local.port() != port || !(bound || local.ip().is_unspecified()) {
            continue;
        }
        best = match best {
            Some((other, _)) if other && !bound => best,
            Some((other, found)) if other == bound => Some((bound, found.filter(|found| *found == uid))),
            _ => Some((bound, Some(uid))),
        };
    }
    best.map(|(_, uid)| Owner::User { uid, gid: None })
}
