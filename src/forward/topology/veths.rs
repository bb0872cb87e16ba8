//! Which ends of veths belong together.

use std::collections::HashMap;

use super::{At, PlaceId, Topology};
use crate::state::link::IfIndex;

impl Topology<'_> {
    /// By the number and the namespace that each end knows of the other; where the namespace's number says nothing
    /// (command outputs of another day), by the numbers alone, when only one fits.
    pub(super) fn pairs(&self) -> HashMap<At, At> {
        // Candidates stand in the order of their places.
        let mut by_numbers: HashMap<(IfIndex, IfIndex), Vec<At>> = HashMap::new();
        for (at, link) in self.all_links() {
            if let (Some("veth"), Some(lower)) = (link.kind.as_deref(), link.lower) {
                by_numbers.entry((link.index, lower.index)).or_default().push(at);
            }
        }
        let (mut sure, mut likely) = (Vec::new(), HashMap::new());
        for (at, link) in self.all_links() {
            let (Some("veth"), Some(lower)) = (link.kind.as_deref(), link.lower) else {
                continue;
            };
            let Some(candidates) = by_numbers.get(&(lower.index, link.index)) else {
                continue;
            };
            let identity = lower.netns.and_then(|id| self.place(at.place).net.peer(id));
            let known = match (lower.netns, identity) {
                (None, _) => in_place(candidates, at.place),
                (Some(_), Some(identity)) => self
                    .namespace(at.place, identity)
                    .and_then(|place| in_place(candidates, place)),
                (Some(_), None) => None,
            };
            if let Some(peer) = known {
                sure.push((at, peer));
            } else if lower.netns.is_some() && identity.is_none() {
                likely.extend(self.only_one(at, candidates).map(|peer| (at, peer)));
            }
        }
        // By numbers alone, both ends must mean each other.
        let mut pairs: HashMap<At, At> = likely
            .iter()
            .filter(|(at, peer)| likely.get(peer) == Some(at))
            .map(|(at, peer)| (*at, *peer))
            .collect();
        for (at, peer) in sure {
            pairs.insert(at, peer);
            pairs.insert(peer, at);
        }
        pairs
    }

    /// The one candidate of the same node, or, without any there, of all.
    fn only_one(&self, at: At, candidates: &[At]) -> Option<At> {
        let node = self.place(at.place).node;
        let of_node: Vec<PlaceId> = self.places_of(node).map(|(id, _)| id).collect();
        let (Some(first), Some(last)) = (of_node.first(), of_node.last()) else {
            return None;
        };
        let start = candidates.partition_point(|other| other.place < *first);
        let end = candidates.partition_point(|other| other.place <= *last);
        let elsewhere = |other: &&At| other.place != at.place;
        let one = |found: &[At]| {
            let mut found = found.iter().filter(elsewhere);
            let first = found.next()?;
            found.next().is_none().then_some(*first)
        };
        let same_node = candidates.get(start..end).unwrap_or_default();
        if same_node.iter().any(|other| elsewhere(&other)) {
            return one(same_node);
        }
        one(candidates)
    }
}

/// The candidate in a place, of candidates in the order of theirs.
fn in_place(candidates: &[At], place: PlaceId) -> Option<At> {
    let at = candidates.partition_point(|other| other.place < place);
    candidates.get(at).copied().filter(|other| other.place == place)
}
