//! Which address a packet of the host itself gets as its source.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Hit;
use crate::state::link::{Address, AddressFlags, IfIndex, Scope};
use crate::state::netns::Netns;
use crate::state::route::{NextHop, RouteType};

/// The source address that the kernel chooses for a packet to `dst` by this way out (`fib_result_prefsrc` and
/// `inet_select_addr`; with IPv6 `ipv6_dev_get_saddr`, RFC 6724). None when the namespace has no fitting address:
/// 0.0.0.0 or :: is then used, or the packet refused.
pub fn source_address(net: &Netns, dst: IpAddr, hit: &Hit, hop: Option<&NextHop>) -> Option<IpAddr> {
    if let Some(preferred) = hit.route.prefsrc {
        return Some(preferred);
    }
    let link = hop.and_then(|hop| hop.link);
    match dst {
        IpAddr::V4(dst) if hit.route.kind == RouteType::Local => Some(dst.into()),
        IpAddr::V4(_) => {
            let gateway = hop.and_then(|hop| match hop.gateway {
                Some(IpAddr::V4(gateway)) => Some(gateway),
                _ => None,
            });
            v4(net, link?, gateway, hit.route.scope).map(IpAddr::V4)
        }
        IpAddr::V6(dst) => v6(net, dst, link).map(IpAddr::V6),
    }
}

/// The address of a link, or else of another one, that is best beside a neighbor there (`inet_select_addr`).
pub fn link_address(net: &Netns, link: IfIndex, neighbor: Ipv4Addr, scope: Scope) -> Option<Ipv4Addr> {
    v4(net, link, Some(neighbor), scope)
}

/// The address for what goes out by a link (`ipv6_dev_get_saddr`).
pub fn source_of_link(net: &Netns, dst: Ipv6Addr, link: IfIndex) -> Option<Ipv6Addr> {
    v6(net, dst, Some(link))
}

/// `inet_select_addr`: on the link, the first address whose segment holds the gateway, else the first; on other links
/// the first, when the link has none of that scope.
fn v4(net: &Netns, link: IfIndex, gateway: Option<Ipv4Addr>, scope: Scope) -> Option<Ipv4Addr> {
    let usable = |address: &&Address| {
        address.ip.is_ipv4()
            && !address.flags.has(AddressFlags::SECONDARY)
            && address.scope <= scope.max(Scope::GLOBAL)
    };
    let ip = |address: &Address| match address.ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    };
    let on_link = || {
        net.addresses
            .items()
            .iter()
            .filter(usable)
            .filter(|address| address.link == link)
    };
    let beside = |gateway: Ipv4Addr| {
        on_link().find(|address| {
            // The segment is that of the other end, where there is one.
            let ends = Address {
                ip: address.peer.unwrap_or(address.ip),
                ..(*address).clone()
            };
            ends.network()
                .is_some_and(|net| net.contains(&IpAddr::V4(gateway)))
        })
    };
    gateway
        .and_then(beside)
        .or_else(|| on_link().next())
        .and_then(ip)
        .or_else(|| elsewhere(net, link, scope))
}

/// No address on the link itself: one of another, in the order of the links, none that holds on its link only.
fn elsewhere(net: &Netns, link: IfIndex, scope: Scope) -> Option<Ipv4Addr> {
    net.links
        .items()
        .iter()
        .filter(|other| other.index != link)
        .find_map(|other| {
            net.addresses
                .items()
                .iter()
                .filter(|address| address.link == other.index && !address.flags.has(AddressFlags::SECONDARY))
                .filter(|address| address.scope != Scope::LINK && address.scope <= scope)
                .find_map(|address| match address.ip {
                    IpAddr::V4(ip) => Some(ip),
                    IpAddr::V6(_) => None,
                })
        })
}

/// One address that may become the source.
struct Candidate<'a> {
    ip: Ipv6Addr,
    address: &'a Address,
}

