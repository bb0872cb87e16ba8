//! Open vSwitch: frames that come into a bridge, leave it, and are carried by its tunnel ports.

mod frames;
mod tunnels;

use super::super::openflow::{Effect, Input, Learned, Translation, field};
use super::super::packet::{Frame, Mac, Payload};
use super::super::topology::{At, Dead, PlaceId, SwitchPort};
use super::{Cause, End, Missing, Outcome, State, Walker, What};
use crate::forward::openflow::field::Word;
use crate::state::link::Link;
use crate::state::{Absence, Fact, ovs};

/// What bridges know of a packet and of the one that it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// By the number of the switch.
    learned: Vec<(usize, Learned)>,
    /// Zones of connection tracking that know its connection.
    zones: Vec<(usize, u16)>,
    reply: bool,
    /// Where it was, and how it looked.
    seen: Vec<Visit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Visit {
    port: SwitchPort,
    src: Mac,
    dst: Mac,
    vlan: Option<u16>,
    ttl: u8,
}

impl Passed {
    pub(super) fn answer(&self) -> Self {
        Self {
            learned: self.learned.clone(),
            zones: self.zones.clone(),
            reply: true,
            seen: Vec::new(),
        }
    }
}

impl Walker<'_, '_> {
    /// A frame comes in by a link that is a port. In user space the daemon only listens: the host hears it, too.
    pub(super) fn port_receives(
        &self,
        state: State,
        at: At,
        port: SwitchPort,
        frame: &Frame,
    ) -> Vec<Outcome> {
        let own = self.in_user_space(port).then(|| {
            let link = self.topology.link(at)?;
            Some(self.receive_own(state.clone(), at, link, frame.clone()))
        });
        // The host is the quicker one.
        let mut outcomes = own.flatten().unwrap_or_default();
        outcomes.retain(|outcome| matches!(outcome.end, End::Delivered | End::Answered(_)));
        outcomes.extend(self.switched(state, at.place, port, frame));
        copies(outcomes)
    }

    fn in_user_space(&self, port: SwitchPort) -> bool {
        self.bridge_of(port)
            .is_some_and(|bridge| bridge.datapath_type == "netdev")
    }

    fn bridge_of(&self, port: SwitchPort) -> Option<&ovs::Bridge> {
        let (_, switch) = self.topology.switches().get(port.switch)?;
        Some(switch.bridges.get(port.bridge)?.state)
    }

    /// A link that was a port until the daemons went.
    pub(super) fn dead(state: State, at: At, dead: Dead) -> Vec<Outcome> {
        match dead {
            Dead::Gone(why) => {
                let daemon = "ovsdb-server";
                state.dropped(at.place, Cause::SwitchDown { daemon, why })
            }
            Dead::Unknown(why) => state.undecided(at.place, format!("Open vSwitch: {why}")),
        }
    }

