//! IP: routes, reverse path filters, time to live, forwarding, and sizes (`ip_output.c`, `ip_input.c`, `ip_forward.c`,
//! `route.c`).

use std::net::{IpAddr, Ipv4Addr};

use super::super::fib::{Flow, Hit, LOOPBACK, Refusal, Refused};
use super::super::hooks::ConnState;
use super::super::topology::{At, Place, PlaceId};
use super::filter::Links;
use super::missing::unread;
use super::size::Cut;
use super::tunnel::Metadata;
use super::validate::{loopback_leaves, martian, martian_v6};
use super::{Cause, End, Outcome, RefusedBy, Refuses, State, Walker, What};
use crate::state::link::{IfIndex, Link, is_link_local};
use crate::state::netfilter::Hook;
use crate::state::route::{NextHop, RouteType, TableId};

/// Whether it is asked if a packet may come from where it says: not where it has its way already (`ip_rcv_finish_core`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Asked,
    Kept,
}

impl<'a> Walker<'_, 'a> {
    /// Sends a packet from the namespace itself.
    pub fn send(&self, mut state: State, place: PlaceId) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(place, Cause::Loop { frame: false });
        }
        state.note_packet(place, None, What::Start);
        let hit = match self.route(&mut state, place, LOOPBACK) {
            Ok(hit) => hit,
            Err(end) => return state.ends(place, end),
        };
        let first = ways(state, &hit).into_iter();
        first
            .flat_map(|(mut state, hit)| {
                if let Some(end) = self.cut(&mut state, place, &hit, Cut::Starts) {
                    return state.ends(place, end);
                }
                let links = Links {
                    output: way_out(&hit),
                    ..Links::default()
                };
                self.through(state, place, Hook::Output, links, |mut state| {
                    if !std::mem::take(&mut state.reroute) {
                        return self.put_out(state, place, &hit);
                    }
                    // ip_route_me_harder
                    let bound = |link: &IfIndex| {
                        is_link_local(state.packet.dst) || self.is_vrf(At { place, link: *link })
                    };
                    state.output = state.output.filter(bound);
                    let hit = match self.route(&mut state, place, LOOPBACK) {
                        Ok(hit) => hit,
                        Err(end) => return state.ends(place, end),
                    };
                    let again = ways(state, &hit).into_iter();
                    again
                        .flat_map(
                            |(mut state, hit)| match self.cut(&mut state, place, &hit, Cut::Rerouted) {
                                Some(end) => state.ends(place, end),
                                None => self.put_out(state, place, &hit),
                            },
                        )
                        .collect()
                })
            })
            .collect()
    }

    /// What OUTPUT let pass: to the namespace itself, or out.
    fn put_out(&self, mut state: State, place: PlaceId, hit: &Hit<'a>) -> Vec<Outcome> {
        state.as_service(place);
        if let Some(outcomes) = self.balance(&state, place) {
            return outcomes;
        }
        if !is_own(hit) {
            return self.leave(state, place, hit);
        }
        // What a VRF sends to itself comes in by the VRF.
        let vrf = state.output.map(|link| At { place, link });
        let at = vrf.filter(|vrf| self.is_vrf(*vrf)).unwrap_or(At {
            place,
            link: LOOPBACK,
        });
        let links = Links {
            output: Some(at.link),
            ..Links::default()
        };
        self.through(state, place, Hook::Postrouting, links, |state| {
            if at.link == LOOPBACK {
                return self.by_loopback(state, at, hit, true);
            }
            self.ip_input(state, at)
        })
    }

    /// What leaves by `lo` comes in again with the way that it was given; only PREROUTING can give it another one
    /// (`loopback_xmit` keeps `skb_dst`).
    fn by_loopback(&self, mut state: State, at: At, hit: &Hit<'a>, own: bool) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(at.place, Cause::Loop { frame: false });
        }
        state.nested = 0;
        // What was of no connection is looked at once more: another zone may have one.
        state.conn = state.conn.filter(|conn| conn.state != ConnState::Invalid);
        let dst = state.packet.dst;
        let links = Links {
            input: Some(at.link),
            physdev: (state.packet.physdev_in, None),
            ..Links::default()
        };
        self.through(state, at.place, Hook::Prerouting, links, |mut state| {
            if state.packet.dst != dst {
                return self.routed_in(state, at);
            }
            if !own {
                return self.forward(state, at, hit, Source::Kept);
            }
            state.anycast = hit.route.kind == RouteType::Anycast;
            self.to_host(state, at, Source::Kept)
        })
    }

    /// Takes in a packet that reached a link of the namespace.
    pub(super) fn ip_input(&self, mut state: State, at: At) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(at.place, Cause::Loop { frame: false });
        }
        state.nested = 0;
        if state.prerouted {
            return self.routed_in(state, at);
        }
        if let Some(why) = martian_v6(self.name(at), &state.packet) {
            return state.dropped(at.place, why);
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
        if state.packet.dst == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return self.to_host(state, at, Source::Asked);
        }
        if state.packet.inner.is_some() && state.packet.dst.is_multicast() {
            if !self.has_joined(at, state.packet.dst) {
                return state.ends(at.place, End::NotForMe);
            }
            return self.to_host(state, at, Source::Asked);
        }
        let hit = match self.route(&mut state, at.place, at.link) {
            Ok(hit) => hit,
            Err(end) => {
                let v6 = state.packet.is_v6();
                // With IPv6 a route that refuses says so even where nothing is forwarded (`ip6_pkt_drop`).
                let says = |cause: &Cause| v6 && matches!(cause, Cause::RouteRefuses { .. });
                if matches!(&end, End::Dropped(cause) | End::Rejected(cause) if says(cause))
                    || forwards(place, v6, name).unwrap_or(true)
                {
                    return state.ends(at.place, end);
                }
                let why = Cause::NotForUs {
                    dst: state.packet.dst,
                    link: name.to_owned(),
                };
                return state.dropped(at.place, why);
            }
        };
        match hit.route.kind {
            RouteType::Local | RouteType::Broadcast | RouteType::Anycast => {
                state.anycast = hit.route.kind == RouteType::Anycast;
                self.to_host(state, at, Source::Asked)
            }
            _ => self.forward(state, at, &hit, Source::Asked),
        }
    }

    /// A packet for the namespace itself, if its source may be true.
    fn to_host(&self, mut state: State, at: At, source: Source) -> Vec<Outcome> {
        if source == Source::Asked
            && let Some(why) = self.reverse_path(&mut state, at, None)
        {
            return state.dropped(at.place, why);
        }
        let links = Links {
            input: Some(at.link),
            physdev: (state.packet.physdev_in, None),
            ..Links::default()
        };
        self.through(state, at.place, Hook::Input, links, |state| {
            self.take_in(state, at)
        })
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
        state.output = self.answers_by(&state, at);
        state.note_packet(at.place, Some(at.link), What::Arrived);
        state.ends(at.place, End::Delivered)
    }

    fn forward(&self, mut state: State, at: At, hit: &Hit<'a>, source: Source) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let (v6, name) = (state.packet.is_v6(), self.name(at));
        let key = || match place.setting(v6, name, "forwarding") {
            _ if v6 => "net.ipv6.conf.all.forwarding".to_owned(),
            Some(_) => format!("net.ipv4.conf.{name}.forwarding"),
            None => "net.ipv4.ip_forward".to_owned(),
        };
        match forwards(place, v6, name) {
            Some(true) => {}
            Some(false) => {
                let (key, link) = (key(), name.to_owned());
                state.note(at.place, Some(at.link), What::Setting, format!("{key} = 0"));
                return state.dropped(at.place, Cause::ForwardingOff { key, link });
            }
            None => {
                let text = format!("{} forwards ({} was not read)", place.title(), key());
                state.note(at.place, None, What::Assumption, text);
            }
        }
        let ways = ways(state, hit).into_iter();
        ways.flat_map(|(mut state, hit)| {
            if source == Source::Asked
                && let Some(why) = self.reverse_path(&mut state, at, way_out(&hit))
            {
                return state.dropped(at.place, why);
            }
            if state.packet.ttl <= 1 {
                return state.ends(at.place, End::Rejected(Cause::TtlOver));
            }
            if let IpAddr::V6(src) = state.packet.src
                && src.is_unicast_link_local()
                && way_out(&hit) != Some(at.link)
                && !state.routed
            {
                let why = format!("{src}, the source, holds on {name} only, and is not forwarded");
                return state.ends(at.place, End::Rejected(Cause::Other(why)));
            }
            if let Some(end) = self.cut(&mut state, at.place, &hit, Cut::Forwarded) {
                return state.ends(at.place, end);
            }
            state.packet.ttl -= 1;
            let links = Links {
                input: Some(at.link),
                output: way_out(&hit),
                physdev: (state.packet.physdev_in, None),
            };
            self.through(state, at.place, Hook::Forward, links, |mut state| {
                state.as_service(at.place);
                state.came_by = Some(at.link);
                self.leave(state, at.place, &hit)
            })
        })
        .collect()
    }

    /// Looks the packet up, and says so in the trail.
    fn route(&self, state: &mut State, place: PlaceId, iif: IfIndex) -> Result<Hit<'a>, End> {
        let seen = self.topology.place(place);
        if let Some(why) = unread(seen.net) {
            return Err(End::NotDecidable(why));
        }
        let mut flow = state.packet.flow(iif);
        if iif == LOOPBACK && std::mem::take(&mut state.packet.unbound) {
            flow.src = None;
        }
        flow.oif = state.output.filter(|_| iif == LOOPBACK);
        match seen.fib.lookup(&flow) {
            Ok(hit) => {
                let link = hit.hops.first().and_then(|hop| hop.link);
                state.note_with(place, link, What::Route, || route_text(seen, &hit));
                if iif == LOOPBACK
                    && let Some(why) = loopback_leaves(seen, &state.packet, &hit)
                {
                    return Err(End::Dropped(why));
                }
                Ok(hit)
            }
            Err(refused) => Err(refusal(&flow, &refused, iif)),
        }
    }

    /// Goes out by the one way that was chosen.
    fn leave(&self, mut state: State, place: PlaceId, hit: &Hit<'a>) -> Vec<Outcome> {
        let (Some(hop), Some(link)) = (hit.hops.first(), way_out(hit)) else {
            let route = route_text(self.topology.place(place), hit);
            return state.dropped(place, Cause::NoWayOut { route });
        };
        state.output = None;
        if let Some(encap) = &hop.encap {
            let Some(metadata) = Metadata::read(encap) else {
                return state.undecided(place, format!("what this encapsulation does: {encap}"));
            };
            state.metadata = Some(metadata);
        }
        let links = Links {
            input: state.came_by.take(),
            output: Some(link),
            physdev: (state.packet.physdev_in, None),
        };
        // With IPv4, all that a host sends by `lo` is for itself (`__mkroute_output`).
        let own = links.input.is_none() && state.packet.dst.is_ipv4();
        self.through(state, place, Hook::Postrouting, links, |mut state| {
            let at = At { place, link };
            if link == LOOPBACK && self.topology.link(at).is_some_and(Link::is_up) {
                return self.by_loopback(state, at, hit, own);
            }
            let gateway = self.topology.place(place).fib.gateway(hit.route, hop);
            if let Some(gateway) = gateway
                && self.topology.link(at).is_some_and(Link::is_up)
                && let Some(why) = self.astray(&state, at, hit, gateway)
            {
                return state.dropped(place, why);
            }
            state.packet.physdev_in = None;
            if let (None, Some(own)) = (gateway, hop.gateway) {
                return self.by_own_gateway(state, at, own);
            }
            let next = gateway.unwrap_or(state.packet.dst);
            self.xmit_ip(state, at, next)
        })
    }
}

