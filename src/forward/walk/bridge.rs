//! Bridges: which ports a frame leaves by (`net/bridge/br_forward.c`, `br_input.c`, `br_vlan.c`).

use super::super::packet::{Frame, Mac, Payload};
use super::super::topology::At;
use super::l2::too_long;
use super::{Cause, End, Missing, Outcome, Share, State, Walker, What};
use crate::state::kind::{BridgePort, LinkData, PortState};
use crate::state::link::{IfIndex, Link};
use crate::state::neighbor::{FdbEntry, NeighborFlags};
use crate::state::netfilter::Hook;

impl<'a> Walker<'_, 'a> {
    /// A frame in a bridge: from a port, or (none) from the bridge's own namespace.
    pub(super) fn bridge(
        &self,
        mut state: State,
        at: At,
        from: Option<&Link>,
        mut frame: Frame,
    ) -> Vec<Outcome> {
        let Some(bridge) = self.topology.link(at) else {
            return state.undecided(at.place, Missing::Link(format!("number {}", at.link)));
        };
        if !bridge.is_up() {
            let link = bridge.name.clone();
            return state.dropped(at.place, Cause::LinkDown { link });
        }
        let filtering = matches!(&bridge.data, Some(LinkData::Bridge(data)) if data.vlan_filtering);
        if let Some(port) = from {
            let data = port.port.clone().unwrap_or_else(open_port);
            if !matches!(data.state, PortState::Forwarding) {
                return state.dropped(at.place, port_state(port, &bridge.name, data.state));
            }
        }
        if let Some(port) = from
            && let Some(end) =
                self.bridge_filter(&mut state, at, Hook::Prerouting, (Some(port.index), None), &frame)
        {
            return state.ends(at.place, end);
        }
        // bridge-nf-filter-vlan-tagged is off as a rule.
        let filtered = frame.vlan.is_none() && self.is_filtered(at, &frame);
        let vlan = if filtering {
            let Some(vlan) = self.ingress_vlan(at, from.map_or(at.link, |port| port.index), &frame) else {
                let port = from.map_or(&bridge.name, |port| &port.name).clone();
                return state.dropped(at.place, Cause::NotInVlan { port, vlan: None });
            };
            Some(vlan)
        } else {
            None
        };
        if filtering {
            frame.vlan = vlan;
        }
        if let Some(port) = from
            && port.port.as_ref().is_none_or(|port| port.learning)
            && !frame.src.is_group()
            && !self
                .fdb(at, frame.src, vlan)
                .is_some_and(|entry| is_local(entry) || entry.flags.has(NeighborFlags::STICKY))
        {
            state.learned.learn_port(at, (frame.src, vlan), port.index);
            if !state.wired.is_set() {
                let sure = state.share == Share::WHOLE;
                state.work.hears(at, (frame.src, vlan), port.index, sure);
            }
        }
        if let Some(port) = from
            && filtered
        {
            if let Payload::Ip(packet) = &frame.payload {
                return self.bridged(state, at, bridge, port, packet.clone(), &frame, vlan);
            }
            if let Some(end) = self.keeps_from(at, port, None, &frame) {
                return state.ends(at.place, end);
            }
            state.prerouted = true;
        }
        self.bridge_on(state, at, from, frame, vlan)
    }

    /// Where a frame goes that was let in.
    pub(super) fn bridge_on(
        &self,
        mut state: State,
        at: At,
        from: Option<&Link>,
        frame: Frame,
        vlan: Option<u16>,
    ) -> Vec<Outcome> {
        let Some(bridge) = self.topology.link(at) else {
            return state.undecided(at.place, Missing::Link(format!("number {}", at.link)));
        };
        let mut outcomes = Vec::new();
        // Its own address is learned for the VLANs that it is in.
        let within = vlan.map(|vlan| self.member(at, at.link, vlan));
        let own = bridge.mac.as_deref().and_then(Mac::parse) == Some(frame.dst) && within != Some(None);
        let entry = self.fdb(at, frame.dst, vlan);
        let local = entry.is_some_and(is_local);
        if from.is_some() && (own || local || frame.dst.is_group()) {
            let mut up = frame.clone();
            if within == Some(Some(true)) {
                up.vlan = None;
            }
            if within != Some(None) {
                let mut state = state.clone();
                let ports = (from.map(|port| port.index), None);
                outcomes.extend(
                    match self.bridge_filter(&mut state, at, Hook::Input, ports, &up) {
                        Some(end) => state.ends(at.place, end),
                        None => self.to_bridge(state, at, bridge, up, own || local),
                    },
                );
            }
        }
        if own || local {
            return outcomes;
        }
        if let Some(ports) = state.work.moved(at, (frame.dst, vlan)) {
            let [one, other] = ports.map(|link| self.name(At { link, ..at }));
            let why = format!(
                "copies of its frames come back in a loop: {} hears {} by {one} and by {other}",
                bridge.name, frame.dst
            );
            return state.undecided(at.place, why);
        }
        if let Some(port) = state.learned.port(at, (frame.dst, vlan)) {
            return self.to_port(state, at, from, port, frame, vlan);
        }
        if let Some(entry) = entry
            && !frame.dst.is_group()
        {
            state.note_with(at.place, Some(entry.link), What::Fdb, || {
                let port = At {
                    link: entry.link,
                    ..at
                };
                fdb_text(entry, self.name(port), &bridge.name)
            });
            return self.to_port(state, at, from, entry.link, frame, vlan);
        }
        for port in self.topology.place(at.place).ports(at.link) {
            if from.is_some_and(|from| from.index == port.index) && !hairpin(port) {
                continue;
            }
            let data = port.port.clone().unwrap_or_else(open_port);
            let floods = if frame.dst == Mac::BROADCAST {
                data.bcast_flood
            } else if frame.dst.is_group() {
                data.mcast_flood
            } else {
                data.flood
            };
            if floods && self.may_leave(at, from, port, vlan) {
                outcomes.extend(self.to_port(state.clone(), at, from, port.index, frame.clone(), vlan));
            }
        }
        taken(outcomes, state, at, &bridge.name, &frame)
    }

    /// Up into the bridge's own namespace.
    pub(super) fn to_bridge(
        &self,
        mut state: State,
        at: At,
        bridge: &Link,
        mut frame: Frame,
        unicast: bool,
    ) -> Vec<Outcome> {
        state.note_with(at.place, Some(at.link), What::In, || {
            format!("dev {}", bridge.name)
        });
        // `br_netfilter` let conntrack put the pieces together, and IP knows no more of what they were (`ip_rcv_core`).
        if let Payload::Ip(packet) = &mut frame.payload
            && state.prerouted
            && self.hooks(at.place).tracks(packet.is_v6())
        {
            packet.fragment = None;
        }
        if unicast {
            // A local entry may be for a port's address; the bridge's namespace takes it all the same.
            frame.dst = bridge.mac.as_deref().and_then(Mac::parse).unwrap_or(frame.dst);
        }
        if let Some(vlan) = frame.vlan {
            return match self.vlan_link(at, vlan) {
                Some(above) => self.receive(state, above, Frame { vlan: None, ..frame }),
                None => state.ends(at.place, End::NotForMe),
            };
        }
        self.up(state, at, bridge, frame)
    }

    /// Whether a flood reaches the port (`should_deliver`).
    fn may_leave(&self, at: At, from: Option<&Link>, port: &Link, vlan: Option<u16>) -> bool {
        let isolated = |link: &Link| link.port.as_ref().is_some_and(|port| port.isolated);
        let data = port.port.as_ref();
        data.is_none_or(|data| data.state == PortState::Forwarding)
            && !(from.is_some_and(isolated) && isolated(port))
            && vlan.is_none_or(|vlan| self.member(at, port.index, vlan).is_some())
    }

    /// Out by one port, if the port lets it.
    fn to_port(
        &self,
        mut state: State,
        at: At,
        from: Option<&Link>,
        port: IfIndex,
        mut frame: Frame,
        vlan: Option<u16>,
    ) -> Vec<Outcome> {
        let port_at = At { link: port, ..at };
        let Some(port) = self.topology.link(port_at) else {
            return state.undecided(at.place, Missing::Link(format!("number {port}")));
        };
        if port.master != Some(at.link) {
            let why = Cause::NotAPort {
                port: port.name.clone(),
                bridge: self.name(at).to_owned(),
            };
            return state.dropped(at.place, why);
        }
        let data = port.port.clone().unwrap_or_else(open_port);
        if !matches!(data.state, PortState::Forwarding) {
            return state.dropped(at.place, port_state(port, self.name(at), data.state));
        }
        if let Some(from) = from {
            if from.index == port.index && !data.hairpin {
                let port = port.name.clone();
                return state.dropped(at.place, Cause::HairpinOff { port });
            }
            let isolated = |link: &Link| link.port.as_ref().is_some_and(|port| port.isolated);
            if isolated(from) && isolated(port) {
                let why = Cause::Isolated {
                    from: from.name.clone(),
                    to: port.name.clone(),
                };
                return state.dropped(at.place, why);
            }
        }
        if let Some(vlan) = vlan {
            match self.member(at, port.index, vlan) {
                None => {
                    let why = Cause::NotInVlan {
                        port: port.name.clone(),
                        vlan: Some(vlan),
                    };
                    return state.dropped(at.place, why);
                }
                Some(untagged) => frame.vlan = (!untagged).then_some(vlan),
            }
        }
        let ports = (from.map(|from| from.index), Some(port.index));
        let forwards = if from.is_some() {
            Hook::Forward
        } else {
            Hook::Output
        };
        for hook in [forwards, Hook::Postrouting] {
            let ports = if hook == Hook::Postrouting {
                (None, ports.1)
            } else {
                ports
            };
            if let Some(end) = self.bridge_filter(&mut state, at, hook, ports, &frame) {
                return state.ends(at.place, end);
            }
        }
        if let Some(from) = from
            && state.prerouted
        {
            return self.to_port_filtered(state, at, from, port_at, &frame);
        }
        self.push(state, port_at, frame)
    }

    /// `br_dev_queue_push_xmit`
    pub(super) fn push(&self, state: State, port: At, frame: Frame) -> Vec<Outcome> {
        if let (Payload::Ip(packet), Some(link)) = (&frame.payload, self.topology.link(port))
            && let Some(why) = too_long(link, packet)
        {
            return state.dropped(port.place, why);
        }
        self.xmit(state, port, frame)
    }

    fn fdb(&self, at: At, mac: Mac, vlan: Option<u16>) -> Option<&'a FdbEntry> {
        let entries = self.topology.place(at.place).fdb(at.link, mac).iter();
        // Without filtering, all is in VLAN 0, which has no number in the dump.
        entries.copied().find(|entry| entry.vlan == vlan)
    }

    /// The VLAN of a frame that comes in by a port; none when the port isn't in it.
    fn ingress_vlan(&self, at: At, port: IfIndex, frame: &Frame) -> Option<u16> {
        let vlans = self.topology.place(at.place).net.vlans.items();
        let of_port = || vlans.iter().filter(|vlan| vlan.link == port);
        match frame.vlan {
            Some(tag) => of_port().find(|vlan| vlan.vid == tag),
            None => of_port().find(|vlan| vlan.pvid),
        }
        .map(|vlan| vlan.vid)
    }

    /// Whether frames of a VLAN leave by the port, and if so without a tag.
    fn member(&self, at: At, port: IfIndex, vlan: u16) -> Option<bool> {
        let vlans = self.topology.place(at.place).net.vlans.items();
        vlans
            .iter()
            .find(|member| member.link == port && member.vid == vlan)
            .map(|member| member.untagged)
    }
}