    /// A frame in a bridge: by its rules to its ports.
    pub(super) fn switched(
        &self,
        mut state: State,
        place: PlaceId,
        port: SwitchPort,
        frame: &Frame,
    ) -> Vec<Outcome> {
        let Some((_, switch)) = self.topology.switches().get(port.switch) else {
            return state.undecided(place, "a switch that is not known".to_owned());
        };
        let bridge = &switch.bridges[port.bridge];
        if let Some(end) = stopped(bridge.state) {
            return state.ends(place, end);
        }
        let visit = Visit {
            port,
            src: frame.src,
            dst: frame.dst,
            vlan: frame.vlan,
            ttl: match &frame.payload {
                Payload::Ip(packet) => packet.ttl,
                Payload::Ask { .. } | Payload::Tell { .. } => 0,
            },
        };
        if state.loops() || state.bridged.seen.contains(&visit) {
            return match frame.payload {
                Payload::Ip(_) if !frame.dst.is_group() => state.dropped(place, Cause::Loop { frame: true }),
                _ => state.ends(place, End::NotForMe),
            };
        }
        state.bridged.seen.push(visit);
        let learned: Vec<Learned> = of(&state.bridged.learned, port.switch);
        let zones: Vec<u16> = of(&state.bridged.zones, port.switch);
        let ways = switch.translate(&Input {
            bridge: port.bridge,
            port: port.number,
            key: frames::key(frame, state.bridged.reply),
            size: frames::length(frame),
            learned: &learned,
            zones: &zones,
            reply: state.bridged.reply,
        });
        let Some(ways) = ways else {
            return state.undecided(place, Missing::TooManyWays);
        };
        let differ = |way: &Translation| ways[0].result.effects != way.effects;
        if let Some(open) = ways.iter().find_map(|way| way.open.first())
            && ways.iter().any(|way| differ(&way.result))
        {
            return state.undecided(place, format!("rules of {}: {open}", bridge.state.name));
        }
        let all = ways.len();
        let open = ways[0].open.is_empty();
        let mut outcomes = Vec::new();
        // Without what is open all ways are alike.
        for way in ways.into_iter().take(if open { all } else { 1 }) {
            let mut state = state.clone();
            if open {
                state.share = state.share.times(way.share);
            }
            outcomes.extend(self.sent_on(state, place, port, frame, way.result));
        }
        outcomes
    }

    /// What a bridge sends on, by each port.
    fn sent_on(
        &self,
        mut state: State,
        place: PlaceId,
        port: SwitchPort,
        frame: &Frame,
        way: Translation,
    ) -> Vec<Outcome> {
        for note in &way.notes {
            state.note(place, None, What::Rule, format!("ovs {note}"));
        }
        if let Some(what) = way.not_understood {
            return state.undecided(place, format!("Open vSwitch: {what}"));
        }
        let switch = port.switch;
        let learned = way.learned.into_iter().map(|learned| (switch, learned));
        state.bridged.learned.extend(learned);
        let zones = way.zones.into_iter().map(|zone| (switch, zone));
        state.bridged.zones.extend(zones);
        if way.effects.is_empty() {
            let bridge = self
                .bridge_of(port)
                .map_or_else(String::new, |bridge| bridge.name.clone());
            let why = way
                .lost
                .unwrap_or_else(|| format!("no rule of {bridge} sends it on"));
            return state.dropped(place, Cause::Switch { bridge, why });
        }
        let outcomes = way
            .effects
            .iter()
            .flat_map(|effect| self.sent(state.clone(), place, port, effect, frame))
            .collect();
        let outcomes = copies(outcomes);
        let nobody = outcomes.iter().all(|outcome| outcome.end == End::NotForMe);
        match way.aside {
            Some(why) if nobody => {
                let bridge = self
                    .bridge_of(port)
                    .map_or_else(String::new, |bridge| bridge.name.clone());
                state.dropped(place, Cause::Switch { bridge, why })
            }
            _ => outcomes,
        }
    }

