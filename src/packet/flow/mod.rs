//! Flows of a capture: who talks with whom inside which tunnel, and what goes wrong.

pub mod complaint;
pub mod finding;
pub mod key;
pub mod questions;
mod report;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::file::{Packet, Time};
use super::layer::{Kind, Layer, Stack};
use super::wire::ipv4::Ipv4;
use complaint::Complaints;
pub use finding::Finding;
use key::BuildQuick;
pub use key::{End, Key, Via};
use questions::Questions;
pub use state::{Flow, Way};

/// Flows that are told apart; more cost memory without end.
pub const MOST_FLOWS: usize = 200_000;

/// The flows of a capture, while it is read.
#[derive(Debug, Default)]
pub struct Flows {
    flows: HashMap<Key, Flow, BuildQuick>,
    questions: Questions,
    complaints: Complaints,
    pub packets: u64,
    pub bytes: u64,
    /// Packets of flows that were too many to be told apart.
    pub untold: u64,
    /// Packets that no flow has: no IP inside.
    pub others: u64,
    pub first: Option<Time>,
    pub last: Option<Time>,
}

impl Flows {
    /// Adds a packet, which is the `number`th of the file.
    pub fn add(&mut self, number: u64, packet: &Packet, stack: &Stack) {
        self.packets += 1;
        self.bytes += u64::from(packet.wire_len);
        self.first = Some(self.first.map_or(packet.time, |first| first.min(packet.time)));
        self.last = Some(self.last.map_or(packet.time, |last| last.max(packet.time)));
        let frame = packet.data;
        self.questions.add(packet.time, frame, stack);
        self.complaints.add(number, frame, stack);
        let Some((key, back)) = Key::of(frame, stack) else {
            self.others += 1;
            return;
        };
        if self.flows.len() >= MOST_FLOWS && !self.flows.contains_key(&key) {
            self.untold += 1;
            return;
        }
        let way = usize::from(back);
        let level = stack.innermost();
        let speaks = |layer: &&Layer| matches!(layer.kind, Kind::Tcp | Kind::Icmp | Kind::Icmpv6);
        let id = level
            .iter()
            .find(|layer| layer.kind == Kind::Ipv4)
            .map_or(0, |ip| Ipv4(ip.header(frame)).id());
        self.flows
            .entry(key)
            .or_insert_with(|| Flow::new(packet.time, number, way))
            .add(
                packet.time,
                way,
                packet.wire_len,
                frame,
                level.iter().find(speaks),
                id,
            );
    }

    /// The flows, those of most bytes first.
    pub fn sorted(&self) -> Vec<(&Key, &Flow)> {
        let mut flows: Vec<(&Key, &Flow)> = self.flows.iter().collect();
        flows.sort_unstable_by_key(|(key, flow)| (std::cmp::Reverse(flow.bytes()), flow.number, **key));
        flows
    }
}
