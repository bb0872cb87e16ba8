//! What all copies of a packet and the questions for their neighbors have in common.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::packet::Mac;
use super::super::topology::At;
use crate::state::link::IfIndex;

/// More than this is a storm.
const MAX_WORK: u32 = 20_000;

/// How much they took together, so that a storm ends; and what bridges heard of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Work {
    steps: Arc<AtomicU32>,
    heard: Arc<Mutex<Heard>>,
}

/// A bridge, and an address in its VLAN.
type Key = (At, (Mac, Option<u16>));

/// Behind which ports bridges heard who sent: of one packet always behind the same, unless copies of it come back.
#[derive(Debug, Default)]
struct Heard {
    ports: Vec<(Key, IfIndex)>,
    moved: Vec<(Key, [IfIndex; 2])>,
}

impl PartialEq for Work {
    /// It says nothing of where a packet is.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Work {}

impl Work {
    /// Counts a step.
    pub(super) fn is_storm(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed) > MAX_WORK
    }

    /// For a packet that begins anew in the same network.
    pub(super) fn again(&self) -> Self {
        Self {
            steps: Arc::default(),
            heard: Arc::clone(&self.heard),
        }
    }

    /// A bridge hears who sent a frame by a port. What only one of several ways leads there may be no copy: it counts
    /// beside what surely came.
    pub(super) fn hears(&self, bridge: At, mac: (Mac, Option<u16>), port: IfIndex, sure: bool) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (bridge, mac);
        match heard.ports.iter().find(|(known, _)| *known == key) {
            Some((_, other)) if *other == port => {}
            Some((_, other)) => {
                let ports = [*other, port];
                if heard.moved.iter().all(|(known, _)| *known != key) {
                    heard.moved.push((key, ports));
                }
            }
            None if sure => heard.ports.push((key, port)),
            None => {}
        }
    }

    pub(super) fn has_moved(&self) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        !heard.moved.is_empty()
    }

    /// The ports that a bridge heard somebody by, where they are two.
    pub(super) fn moved(&self, bridge: At, mac: (Mac, Option<u16>)) -> Option<[IfIndex; 2]> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let found = heard.moved.iter().find(|(known, _)| *known == (bridge, mac));
        found.map(|(_, ports)| *ports)
    }
}
