//! Tables of a node as they will be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::NodeFuture;
use crate::diagnose::path::Path;
use crate::intent::Cluster;
use crate::intent::blocks::FELIX;
use crate::intent::routes::{MeantRoute, Way};
use crate::intent::sessions::Session;
use crate::state::bird::{BgpSession, Protocol};
use crate::state::kind::{LinkData, Tunnel, Vxlan};
use crate::state::link::{Address, IfIndex, Link, LinkFlags};
use crate::state::neighbor::{FdbEntry, Neighbor, NeighborFlags, NeighborState};
use crate::state::route::{Fib, HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};
use crate::state::{Fact, NodeState};

/// Puts the routes that are meant in the place of those that BIRD and Felix made; routes to nodes whose sessions are
/// down stay as they are.
pub(super) fn rebuild(
    state: &mut NodeState,
    cluster: &Cluster,
    own: Option<IpAddr>,
    meant: &[MeantRoute],
    dead: &[String],
    future: &mut NodeFuture,
) {
    let mut made: BTreeMap<ipnet::IpNet, Route> = BTreeMap::new();
    for route in meant.iter().filter(|route| route.way != Way::Blackhole) {
        if let Some(new) = one(state, own, route) {
            made.insert(route.dst, new);
        }
    }
    let names: BTreeMap<IfIndex, String> = state
        .net
        .links
        .items()
        .iter()
        .map(|link| (link.index, link.name.clone()))
        .collect();
    let of_dead: Vec<IpAddr> = dead
        .iter()
        .filter_map(|name| Some(cluster.node(name)?.ipv4?.ip))
        .collect();
    let Fact::Known(routes) = &mut state.net.routes else {
        return;
    };
    let is_of_agents = |route: &Route| {
        route.table == TableId::MAIN
            && matches!(route.proto, RouteProtocol::BIRD | FELIX)
            && route.kind == RouteType::Unicast
            && route
                .next_hops
                .iter()
                .any(|hop| hop.gateway.is_some_and(|gateway| !of_dead.contains(&gateway)))
            && cluster.pools.iter().any(|pool| pool.cidr.contains(&route.dst))
    };
    let mut old: BTreeMap<ipnet::IpNet, Route> = BTreeMap::new();
    routes.retain(|route| {
        let goes = is_of_agents(route);
        if goes {
            old.insert(route.dst, route.clone());
        }
        !goes
    });
    for (dst, route) in &made {
        let same = old.get(dst).is_some_and(|old| ways(old) == ways(route));
        if !same {
            future.routes.push(text(route, &names));
        }
    }
    future.routes_gone = old
        .keys()
        .filter(|dst| !made.contains_key(*dst))
        .copied()
        .collect();
    // By hand put in for the same block: the new one is beside it, with the lower metric.
    routes.retain(|route| {
        route.table != TableId::MAIN || !route.proto.is_manual() || !made.contains_key(&route.dst)
    });
    routes.extend(made.into_values());
}

fn ways(route: &Route) -> Vec<(Option<IpAddr>, Option<IfIndex>)> {
    let hops = route.next_hops.iter();
    hops.map(|hop| (hop.gateway, hop.link)).collect()
}

fn text(route: &Route, names: &BTreeMap<IfIndex, String>) -> String {
    let mut text = route.dst.to_string();
    for hop in &route.next_hops {
        if let Some(gateway) = hop.gateway {
            let _ = write!(text, " via {gateway}");
        }
        if let Some(name) = hop.link.and_then(|link| names.get(&link)) {
            let _ = write!(text, " dev {name}");
        }
        if hop.flags.has(HopFlags::ONLINK) {
            text += " onlink";
        }
    }
    text
}

/// A route, by a link that is there or that Felix will make.
fn one(state: &mut NodeState, own: Option<IpAddr>, meant: &MeantRoute) -> Option<Route> {
    let (hop, proto) = match meant.way {
        Way::Blackhole => return None,
        Way::Direct(ip) => {
            let fib = Fib::new(state.net.routes.items());
            let (gateway, link) = match Path::new(state, fib.lookup(ip)) {
                Path::OnLink { link } => (ip, link.index),
                // BIRD resolves the next hop by the route that leads there.
                Path::Gateway { gateway, link, .. } => (gateway, link.index),
                _ => return None,
            };
            (NextHop::by(link, Some(gateway)), RouteProtocol::BIRD)
        }
        Way::Ipip(ip) => {
            let link = tunnel(state, "tunl0", own);
            (onlink(link, ip), RouteProtocol::BIRD)
        }
        Way::Vxlan(ip) => {
            let link = tunnel(state, "vxlan.calico", own);
            let gateway = vtep(state, link, ip)?;
            (onlink(link, gateway), FELIX)
        }
    };
    Some(Route {
        next_hops: vec![hop],
        ..Route::new(meant.dst, TableId::MAIN, RouteType::Unicast, proto)
    })
}

fn onlink(link: IfIndex, gateway: IpAddr) -> NextHop {
    NextHop {
        flags: HopFlags::ONLINK,
        ..NextHop::by(link, Some(gateway))
    }
}

