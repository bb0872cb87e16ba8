//! IP: routes, reverse path filters, time to live, forwarding, and sizes (`ip_output.c`, `ip_input.c`, `ip_forward.c`,
//! `route.c`).

use std::net::{IpAddr, SocketAddr};

use super::super::fib::{Flow, Hit, LOOPBACK, Refusal, Refused};
use super::super::hooks::Direction;
use super::super::packet::{Packet, Transport};
use super::super::topology::{At, Place, PlaceId};
use super::filter::Links;
use super::{End, Outcome, State, Walker, What};
use crate::state::link::IfIndex;
use crate::state::netfilter::Hook;
use crate::state::route::{NextHop, RouteType, TableId};
use crate::state::socket::{TcpSocket, TcpState};

impl<'a> Walker<'_, 'a> {
    /// Sends a packet from the namespace itself.
    pub fn send(&self, mut state: State, place: PlaceId) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(place, "the packet goes round in circles");
        }
        state.note_packet(place, None, What::Start);
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
            if hit.route.kind == RouteType::Local {
                let links = Links {
                    output: Some(LOOPBACK),
                    ..Links::default()
                };
                let at = At {
                    place,
                    link: LOOPBACK,
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
            return state.dropped(at.place, "the packet goes round in circles");
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
    fn routed_in(&self, mut state: State, at: At) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let name = self.name(at);
        if let Some(why) = martian(place, name, &state.packet) {
            return state.dropped(at.place, why);
        }
        let hit = match self.route(&mut state, at.place, at.link) {
            Ok(hit) => hit,
            Err(_) if place.setting(state.packet.is_v6(), name, "forwarding") == Some(0) => {
                let why = format!("not for {} and forwarding is off", place.title());
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
    fn take_in(&self, mut state: State, at: At) -> Vec<Outcome> {
        if state.packet.inner.is_some() {
            return self.decap(state, at);
        }
        if let Some(end) = self.refused(&mut state, at) {
            return state.ends(at.place, end);
        }
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
        let (dport, heard, how) = match state.packet.transport {
            Transport::Tcp { dport, .. } => {
                let listens =
                    |socket: &TcpSocket| socket.state == TcpState::Listen && takes(socket.local, dport);
                let sockets = place.net.tcp.known();
                (dport, sockets.map(|all| all.iter().any(listens)), "TCP reset")
            }
            Transport::Udp { dport, .. } => {
                let sockets = place.net.udp.known();
                let heard = sockets.map(|all| all.iter().any(|socket| takes(socket.local, dport)));
                (dport, heard, "ICMP port unreachable")
            }
            _ => return None,
        };
        match heard {
            Some(true) => None,
            Some(false) => Some(End::Rejected(format!(
                "nobody in {} listens on port {dport}: {how}",
                place.title()
            ))),
            None => {
                let text = format!("somebody listens on port {dport} (sockets were not read)");
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
                let text = format!("{} = 0", key(name));
                state.note(at.place, Some(at.link), What::Setting, &text);
                return state.dropped(at.place, format!("{} does not forward: {text}", place.title()));
            }
            Some(_) => {}
            None => match global_forwarding(place, v6) {
                Some(false) => {
                    return state.dropped(at.place, format!("{} does not forward", place.title()));
                }
                Some(true) => {}
                None => {
                    let text = format!("{} forwards ({} was not read)", place.title(), key(name));
                    state.note(at.place, None, What::Assumption, text);
                }
            },
        }
        if state.packet.ttl <= 1 {
            return state.ends(at.place, End::Rejected("its time to live is over".into()));
        }
        state.packet.ttl -= 1;
        let links = Links {
            input: Some(at.link),
            output: hit.hops.first().and_then(|hop| hop.link),
            physdev: (state.packet.physdev_in, None),
        };
        self.through(state, at.place, Hook::Forward, links, |state| {
            self.leave(state, at.place, hit)
        })
    }

    /// Looks the packet up, and says so in the trail.
    fn route(&self, state: &mut State, place: PlaceId, iif: IfIndex) -> Result<Hit<'a>, End> {
        let seen = self.topology.place(place);
        if let Some(why) = seen.net.routes.why() {
            return Err(End::NotDecidable(format!("routes of {}: {why}", seen.title())));
        }
        let flow = state.packet.flow(iif);
        match seen.fib.lookup(&flow) {
            Ok(hit) => {
                let link = hit.hops.first().and_then(|hop| hop.link);
                state.note_with(place, link, What::Route, || route_text(seen, &hit));
                Ok(hit)
            }
            Err(refused) => Err(refusal(seen, &flow, &refused, iif)),
        }
    }

    /// Goes out by every way that the route has.
    fn leave(&self, state: State, place: PlaceId, hit: &Hit<'a>) -> Vec<Outcome> {
        let whole: u32 = hit.hops.iter().map(|hop| u32::from(hop.weight)).sum();
        let mut outcomes = Vec::new();
        for hop in &hit.hops {
            let mut state = state.clone();
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
            return state.dropped(place, "the route has no way out");
        }
        outcomes
    }

    fn leave_by(&self, mut state: State, place: PlaceId, hit: &Hit<'a>, hop: &NextHop) -> Vec<Outcome> {
        let Some(link) = hop.link else {
            return state.dropped(place, "the route has no link");
        };
        let at = At { place, link };
        let Some(seen) = self.topology.link(at) else {
            return state.undecided(place, format!("link {link} of the route is not known"));
        };
        let mtu = hit.route.mtu.map_or(seen.mtu, |(mtu, _)| mtu.min(seen.mtu));
        if mtu != 0 && state.packet.size > mtu {
            if state.packet.df {
                let why = format!(
                    "{} bytes don't fit the MTU {mtu} of {}",
                    state.packet.size, seen.name
                );
                return state.ends(place, End::Rejected(why));
            }
            let text = format!("fragments: {} bytes over MTU {mtu}", state.packet.size);
            state.note(place, Some(link), What::Out, text);
        }
        let gateway = self.topology.place(place).fib.gateway(hit.route, hop);
        let next = gateway.unwrap_or(state.packet.dst);
        self.xmit_ip(state, at, next)
    }

    /// `fib_validate_source`: the way back to the sender must lead by the link it came in by (strict), or exist at all
    /// (loose). Says why the packet is lost, if it is.
    fn reverse_path(&self, state: &mut State, at: At) -> Option<String> {
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
            return Some(format!(
                "{} is an own address of {}: a martian source",
                packet.src,
                place.title()
            ));
        }
        if mode == 0 {
            return None;
        }
        let mut flow = Flow {
            src: Some(packet.dst),
            iif: LOOPBACK,
            tos: packet.tos,
            ..Flow::to(packet.src)
        };
        if place.either(false, name, "src_valid_mark").unwrap_or(false) {
            flow.mark = packet.mark;
        }
        let back = place.fib.lookup(&flow);
        let by_link = back
            .as_ref()
            .is_ok_and(|hit| hit.hops.iter().any(|hop| hop.link == Some(at.link)));
        let reachable = back
            .as_ref()
            .is_ok_and(|hit| hit.route.kind == RouteType::Unicast);
        if by_link || (mode == 2 && reachable) {
            return None;
        }
        let way = back.map_or_else(|_| "there is none".to_owned(), |hit| route_text(place, &hit));
        let text = format!(
            "rp_filter = {mode} on {name}; the way back to {}: {way}",
            packet.src
        );
        state.note(at.place, Some(at.link), What::Setting, &text);
        Some(format!("dropped by the reverse path filter: {text}"))
    }
}

/// Addresses that no packet on a wire may have (`ip_route_input_slow`).
fn martian(place: &Place, link: &str, packet: &Packet) -> Option<String> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (packet.src, packet.dst) else {
        return None;
    };
    if link == "lo" {
        return None;
    }
    let route_localnet = place.either(false, link, "route_localnet").unwrap_or(false);
    if src.is_multicast() || src.is_broadcast() {
        return Some(format!("{src} can't be a source: a martian"));
    }
    if dst.is_unspecified() {
        return Some("0.0.0.0 can't be a destination: a martian".into());
    }
    if !route_localnet && (src.is_loopback() || dst.is_loopback()) {
        return Some(format!(
            "a loopback address on {link}: a martian (route_localnet is off)"
        ));
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

fn refusal(place: &Place, flow: &Flow, refused: &Refused, iif: IfIndex) -> End {
    let who = place.title();
    let dst = flow.dst;
    let by = match (refused.route, refused.rule) {
        (Some(route), _) => format!("route {} of table {}", route.dst, route.table),
        (None, Some(rule)) => format!("rule {}", rule.priority),
        (None, None) => String::new(),
    };
    match refused.refusal {
        Refusal::NoRoute if iif == LOOPBACK => End::Dropped(format!("{who} has no route to {dst}")),
        Refusal::NoRoute => End::Rejected(format!("{who} has no route to {dst}: ICMP net unreachable")),
        Refusal::Blackhole => End::Dropped(format!("{who} drops it: blackhole {by}")),
        Refusal::Unreachable => End::Rejected(format!("{who} refuses it: unreachable {by}")),
        Refusal::Prohibited => End::Rejected(format!("{who} refuses it: prohibit {by}")),
    }
}
