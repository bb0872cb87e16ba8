//! IPVS: virtual services, and what their packets are turned into (`ip_vs_core.c`, `ip_vs_xmit.c`).

use std::net::SocketAddr;

use super::super::fib::{Flow, LOOPBACK};
use super::super::hooks::{Conn, ConnState, Direction, Tuple};
use super::super::packet::{Header, Inner, Packet, Transport, proto};
use super::super::topology::{At, PlaceId};
use super::filter::Links;
use super::tunnel::Outer;
use super::{Cause, End, Outcome, State, Walker, What};
use crate::state::ipvs::{RealServer, VirtualSelect, VirtualServer};
use crate::state::netfilter::Hook;

/// A connection that a virtual service translates (`struct ip_vs_conn`, NAT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Balanced {
    client: SocketAddr,
    service: SocketAddr,
    server: SocketAddr,
    /// `net.ipv4.vs.conntrack` was on.
    tracked: bool,
}

fn ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let (sport, dport) = packet.transport.ports()?;
    Some((
        SocketAddr::new(packet.src, sport),
        SocketAddr::new(packet.dst, dport),
    ))
}

impl Walker<'_, '_> {
    /// The virtual service that takes a packet: by mark first, then by address and port.
    fn service(&self, place: PlaceId, packet: &Packet) -> Option<&VirtualServer> {
        let services = self.topology.place(place).net.ipvs.items();
        let (_, dst) = ends(packet)?;
        let marked = services
            .iter()
            .find(|service| packet.mark != 0 && service.select == VirtualSelect::Mark(packet.mark));
        marked.or_else(|| {
            services
                .iter()
                .find(|service| match (service.select, packet.transport) {
                    (VirtualSelect::Tcp(at), Transport::Tcp { .. })
                    | (VirtualSelect::Udp(at), Transport::Udp { .. })
                    | (VirtualSelect::Sctp(at), Transport::Sctp { .. }) => at == dst,
                    _ => false,
                })
        })
    }

    /// What becomes of a packet for a virtual service of this namespace: to each of its servers, with its share. None
    /// where the packet is for none.
    pub(super) fn balance(&self, state: &State, place: PlaceId) -> Option<Vec<Outcome>> {
        if state.balanced || self.topology.place(place).net.ipvs.items().is_empty() {
            return None;
        }
        let answers = |conn: &Conn| conn.direction == Direction::Reply;
        if state.conn.as_ref().is_some_and(answers) {
            return None;
        }
        let service = self.service(place, &state.packet)?;
        let usable: Vec<&RealServer> = service
            .servers
            .iter()
            .filter(|server| server.weight > 0)
            .collect();
        let weighted = !matches!(service.scheduler.as_str(), "rr" | "lc" | "lblc" | "nq");
        let weight = |server: &RealServer| if weighted { server.weight.unsigned_abs() } else { 1 };
        let whole: u32 = usable.iter().map(|server| weight(server)).sum();
        if usable.is_empty() {
            let why = format!(
                "the virtual service for {} has no server to use (ICMP port unreachable)",
                state.packet
            );
            return Some(state.clone().ends(place, End::Rejected(Cause::Other(why))));
        }
        let to = |server: &&RealServer| {
            let mut state = state.clone();
            state.share = state.share.of(weight(server), whole);
            state.balanced = true;
            self.to_server(state, place, service, server)
        };
        Some(usable.iter().flat_map(to).collect())
    }

