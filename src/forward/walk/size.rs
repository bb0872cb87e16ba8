//! What is too big for its way: where it is cut, and where it is refused (`ip_fragment`, `ip6_fragment`,
//! `br_nf_ip_fragment`).

use super::super::fib::Hit;
use super::super::packet::Packet;
use super::super::topology::{At, PlaceId};
use super::l3::{is_own, way_out};
use super::{Cause, End, State, Walker, What};
use crate::state::link::Link;

/// When a packet is held against the size of its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Starts,
    /// OUTPUT sent it another way.
    Rerouted,
    Forwarded,
}

impl<'a> Walker<'_, 'a> {
    /// Cuts a packet that is too big for its way, if it may be cut: that of IPv6 only where it starts
    /// (`ip_forward`, `ip6_forward`, `ip_fragment`).
    pub(super) fn cut(&self, state: &mut State, place: PlaceId, hit: &Hit<'a>, when: Cut) -> Option<End> {
        let link = way_out(hit)?;
        if is_own(hit) {
            return None;
        }
        let seen = self.topology.link(At { place, link })?;
        // A route's own MTU holds even where it is more than the link's.
        let mtu = hit.route.mtu.map_or(seen.mtu, |(mtu, _)| mtu);
        let packet = &mut state.packet;
        let v6 = packet.is_v6();
        let forwarded = when == Cut::Forwarded;
        let size = if v6 && forwarded {
            packet.on_wire()
        } else {
            packet.size
        };
        if mtu == 0 || size <= mtu {
            return None;
        }
        let may = match when {
            Cut::Starts => !packet.df,
            // IPv6 has no bit for it: what its socket said was heeded before OUTPUT (`ip6_append_data`).
            Cut::Rerouted => v6 || !packet.df,
            Cut::Forwarded => !v6 && !packet.df,
        };
        if !may {
            return Some(End::Rejected(Cause::TooBig {
                link: seen.name.clone(),
                mtu,
                size,
            }));
        }
        into_pieces(packet, mtu);
        let text = format!("fragments: {size} bytes over MTU {mtu}");
        state.note(place, Some(link), What::Out, text);
        None
    }
}

/// What `br_netfilter` has seen it cuts, too, where IPv4 lets it.
pub(super) fn cut_for_port(packet: &mut Packet, port: &Link) -> bool {
    let cuts = !packet.is_v6() && !packet.df && packet.on_wire() > port.mtu;
    if cuts {
        into_pieces(packet, port.mtu);
    }
    cuts
}

fn into_pieces(packet: &mut Packet, mtu: u32) {
    let header = if packet.is_v6() { 48 } else { 20 };
    let piece = (mtu.saturating_sub(header) & !7) + header;
    packet.fragment = Some(packet.on_wire().min(piece));
}