    /// Out by one port.
    fn sent(
        &self,
        mut state: State,
        place: PlaceId,
        from: SwitchPort,
        effect: &Effect,
        frame: &Frame,
    ) -> Vec<Outcome> {
        // A rule that answers the question itself.
        let asks = matches!(frame.payload, Payload::Ask { .. });
        if asks && effect.key.get(Word::ETH_TYPE) == 0x0806 && effect.key.get(Word::PROTO) == 2 {
            let mac = field::to_mac(effect.key.get(Word::ARP_SHA));
            return state.ends(place, End::Answered(mac));
        }
        let frame = match frames::rebuilt(&effect.key, frame) {
            Ok(frame) => frame,
            Err(why) => return state.undecided(place, format!("Open vSwitch: {why}")),
        };
        if let Payload::Ip(packet) = &frame.payload {
            state.packet = packet.clone();
        }
        let switches = self.topology.switches();
        let Some((host, switch)) = switches.get(from.switch) else {
            return state.undecided(place, "a switch that is not known".to_owned());
        };
        let bridge = &switch.bridges[effect.bridge];
        let Some(port) = bridge.ports.get(&effect.port) else {
            return state.undecided(place, format!("port {} of {}", effect.port, bridge.state.name));
        };
        let to = SwitchPort {
            bridge: effect.bridge,
            number: effect.port,
            ..from
        };
        let interface = port.interface;
        if tunnels::is_tunnel(&interface.kind) {
            return self.tunnel_out(state, *host, to, interface, &effect.key, frame);
        }
        let Some(at) = switches.link(to.switch, to.bridge, to.number) else {
            let (bridge, name) = (bridge.state.name.clone(), &interface.name);
            let why = match &interface.error {
                Some(error) => format!("port {name} of {bridge} has no link: {error}"),
                None => format!("port {name} of {bridge} has no link"),
            };
            return state.dropped(place, Cause::Switch { bridge, why });
        };
        let internal = switches.port(at).is_some_and(|port| port.internal);
        let Some(link) = self.topology.link(at) else {
            return state.undecided(place, Missing::Link(interface.name.clone()));
        };
        if internal {
            return self.to_internal(state, at, to, link, frame);
        }
        if let Payload::Ip(packet) = &frame.payload
            && link.mtu != 0
            && packet.size > link.mtu
        {
            let (link, mtu, size) = (link.name.clone(), link.mtu, packet.size);
            return state.dropped(place, Cause::TooBig { link, mtu, size });
        }
        self.xmit(state, at, frame)
    }

    /// Up to the host, or to the pod that has the port; what a tunnel port of a switch in user space waits for never gets
    /// there.
    fn to_internal(
        &self,
        mut state: State,
        at: At,
        port: SwitchPort,
        link: &Link,
        frame: Frame,
    ) -> Vec<Outcome> {
        if self.in_user_space(port)
            && let Some(outcomes) = self.popped(&state, at, port, link, &frame)
        {
            return outcomes;
        }
        if !link.is_up() {
            let link = link.name.clone();
            return state.dropped(at.place, Cause::LinkDown { link });
        }
        state.note_with(at.place, Some(at.link), What::In, || format!("dev {}", link.name));
        self.receive_own(state, at, link, frame)
    }
}

/// Of what belongs to this switch.
fn of<T: Copy>(all: &[(usize, T)], switch: usize) -> Vec<T> {
    let of_it = all.iter().filter(|(other, _)| *other == switch);
    of_it.map(|(_, item)| *item).collect()
}

/// Why the bridge sends nothing, or why that isn't known.
fn stopped(bridge: &ovs::Bridge) -> Option<End> {
    let Fact::Absent { why, absence } = &bridge.flows else {
        return None;
    };
    let user_space = bridge.datapath_type == "netdev";
    Some(if user_space && *absence != Absence::Unknown {
        End::Dropped(Cause::SwitchDown {
            daemon: "ovs-vswitchd",
            why: why.clone(),
        })
    } else {
        End::NotDecidable(format!("rules of {}: {why}", bridge.name).into())
    })
}

/// Of copies of a frame one has to arrive: what became of the others doesn't matter then.
fn copies(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let rank = |end: &End| match end {
        End::Delivered | End::Answered(_) | End::Heard { .. } => 0,
        End::NotDecidable(_) => 1,
        End::Rejected(_) => 2,
        End::Dropped(_) => 3,
        End::NotForMe => 4,
    };
    let best = outcomes
        .iter()
        .map(|outcome| rank(&outcome.end))
        .min()
        .unwrap_or(4);
    let mut kept: Vec<Outcome> = outcomes
        .into_iter()
        .filter(|outcome| rank(&outcome.end) == best)
        .collect();
    if best > 0 {
        // One is enough: the one that got farthest.
        let farthest = (0..kept.len()).max_by_key(|index| (kept[*index].state.steps, usize::MAX - index));
        kept = farthest
            .map(|index| kept.swap_remove(index))
            .into_iter()
            .collect();
    }
    kept
}
