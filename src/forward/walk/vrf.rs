//! VRFs: tables of their own for what comes in by their links (`drivers/net/vrf.c`, `net/l3mdev/l3mdev.c`).

use super::super::topology::{At, PlaceId};
use super::filter::Links;
use super::{Cause, Outcome, State, Walker};
use crate::state::kind::LinkData;
use crate::state::link::IfIndex;
use crate::state::netfilter::Hook;

impl Walker<'_, '_> {
    /// The VRF that a link is a port of.
    pub(super) fn vrf_of(&self, at: At) -> Option<At> {
        let master = self.topology.link(at)?.master?;
        let vrf = At { link: master, ..at };
        self.is_vrf(vrf).then_some(vrf)
    }

    pub(super) fn is_vrf(&self, at: At) -> bool {
        matches!(
            self.topology.link(at).map(|link| &link.data),
            Some(Some(LinkData::Vrf(_)))
        )
    }

    /// A packet that came in by a port of a VRF comes in by the VRF: PREROUTING is called again, and everything after
    /// knows the VRF only (`vrf_ip_rcv`).
    pub(super) fn comes_by_vrf(&self, state: State, vrf: At) -> Vec<Outcome> {
        if let Some(link) = self.topology.link(vrf).filter(|link| !link.is_up()) {
            let link = link.name.clone();
            return state.dropped(vrf.place, Cause::LinkDown { link });
        }
        let links = Links {
            input: Some(vrf.link),
            ..Links::default()
        };
        self.through(state, vrf.place, Hook::Prerouting, links, |state| {
            self.routed_in(state, vrf)
        })
    }

    /// A route of another table leads to the VRF: it looks the packet up again, in its own (`vrf_xmit`).
    pub(super) fn by_vrf(&self, mut state: State, vrf: At) -> Vec<Outcome> {
        state.output = Some(vrf.link);
        self.send(state, vrf.place)
    }

    /// Whether the way out is by the link, or by a port of it where that is a VRF.
    pub(super) fn is_by(&self, place: PlaceId, out: Option<IfIndex>, link: IfIndex) -> bool {
        out == Some(link)
            || out.is_some_and(|out| {
                let vrf = self.vrf_of(At { place, link: out });
                vrf.is_some_and(|vrf| vrf.link == link)
            })
    }
}
