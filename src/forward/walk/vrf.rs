//! VRFs: tables of their own for what comes in by their links (`drivers/net/vrf.c`, `net/l3mdev/l3mdev.c`).

use super::super::topology::At;
use super::filter::Links;
use super::{Cause, Outcome, State, Walker};
use crate::state::netfilter::Hook;

impl Walker<'_, '_> {
    /// The VRF that a link is a port of.
    pub(super) fn vrf_of(&self, at: At) -> Option<At> {
        let master = self.topology.link(at)?.master?;
        let vrf = At { link: master, ..at };
        self.is_vrf(vrf).then_some(vrf)
    }

    pub(super) fn is_vrf(&self, at: At) -> bool {
        self.topology.place(at.place).fib.is_vrf(at.link)
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
}
