//! Packets that cross a bridge and that iptables sees (`net/bridge/br_netfilter_hooks.c`, `br_netfilter_ipv6.c`).

use std::net::IpAddr;

use super::super::fib::Hit;
use super::super::packet::{Frame, Packet, Payload};
use super::super::topology::At;
use super::filter::Links;
use super::l3::ways;
use super::size::cut_for_port;
use super::{Cause, Outcome, State, Walker, What};
use crate::state::kind::LinkData;
use crate::state::link::Link;
use crate::state::netfilter::Hook;
use crate::state::route::RouteType;

impl Walker<'_, '_> {
    /// Whether iptables sees what the bridge forwards (`br_netfilter`).
    pub(super) fn is_filtered(&self, at: At, frame: &Frame) -> bool {
        let v6 = match &frame.payload {
            Payload::Ip(packet) => packet.is_v6(),
            Payload::Ask { target, .. } | Payload::Tell { target, .. } => {
                if target.is_ipv4() {
                    return false;
                }
                true
            }
        };
        let place = self.topology.place(at.place);
        let (key, own) = if v6 {
            ("net.bridge.bridge-nf-call-ip6tables", false)
        } else {
            ("net.bridge.bridge-nf-call-iptables", true)
        };
        let bridge = match self.topology.link(at).map(|link| &link.data) {
            Some(Some(LinkData::Bridge(data))) if own => data.nf_call_iptables,
            Some(Some(LinkData::Bridge(data))) => data.nf_call_ip6tables,
            _ => false,
        };
        // Without the key the module isn't there, and the bridge's own switch does nothing.
        place.net.sysctl(key).is_some_and(|value| value != "0" || bridge)
    }

    /// A frame whose packet passes the hooks of IP: translated to another destination it is routed, else bridged on.
    #[expect(clippy::too_many_arguments, reason = "what a frame in a bridge has")]
    pub(super) fn bridged(
        &self,
        mut state: State,
        at: At,
        bridge: &Link,
        port: &Link,
        packet: Packet,
        frame: &Frame,
        vlan: Option<u16>,
    ) -> Vec<Outcome> {
        let before = packet.dst;
        state.packet = Packet {
            physdev_in: Some(port.index),
            ..packet
        };
        let links = Links {
            input: Some(at.link),
            output: None,
            physdev: (Some(port.index), None),
        };
        self.through(state, at.place, Hook::Prerouting, links, |mut state| {
            state.prerouted = true;
            let frame = Frame {
                payload: Payload::Ip(state.packet.clone()),
                ..frame.clone()
            };
            if state.packet.dst == before {
                return self.bridge_on(state, at, Some(port), frame, vlan);
            }
            let ways = self.stays(state, at).into_iter();
            ways.flat_map(|(mut state, next)| match next {
                Ok(Some(next)) => self.to_neighbor(state, (at, port), next, &frame, vlan),
                Ok(None) => {
                    state.routed = true;
                    self.to_bridge(state, at, bridge, frame.clone(), true)
                }
                Err(why) => state.dropped(at.place, why),
            })
            .collect()
        })
    }

    /// Of each way that the new destination has: where that is behind the same bridge, its next hop (`bridged_dnat` of
    /// `br_netfilter_hooks.c`), and nothing has to be forwarded for that. Yet IPv4 finds no way to others where it may
    /// not forward (`ip_route_input_slow`).
    fn stays(&self, state: State, at: At) -> Vec<(State, Result<Option<IpAddr>, Cause>)> {
        let place = self.topology.place(at.place);
        let v6 = state.packet.is_v6();
        let ends_here = !v6 && place.setting(false, self.name(at), "forwarding") == Some(0);
        let hit = place.fib.lookup(&state.packet.flow(at.link)).ok();
        let unicast = |hit: &Hit| hit.route.kind == RouteType::Unicast && !ends_here;
        let Some(hit) = hit.filter(unicast) else {
            return vec![(state, Ok(None))];
        };
        let several = hit.hops.len() > 1;
        let ways = ways(state, &hit).into_iter().enumerate();
        ways.map(|(number, (mut state, hit))| {
            let hop = hit.hops.first().filter(|hop| hop.link == Some(at.link));
            let Some(hop) = hop else {
                state.way = several.then_some(number);
                return (state, Ok(None));
            };
            if let Some(why) = self.reverse_path(&mut state, at, Some(at.link)) {
                return (state, Err(why));
            }
            let next = place.fib.gateway(hit.route, hop).unwrap_or(state.packet.dst);
            (state, Ok(Some(next)))
        })
        .collect()
    }

    /// The frame goes on in the bridge, to another link-layer address.
    fn to_neighbor(
        &self,
        state: State,
        (at, port): (At, &Link),
        next: IpAddr,
        frame: &Frame,
        vlan: Option<u16>,
    ) -> Vec<Outcome> {
        self.to_each_neighbor(state, at, next, |state, dst| {
            let frame = Frame { dst, ..frame.clone() };
            self.bridge_on(state, at, Some(port), frame, vlan)
        })
    }

    /// FORWARD and POSTROUTING of a packet that goes from port to port, then out.
    pub(super) fn to_port_filtered(
        &self,
        state: State,
        at: At,
        from: &Link,
        port: At,
        frame: &Frame,
    ) -> Vec<Outcome> {
        if !matches!(frame.payload, Payload::Ip(_)) {
            let mut state = state;
            state.prerouted = false;
            return match self.keeps_from(at, from, Some(port.link), frame) {
                Some(end) => state.ends(at.place, end),
                None => self.push(state, port, frame.clone()),
            };
        }
        let links = Links {
            input: Some(at.link),
            output: Some(at.link),
            physdev: (Some(from.index), Some(port.link)),
        };
        self.through(state, at.place, Hook::Forward, links, |state| {
            let links = Links { input: None, ..links };
            self.through(state, at.place, Hook::Postrouting, links, |mut state| {
                if let Some(port) = self.topology.link(port)
                    && cut_for_port(&mut state.packet, port)
                {
                    let text = format!("fragments: {} bytes over MTU {}", state.packet.size, port.mtu);
                    state.note(at.place, Some(port.index), What::Out, text);
                }
                let payload = Payload::Ip(state.packet.clone());
                state.prerouted = false;
                let frame = Frame {
                    payload,
                    ..frame.clone()
                };
                self.push(state, port, frame)
            })
        })
    }
}