    fn to_server(
        &self,
        mut state: State,
        place: PlaceId,
        service: &VirtualServer,
        server: &RealServer,
    ) -> Vec<Outcome> {
        let Some((client, dst)) = ends(&state.packet) else {
            return state.undecided(place, "IPVS of a packet without ports".to_owned());
        };
        let said = format!(
            "IPVS {dst} {}: {} {}",
            service.scheduler, server.address, server.forward
        );
        let own = self.topology.place(place).has(server.address.ip());
        let tracked = self.topology.place(place).net.sysctl("net.ipv4.vs.conntrack") == Some("1");
        match server.forward.as_str() {
            "Masq" | "Local" => {
                let (sport, _) = state.packet.transport.ports().unwrap_or_default();
                let port = if server.address.port() == 0 {
                    dst.port()
                } else {
                    server.address.port()
                };
                let target = SocketAddr::new(server.address.ip(), port);
                state.packet.dst = target.ip();
                state.packet.transport = state.packet.transport.with_ports(sport, port);
                state.note(place, None, What::Nat, said);
                state.services.push((
                    place,
                    Balanced {
                        client,
                        service: dst,
                        server: target,
                        tracked,
                    },
                ));
                state.retrack(place, tracked);
                if own {
                    let at = At {
                        place,
                        link: LOOPBACK,
                    };
                    return self.take_in(state, at);
                }
                self.send(state, place)
            }
            "Route" => {
                state.note(place, None, What::Setting, said);
                state.retrack(place, tracked);
                self.to_gateway(state, place, server)
            }
            "Tunnel" => {
                state.note(place, None, What::Setting, said);
                let outer = Outer {
                    local: None,
                    remote: server.address.ip(),
                    transport: Transport::Other(proto::IPIP),
                    size: state.packet.on_wire() + 20,
                    df: state.packet.df,
                    link: None,
                };
                let inner = Inner::Packet {
                    packet: state.packet.clone(),
                    header: Header::default(),
                };
                let at = At {
                    place,
                    link: LOOPBACK,
                };
                self.carry(state, at, outer, inner)
            }
            other => state.undecided(place, format!("IPVS forwards by {other}")),
        }
    }

    /// Direct routing: the packet stays as it is, and the server's way is taken.
    fn to_gateway(&self, state: State, place: PlaceId, server: &RealServer) -> Vec<Outcome> {
        let seen = self.topology.place(place);
        let dst = server.address.ip();
        let Ok(hit) = seen.fib.lookup(&Flow::to(dst)) else {
            let why = Cause::NoRoute {
                dst,
                forwarded: false,
                tunnel: None,
            };
            return state.dropped(place, why);
        };
        let Some((hop, link)) = hit.hops.first().and_then(|hop| Some((*hop, hop.link?))) else {
            return state.dropped(place, format!("{dst}, a real server, is no other host"));
        };
        let next = seen.fib.gateway(hit.route, hop).unwrap_or(dst);
        let links = Links {
            output: Some(link),
            ..Links::default()
        };
        self.through(state, place, Hook::Output, links, |state| {
            self.through(state, place, Hook::Postrouting, links, |state| {
                self.xmit_ip(state, At { place, link }, next)
            })
        })
    }
}

impl State {
    /// The answer of a real server gets the service's address back (`handle_response`).
    pub(super) fn as_service(&mut self, place: PlaceId) {
        let Some((src, dst)) = ends(&self.packet) else {
            return;
        };
        let found = self
            .services
            .iter()
            .find(|(other, known)| *other == place && known.server == src && known.client == dst);
        let Some((_, Balanced { service, tracked, .. })) = found.copied() else {
            return;
        };
        self.packet.src = service.ip();
        self.packet.transport = self.packet.transport.with_ports(service.port(), dst.port());
        self.note_packet(place, None, What::Nat);
        if !tracked {
            self.conn = Some(Conn::untracked(&self.packet));
        }
    }

    /// With `net.ipv4.vs.conntrack`, the connection learns that the server answers; without, it is not tracked on.
    fn retrack(&mut self, place: PlaceId, tracked: bool) {
        let Some(conn) = &mut self.conn else { return };
        let original = conn.original;
        if tracked {
            let target = Tuple::of(&self.packet).turned();
            conn.reply.src = target.src;
            conn.reply.transport = target.transport;
            // IPVS comes before the source is translated.
            conn.snat_done = conn.snat_done && conn.state != ConnState::New;
        } else {
            self.conn = Some(Conn::untracked(&self.packet));
        }
        self.conns
            .retain(|(other, known)| *other != place || known.original != original);
    }
}
