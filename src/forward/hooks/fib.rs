//! What rules ask of the routing tables: iptables' addrtype and rpfilter, nft's fib (`xt_addrtype.c`, `ipt_rpfilter.c`,
//! `ip6t_rpfilter.c`, `nft_fib_ipv4.c`, `nft_fib_ipv6.c`).

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use super::super::fib::{Flow, Hit, LOOPBACK, Refusal};
use super::super::packet::Transport;
use super::Call;
use super::value::Value;
use crate::state::link::{IfIndex, is_link_local};
use crate::state::netfilter::{Dialect, Expr, FibFlags, FibResult, Hook, Key, Match, Op};
use crate::state::route::RouteType;

/// Types of ICMPv6: router and neighbor solicitations and advertisements, redirects.
const DISCOVERY: RangeInclusive<u8> = 133..=137;

/// RTN_*.
const UNICAST: u64 = 1;
const LOCAL: u64 = 2;
const BROADCAST: u64 = 3;
const ANYCAST: u64 = 4;
const MULTICAST: u64 = 5;
const UNREACHABLE: u64 = 7;

/// The field of nft's `fib`, and of IPv4's addrtype.
pub(super) fn value<'a>(call: &Call<'_, 'a>, flags: FibFlags, result: FibResult) -> Value<'a> {
    let packet = &call.packet;
    let link = match (flags.iif, flags.oif) {
        (true, _) => call.in_link,
        (_, true) => call.out_link,
        _ => None,
    };
    let (ip, other) = if flags.saddr {
        (packet.src, packet.dst)
    } else {
        (packet.dst, packet.src)
    };
    if result == FibResult::Type {
        return Value::Number(match ip {
            IpAddr::V4(ip) => kind_v4(call, ip, link),
            IpAddr::V6(_) => kind_v6(call, &asked(call, flags, link, (ip, other)), link),
        });
    }
    let out = if call.hook == Hook::Prerouting && call.in_link == Some(LOOPBACK) {
        call.in_link
    } else {
        way_out(call, flags, link, (ip, other))
    };
    match result {
        FibResult::OifName => Value::Name(out.and_then(|link| Some(&*call.place.fib.link(link)?.name))),
        _ => Value::Number(out.map_or(0, |link| link.0.into())),
    }
}

/// What nft looks up (`nft_fib4_eval`, `nft_fib6_flowi_init`): the address, as if sent from the other one.
fn asked(call: &Call, flags: FibFlags, link: Option<IfIndex>, (ip, other): (IpAddr, IpAddr)) -> Flow {
    let forward = call.hook == Hook::Forward && flags.iif && flags.saddr;
    let of_link = ip.is_ipv6() && is_link_local(ip);
    Flow {
        src: Some(other),
        iif: call.out_link.filter(|_| forward).unwrap_or(LOOPBACK),
        oif: link.or_else(|| device(call)).filter(|_| of_link),
        mark: if flags.mark { call.packet.mark } else { 0 },
        tos: call.packet.tos,
        ..Flow::to(ip)
    }
}

/// `skb->dev`. What a host sends has none at OUTPUT yet, but for segments of TCP (`ip6_xmit`) and neighbor discovery.
fn device(call: &Call) -> Option<IfIndex> {
    match call.hook {
        Hook::Postrouting => call.out_link,
        Hook::Output => {
            let early = match call.packet.transport {
                Transport::Tcp { .. } => true,
                Transport::Icmp { kind, .. } => DISCOVERY.contains(&kind),
                _ => false,
            };
            call.out_link.filter(|_| early)
        }
        _ => call.in_link,
    }
}

/// The link that leads to the address; with a link in question, that one or none.
fn way_out(
    call: &Call,
    flags: FibFlags,
    link: Option<IfIndex>,
    addresses: (IpAddr, IpAddr),
) -> Option<IfIndex> {
    let hit = call.place.fib.lookup(&asked(call, flags, link, addresses)).ok()?;
    if hit.route.kind != RouteType::Unicast {
        return None;
    }
    match link {
        None => hit.hops.first()?.link,
        Some(link) => uses(&hit, link).then_some(link),
    }
}

/// `fib_info_nh_uses_dev`: one of the route's ways out, whichever is taken.
fn uses(hit: &Hit, link: IfIndex) -> bool {
    hit.route.next_hops.iter().any(|hop| hop.link == Some(link))
}