/// The tunnel's link: as it is, or as Felix makes it.
fn tunnel(state: &mut NodeState, name: &str, own: Option<IpAddr>) -> IfIndex {
    if let Some(link) = state.net.link_named(name).filter(|link| link.is_up()) {
        return link.index;
    }
    let Fact::Known(links) = &mut state.net.links else {
        return IfIndex(0);
    };
    links.retain(|link| link.name != name);
    let index = IfIndex(links.iter().map(|link| link.index.0).max().unwrap_or(0) + 1);
    let uplink = links
        .iter()
        .filter(|link| link.kind.is_none())
        .map(|link| link.mtu)
        .find(|mtu| *mtu < 65_000);
    let ipip = name == "tunl0";
    let data = if ipip {
        LinkData::Tunnel(Tunnel {
            pmtudisc: true,
            ..Tunnel::default()
        })
    } else {
        LinkData::Vxlan(Vxlan {
            vni: Some(4096),
            port: 4789,
            local: own,
            ..Vxlan::default()
        })
    };
    links.push(Link {
        index,
        name: name.to_owned(),
        kind: Some(if ipip { "ipip" } else { "vxlan" }.to_owned()),
        flags: LinkFlags(LinkFlags::UP.0 | LinkFlags::RUNNING.0 | LinkFlags::LOWER_UP.0),
        operstate: "unknown".to_owned(),
        mtu: uplink.unwrap_or(1500) - if ipip { 20 } else { 50 },
        mac: (!ipip).then(|| own.map_or_else(|| "66:00:00:00:00:00".to_owned(), mac)),
        data: Some(data),
        ..Link::default()
    });
    if let (Fact::Known(sysctls), Fact::Known(addresses), Some(own)) =
        (&mut state.net.sysctls, &mut state.net.addresses, own)
    {
        for (key, value) in [("forwarding", "1"), ("rp_filter", "0")] {
            sysctls.insert(format!("net.ipv4.conf.{name}.{key}"), value.to_owned());
        }
        // Calico takes it from the node's blocks; which one makes no difference to other packets.
        addresses.push(Address::new(index, inner(own), 32));
    }
    index
}

/// A stand-in for the address of a node's tunnel, that nobody else has.
fn inner(own: IpAddr) -> IpAddr {
    match own {
        IpAddr::V4(ip) => {
            let [_, b, c, d] = ip.octets();
            IpAddr::from([100, 64 | (b & 63), c, d])
        }
        IpAddr::V6(ip) => IpAddr::V6(ip),
    }
}

/// A stand-in for the MAC of a node's VXLAN link.
fn mac(own: IpAddr) -> String {
    let octets = match own {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => [0; 4],
    };
    let [a, b, c, d] = octets;
    format!("66:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// The neighbor and FDB entries of another node's VXLAN link; its address there.
fn vtep(state: &mut NodeState, link: IfIndex, outer: IpAddr) -> Option<IpAddr> {
    // One that is there already stays.
    let known = state
        .net
        .fdb
        .items()
        .iter()
        .find(|entry| entry.link == link && entry.dst == Some(outer));
    if let Some(entry) = known {
        let neighbors = state.net.neighbors.items().iter();
        let by_mac = neighbors
            .filter(|neighbor| neighbor.link == link)
            .find(|neighbor| {
                neighbor
                    .mac
                    .as_deref()
                    .is_some_and(|mac| mac.eq_ignore_ascii_case(&entry.mac))
            });
        return by_mac.map(|neighbor| neighbor.ip);
    }
    let (Fact::Known(fdb), Fact::Known(neighbors)) = (&mut state.net.fdb, &mut state.net.neighbors) else {
        return None;
    };
    fdb.push(FdbEntry {
        mac: mac(outer),
        link,
        master: None,
        vlan: None,
        dst: Some(outer),
        port: None,
        vni: None,
        via: None,
        nexthop: None,
        state: NeighborState::Permanent,
        flags: NeighborFlags::SELF,
    });
    neighbors.push(Neighbor {
        link,
        ip: inner(outer),
        mac: Some(mac(outer)),
        state: NeighborState::Permanent,
        flags: NeighborFlags::default(),
        confirmed_seconds: None,
    });
    Some(inner(outer))
}

/// BIRD's sessions as they will be, so that checks judge the future.
pub(super) fn sessions(state: &mut NodeState, meant: &[Session], dead: &[String]) {
    let Fact::Known(bird) = &mut state.bird else {
        return;
    };
    let is_dead = |session: &Session| session.peer.as_ref().is_some_and(|peer| dead.contains(peer));
    bird.protocols.retain(|protocol| {
        let Some(session) = &protocol.bgp else { return true };
        let Some(remote) = session.neighbor_address else {
            return true;
        };
        meant.iter().any(|meant| meant.remote == remote)
    });
    for session in meant.iter().filter(|session| !is_dead(session)) {
        let found = bird.protocols.iter_mut().find(|protocol| {
            protocol
                .bgp
                .as_ref()
                .is_some_and(|bgp| bgp.neighbor_address == Some(session.remote))
        });
        let up = BgpSession {
            state: "Established".to_owned(),
            neighbor_address: Some(session.remote),
            neighbor_as: session.remote_as,
            source_address: Some(session.local),
            ..BgpSession::default()
        };
        match found {
            Some(protocol) => {
                "up".clone_into(&mut protocol.state);
                "Established".clone_into(&mut protocol.info);
                protocol.bgp = Some(up);
            }
            None => bird.protocols.push(Protocol {
                name: format!("Mesh_{}", session.remote.to_string().replace(['.', ':'], "_")),
                proto: "BGP".to_owned(),
                state: "up".to_owned(),
                info: "Established".to_owned(),
                bgp: Some(up),
                ..Protocol::default()
            }),
        }
    }
}
