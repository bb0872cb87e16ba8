//! VXLAN to an address of the sender's own: no packet is made, the link of that port and VNI takes the frame at once
//! (`encap_bypass_if_local`, `vxlan_encap_bypass`). It keeps its connection and its mark, and nobody asks whether it comes
//! back to who sent it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::super::fib::Flow;
use super::super::super::hooks::ConnState;
use super::super::super::packet::{Frame, Mac};
use super::super::super::topology::At;
use super::super::l2::packet_of;
use super::super::{Outcome, State, Walker, What};
use super::udp::Remote;
use crate::state::kind::{LinkData, Vxlan};
use crate::state::link::Link;
use crate::state::route::RouteType;

/// Who takes a frame of a namespace that is its own remote.
#[derive(Debug, Clone, Copy)]
pub(super) enum OwnEnd<'a> {
    Link(&'a Link, &'a Vxlan),
    Nobody,
}

impl Walker<'_, '_> {
    /// Whether a remote is this namespace itself, and which link its frames come in by then.
    pub(super) fn own_end(
        &self,
        state: &State,
        at: At,
        vxlan: &Vxlan,
        remote: &Remote,
        frame: &Frame,
    ) -> Option<OwnEnd<'_>> {
        let place = self.topology.place(at.place);
        if vxlan.no_local_bypass || remote.local.is_some_and(|local| !place.has(local)) {
            return None;
        }
        let flow = Flow {
            src: remote.local,
            oif: remote.link,
            mark: packet_of(frame).map_or(state.packet.mark, |packet| packet.mark),
            ..Flow::to(remote.ip)
        };
        let hit = place.fib.lookup(&flow).ok()?;
        if hit.route.kind != RouteType::Local {
            return None;
        }
        // Sockets are looked up by the link that the entry names, and are bound to none (`vxlan_find_vni`).
        let mut links = place.net.links.items().iter().filter(|_| remote.link.is_none());
        let end = links.find_map(|link| match &link.data {
            Some(LinkData::Vxlan(other))
                if link.is_up()
                    && (other.port, other.vni) == (remote.port, Some(remote.vni))
                    && (other.gbp, other.udp_zero_csum6_rx) == (vxlan.gbp, vxlan.udp_zero_csum6_rx)
                    && is_v6(other) == remote.ip.is_ipv6() =>
            {
                Some(OwnEnd::Link(link, other))
            }
            _ => None,
        });
        Some(end.unwrap_or(OwnEnd::Nobody))
    }

    pub(super) fn bypass(
        &self,
        mut state: State,
        at: At,
        end: OwnEnd,
        remote: &Remote,
        frame: &Frame,
    ) -> Vec<Outcome> {
        let OwnEnd::Link(link, vxlan) = end else {
            return state.dropped(at.place, self.no_vxlan(at, remote.vni, remote.port));
        };
        if vxlan.learning {
            let loopback = if is_v6(vxlan) {
                IpAddr::V6(Ipv6Addr::LOCALHOST)
            } else {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            };
            self.learns(&mut state, at, link, frame.src, loopback);
        }
        state.note_with(at.place, Some(link.index), What::Decap, || {
            let (vni, ip) = (remote.vni, remote.ip);
            format!(
                "VXLAN {vni} by {} at once: {ip} is an address of its own",
                link.name
            )
        });
        // What conntrack could not place is looked at once more.
        let conn = state.conn.take();
        state.scrub();
        state.conn = conn.filter(|conn| conn.state != ConnState::Invalid);
        let mut frame = frame.clone();
        if link.master.is_none()
            && let Some(own) = link.mac.as_deref().and_then(Mac::parse)
        {
            // It counts as the host's own, whoever it is for.
            frame.dst = own;
        }
        let at = At {
            link: link.index,
            ..at
        };
        self.receive(state, at, frame)
    }
}

/// Whether its socket is one of IPv6 (`vxlan_sock_add`): that follows from its addresses.
fn is_v6(vxlan: &Vxlan) -> bool {
    vxlan.local.or(vxlan.remote).is_some_and(|ip| ip.is_ipv6())
}
