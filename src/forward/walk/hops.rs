//! A trail, namespace by namespace.

use std::sync::Arc;

use super::{Step, What};
use crate::forward::packet::Packet;
use crate::forward::topology::PlaceId;
use crate::state::link::IfIndex;

/// What one namespace does with the packet, from when it comes in until it leaves.
#[derive(Debug, Clone)]
pub struct Hop<'o> {
    pub place: PlaceId,
    /// The link it came in by; none where it starts.
    pub input: Option<IfIndex>,
    /// The link it left by, or tried to.
    pub output: Option<IfIndex>,
    /// The packet as it came in, and as it left; equal where nothing changed it.
    pub before: Option<Arc<Packet>>,
    pub after: Option<Arc<Packet>>,
    pub steps: &'o [Step],
}

impl Hop<'_> {
    /// The steps of this kind.
    pub fn of(&self, what: What) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.what == what)
    }
}

/// The namespaces that a trail leads through, in turn.
pub fn hops(trail: &[Step]) -> Vec<Hop<'_>> {
    let mut packet: Option<Arc<Packet>> = None;
    trail
        .chunk_by(|one, next| one.place == next.place)
        .filter_map(|steps| {
            let first = steps.first()?;
            let starts = first.what == What::Start;
            let before = if starts {
                first.packet.clone()
            } else {
                packet.clone()
            };
            packet = steps
                .iter()
                .rev()
                .find_map(|step| step.packet.clone())
                .or_else(|| packet.clone());
            let link = |step: &Step, what| step.link.filter(|_| step.what == what);
            Some(Hop {
                place: first.place,
                input: steps
                    .iter()
                    .find_map(|step| link(step, What::In))
                    .filter(|_| !starts),
                output: steps.iter().rev().find_map(|step| link(step, What::Out)),
                before,
                after: packet.clone(),
                steps,
            })
        })
        .collect()
}
