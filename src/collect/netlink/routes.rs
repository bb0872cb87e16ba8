//! Routes of all tables (rtnetlink(7), RTM_GETROUTE).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::attr::{align, attributes, find, ip, u16, u32};
use super::socket::{Error, Socket};
use super::uapi::{
    AF_INET, AF_INET6, RTA_DST, RTA_ENCAP, RTA_ENCAP_TYPE, RTA_GATEWAY, RTA_METRICS, RTA_MULTIPATH,
    RTA_NH_ID, RTA_OIF, RTA_PREFSRC, RTA_PRIORITY, RTA_SRC, RTA_TABLE, RTA_VIA, RTAX_ADVMSS, RTAX_LOCK,
    RTAX_MTU, RTM_F_CLONED, RTM_GETROUTE,
};
use super::{both_families, encap, is_family};
use crate::state::link::{IfIndex, Scope};
use crate::state::route::{HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};

/// `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
const HEADER: usize = 12;
/// `struct rtnexthop`: length, flags, weight less one, link.
const HOP_HEADER: usize = 8;

/// The routes of all tables: IPv4, then IPv6. Routes of other families (MPLS, multicast routing) are not kept.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<Route>, Error> {
    both_families(|family| {
        let mut request = [0; HEADER];
        request[0] = family;
        socket.dump(RTM_GETROUTE, &request, |message, routes| {
            routes.extend(is_family(message, family).then(|| route(message)).flatten());
        })
    })
}

fn route(message: &[u8]) -> Option<Route> {
    let (header, list) = message.split_at_checked(HEADER)?;
    let flags = u32(&header[8..]);
    if flags & RTM_F_CLONED != 0 {
        return None;
    }
    let any = any(header[0])?;
    let (mut dst, mut src, mut table) = (any, any, u32::from(header[4]));
    let mut route = Route::new(
        IpNet::from(any),
        TableId(0),
        route_type(header[7]),
        RouteProtocol(header[5]),
    );
    route.scope = Scope(header[6]);
    route.tos = header[3];
    let mut multipath = None;
    for (kind, value) in attributes(list) {
        match kind {
            RTA_DST => dst = ip(value)?,
            RTA_SRC => src = ip(value)?,
            RTA_TABLE => table = u32(value),
            RTA_PRIORITY => route.metric = u32(value),
            RTA_PREFSRC => route.prefsrc = ip(value),
            RTA_METRICS => metrics(&mut route, value),
            RTA_NH_ID => route.nexthop = Some(u32(value)),
            RTA_MULTIPATH => multipath = Some(value),
            _ => {}
        }
    }
    route.table = TableId(table);
    route.dst = IpNet::new(dst, header[1]).ok()?;
    route.src = IpNet::new(src, header[2]).ok().filter(|src| src.prefix_len() > 0);
    if let Some(hops) = multipath {
        next_hops(hops, &mut route.next_hops);
    } else {
        // RTNH_F_* are in the lowest byte, the route's own RTM_F_* above.
        let hop = next_hop(list, flags.to_le_bytes()[0]);
        let leads = hop.link.is_some() || hop.gateway.is_some();
        route.next_hops.extend(leads.then_some(hop));
    }
    // IPv6 names the loopback link where there is no way out.
    if leads_nowhere(route.kind) {
        route.next_hops.clear();
    }
    Some(route)
}

const fn leads_nowhere(kind: RouteType) -> bool {
    matches!(
        kind,
        RouteType::Blackhole | RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw
    )
}

const fn any(family: u8) -> Option<IpAddr> {
    match family {
        AF_INET => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        AF_INET6 => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => None,
    }
}

/// The one way out that is in the attributes of a route or of one of its hops.
fn next_hop(list: &[u8], flags: u8) -> NextHop {
    let mut hop = NextHop {
        weight: 1,
        flags: HopFlags(flags),
        ..NextHop::default()
    };
    let (mut encap_type, mut encap_data) = (0, &[][..]);
    for (kind, value) in attributes(list) {
        match kind {
            RTA_OIF => hop.link = Some(IfIndex(u32(value))),
            RTA_GATEWAY => hop.gateway = ip(value),
            RTA_VIA => hop.gateway = via(value),
            RTA_ENCAP_TYPE => encap_type = u16(value),
            RTA_ENCAP => encap_data = value,
            _ => {}
        }
    }
    hop.encap = (encap_type != 0).then(|| encap::text(encap_type, encap_data));
    hop
}

/// `struct rtvia`: a family of two bytes, and an address of it.
fn via(value: &[u8]) -> Option<IpAddr> {
    ip(value.get(2..)?)
}

fn next_hops(mut bytes: &[u8], hops: &mut Vec<NextHop>) {
    while bytes.len() >= HOP_HEADER {
        let length = usize::from(u16(bytes));
        let Some(list) = bytes.get(HOP_HEADER..length) else {
            return;
        };
        hops.push(NextHop {
            link: Some(IfIndex(u32(&bytes[4..]))).filter(|link| link.0 != 0),
            weight: u16::from(bytes[3]) + 1,
            ..next_hop(list, bytes[2])
        });
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
}

fn metrics(route: &mut Route, list: &[u8]) {
    let locked = find(list, RTAX_LOCK).map_or(0, u32) & (1 << RTAX_MTU) != 0;
    route.mtu = find(list, RTAX_MTU).map(|mtu| (u32(mtu), locked));
    route.advmss = find(list, RTAX_ADVMSS).map(u32);
}

/// RTN_*
const fn route_type(kind: u8) -> RouteType {
    match kind {
        1 => RouteType::Unicast,
        2 => RouteType::Local,
        3 => RouteType::Broadcast,
        4 => RouteType::Anycast,
        5 => RouteType::Multicast,
        6 => RouteType::Blackhole,
        7 => RouteType::Unreachable,
        8 => RouteType::Prohibit,
        9 => RouteType::Throw,
        _ => RouteType::Other,
    }
}
