//! IP: routes, reverse path filters, time to live, forwarding, and sizes (`ip_output.c`, `ip_input.c`, `ip_forward.c`,
//! `route.c`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::fib::{Flow, Hit, LOOPBACK, Refusal, Refused};
use super::super::hooks::Direction;
use super::super::packet::{Packet, Transport};
use super::super::topology::{At, Place, PlaceId};
use super::filter::Links;
use super::tunnel::Metadata;
use super::{Cause, End, Martian, Missing, Outcome, RefusedBy, Refuses, State, Walker, What};
use crate::state::link::IfIndex;
use crate::state::netfilter::Hook;
use crate::state::route::{NextHop, RouteType, TableId};
use crate::state::socket::{TcpSocket, TcpState};

impl<'a> Walker<'_, 'a> {
    /// Sends a packet from the namespace itself.
    pub fn send(&self, mut state: State, place: PlaceId) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(place, Cause::Loop { frame: false });
        }
        state.note_packet(place, None, What::Start);
        state.local = true;
        let hit = match self.route(&mut state, place, LOOPBACK) {
            Ok(hit) => hit,
            Err(end) => return state.ends(place, end),
        };
        let before = (state.packet.src, state.packet.dst, state.packet.mark);
        let links = Links {
            output: hit.hops.first().and_then(|hop| hop.link),
            ..Links::default()
        };
        self.through(state, place, Hook::Output, links, |mut state| {
            let mut hit = hit.clone();
            if before != (state.packet.src, state.packet.dst, state.packet.mark) {
                // ip_route_me_harder
                hit = match self.route(&mut state, place, LOOPBACK) {
                    Ok(hit) => hit,
                    Err(end) => return state.ends(place, end),
                };
            }
            state.as_service(place);
            if let Some(outcomes) = self.balance(&state, place) {
                return outcomes;
            }
            if hit.route.kind == RouteType::Local {
                // What a VRF sends to itself comes in by the VRF.
                let link = state.output.unwrap_or(LOOPBACK);
                let vrf = At { place, link };
                let link = if self.is_vrf(vrf) { link } else { LOOPBACK };
                let at = At { place, link };
                let links = Links {
                    output: Some(link),
                    ..Links::default()
                };
                return self.through(state, place, Hook::Postrouting, links, |state| {
                    self.ip_input(state, at)
                });
            }
            self.leave(state, place, &hit)
        })
    }

    /// Takes in a packet that reached a link of the namespace.
    pub(super) fn ip_input(&self, state: State, at: At) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(at.place, Cause::Loop { frame: false });
        }
        if state.prerouted {
            return self.routed_in(state, at);
        }
        let links = Links {
            input: Some(at.link),
            physdev: (state.packet.physdev_in, None),
            ..Links::default()
        };
        self.through(state, at.place, Hook::Prerouting, links, |state| {
            self.routed_in(state, at)
        })
    }

    /// The routing decision over a packet that came in.
    pub(super) fn routed_in(&self, mut state: State, at: At) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        if let Some(vrf) = self.vrf_of(at) {
            return self.comes_by_vrf(state, vrf);
        }
        let name = self.name(at);
        if let Some(why) = martian(place, name, &state.packet) {
            return state.dropped(at.place, why);
        }
        let hit = match self.route(&mut state, at.place, at.link) {
            Ok(hit) => hit,
            Err(_) if place.setting(state.packet.is_v6(), name, "forwarding") == Some(0) => {
                let why = Cause::NotForUs {
                    dst: state.packet.dst,
                    link: name.to_owned(),
                };
                return state.dropped(at.place, why);
            }
            Err(end) => return state.ends(at.place, end),
        };
        if let Some(why) = self.reverse_path(&mut state, at) {
            return state.dropped(at.place, why);
        }
        match hit.route.kind {
            RouteType::Local | RouteType::Broadcast | RouteType::Anycast => {
                let links = Links {
                    input: Some(at.link),
                    physdev: (state.packet.physdev_in, None),
                    ..Links::default()
                };
                self.through(state, at.place, Hook::Input, links, |state| {
                    self.take_in(state, at)
                })
            }
            _ => self.forward(state, at, &hit),
        }
    }

    /// A packet for this namespace: tunnels take theirs, the rest has arrived.
    pub(super) fn take_in(&self, mut state: State, at: At) -> Vec<Outcome> {
        if state.packet.inner.is_some() {
            return self.decap(state, at);
        }
        state.as_service(at.place);
        if let Some(outcomes) = self.balance(&state, at.place) {
            return outcomes;
        }
        if let Some(end) = self.refused(&mut state, at) {
            return state.ends(at.place, end);
        }
        // Answers are looked up where the question came in.
        state.output = Some(at.link).filter(|_| self.is_vrf(at));
        state.note_packet(at.place, Some(at.link), What::Arrived);
        state.ends(at.place, End::Delivered)
    }

    /// A connection to a port that nobody listens on is reset; a datagram to one is answered with an ICMP error.
    fn refused(&self, state: &mut State, at: At) -> Option<End> {
        let place = self.topology.place(at.place);
        let answers = state
            .conn
            .as_ref()
            .is_some_and(|conn| conn.direction == Direction::Reply);
        if answers {
            return None;
        }
        let dst = state.packet.dst;
        // A socket of IPv6 that is bound to :: takes IPv4, too, unless it was told not to.
        let takes = |local: SocketAddr, port: u16| {
            local.port() == port && (local.ip().is_unspecified() || local.ip() == dst)
        };
        let (proto, port, heard) = match state.packet.transport {
            Transport::Tcp { dport, .. } => {
                let listens =
                    |socket: &TcpSocket| socket.state == TcpState::Listen && takes(socket.local, dport);
                let sockets = place.net.tcp.known();
                ("tcp", dport, sockets.map(|all| all.iter().any(listens)))
            }
            Transport::Udp { dport, .. } => {
                let sockets = place.net.udp.known();
                let heard = sockets.map(|all| all.iter().any(|socket| takes(socket.local, dport)));
                ("udp", dport, heard)
            }
            _ => return None,
        };
        match heard {
            Some(true) => None,
            Some(false) => Some(End::Rejected(Cause::PortClosed { proto, port })),
            None => {
                let text = format!("somebody listens on port {port} (sockets were not read)");
                state.note(at.place, None, What::Assumption, text);
                None
            }
        }
    }

    fn forward(&self, mut state: State, at: At, hit: &Hit<'a>) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let (v6, name) = (state.packet.is_v6(), self.name(at));
        let key = |link: &str| {
            let family = if v6 { "ipv6" } else { "ipv4" };
            format!("net.{family}.conf.{link}.forwarding")
        };
        match place.setting(v6, name, "forwarding") {
            Some(0) => {
                let (key, link) = (key(name), name.to_owned());
                state.note(at.place, Some(at.link), What::Setting, format!("{key} = 0"));
                return state.dropped(at.place, Cause::ForwardingOff { key, link });
            }
            Some(_) => {}
            None => match global_forwarding(place, v6) {
                Some(false) => {
                    let key = if v6 {
                        key("all")
                    } else {
                        "net.ipv4.ip_forward".to_owned()
                    };
                    let link = name.to_owned();
                    return state.dropped(at.place, Cause::ForwardingOff { key, link });
                }
                Some(true) => {}
                None => {
                    let text = format!("{} forwards ({} was not read)", place.title(), key(name));
                    state.note(at.place, None, What::Assumption, text);
                }
            },
        }
        if state.packet.ttl <= 1 {
            return state.ends(at.place, End::Rejected(Cause::TtlOver));
        }
        state.packet.ttl -= 1;
        state.local = false;
        let links = Links {
            input: Some(at.link),
            output: hit.hops.first().and_then(|hop| hop.link),
            physdev: (state.packet.physdev_in, None),
        };
        self.through(state, at.place, Hook::Forward, links, |mut state| {
            state.as_service(at.place);
            self.leave(state, at.place, hit)
        })
    }

    /// Looks the packet up, and says so in the trail.
    fn route(&self, state: &mut State, place: PlaceId, iif: IfIndex) -> Result<Hit<'a>, End> {
        let seen = self.topology.place(place);
        if let Some(why) = seen.net.routes.why() {
            return Err(End::NotDecidable(Missing::Routes(why.to_owned())));
        }
        let mut flow = state.packet.flow(iif);
        flow.oif = state.output.filter(|_| iif == LOOPBACK);
        match seen.fib.lookup(&flow) {
            Ok(hit) => {
                let link = hit.hops.first().and_then(|hop| hop.link);
                state.note_with(place, link, What::Route, || route_text(seen, &hit));
                Ok(hit)
            }
            Err(refused) => Err(refusal(&flow, &refused, iif)),
        }
    }

    /// Goes out by every way that the route has.
    fn leave(&self, state: State, place: PlaceId, hit: &Hit<'a>) -> Vec<Outcome> {
        let whole: u32 = hit.hops.iter().map(|hop| u32::from(hop.weight)).sum();
        let mut outcomes = Vec::new();
        for hop in &hit.hops {
            let mut state = state.clone();
            state.output = None;
            state.share = state.share.of(u32::from(hop.weight), whole);
            let links = Links {
                output: hop.link,
                ..Links::default()
            };
            outcomes.extend(self.through(state, place, Hook::Postrouting, links, |state| {
                self.leave_by(state, place, hit, hop)
            }));
        }
        if outcomes.is_empty() {
            let route = route_text(self.topology.place(place), hit);
            return state.dropped(place, Cause::NoWayOut { route });
        }
        outcomes
    }

    fn leave_by(&self, mut state: State, place: PlaceId, hit: &Hit<'a>, hop: &NextHop) -> Vec<Outcome> {
        let Some(link) = hop.link else {
            let route = route_text(self.topology.place(place), hit);
            return state.dropped(place, Cause::NoWayOut { route });
        };
        let at = At { place, link };
        let Some(seen) = self.topology.link(at) else {
            return state.undecided(place, Missing::Link(format!("number {link}, of the route")));
        };
        let mtu = hit.route.mtu.map_or(seen.mtu, |(mtu, _)| mtu.min(seen.mtu));
        let size = state.packet.piece();
        if mtu != 0 && size > mtu {
            if state.packet.df || (state.packet.is_v6() && !state.local) {
                let link = seen.name.clone();
                return state.ends(place, End::Rejected(Cause::TooBig { link, mtu, size }));
            }
            state.note(
                place,
                Some(link),
                What::Out,
                format!("fragments: {size} bytes over MTU {mtu}"),
            );
            state.packet.fragment = Some(mtu);
        }
        if let Some(encap) = &hop.encap {
            let Some(metadata) = Metadata::read(encap) else {
                return state.undecided(place, format!("what this encapsulation does: {encap}"));
            };
            state.metadata = Some(metadata);
        }
        let gateway = self.topology.place(place).fib.gateway(hit.route, hop);
        let next = gateway.unwrap_or(state.packet.dst);
        self.xmit_ip(state, at, next)
    }

    /// `fib_validate_source`: the way back to the sender must lead by the link it came in by (strict), or exist at all
    /// (loose). Says why the packet is lost, if it is.
    fn reverse_path(&self, state: &mut State, at: At) -> Option<Cause> {
        let place = self.topology.place(at.place);
        let packet = &state.packet;
        let name = self.name(at);
        if packet.is_v6() {
            return None;
        }
        let mode = place
            .setting(false, name, "rp_filter")
            .unwrap_or(0)
            .max(place.setting(false, "all", "rp_filter").unwrap_or(0));
        let own = place.has(packet.src);
        if own && !place.either(false, name, "accept_local").unwrap_or(false) && at.link != LOOPBACK {
            return Some(Cause::Martian {
                ip: packet.src,
                link: name.to_owned(),
                why: Martian::OwnSource,
            });
        }
        if mode == 0 {
            return None;
        }
        let mut flow = Flow {
            src: Some(packet.dst),
            iif: LOOPBACK,
            l3mdev: Some(at.link).filter(|_| self.is_vrf(at)),
            tos: packet.tos,
            ..Flow::to(packet.src)
        };
        if place.either(false, name, "src_valid_mark").unwrap_or(false) {
            flow.mark = packet.mark;
        }
        let back = place.fib.lookup(&flow);
        let by_link = back
            .as_ref()
            .is_ok_and(|hit| hit.hops.iter().any(|hop| self.is_by(at.place, hop.link, at.link)));
        let reachable = back
            .as_ref()
            .is_ok_and(|hit| hit.route.kind == RouteType::Unicast);
        if by_link || (mode == 2 && reachable) {
            return None;
        }
        let cause = Cause::ReversePath {
            link: name.to_owned(),
            mode,
            src: packet.src,
            way: back.ok().map(|hit| route_text(place, &hit)),
        };
        state.note_with(at.place, Some(at.link), What::Setting, || cause.to_string());
        Some(cause)
    }
}