/// RFC 6724, section 5, as far as the kernel has it and nothing but the addresses decides.
fn v6(net: &Netns, dst: Ipv6Addr, link: Option<IfIndex>) -> Option<Ipv6Addr> {
    // What is for this link only needs an address of this link.
    let same_link = dst.is_unicast_link_local() || dst.is_multicast();
    let candidates = net
        .addresses
        .items()
        .iter()
        .filter_map(|address| match address.ip {
            IpAddr::V6(ip) => Some(Candidate { ip, address }),
            IpAddr::V4(_) => None,
        });
    candidates
        .filter(|candidate| {
            let flags = candidate.address.flags;
            !flags.has(AddressFlags::TENTATIVE) && !flags.has(AddressFlags::DADFAILED)
        })
        .filter(|candidate| !same_link || Some(candidate.address.link) == link)
        .reduce(|best, next| {
            if prefer(&next, &best, dst, link) == Ordering::Greater {
                next
            } else {
                best
            }
        })
        .map(|candidate| candidate.ip)
}

/// Greater when the first is the better source.
fn prefer(a: &Candidate, b: &Candidate, dst: Ipv6Addr, link: Option<IfIndex>) -> Ordering {
    let both = |say: &dyn Fn(&Candidate) -> bool| say(a).cmp(&say(b));
    both(&|candidate| candidate.ip == dst)
        .then_with(|| by_scope(scope(a.ip), scope(b.ip), scope(dst)))
        .then_with(|| both(&|candidate| !candidate.address.flags.has(AddressFlags::DEPRECATED)))
        .then_with(|| both(&|candidate| Some(candidate.address.link) == link))
        .then_with(|| both(&|candidate| label(candidate.ip) == label(dst)))
        // With use_tempaddr 2 it is the other way round.
        .then_with(|| both(&|candidate| !candidate.address.flags.has(AddressFlags::SECONDARY)))
        .then_with(|| common(a, dst).cmp(&common(b, dst)))
}

/// Rule 2: of two scopes, the smaller one that still reaches the destination.
fn by_scope(a: u8, b: u8, dst: u8) -> Ordering {
    match a.cmp(&b) {
        Ordering::Less if a < dst => Ordering::Less,
        Ordering::Less => Ordering::Greater,
        Ordering::Greater if b < dst => Ordering::Greater,
        Ordering::Greater => Ordering::Less,
        Ordering::Equal => Ordering::Equal,
    }
}

/// RFC 4291: 1 the node, 2 the link, 5 the site, 14 everywhere.
fn scope(ip: Ipv6Addr) -> u8 {
    if ip.is_multicast() {
        ip.octets()[1] & 0xf
    } else if ip.is_loopback() || ip.is_unicast_link_local() {
        2
    } else if ip.segments()[0] & 0xffc0 == 0xfec0 {
        5
    } else {
        14
    }
}

/// The kernel's table of labels (`net/ipv6/addrlabel.c`, RFC 6724 2.1).
fn label(ip: Ipv6Addr) -> u8 {
    let first = ip.segments()[0];
    let head = &ip.octets()[..12];
    if ip.is_loopback() {
        0
    } else if head[..10] == [0; 10] && head[10..] == [0xff, 0xff] {
        4
    } else if head == [0; 12] {
        3
    } else if first == 0x2002 {
        2
    } else if first == 0x2001 && ip.segments()[1] == 0 {
        6
    } else if first == 0x2001 && ip.segments()[1] & 0xfff0 == 0x10 {
        7
    } else if first & 0xfe00 == 0xfc00 {
        5
    } else {
        1
    }
}

/// Rule 8: how many leading bits the two share, at most the address's own prefix.
fn common(candidate: &Candidate, dst: Ipv6Addr) -> u32 {
    let shared = (u128::from(candidate.ip) ^ u128::from(dst)).leading_zeros();
    shared.min(u32::from(candidate.address.prefix_len))
}
