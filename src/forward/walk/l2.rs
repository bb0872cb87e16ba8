//! Links: what leaves by one, and what comes in by one (`dev_queue_xmit`, `__netif_receive_skb_core`).

use std::net::IpAddr;

use super::super::packet::{Frame, Mac, Packet, Payload};
use super::super::topology::At;
use super::{Cause, End, Missing, Outcome, State, Walker, What};
use crate::state::kind::{Bond, LinkData};
use crate::state::link::{Link, LinkFlags};
use crate::state::neighbor::NeighborState;
use crate::state::netfilter::Hook;

/// `XMIT_RECURSION_LIMIT`
const MAX_NESTED: u8 = 8;

impl Walker<'_, '_> {
    /// Sends an IP packet out by a link, to the next hop.
    pub(super) fn xmit_ip(&self, mut state: State, at: At, next: IpAddr) -> Vec<Outcome> {
        state.wired.clear();
        let Some(link) = self.topology.link(at) else {
            return state.undecided(at.place, Missing::Link(format!("number {}", at.link)));
        };
        if !link.is_up() {
            let link = link.name.clone();
            return state.dropped(at.place, Cause::LinkDown { link });
        }
        if link.flags.has(LinkFlags::LOOPBACK) {
            return self.ip_input(state, at);
        }
        if self.is_vrf(at) {
            return self.by_vrf(state, at);
        }
        if link.mac.is_none() || link.flags.has(LinkFlags::POINTOPOINT) {
            state.note_with(at.place, Some(at.link), What::Out, || {
                format!("dev {}", link.name)
            });
            return self.xmit_raw(state, at, link, next);
        }
        let Some(src) = link.mac.as_deref().and_then(Mac::parse) else {
            return state.undecided(at.place, format!("the MAC of {} is not known", link.name));
        };
        self.to_each_neighbor(state, at, next, |state, dst| {
            let frame = Frame {
                src,
                dst,
                vlan: None,
                payload: Payload::Ip(state.packet.clone()),
            };
            self.xmit(state, at, frame)
        })
    }

    /// Goes on with each link-layer address that the next hop may have: of several that answer for an address, any may
    /// be the first.
    pub(super) fn to_each_neighbor(
        &self,
        mut state: State,
        at: At,
        next: IpAddr,
        go_on: impl Fn(State, Mac) -> Vec<Outcome>,
    ) -> Vec<Outcome> {
        let found = match self.neighbor(&mut state, at, next) {
            Ok(found) => found,
            Err(end) => return state.ends(at.place, end),
        };
        let several = u32::try_from(found.len()).unwrap_or(1);
        found
            .into_iter()
            .flat_map(|(dst, learned)| {
                let mut state = state.clone();
                state.share = state.share.of(1, several);
                state.learned = learned;
                go_on(state, dst)
            })
            .collect()
    }

    /// Sends a frame out by a link.
    pub(super) fn xmit(&self, mut state: State, at: At, frame: Frame) -> Vec<Outcome> {
        if state.loops() {
            return state.dropped(at.place, Cause::Loop { frame: true });
        }
        let Some(link) = self.topology.link(at) else {
            return state.undecided(at.place, Missing::Link(format!("number {}", at.link)));
        };
        if !link.is_up() {
            let link = link.name.clone();
            return state.dropped(at.place, Cause::LinkDown { link });
        }
        if state.nested > MAX_NESTED {
            let link = link.name.clone();
            return state.dropped(at.place, Cause::TooDeep { link });
        }
        state.nested += 1;
        state.note_with(at.place, Some(at.link), What::Out, || {
            format!("dev {}", link.name)
        });
        if let Some(end) = self.link_filter(&mut state, at, Hook::Egress, &frame) {
            return state.ends(at.place, end);
        }
        if let Some(port) = self.topology.switches().port(at)
            && port.internal
        {
            return self.switched(state, at.place, port, &frame);
        }
        let lower = || {
            link.lower.map(|lower| At {
                place: at.place,
                link: lower.index,
            })
        };
        match (link.kind.as_deref(), &link.data) {
            (Some("bridge"), _) => self.bridge(state, at, None, frame),
            (Some("veth"), _) => match self.topology.veth_peer(at) {
                Some(peer) => self.cross(state, at, peer, frame),
                None => self.wire(state, at, &frame),
            },
            (None, _) => self.wire(state, at, &frame),
            (Some("dummy"), _) => state.dropped(
                at.place,
                format!("{} is a dummy link: it swallows all", link.name),
            ),
            (_, Some(LinkData::Vxlan(vxlan))) => self.vxlan(state, at, vxlan, &frame),
            (_, Some(LinkData::Geneve(geneve))) => self.geneve(state, at, geneve, &frame),
            (_, Some(LinkData::Tunnel(tunnel))) => self.frame_tunnel(state, at, link, tunnel, &frame),
            (_, Some(LinkData::Macvlan(macvlan))) => self.macvlan(state, at, link, &macvlan.mode, frame),
            (_, Some(LinkData::Ipvlan(ipvlan))) => self.ipvlan(state, at, link, &ipvlan.mode, frame),
            (_, Some(LinkData::Vlan(_))) if frame.vlan.is_some() => {
                state.undecided(at.place, format!("two tags on one frame, by {}", link.name))
            }
            (_, Some(LinkData::Vlan(vlan))) => match lower() {
                Some(lower) => self.xmit(
                    state,
                    lower,
                    Frame {
                        vlan: Some(vlan.id),
                        ..frame
                    },
                ),
                None => state.undecided(at.place, format!("the link below {} is not known", link.name)),
            },
            (_, Some(LinkData::Bond(bond))) => self.bond(state, at, bond, &frame),
            (Some(_), _) => match self.topology.dead_port(at) {
                Some(dead) => Self::dead(state, at, dead),
                None => state.undecided(at.place, behind(link)),
            },
        }
    }

