//! What a namespace's conntrack knows of packets like one that left what was seen: whether they were answered.

use super::super::hooks::{Conn, Tuple};
use super::super::packet::{Packet, Transport};
use super::super::topology::PlaceId;
use super::{Cause, End, Missing, Outcome, Walker, What};
use crate::state::conntrack::{Flow, FlowStatus, Tuple as Seen};
use crate::state::neighbor::NeighborState;

/// IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// An entry that lives longer than this may be of long ago: of a connection that stands idle.
const FRESH: u32 = 180;

impl Walker<'_, '_> {
    /// A packet that left what was seen, and of whose like the namespaces that it went through remember answers, or that
    /// there were none: ends by that. Other ends stay.
    pub fn remembered(&self, outcome: &mut Outcome) {
        let End::NotDecidable(Missing::Beyond { .. }) = &outcome.end else {
            return;
        };
        if let Some(found) = self.neighbor_is_there(outcome) {
            outcome.end = found;
            return;
        }
        // The last one is the closest to whoever was not seen.
        for (place, conn) in outcome.state.conns.iter().rev() {
            let alike = self.alike(*place, conn.original, conn.reply);
            if let Some(flow) = alike.iter().find(|flow| !flow.status.is_unreplied()) {
                outcome.end = End::Heard {
                    place: *place,
                    entry: format!("conntrack: {}", text(flow)),
                };
                return;
            }
            // One-way datagrams are common.
            let silent = alike
                .into_iter()
                .find(|flow| flow.proto != UDP && !flow.status.has(FlowStatus::DYING));
            let silent = silent.or_else(|| self.was_translated(*place, conn.original, conn.reply));
            if let Some(flow) = silent {
                outcome.end = End::Dropped(Cause::Unanswered {
                    src: outcome.state.packet.src,
                    dst: outcome.state.packet.dst,
                    entry: text(flow),
                });
                return;
            }
        }
    }

    /// For a ping to somebody on the link itself, who was heard by that link within the last half minute: frames go both
    /// ways.
    fn neighbor_is_there(&self, outcome: &Outcome) -> Option<End> {
        let packet = &outcome.state.packet;
        if !matches!(packet.transport, Transport::Icmp { .. }) || packet.inner.is_some() {
            return None;
        }
        let mut steps = outcome.state.trail.iter().rev();
        let step = steps.find(|step| step.what == What::Neighbor)?;
        let place = self.topology.place(step.place);
        // What others send may have no way back.
        if !place.has(packet.src) || outcome.state.trail.first()?.place != step.place {
            return None;
        }
        let entry = place.neighbor(step.link?, packet.dst)?;
        (entry.state == NeighborState::Reachable).then(|| End::Heard {
            place: step.place,
            entry: format!("ip neigh: {}", step.text),
        })
    }

    /// Whether somebody's answers came translated to another address, and nothing translates now.
    fn was_translated(&self, place: PlaceId, original: Tuple, reply: Tuple) -> Option<&Flow> {
        if reply.dst != original.src {
            return None;
        }
        let mut alike = self
            .fresh(place)
            .filter(|flow| is_like(&flow.original, flow.proto, original));
        alike.find(|flow| !flow.status.is_unreplied() && flow.is_snat())
    }

    /// Tracked connections between the same two, translated alike, that were begun a moment ago.
    fn alike(&self, place: PlaceId, original: Tuple, reply: Tuple) -> Vec<&Flow> {
        self.fresh(place)
            .filter(|flow| is_like(&flow.original, flow.proto, original) && same_ends(&flow.reply, reply))
            .collect()
    }

    /// The connections that conntrack has of a datagram or ping, one for each zone: it is translated as that one is,
    /// whatever the rules say now. With TCP, whoever asks anew begins another one.
    pub(super) fn tracked(&self, place: PlaceId, packet: &Packet) -> Vec<Conn> {
        let wanted: &[u8] = match packet.transport {
            Transport::Udp { .. } => &[UDP],
            Transport::Icmp { .. } => &[ICMP, ICMPV6],
            _ => return Vec::new(),
        };
        let tracked = self.topology.place(place).net.conntrack.known();
        let entries = tracked.map_or(&[][..], |tracked| tracked.entries.items());
        let alive = |flow: &&Flow| wanted.contains(&flow.proto) && !flow.status.has(FlowStatus::DYING);
        let seen = entries.iter().filter(alive).filter_map(|flow| {
            let (original, reply) = (tuple(&flow.original)?, tuple(&flow.reply)?);
            let zone = |side: &Seen| side.zone.unwrap_or(flow.zone);
            let seen = Conn {
                original,
                reply,
                mark: flow.mark,
                zones: [zone(&flow.original), zone(&flow.reply)],
                answered: !flow.status.is_unreplied(),
                ..Conn::begun_by(packet)
            };
            seen.seen_by(packet)
        });
        seen.collect()
    }

    fn fresh(&self, place: PlaceId) -> impl Iterator<Item = &Flow> {
        let tracked = self.topology.place(place).net.conntrack.known();
        let entries = tracked.map_or(&[][..], |tracked| tracked.entries.items());
        entries
            .iter()
            .filter(|flow| flow.timeout.is_some_and(|left| left <= FRESH))
    }
}

fn tuple(seen: &Seen) -> Option<Tuple> {
    let transport = match seen.icmp {
        Some(icmp) => Transport::Icmp {
            kind: icmp.kind,
            code: icmp.code,
            id: icmp.id,
        },
        None => Transport::Udp {
            sport: seen.sport?,
            dport: seen.dport?,
        },
    };
    Some(Tuple {
        src: seen.src,
        dst: seen.dst,
        transport,
    })
}

fn same_ends(seen: &Seen, tuple: Tuple) -> bool {
    (seen.src, seen.dst) == (tuple.src, tuple.dst)
}

/// Whether it asks the same of the same: identifiers and ports that programs choose may differ.
fn is_like(seen: &Seen, proto: u8, tuple: Tuple) -> bool {
    same_ends(seen, tuple)
        && match tuple.transport {
            Transport::Icmp { kind, .. } => {
                matches!(proto, ICMP | ICMPV6) && seen.icmp.is_some_and(|icmp| icmp.kind == kind)
            }
            Transport::Tcp { dport, .. } => proto == TCP && seen.dport == Some(dport),
            Transport::Udp { dport, .. } => proto == UDP && seen.dport == Some(dport),
            Transport::Sctp { .. } | Transport::Other(_) => false,
        }
}

/// As conntrack(8) prints it, without what doesn't matter here.
fn text(flow: &Flow) -> String {
    let side = |tuple: &Seen| {
        let ports = match (tuple.sport, tuple.dport) {
            (Some(sport), Some(dport)) => format!(" sport={sport} dport={dport}"),
            _ => String::new(),
        };
        format!("src={} dst={}{ports}", tuple.src, tuple.dst)
    };
    let proto = match flow.proto {
        TCP => "tcp",
        UDP => "udp",
        _ => "icmp",
    };
    let silent = if flow.status.is_unreplied() {
        " [UNREPLIED]"
    } else {
        ""
    };
    format!("{proto} {}{silent} {}", side(&flow.original), side(&flow.reply))
}
