//! Links on top of links, which may be in another namespace of their node.

use std::collections::HashMap;

use super::super::packet::Mac;
use super::{At, Topology};
use crate::state::kind::LinkData;
use crate::state::link::Link;

impl Topology<'_> {
    /// The link that another one is on.
    pub fn below(&self, at: At, link: &Link) -> Option<At> {
        let lower = link.lower?;
        let Some(id) = lower.netns else {
            return Some(At {
                link: lower.index,
                ..at
            });
        };
        let place = self.place(at.place);
        let place = match place.net.peer(id) {
            Some(identity) => self.namespace(at.place, identity)?,
            // The host's, unless something else is said.
            None => self.place_of(&place.node.net)?,
        };
        Some(At {
            place,
            link: lower.index,
        })
    }

    pub(super) fn shared(&self) -> HashMap<At, Vec<At>> {
        let mut shared: HashMap<At, Vec<At>> = HashMap::new();
        for (at, link) in self.all_links() {
            if matches!(link.data, Some(LinkData::Ipvlan(_)))
                && let Some(below) = self.below(at, link)
            {
                shared.entry(below).or_default().push(at);
            }
        }
        shared
    }

    pub(super) fn stacks(&self) -> HashMap<At, Vec<(At, Mac)>> {
        let mut stacks: HashMap<At, Vec<(At, Mac)>> = HashMap::new();
        for (at, link) in self.all_links() {
            if !matches!(link.data, Some(LinkData::Macvlan(_))) {
                continue;
            }
            let mac = link.mac.as_deref().and_then(Mac::parse);
            if let (Some(mac), Some(below)) = (mac, self.below(at, link)) {
                stacks.entry(below).or_default().push((at, mac));
            }
        }
        stacks
    }
}
