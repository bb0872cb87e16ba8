//! ipvlan: links that share the address of the link below, and are told apart by IP (`ipvlan_core.c`,
//! `ipvlan_l3s.c`).

use std::net::IpAddr;

use super::super::packet::{Frame, Mac, Packet, Payload};
use super::super::topology::At;
use super::filter::Links;
use super::{Cause, End, Outcome, State, Walker};
use crate::state::kind::LinkData;
use crate::state::link::Link;
use crate::state::netfilter::Hook;

impl Walker<'_, '_> {
    /// The link on top of `lower` that has the address.
    fn ipvlan_with(&self, lower: At, ip: IpAddr) -> Option<At> {
        let has = |above: &&At| {
            let addresses = self.topology.place(above.place).net.addresses.items();
            addresses
                .iter()
                .any(|address| address.link == above.link && address.ip == ip)
        };
        self.topology.ipvlans(lower).iter().find(has).copied()
    }

    /// Sends by an ipvlan link. In mode l2 frames go as they are; in the others the host below routes packets, by that
    /// link alone.
    pub(super) fn ipvlan(
        &self,
        mut state: State,
        at: At,
        link: &Link,
        mode: &str,
        frame: Frame,
    ) -> Vec<Outcome> {
        let Some(lower) = self.topology.below(at, link) else {
            return state.undecided(at.place, format!("the link below {} is not known", link.name));
        };
        if mode == "l2" {
            return self.ipvlan_l2(state, at, lower, frame);
        }
        let Payload::Ip(packet) = frame.payload else {
            return state.ends(at.place, End::NotForMe);
        };
        if let Some(sibling) = self.ipvlan_with(lower, packet.dst).filter(|other| *other != at) {
            return self.handed_over(state, sibling, packet);
        }
        state.moves();
        state.packet = Packet {
            mark: 0,
            physdev_in: None,
            ..packet
        };
        state.output = Some(lower.link);
        self.send(state, lower.place)
    }

    fn ipvlan_l2(&self, state: State, at: At, lower: At, frame: Frame) -> Vec<Outcome> {
        let siblings = || self.topology.ipvlans(lower).iter().filter(|other| **other != at);
        if frame.dst.is_group() {
            let mut outcomes: Vec<Outcome> = siblings()
                .flat_map(|sibling| self.cross(state.clone(), at, *sibling, frame.clone()))
                .collect();
            outcomes.extend(self.xmit(state, lower, frame));
            return outcomes;
        }
        let own = self
            .topology
            .link(lower)
            .and_then(|link| link.mac.as_deref())
            .and_then(Mac::parse);
        if own != Some(frame.dst) {
            return self.xmit(state, lower, frame);
        }
        let sibling = match &frame.payload {
            Payload::Ip(packet) => self.ipvlan_with(lower, packet.dst),
            Payload::Ask { target: ip, .. } | Payload::Tell { sender: ip, .. } => {
                self.ipvlan_with(lower, *ip)
            }
        };
        self.cross(state, at, sibling.unwrap_or(lower), frame)
    }

    /// What becomes of a frame that came in by a link with ipvlans on it; none: it is for none of them.
    pub(super) fn to_ipvlan(&self, state: &State, at: At, frame: &Frame) -> Option<Vec<Outcome>> {
        let first = self.topology.ipvlans(at).first()?;
        let mode = match self.topology.link(*first).and_then(|link| link.data.as_ref()) {
            Some(LinkData::Ipvlan(ipvlan)) => ipvlan.mode.as_str(),
            _ => "l3",
        };
        let wanted = match &frame.payload {
            Payload::Ip(packet) => packet.dst,
            Payload::Ask { target: ip, .. } | Payload::Tell { sender: ip, .. } => *ip,
        };
        let child = self.ipvlan_with(at, wanted).filter(|_| self.is_for(at, frame))?;
        let state = state.clone();
        Some(match (mode, &frame.payload) {
            ("l2", _) => self.cross(state, at, child, frame.clone()),
            // The link doesn't answer, and nobody else hears of it.
            (_, Payload::Ask { .. } | Payload::Tell { .. }) => state.ends(at.place, End::NotForMe),
            ("l3s", Payload::Ip(packet)) => self.over_the_host(state, at, child, packet.clone()),
            (_, Payload::Ip(packet)) => self.handed_over(state, child, packet.clone()),
        })
    }

    fn is_for(&self, at: At, frame: &Frame) -> bool {
        let own = self
            .topology
            .link(at)
            .and_then(|link| link.mac.as_deref())
            .and_then(Mac::parse);
        frame.dst.is_group() || own == Some(frame.dst)
    }

    /// The packet comes in by that link, whatever its frame said.
    fn handed_over(&self, mut state: State, to: At, packet: Packet) -> Vec<Outcome> {
        let down = self.topology.link(to).filter(|link| !link.is_up());
        if let Some(link) = down {
            let link = link.name.clone();
            return state.dropped(to.place, Cause::LinkDown { link });
        }
        state.moves();
        state.packet = Packet {
            mark: 0,
            physdev_in: None,
            ..packet
        };
        self.ip_input(state, to)
    }

    /// Mode l3s: the host's PREROUTING and INPUT see it first.
    fn over_the_host(&self, mut state: State, at: At, child: At, packet: Packet) -> Vec<Outcome> {
        state.packet = packet;
        let links = Links {
            input: Some(at.link),
            ..Links::default()
        };
        self.through(state, at.place, Hook::Prerouting, links, |state| {
            self.through(state, at.place, Hook::Input, links, |mut state| {
                state.moves();
                state.prerouted = true;
                self.ip_input(state, child)
            })
        })
    }
}