/// A port as it is from the start, where its settings were not read.
fn open_port() -> BridgePort {
    BridgePort {
        state: PortState::Forwarding,
        learning: true,
        flood: true,
        mcast_flood: true,
        bcast_flood: true,
        ..BridgePort::default()
    }
}

fn port_state(port: &Link, bridge: &str, state: PortState) -> Cause {
    Cause::PortState {
        port: port.name.clone(),
        bridge: bridge.to_owned(),
        state: format!("{state:?}").to_lowercase(),
    }
}

fn hairpin(port: &Link) -> bool {
    port.port.as_ref().is_some_and(|port| port.hairpin)
}

/// An entry for the bridge itself or one of its ports' own addresses.
fn is_local(entry: &FdbEntry) -> bool {
    use crate::state::neighbor::NeighborState;
    entry.state == NeighborState::Permanent && entry.dst.is_none()
}

/// As bridge(8) prints it.
fn fdb_text(entry: &FdbEntry, port: &str, bridge: &str) -> String {
    let vlan = entry
        .vlan
        .map_or_else(String::new, |vlan| format!(" vlan {vlan}"));
    format!("{} dev {port}{vlan} master {bridge}", entry.mac)
}

/// Of the copies of a flood, those that somebody took; of a question, all answers.
fn taken(outcomes: Vec<Outcome>, mut state: State, at: At, bridge: &str, frame: &Frame) -> Vec<Outcome> {
    let (taken, left): (Vec<Outcome>, Vec<Outcome>) = outcomes
        .into_iter()
        .partition(|outcome| outcome.end != End::NotForMe);
    if !taken.is_empty() {
        return taken;
    }
    if !left.is_empty() || matches!(frame.payload, Payload::Ask { .. }) {
        state.missed = (!frame.dst.is_group()).then_some((at, frame.dst));
        return state.ends(at.place, End::NotForMe);
    }
    let why = Cause::NoPortFor {
        bridge: bridge.to_owned(),
        mac: frame.dst,
    };
    state.dropped(at.place, why)
}