/// `inet_dev_addr_type`: by the table `local` alone.
fn kind_v4(call: &Call, ip: Ipv4Addr, link: Option<IfIndex>) -> u64 {
    if ip.octets()[0] == 0 || ip.is_broadcast() {
        return BROADCAST;
    }
    if ip.is_multicast() {
        return MULTICAST;
    }
    match call.place.fib.local(ip) {
        Some(route) => {
            let out = route.next_hops.first().and_then(|hop| hop.link);
            match route.kind {
                _ if link.is_some_and(|link| out.is_some_and(|out| out != link)) => UNICAST,
                RouteType::Local => LOCAL,
                RouteType::Broadcast => BROADCAST,
                RouteType::Anycast => ANYCAST,
                RouteType::Multicast => MULTICAST,
                _ => UNICAST,
            }
        }
        None => UNICAST,
    }
}

/// `nft_fib6_eval_type`.
fn kind_v6(call: &Call, flow: &Flow, link: Option<IfIndex>) -> u64 {
    match (call.place.fib.lookup(flow), link) {
        (Err(refused), _) => match refused.refusal {
            Refusal::Blackhole => 6,
            Refusal::Prohibited => 8,
            _ => UNREACHABLE,
        },
        (Ok(hit), _) if hit.route.kind == RouteType::Anycast => ANYCAST,
        (Ok(hit), _) if hit.route.kind == RouteType::Multicast => MULTICAST,
        (Ok(hit), None) if hit.route.kind == RouteType::Local => LOCAL,
        (Ok(_), Some(link)) if has(call, link, flow.dst) => LOCAL,
        _ => UNICAST,
    }
}

/// `nf_ipv6_chk_addr`.
fn has(call: &Call, link: IfIndex, ip: IpAddr) -> bool {
    let mut addresses = call.place.net.addresses.items().iter();
    addresses.any(|address| address.ip == ip && address.link == link)
}

/// iptables' addrtype of IPv6, whose types are not one each: every unicast address is UNICAST, local ones, too
/// (`match_type6`). None for what is no such match.
pub(super) fn addrtype_v6(call: &Call, dialect: Dialect, matched: &Match) -> Option<bool> {
    if !matches!(dialect, Dialect::Ip6tablesLegacy | Dialect::Ip6tablesNft) {
        return None;
    }
    let Expr::Key(Key::Fib {
        flags,
        result: FibResult::Type,
    }) = &matched.key
    else {
        return None;
    };
    let wanted: Vec<u64> = match &matched.value {
        Expr::Number(kind) => vec![*kind],
        Expr::Set(kinds) => {
            let number = |kind: &Expr| match kind {
                Expr::Number(kind) => Some(*kind),
                _ => None,
            };
            kinds.iter().map(number).collect::<Option<_>>()?
        }
        _ => return None,
    };
    let IpAddr::V6(ip) = (if flags.saddr {
        call.packet.src
    } else {
        call.packet.dst
    }) else {
        return None;
    };
    let wants = |kind| wanted.contains(&kind);
    let fits = (!wants(MULTICAST) || ip.is_multicast())
        && (!wants(UNICAST) || !(ip.is_multicast() || ip.is_unspecified()))
        && (!wants(0) || ip.is_unspecified());
    let of_route = [LOCAL, ANYCAST, UNREACHABLE];
    let holds = fits
        && (!of_route.iter().any(|kind| wants(*kind)) || {
            let link = match (flags.iif, flags.oif) {
                (true, _) => call.in_link,
                (_, true) => call.out_link,
                _ => None,
            };
            let flow = Flow {
                oif: link,
                ..Flow::to(ip.into())
            };
            match kind_v6(call, &flow, link) {
                // Whatever refuses counts as unreachable.
                6 | 8 => wants(UNREACHABLE),
                kind => wants(kind),
            }
        });
    Some(holds == (matched.op == Op::Eq))
}

/// `-m rpfilter`: the way back to the source leads by the link that the packet came in by, or, loose, by any.
pub(super) fn comes_by_its_link(call: &Call, loose: bool, valid_mark: bool, accept_local: bool) -> bool {
    let Some(link) = call.in_link else { return true };
    if link == LOOPBACK {
        return true;
    }
    let packet = &call.packet;
    let flow = Flow {
        src: Some(packet.dst),
        mark: if valid_mark { packet.mark } else { 0 },
        tos: packet.tos,
        oif: Some(link).filter(|_| packet.is_v6() && !loose),
        proto: if packet.is_v6() { packet.proto() } else { 0 },
        ..Flow::to(packet.src)
    };
    let Ok(hit) = call.place.fib.lookup(&flow) else {
        return false;
    };
    let kind = match hit.route.kind {
        RouteType::Unicast => true,
        RouteType::Local => accept_local,
        _ => false,
    };
    let by_link = if packet.is_v6() {
        hit.hops.iter().any(|hop| hop.link == Some(link))
    } else {
        uses(&hit, link)
    };
    kind && (loose || by_link)
}
