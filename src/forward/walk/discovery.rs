//! Neighbor discovery: its questions and answers are packets of IPv6 as any, which netfilter sees where they are sent,
//! bridged and taken in (`ndisc_send_skb`, `ip6_mc_input`).

use std::net::{IpAddr, Ipv6Addr};

use super::super::fib::{LOOPBACK, source_of_link};
use super::super::packet::{Frame, Packet, Payload, Transport};
use super::super::topology::{At, PlaceId};
use super::filter::Links;
use super::l3::way_out;
use super::{Cause, End, Outcome, State, Walker};
use crate::state::link::{IfIndex, Link, is_link_local};
use crate::state::netfilter::Hook;

/// ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT.
pub(super) const SOLICIT: u8 = 135;
pub(super) const ADVERT: u8 = 136;

impl Walker<'_, '_> {
    /// Why what a namespace sends of neighbor discovery doesn't leave by the link, if so. An answer that OUTPUT changed
    /// goes where routes lead then (`ip6_route_me_harder`).
    pub(super) fn keeps_in(&self, at: At, payload: &Payload) -> Option<End> {
        let packet = discovery(payload)?;
        let links = Links {
            output: Some(at.link),
            ..Links::default()
        };
        let state = match self.seen_by(State::new(packet), at.place, &[(Hook::Output, links)]) {
            Ok(state) => state,
            Err(end) => return Some(end),
        };
        let dst = state.packet.dst;
        if state.reroute && !dst.is_multicast() && !is_link_local(dst) {
            let way = self
                .topology
                .place(at.place)
                .fib
                .lookup(&state.packet.flow(LOOPBACK));
            if !way.is_ok_and(|hit| way_out(&hit) == Some(at.link)) {
                let why = format!(
                    "netfilter changes the neighbor advertisement for {dst}: routes lead it elsewhere"
                );
                return Some(End::Dropped(Cause::Other(why)));
            }
        }
        self.seen_by(state, at.place, &[(Hook::Postrouting, links)]).err()
    }

    /// Why what reached a link of a namespace isn't heeded there, if so.
    pub(super) fn keeps_out(&self, at: At, payload: &Payload, prerouted: bool) -> Option<End> {
        let packet = discovery(payload)?;
        let links = Links {
            input: Some(at.link),
            ..Links::default()
        };
        let hooks = [(Hook::Prerouting, links), (Hook::Input, links)];
        self.seen_by(State::new(packet), at.place, &hooks[usize::from(prerouted)..])
            .err()
    }

    /// The same in a bridge whose frames iptables sees: of what comes in by a port, or (with one) leaves by another.
    pub(super) fn keeps_from(
        &self,
        bridge: At,
        from: &Link,
        to: Option<IfIndex>,
        frame: &Frame,
    ) -> Option<End> {
        let packet = discovery(&frame.payload)?;
        let came = Links {
            input: Some(bridge.link),
            output: None,
            physdev: (Some(from.index), None),
        };
        let Some(to) = to else {
            return self
                .seen_by(State::new(packet), bridge.place, &[(Hook::Prerouting, came)])
                .err();
        };
        let goes = Links {
            output: Some(bridge.link),
            physdev: (Some(from.index), Some(to)),
            ..came
        };
        let leaves = Links { input: None, ..goes };
        let hooks = [(Hook::Forward, goes), (Hook::Postrouting, leaves)];
        self.seen_by(State::new(packet), bridge.place, &hooks).err()
    }

    /// The packet as hooks leave it. Who asks asks again: what chance lets pass comes through.
    fn seen_by(&self, state: State, place: PlaceId, hooks: &[(Hook, Links)]) -> Result<State, End> {
        let mut state = state.quiet();
        for (hook, links) in hooks {
            let (on, ended) = self.hook(state, place, *hook, *links);
            state = match (on.into_iter().next(), ended.into_iter().next()) {
                // A rule that counts to every second refuses the next one, too: the error that the sender hears was the
                // one between.
                (
                    Some(_),
                    Some(Outcome {
                        end: End::Rejected(_),
                        ..
                    }),
                ) if *hook == Hook::Output => {
                    let why =
                        "whether neighbor discovery gets out, rules decide that count its refusals, too";
                    return Err(End::NotDecidable(why.to_owned().into()));
                }
                (Some(_), Some(Outcome { state, .. })) if state.repeats => {
                    let why = "whether neighbor discovery gets through, rules decide that count packets, or by a hash";
                    return Err(End::NotDecidable(why.to_owned().into()));
                }
                (Some(state), _) => state,
                (None, Some(Outcome { end, .. })) => return Err(end),
                (None, None) => return Err(End::NotForMe),
            };
        }
        Ok(state)
    }

    /// Where an advertisement for an address comes from: a proxy answers from one of its own (`ndisc_send_na`).
    pub(super) fn advertised_from(&self, at: At, target: IpAddr, sender: IpAddr) -> IpAddr {
        let place = self.topology.place(at.place);
        match sender {
            IpAddr::V6(sender) if !place.has(target) => {
                source_of_link(place.net, sender, at.link).map_or(target, IpAddr::V6)
            }
            _ => target,
        }
    }
}

/// What the frame's packet is. None where it is ARP, or of something else.
fn discovery(payload: &Payload) -> Option<Packet> {
    let (src, dst, kind) = match *payload {
        Payload::Ask {
            target: IpAddr::V6(target),
            sender,
        } => (sender, group(target).into(), SOLICIT),
        Payload::Tell { from, sender, .. } if from.is_ipv6() => (from, sender, ADVERT),
        _ => return None,
    };
    let transport = Transport::Icmp { kind, code: 0, id: 0 };
    Some(Packet {
        ttl: 255,
        size: 72,
        ..Packet::new(src, dst, transport)
    })
}

/// Where those listen who may have the address (RFC 4291, 2.7.1).
fn group(target: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = target.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}