/// Every way that the route has, each with its share; or the one that was chosen for the packet already.
pub(super) fn ways<'a>(mut state: State, hit: &Hit<'a>) -> Vec<(State, Hit<'a>)> {
    let chosen = state.way.take().and_then(|way| hit.hops.get(way));
    if hit.hops.len() < 2 || is_own(hit) {
        return vec![(state, hit.clone())];
    }
    if let Some(hop) = chosen {
        let hops = vec![*hop];
        return vec![(state, Hit { hops, ..hit.clone() })];
    }
    let whole: u32 = hit.hops.iter().map(|hop| u32::from(hop.weight)).sum();
    let way = |hop: &&'a NextHop| {
        let mut state = state.clone();
        state.share = state.share.of(u32::from(hop.weight), whole);
        let hops = vec![*hop];
        (state, Hit { hops, ..hit.clone() })
    };
    hit.hops.iter().map(way).collect()
}

/// Whether the route leads to the namespace itself.
pub(super) fn is_own(hit: &Hit) -> bool {
    matches!(hit.route.kind, RouteType::Local | RouteType::Anycast)
}

/// The link that netfilter sees a packet leave by.
pub(super) fn way_out(hit: &Hit) -> Option<IfIndex> {
    if is_own(hit) {
        return Some(LOOPBACK);
    }
    hit.hops.first()?.link
}

/// Whether what comes in by the link is forwarded: with IPv6 the namespace's switch decides alone (`ip6_forward`).
/// None when it was not read.
fn forwards(place: &Place, v6: bool, link: &str) -> Option<bool> {
    let of_link = |name| place.setting(v6, link, name).map(|value| value != 0);
    if v6 {
        let all = place.net.sysctl("net.ipv6.conf.all.forwarding")? != "0";
        return Some(all || of_link("force_forwarding").unwrap_or(false));
    }
    of_link("forwarding").or_else(|| Some(place.net.sysctl("net.ipv4.ip_forward")? != "0"))
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