/// Addresses that no packet on a wire may have (`ip_route_input_slow`).
fn martian(place: &Place, link: &str, packet: &Packet) -> Option<Cause> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (packet.src, packet.dst) else {
        return None;
    };
    if link == "lo" {
        return None;
    }
    let found = |ip: Ipv4Addr, why| {
        Some(Cause::Martian {
            ip: ip.into(),
            link: link.to_owned(),
            why,
        })
    };
    let route_localnet = place.either(false, link, "route_localnet").unwrap_or(false);
    if src.is_multicast() || src.is_broadcast() {
        return found(src, Martian::GroupSource);
    }
    if dst.is_unspecified() {
        return found(dst, Martian::NoDestination);
    }
    if !route_localnet && (src.is_loopback() || dst.is_loopback()) {
        return found(if src.is_loopback() { src } else { dst }, Martian::Loopback);
    }
    None
}

/// `ip_forward`, or `all.forwarding` of IPv6.
fn global_forwarding(place: &Place, v6: bool) -> Option<bool> {
    let value = if v6 {
        place.net.sysctl("net.ipv6.conf.all.forwarding")?
    } else {
        place.net.sysctl("net.ipv4.ip_forward")?
    };
    Some(value != "0")
}

/// The route as ip-route(8) prints it, with its table when that isn't the main one.
pub(super) fn route_text(place: &Place, hit: &Hit) -> String {
    let route = hit.route;
    let mut words = Vec::new();
    if route.kind != RouteType::Unicast {
        words.push(format!("{:?}", route.kind).to_lowercase());
    }
    words.push(if route.dst.prefix_len() == 0 {
        "default".to_owned()
    } else {
        route.dst.to_string()
    });
    for hop in &hit.hops {
        words.extend(hop.gateway.map(|gateway| format!("via {gateway}")));
        let link = hop.link.and_then(|link| place.fib.link(link));
        words.extend(link.map(|link| format!("dev {}", link.name)));
    }
    words.push(format!("proto {}", route.proto));
    if route.metric != 0 {
        words.push(format!("metric {}", route.metric));
    }
    if route.table != TableId::MAIN {
        words.push(format!("table {}", route.table));
    }
    words.join(" ")
}

fn refusal(flow: &Flow, refused: &Refused, iif: IfIndex) -> End {
    let dst = flow.dst;
    let refuses = |how| Cause::RouteRefuses {
        how,
        dst,
        by: match (refused.route, refused.rule) {
            (Some(route), _) => RefusedBy::Route {
                prefix: route.dst.to_string(),
                table: route.table,
            },
            (None, Some(rule)) => RefusedBy::Rule {
                priority: rule.priority,
            },
            (None, None) => RefusedBy::Nobody,
        },
    };
    let no_route = |forwarded| Cause::NoRoute {
        dst,
        forwarded,
        tunnel: None,
    };
    match refused.refusal {
        Refusal::NoRoute if iif == LOOPBACK => End::Dropped(no_route(false)),
        Refusal::NoRoute => End::Rejected(no_route(true)),
        Refusal::Blackhole => End::Dropped(refuses(Refuses::Blackhole)),
        Refusal::Unreachable => End::Rejected(refuses(Refuses::Unreachable)),
        Refusal::Prohibited => End::Rejected(refuses(Refuses::Prohibit)),
    }
}
