//! Where packets may come from: martians and reverse path filters (`ip_route_input_slow`, `fib_validate_source`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::fib::{Flow, Hit, LOOPBACK};
use super::super::packet::Packet;
use super::super::topology::{At, Place};
use super::l3::route_text;
use super::{Cause, Martian, State, Walker, What};
use crate::state::link::{IfIndex, LinkFlags};
use crate::state::route::{Route, RouteType};

impl Walker<'_, '_> {
    /// Says why a packet from that source is lost, if it is; `oif` is the link that it would leave by.
    pub(super) fn reverse_path(&self, state: &mut State, at: At, oif: Option<IfIndex>) -> Option<Cause> {
        if state.packet.is_v6() {
            return None;
        }
        let place = self.topology.place(at.place);
        let cause = source_fault(place, at.link, self.name(at), &state.packet, oif)?;
        if matches!(cause, Cause::ReversePath { .. }) {
            state.note_with(at.place, Some(at.link), What::Setting, || cause.to_string());
        }
        Some(cause)
    }
}

/// The larger one of the link's value and that of `all` (`IN_DEV_MAXCONF`).
pub(super) fn larger(place: &Place, link: &str, name: &str) -> i64 {
    let of = |link| place.setting(false, link, name).unwrap_or(0);
    of(link).max(of("all"))
}

/// `fib_validate_source` of IPv4: the way back to the source must lead by the link that the packet came in by (strict),
/// or exist at all (loose); the source must not be an address of the namespace's own.
pub(super) fn source_fault(
    place: &Place,
    link: IfIndex,
    name: &str,
    packet: &Packet,
    oif: Option<IfIndex>,
) -> Option<Cause> {
    let mode = larger(place, name, "rp_filter");
    let is_on = |setting| place.either(false, name, setting).unwrap_or(false);
    let accept_local = is_on("accept_local");
    let own = Cause::Martian {
        ip: packet.src,
        link: name.to_owned(),
        why: Martian::OwnSource,
    };
    // Without a filter, the routes are asked only where redirects may have to be sent, or local routes or rules are
    // other than usual.
    let redirects = oif == Some(link) && is_on("send_redirects");
    if mode == 0 && !redirects && (accept_local || place.fib.is_plain()) {
        return (!accept_local && place.has(packet.src)).then_some(own);
    }
    let (proto, (sport, dport)) = if place.fib.looks_at_ports() {
        (packet.proto(), packet.transport.ports().unwrap_or_default())
    } else {
        (0, (0, 0))
    };
    // What is for all is checked as if for nobody (`ip_route_input_slow`, `ip_mc_validate_source`).
    let for_all = |dst: Ipv4Addr| {
        let broadcast = |route: &Route| route.kind == RouteType::Broadcast;
        dst.is_multicast() || dst.is_broadcast() || place.fib.local(dst).is_some_and(broadcast)
    };
    let to = match packet.dst {
        IpAddr::V4(dst) if for_all(dst) => Ipv4Addr::UNSPECIFIED.into(),
        dst => dst,
    };
    let flow = Flow {
        src: Some(to),
        iif: oif.unwrap_or(LOOPBACK),
        l3mdev: Some(link).filter(|link| place.fib.is_vrf(*link)),
        tos: packet.tos,
        mark: if is_on("src_valid_mark") { packet.mark } else { 0 },
        proto,
        sport: dport,
        dport: sport,
        ..Flow::to(packet.src)
    };
    let back = place.fib.lookup(&flow);
    let lost = |way| {
        Some(Cause::ReversePath {
            link: name.to_owned(),
            mode,
            src: packet.src,
            way,
        })
    };
    let Ok(hit) = back else {
        return if mode == 0 { None } else { lost(None) };
    };
    match hit.route.kind {
        RouteType::Unicast => {}
        RouteType::Local if accept_local => {}
        RouteType::Local => return Some(own),
        _ => {
            return Some(Cause::Martian {
                ip: packet.src,
                link: name.to_owned(),
                why: Martian::GroupSource,
            });
        }
    }
    let all = hit.hops.iter().copied().chain(&hit.route.next_hops);
    let within = |out: IfIndex| {
        let master = place.net.link(out).and_then(|out| out.master);
        out == link || (master == Some(link) && place.fib.is_vrf(link))
    };
    if all.into_iter().any(|hop| hop.link.is_some_and(within)) {
        return None;
    }
    let addresses = place.net.addresses.items();
    let no_address = !addresses
        .iter()
        .any(|address| address.link == link && address.ip.is_ipv4());
    if mode == 1 || (no_address && mode != 0) {
        return lost(Some(route_text(place, &hit)));
    }
    None
}

/// What the host itself sends from 127.0.0.0/8 leaves by no other link (`__mkroute_output`).
pub(super) fn loopback_leaves(place: &Place, packet: &Packet, hit: &Hit) -> Option<Cause> {
    let IpAddr::V4(src) = packet.src else { return None };
    if !src.is_loopback() || hit.route.kind == RouteType::Local {
        return None;
    }
    let link = place.fib.link(hit.hops.first()?.link?)?;
    let may = link.flags.has(LinkFlags::LOOPBACK)
        || place.either(false, &link.name, "route_localnet").unwrap_or(false);
    (!may).then(|| Cause::Martian {
        ip: packet.src,
        link: link.name.clone(),
        why: Martian::Loopback,
    })
}

/// `ip6_rcv_core`: before any rule sees it.
pub(super) fn martian_v6(link: &str, packet: &Packet) -> Option<Cause> {
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else {
        return None;
    };
    let found = |ip: Ipv6Addr, why| {
        Some(Cause::Martian {
            ip: ip.into(),
            link: link.to_owned(),
            why,
        })
    };
    if src.is_multicast() {
        return found(src, Martian::GroupSource);
    }
    if link != "lo" && (src.is_loopback() || dst.is_loopback()) {
        return found(if src.is_loopback() { src } else { dst }, Martian::Loopback);
    }
    None
}

/// Addresses that no packet on a wire may have (`ip_route_input_slow`).
pub(super) fn martian(place: &Place, link: &str, packet: &Packet) -> Option<Cause> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (packet.src, packet.dst) else {
        return None;
    };
    let found = |ip: Ipv4Addr, why| {
        Some(Cause::Martian {
            ip: ip.into(),
            link: link.to_owned(),
            why,
        })
    };
    let route_localnet = place.either(false, link, "route_localnet").unwrap_or(false);
    if src.is_multicast() || src.is_broadcast() {
        return found(src, Martian::GroupSource);
    }
    if dst.is_broadcast() {
        return None;
    }
    let zero = |ip: Ipv4Addr| ip.octets()[0] == 0;
    if zero(src) {
        return found(src, Martian::GroupSource);
    }
    if zero(dst) {
        return found(dst, Martian::NoDestination);
    }
    if !route_localnet && (src.is_loopback() || dst.is_loopback()) {
        return found(if src.is_loopback() { src } else { dst }, Martian::Loopback);
    }
    None
}
