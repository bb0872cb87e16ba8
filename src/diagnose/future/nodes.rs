//! Routes of a node as they will be.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

use super::turns::Turns;
use super::{NodeFuture, links};
use crate::diagnose::path::Path;
use crate::intent::Cluster;
use crate::intent::blocks::FELIX;
use crate::intent::routes::{MeantRoute, Way};
use crate::state::link::IfIndex;
use crate::state::route::{Fib, HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};
use crate::state::{Fact, NodeState};

/// What routes are made of.
pub(super) struct Meant<'a> {
    /// Before and after.
    pub(super) clusters: [&'a Cluster; 2],
    pub(super) v6: bool,
    /// The node's own address for BGP.
    pub(super) own: Option<IpAddr>,
    pub(super) turns: &'a Turns<'a>,
}

/// Puts the routes that are new or change in the place of those that BIRD and Felix made.
pub(super) fn rebuild(state: &mut NodeState, meant: &Meant, future: &mut NodeFuture) {
    let mut made: BTreeMap<IpNet, (Route, Option<IpAddr>)> = BTreeMap::new();
    let mut hops = Hops {
        direct: directly(state, &meant.turns.new),
        tunnels: links::Tunnels::default(),
    };
    let turns = meant.turns;
    for route in turns.new.iter().filter(|route| route.way != Way::Blackhole) {
        if let Some(new) = one(state, meant, route, &mut hops, future) {
            made.insert(route.dst, new);
        }
    }
    let in_pools = |cluster: &Cluster, dst: &IpNet| cluster.pools.iter().any(|pool| pool.cidr.contains(dst));
    let [before, after] = meant.clusters;
    let Fact::Known(routes) = &mut state.net.routes else {
        return;
    };
    let is_of_agents = |route: &Route| {
        let of_pools = in_pools(before, &route.dst) || in_pools(after, &route.dst);
        let ours = route.table == TableId::MAIN
            && matches!(route.proto, RouteProtocol::BIRD | FELIX)
            && route.dst.addr().is_ipv6() == meant.v6
            && of_pools;
        match route.kind {
            RouteType::Unicast => {
                let mut hops = route.next_hops.iter();
                ours && hops.any(|hop| hop.gateway.is_some()) && turns.take(&route.dst)
            }
            // A pool that goes gives up its blocks.
            RouteType::Blackhole => ours && !in_pools(after, &route.dst),
            _ => false,
        }
    };
    let mut old: BTreeMap<IpNet, Ways> = BTreeMap::new();
    routes.retain(|route| {
        let goes = is_of_agents(route);
        if goes {
            old.insert(route.dst, ways(route));
        }
        !goes
    });
    for (dst, (route, of_node)) in &made {
        let same = old.get(dst).is_some_and(|old| *old == ways(route));
        if !same {
            future.routes.push(text(state, route, *of_node));
            future.routes_new += usize::from(!old.contains_key(dst));
        }
    }
    let gone = old.keys().filter(|dst| !made.contains_key(*dst));
    future.routes_gone.extend(gone.copied());
    let Fact::Known(routes) = &mut state.net.routes else {
        return;
    };
    // By hand put in for the same block: the new one is beside it, with the lower metric.
    routes.retain(|route| {
        route.table != TableId::MAIN || !route.proto.is_manual() || !made.contains_key(&route.dst)
    });
    routes.extend(made.into_values().map(|(route, _)| route));
}

/// Gateways and links, in order.
type Ways = Vec<(Option<IpAddr>, Option<IfIndex>)>;

fn ways(route: &Route) -> Ways {
    let hops = route.next_hops.iter();
    let mut ways: Vec<_> = hops.map(|hop| (hop.gateway, hop.link)).collect();
    ways.sort_unstable();
    ways
}

/// As `ip route` writes it; a VXLAN link's address that isn't known by the node's own.
fn text(state: &NodeState, route: &Route, of_node: Option<IpAddr>) -> String {
    let mut text = route.dst.to_string();
    for hop in &route.next_hops {
        match (of_node, hop.gateway) {
            (Some(node), _) => {
                let _ = write!(text, " to {node}");
            }
            (None, Some(gateway)) => {
                let _ = write!(text, " via {gateway}");
            }
            (None, None) => {}
        }
        if let Some(link) = hop.link.and_then(|link| state.net.link(link)) {
            let _ = write!(text, " dev {}", link.name);
        }
        if hop.flags.has(HopFlags::ONLINK) {
            text += " onlink";
        }
    }
    text
}

/// What all routes of a node lead to next.
struct Hops {
    /// Nodes that are reached without a tunnel, by their addresses.
    direct: HashMap<IpAddr, NextHop>,
    tunnels: links::Tunnels,
}

/// A route, by a link that is there or that Felix will make; with the node that it is for, where that is not told by it.
fn one(
    state: &mut NodeState,
    meant: &Meant,
    route: &MeantRoute,
    next: &mut Hops,
    future: &mut NodeFuture,
) -> Option<(Route, Option<IpAddr>)> {
    let [_, after] = meant.clusters;
    let mut of_node = None;
    let (hops, proto) = match route.way {
        Way::Blackhole => return None,
        Way::Direct(ip) => {
            let ips = std::iter::once(ip).chain(route.others.iter().copied());
            let mut hops: Vec<NextHop> = Vec::new();
            for hop in ips.filter_map(|ip| next.direct.get(&ip)) {
                if !hops.contains(hop) {
                    hops.push(hop.clone());
                }
            }
            let felix = after
                .pool_of(route.dst.addr())
                .is_some_and(crate::intent::pool::Pool::is_of_felix);
            (hops, if felix { FELIX } else { RouteProtocol::BIRD })
        }
        Way::Ipip(ip) => {
            let link = next.tunnels.ipip(state, after, meant.own, future);
            let ips = std::iter::once(ip).chain(route.others.iter().copied());
            (ips.map(|ip| onlink(link, ip)).collect(), RouteProtocol::BIRD)
        }
        Way::Vxlan(ip) => {
            let ends = next.tunnels.vxlan(state, after, meant.own, future);
            let (gateway, known) = ends.at(state, after, ip)?;
            of_node = (!known).then_some(ip);
            (vec![onlink(ends.link, gateway)], FELIX)
        }
    };
    if hops.is_empty() {
        return None;
    }
    let route = Route {
        next_hops: hops,
        ..Route::new(route.dst, TableId::MAIN, RouteType::Unicast, proto)
    };
    Some((route, of_node))
}

/// BIRD resolves next hops by the routes that lead there.
fn directly(state: &NodeState, routes: &[MeantRoute]) -> HashMap<IpAddr, NextHop> {
    let fib = Fib::new(state.net.routes.items());
    let mut hops = HashMap::new();
    for route in routes {
        let Way::Direct(ip) = route.way else { continue };
        for ip in std::iter::once(ip).chain(route.others.iter().copied()) {
            let (gateway, link) = match Path::new(state, fib.lookup(ip)) {
                Path::OnLink { link } => (ip, link.index),
                Path::Gateway { gateway, link, .. } => (gateway, link.index),
                _ => continue,
            };
            hops.insert(ip, NextHop::by(link, Some(gateway)));
        }
    }
    hops
}

fn onlink(link: IfIndex, gateway: IpAddr) -> NextHop {
    NextHop {
        flags: HopFlags::ONLINK,
        ..NextHop::by(link, Some(gateway))
    }
}
