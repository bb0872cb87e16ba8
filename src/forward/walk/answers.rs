//! Answers: who gives one, from which address, and whether whoever asked takes it.

use std::net::IpAddr;

use super::super::fib::{Flow, source_address};
use super::super::packet::{Packet, Transport};
use super::super::topology::{Place, PlaceId};
use super::{Cause, End, Outcome, State, Walker};
use crate::state::route::RouteType;

impl Walker<'_, '_> {
    /// Walks the answer to a packet that was delivered, back to whoever asked from that namespace with that packet.
    pub fn answers(&self, outcome: &Outcome, asked: &Packet, from: PlaceId) -> Vec<Outcome> {
        let mut answers = self.answered(outcome);
        for answer in &mut answers {
            self.refuse_strangers(asked, from, answer);
        }
        answers
    }

    fn answered(&self, outcome: &Outcome) -> Vec<Outcome> {
        let Some(answer) = self.answer(outcome) else {
            let dst = outcome.state.packet.src;
            return outcome.state.answer().dropped(
                outcome.place,
                Cause::NoRoute {
                    dst,
                    forwarded: false,
                    tunnel: None,
                },
            );
        };
        let src = answer.packet.src;
        if !may_send(self.topology.place(outcome.place), src) {
            let why = format!("{src} is taken in, but no address of its own: nothing is answered from there");
            return answer.dropped(outcome.place, Cause::Other(why));
        }
        if outcome.state.anycast && matches!(outcome.state.packet.transport, Transport::Tcp { .. }) {
            // `tcp_v6_conn_request`
            let why = format!("no connection to {}, an anycast address", answer.packet.src);
            return answer.dropped(outcome.place, Cause::Other(why));
        }
        self.send(answer, outcome.place)
    }

    /// What answers a packet that was delivered. Who is asked by an anycast address answers by another one
    /// (`icmpv6_echo_reply`).
    fn answer(&self, outcome: &Outcome) -> Option<State> {
        let mut answer = outcome.state.answer();
        let packet = &mut answer.packet;
        let echo = matches!(packet.transport, Transport::Icmp { .. });
        if echo && outcome.state.anycast {
            // No address, so that the link counts (`RT6_LOOKUP_F_IFACE`).
            let place = self.topology.place(outcome.place);
            let flow = Flow {
                oif: answer.output,
                ..Flow::to(packet.dst)
            };
            let hit = place.fib.lookup(&flow).ok()?;
            packet.src = source_address(place.net, packet.dst, &hit, hit.hops.first().copied())?;
        }
        Some(answer)
    }

    /// An answer that comes to another one with the same address is none. Whoever asked by TCP takes an answer from where
    /// it asked only: from elsewhere, it is of no connection (`tcp_v4_rcv`).
    fn refuse_strangers(&self, asked: &Packet, from: PlaceId, answer: &mut Outcome) {
        let (ip, asker) = (answer.state.packet.dst, self.topology.place(from));
        if answer.end == End::Delivered && answer.place != from && asker.has(ip) {
            answer.end = End::Dropped(Cause::AddressShared {
                ip,
                asker: asker.title(),
            });
            return;
        }
        let Transport::Tcp { dport: port, .. } = answer.state.packet.transport else {
            return;
        };
        let ports = (asked.transport.ports(), answer.state.packet.transport.ports());
        let (Some((_, wanted)), Some((got, _))) = ports else {
            return;
        };
        let strange = (answer.state.packet.src, got) != (asked.dst, wanted);
        if answer.place == from && answer.end == End::Delivered && strange {
            answer.end = End::Rejected(Cause::PortClosed { proto: "tcp", port });
        }
    }
}

/// Whether the source is the host's, as it has to be with IPv4 (`ip_route_output_key_hash_rcu`, `__ip_dev_find`).
pub(super) fn may_send(place: &Place, src: IpAddr) -> bool {
    let IpAddr::V4(ip) = src else { return true };
    let listed = || {
        place
            .fib
            .local(ip)
            .is_some_and(|route| route.kind != RouteType::Unicast)
    };
    place.has(src) || listed()
}