    /// By the active port, or, where several are in use, by any of them: which one, the mode's hash or counter says.
    fn bond(&self, state: State, at: At, bond: &Bond, frame: &Frame) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let usable = |link: &&Link| link.is_up() && link.carrier != Some(false);
        let ports: Vec<&Link> = place.ports(at.link).iter().copied().filter(usable).collect();
        let chosen: Vec<&Link> = match bond.active {
            Some(active) => ports.into_iter().filter(|port| port.index == active).collect(),
            None => ports,
        };
        if chosen.is_empty() {
            let link = self.name(at).to_owned();
            return state.dropped(at.place, Cause::NoPort { link });
        }
        let whole = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        let by = |port: &Link| {
            let mut state = state.clone();
            state.share = state.share.of(1, whole);
            let at = At {
                link: port.index,
                ..at
            };
            self.xmit(state, at, frame.clone())
        };
        chosen.into_iter().flat_map(by).collect()
    }

    /// A frame comes in by a link.
    pub(super) fn receive(&self, mut state: State, at: At, frame: Frame) -> Vec<Outcome> {
        let Some(link) = self.topology.link(at) else {
            return state.undecided(at.place, Missing::Link(format!("number {}", at.link)));
        };
        if !link.is_up() {
            let link = link.name.clone();
            return state.dropped(at.place, Cause::LinkDown { link });
        }
        state.nested = 0;
        state.note_with(at.place, Some(at.link), What::In, || format!("dev {}", link.name));
        if let Some(end) = self.link_filter(&mut state, at, Hook::Ingress, &frame) {
            return state.ends(at.place, end);
        }
        match self.topology.switches().port(at) {
            Some(port) if !port.internal => self.port_receives(state, at, port, &frame),
            _ => match self.topology.dead_port(at) {
                Some(dead) => Self::dead(state, at, dead),
                None => self.receive_own(state, at, link, frame),
            },
        }
    }

    /// What the link's namespace does with a frame that came in by it.
    pub(super) fn receive_own(&self, state: State, at: At, link: &Link, mut frame: Frame) -> Vec<Outcome> {
        if let Some(vlan) = frame.vlan
            && let Some(above) = self.vlan_link(at, vlan)
        {
            frame.vlan = None;
            return self.receive(state, above, frame);
        }
        if let Some(master) = link
            .master
            .and_then(|master| self.topology.link(At { link: master, ..at }))
        {
            let master_at = At {
                link: master.index,
                ..at
            };
            match master.kind.as_deref() {
                Some("bridge") => return self.bridge(state, master_at, Some(link), frame),
                Some("bond") if !is_heard(master, link) => {
                    return state.ends(at.place, End::NotForMe);
                }
                Some("bond" | "team") => return self.receive(state, master_at, frame),
                _ => {}
            }
        }
        if frame.vlan.is_some() {
            return state.ends(at.place, End::NotForMe);
        }
        if let Some(outcomes) = self.to_ipvlan(&state, at, &frame) {
            return outcomes;
        }
        let above = self.topology.macvlans(at);
        if let Some((child, _)) = above.iter().find(|(_, mac)| *mac == frame.dst) {
            return self.cross(state, at, *child, frame);
        }
        let mut outcomes = Vec::new();
        if frame.dst.is_group() {
            for (child, _) in above {
                outcomes.extend(self.cross(state.clone(), at, *child, frame.clone()));
            }
        }
        outcomes.extend(self.up(state, at, link, frame));
        outcomes
    }

    /// Hands a frame to the link's own namespace, if it is for that.
    pub(super) fn up(&self, mut state: State, at: At, link: &Link, frame: Frame) -> Vec<Outcome> {
        let own = link.mac.as_deref().and_then(Mac::parse);
        if !frame.dst.is_group() && own.is_some_and(|own| own != frame.dst) {
            state.missed = Some((at, frame.dst));
            return state.ends(at.place, End::NotForMe);
        }
        match frame.payload {
            Payload::Ip(packet) => {
                state.packet = packet;
                self.ip_input(state, at)
            }
            Payload::Ask { target, sender } => self.asked(state, at, target, sender, frame.src),
            Payload::Tell { target, mac, .. } => {
                if let Some(end) = self.keeps_out(at, &frame.payload, state.prerouted) {
                    return state.ends(at.place, end);
                }
                state.learned.learn_neighbor(at, target, mac);
                state.ends(at.place, End::Answered(mac))
            }
        }
    }

    /// The VLAN's own link on top of another one.
    pub(super) fn vlan_link(&self, at: At, id: u16) -> Option<At> {
        let links = self.topology.place(at.place).net.links.items();
        let above = links.iter().find(|link| {
            link.lower
                .is_some_and(|lower| lower.index == at.link && lower.netns.is_none())
                && matches!(&link.data, Some(LinkData::Vlan(vlan)) if vlan.id == id)
        })?;
        Some(At {
            link: above.index,
            ..at
        })
    }

    /// Siblings in bridge mode talk to each other; nobody talks to the link below itself.
    fn macvlan(&self, state: State, at: At, link: &Link, mode: &str, frame: Frame) -> Vec<Outcome> {
        let Some(lower) = self.topology.below(at, link) else {
            return state.undecided(at.place, format!("the link below {} is not known", link.name));
        };
        // Its carrier goes with that of the link below (`netif_stacked_transfer_operstate`).
        if let Some(down) = self.topology.link(lower).filter(|lower| !lower.is_up()) {
            let link = down.name.clone();
            return state.dropped(lower.place, Cause::LinkDown { link });
        }
        let mut outcomes = Vec::new();
        if mode == "bridge" {
            for (sibling, mac) in self.topology.macvlans(lower) {
                if *sibling != at && (*mac == frame.dst || frame.dst.is_group()) {
                    outcomes.extend(self.cross(state.clone(), at, *sibling, frame.clone()));
                }
            }
            if !frame.dst.is_group() && !outcomes.is_empty() {
                return outcomes;
            }
        }
        outcomes.extend(self.xmit(state, lower, frame));
        outcomes
    }

    /// A cable whose other end was not seen: the frame is with every link that such a cable leads to, and the one with
    /// its address takes it.
    fn wire(&self, mut state: State, at: At, frame: &Frame) -> Vec<Outcome> {
        if state.wired.set() {
            return state.ends(at.place, End::NotForMe);
        }
        let cables = self.topology.cables();
        // The link with the frame's address takes it; else those behind which it may be.
        let mut ends: Vec<At> = match &frame.payload {
            _ if !frame.dst.is_group() => cables.with_mac(at, frame.dst).collect(),
            Payload::Ask { target, .. } if frame.vlan.is_none() && !state.widely => {
                let ends = cables.asked_for(at, *target);
                if ends.is_empty() && cables.beyond(at).next().is_some() {
                    return state.ends(at.place, End::NotForMe);
                }
                ends
            }
            _ => cables.beyond(at).collect(),
        };
        if ends.is_empty() {
            ends = cables.open(at).collect();
        }
        if ends.is_empty() {
            return self.beyond(state, at, frame);
        }
        // Of a bond's ports with one address, those that are down hear nothing.
        let hears = |end: &At| self.topology.link(*end).is_none_or(Link::is_up);
        if !frame.dst.is_group() && ends.iter().any(hears) {
            ends.retain(hears);
        }
        state.note(at.place, Some(at.link), What::Wire, "over the wire");
        let outcomes: Vec<Outcome> = ends
            .into_iter()
            .flat_map(|end| self.cross(state.clone(), at, end, frame.clone()))
            .collect();
        // Several ports of a bond have one address; those that are not in use don't count.
        let unheard = |outcome: &Outcome| outcome.end == End::NotForMe;
        if frame.dst.is_group() || outcomes.iter().all(unheard) {
            return outcomes;
        }
        outcomes.into_iter().filter(|outcome| !unheard(outcome)).collect()
    }

    /// Nothing was seen of where the cable leads.
    fn beyond(&self, state: State, at: At, frame: &Frame) -> Vec<Outcome> {
        if let Some(cause) = self.mistaken(at, frame.dst) {
            return state.dropped(at.place, cause);
        }
        let neighbors = self.topology.place(at.place).net.neighbors.items();
        let (next, mac, dst) = match &frame.payload {
            Payload::Ip(packet) => {
                let of_mac = neighbors.iter().find(|entry| {
                    entry.link == at.link && entry.mac.as_deref().and_then(Mac::parse) == Some(frame.dst)
                });
                (of_mac.map(|entry| entry.ip), Some(frame.dst), packet.dst)
            }
            Payload::Ask { target, .. } => (Some(*target), None, state.packet.dst),
            Payload::Tell { .. } => (None, Some(frame.dst), state.packet.dst),
        };
        let missing = Missing::Beyond {
            link: self.name(at).to_owned(),
            next,
            mac,
            dst,
        };
        state.undecided(at.place, missing)
    }

    /// By hand, a neighbor that was seen has another address here than its link has. (What the network itself answers
    /// may differ: clouds answer ARP for everybody.)
    fn mistaken(&self, at: At, mac: Mac) -> Option<Cause> {
        let parse = |mac: &Option<String>| mac.as_deref().and_then(Mac::parse);
        let mut entries = self.topology.place(at.place).net.neighbors.items().iter();
        let entry = entries.find(|entry| {
            entry.link == at.link && entry.state == NeighborState::Permanent && parse(&entry.mac) == Some(mac)
        })?;
        let mut owners = self.topology.places().filter(|(_, place)| place.has(entry.ip));
        let (_, owner) = owners.next().filter(|_| owners.next().is_none())?;
        let mut addresses = owner.net.addresses.items().iter();
        let link = owner
            .net
            .link(addresses.find(|address| address.ip == entry.ip)?.link)?;
        let own = parse(&link.mac).filter(|own| *own != mac)?;
        Some(Cause::WrongMac {
            mac,
            link: format!("{} of {}", link.name, owner.title()),
            own: Some(own),
        })
    }

    /// Over a cable, into another namespace as a rule.
    pub(super) fn cross(&self, mut state: State, from: At, to: At, mut frame: Frame) -> Vec<Outcome> {
        if from.place == to.place {
            state.scrub();
        } else {
            state.moves();
        }
        if let Payload::Ip(packet) = &mut frame.payload {
            packet.physdev_in = None;
            if from.place != to.place {
                packet.mark = 0;
            }
            if let Some(link) = self.topology.link(to)
                && link.kind.as_deref() == Some("veth")
                && let Some(why) = too_long(link, packet)
            {
                return state.dropped(to.place, why);
            }
        }
        self.receive(state, to, frame)
    }

    /// A link without Ethernet: a tunnel, or a TUN link whose program was not seen.
    fn xmit_raw(&self, state: State, at: At, link: &Link, next: IpAddr) -> Vec<Outcome> {
        match &link.data {
            Some(LinkData::Tunnel(tunnel)) => self.ip_tunnel(state, at, link, tunnel, next),
            Some(LinkData::Tun(_)) => self.tun(state, at, link, next),
            _ if link.kind.as_deref() == Some("tun") => self.tun(state, at, link, next),
            _ => state.undecided(at.place, behind(link)),
        }
    }
}

fn behind(link: &Link) -> Missing {
    Missing::Behind {
        link: link.name.clone(),
        kind: link.kind_name().to_owned(),
    }
}

/// Whether a bond takes what comes in by this port (`bond_should_deliver_exact_match`).
fn is_heard(bond: &Link, port: &Link) -> bool {
    match &bond.data {
        Some(LinkData::Bond(bond)) => bond.active.is_none_or(|active| active == port.index),
        _ => true,
    }
}

/// Why a veth or a bridge's port doesn't take a frame: it leaves room for a VLAN tag, and no more
/// (`is_skb_forwardable`).
pub(super) fn too_long(link: &Link, packet: &Packet) -> Option<Cause> {
    (packet.on_wire() > link.mtu + 4).then(|| Cause::TooBig {
        link: link.name.clone(),
        mtu: link.mtu,
        size: packet.on_wire(),
    })
}

/// The packet inside a frame.
pub(super) const fn packet_of(frame: &Frame) -> Option<&Packet> {
    match &frame.payload {
        Payload::Ip(packet) => Some(packet),
        Payload::Ask { .. } | Payload::Tell { .. } => None,
    }
}
