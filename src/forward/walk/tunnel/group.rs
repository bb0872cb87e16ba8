//! VXLAN over multicast: a group in the place of a list of remotes (`vxlan_multicast.c`, `ip_mc_output`).

use std::net::IpAddr;

use super::super::super::fib::{link_address, source_of_link};
use super::super::super::packet::{Frame, Mac, Payload};
use super::super::super::topology::At;
use super::super::filter::Links;
use super::super::{Cause, Outcome, State, Walker};
use crate::state::kind::LinkData;
use crate::state::link::Scope;
use crate::state::netfilter::Hook;

impl Walker<'_, '_> {
    /// The source of what goes to a group by a link.
    pub(super) fn source_to_group(&self, at: At, group: IpAddr) -> Option<IpAddr> {
        let net = self.topology.place(at.place).net;
        match group {
            IpAddr::V4(group) => link_address(net, at.link, group, Scope::GLOBAL).map(IpAddr::V4),
            IpAddr::V6(group) => source_of_link(net, group, at.link).map(IpAddr::V6),
        }
    }

    /// Sends what is for a group by a link, to all that may hear it there.
    pub(super) fn to_group(&self, state: State, at: At) -> Vec<Outcome> {
        let Some(link) = self.topology.link(at) else {
            let why = format!("the link below a tunnel, number {}, is not known", at.link);
            return state.undecided(at.place, why);
        };
        if !link.is_up() {
            let link = link.name.clone();
            return state.dropped(at.place, Cause::LinkDown { link });
        }
        if state.packet.on_wire() > link.mtu {
            let why = format!(
                "pieces of a packet to a group, by {}, are not followed",
                link.name
            );
            return state.undecided(at.place, why);
        }
        let Some(src) = link.mac.as_deref().and_then(Mac::parse) else {
            return state.undecided(at.place, format!("the MAC of {} is not known", link.name));
        };
        let links = || Links {
            output: Some(at.link),
            ..Links::default()
        };
        self.through(state, at.place, Hook::Output, links(), |state| {
            self.through(state, at.place, Hook::Postrouting, links(), |state| {
                let frame = Frame {
                    src,
                    dst: Mac::group(state.packet.dst),
                    vlan: None,
                    payload: Payload::Ip(state.packet.clone()),
                };
                self.xmit(state, at, frame)
            })
        })
    }

    /// Whether a namespace listens to a group on a link: VXLAN links join their own when they go up
    /// (`vxlan_multicast_join`).
    pub(in super::super) fn has_joined(&self, at: At, group: IpAddr) -> bool {
        let mut links = self.topology.place(at.place).net.links.items().iter();
        links.any(|link| {
            matches!(&link.data, Some(LinkData::Vxlan(vxlan))
                if link.is_up() && (vxlan.remote, vxlan.link) == (Some(group), Some(at.link)))
        })
    }
}
