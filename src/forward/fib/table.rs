//! One routing table: the longest prefix with a route that can be used.

use std::cmp::Reverse;

use super::super::prefixes::Prefixes;
use super::rules::Refusal;
use super::{Fib, Flow, LOOPBACK, Routers};
use crate::state::link::is_link_local;
use crate::state::neighbor::NeighborState;
use crate::state::route::{HopFlags, NextHop, Route, RouteType};

/// A packet's TOS as routes and rules compare theirs with it: IPv4 keeps to the three bits of RFC 1349
/// (`INET_DSCP_LEGACY_TOS_MASK`), IPv6 to DSCP.
pub(super) const fn dscp(flow: &Flow) -> u8 {
    flow.tos & if flow.dst.is_ipv6() { 0xfc } else { 0x1c }
}

/// Routes of one family.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    /// Those of one prefix stand together.
    routes: Vec<&'a Route>,
    /// From where to where.
    prefixes: Prefixes<(u32, u32)>,
}

/// What a table says: a route and its ways out, a refusal, or (none) nothing.
type Found<'a> = Option<Result<(&'a Route, Vec<&'a NextHop>), (Refusal, &'a Route)>>;

impl<'a> Table<'a> {
    /// Routes of one prefix are tried by TOS, the special ones first, then by metric; the rest is the dump's order.
    pub(super) fn new(routes: impl Iterator<Item = &'a Route>) -> Self {
        let mut routes: Vec<&Route> = routes.collect();
        let prefix = |route: &Route| (route.dst.prefix_len(), route.dst.network());
        routes.sort_by_key(|route| {
            (
                prefix(route),
                Reverse(route.table),
                Reverse(route.tos),
                route.metric,
            )
        });
        let mut prefixes = Prefixes::<(u32, u32)>::default();
        let mut from = 0;
        for same in routes.chunk_by(|a, b| prefix(a) == prefix(b)) {
            let to = from + u32::try_from(same.len()).unwrap_or(0);
            if let Some(first) = same.first() {
                *prefixes.entry(first.dst) = (from, to);
            }
            from = to;
        }
        Self { routes, prefixes }
    }

    /// From the longest prefix down, the first that has a route to use: a prefix whose routes are all unfit (dead, by
    /// another link than the wanted, for another TOS) is passed over. So are, for a host of IPv6, those whose router
    /// does not answer, unless there is nothing else (RFC 4191, 3.2; `fib6_table_lookup`).
    pub(super) fn lookup(&self, fib: &Fib<'a>, flow: &Flow) -> Found<'a> {
        let mut step = Step::Passed;
        if flow.dst.is_ipv6() && !fib.silent().is_empty() {
            step = self.longest(fib, flow, Some(fib.silent()));
        }
        if matches!(step, Step::Passed) {
            step = self.longest(fib, flow, None);
        }
        match step {
            Step::Passed | Step::Throw => None,
            Step::Found(route, hops) => Some(Ok((route, hops))),
            Step::Refused(refusal, route) => Some(Err((refusal, route))),
        }
    }

    fn longest(&self, fib: &Fib<'a>, flow: &Flow, shunned: Option<&Routers>) -> Step<'a> {
        let routes = self.prefixes.containing(flow.dst).map(|(from, to)| {
            let routes = &self.routes[*from as usize..*to as usize];
            if flow.dst.is_ipv6() {
                v6(fib, flow, routes, shunned)
            } else {
                v4(fib, flow, routes)
            }
        });
        let mut steps = routes.filter(|step| !matches!(step, Step::Passed));
        steps.next().unwrap_or(Step::Passed)
    }
}

enum Step<'a> {
    /// No route of this prefix fits.
    Passed,
    /// The table has no say: on with the next rule.
    Throw,
    Found(&'a Route, Vec<&'a NextHop>),
    Refused(Refusal, &'a Route),
}

/// What a route of this type does without looking at its ways out (`fib_props`).
const fn refusal(route: &Route) -> Option<Step<'_>> {
    match route.kind {
        RouteType::Throw => Some(Step::Throw),
        RouteType::Blackhole | RouteType::Other => Some(Step::Refused(Refusal::Blackhole, route)),
        RouteType::Unreachable => Some(Step::Refused(Refusal::Unreachable, route)),
        RouteType::Prohibit => Some(Step::Refused(Refusal::Prohibited, route)),
        RouteType::Unicast
        | RouteType::Local
        | RouteType::Broadcast
        | RouteType::Multicast
        | RouteType::Anycast => None,
    }
}

/// `fib_table_lookup`.
fn v4<'a>(fib: &Fib<'a>, flow: &Flow, routes: &[&'a Route]) -> Step<'a> {
    for route in routes {
        if (route.tos != 0 && route.tos != dscp(flow)) || route.scope < flow.scope {
            continue;
        }
        if let Some(step) = refusal(route) {
            return step;
        }
        let hops = usable(fib, flow, route);
        if route.dst.prefix_len() == 0 && hops.len() == 1 && flow.oif.is_none() {
            return alive(fib, flow, route, routes);
        }
        if !hops.is_empty() || route.next_hops.is_empty() {
            return Step::Found(route, hops);
        }
    }
    Step::Passed
}

/// Of default routes that are equal but for their routers, one whose router answers; after those for the packet's TOS,
/// those for all. Which of several, the kernel decides by whom it took last (`fib_select_default`, `fib_detect_death`).
fn alive<'a>(fib: &Fib<'a>, flow: &Flow, first: &'a Route, routes: &[&'a Route]) -> Step<'a> {
    let (mut tos, mut metric) = (0, first.metric);
    let equal = |route: &&&'a Route| {
        let fits = route.table == first.table && (route.tos == 0 || route.tos == dscp(flow));
        if !fits || (route.metric > metric && route.tos == tos) {
            return false;
        }
        (tos, metric) = (route.tos, route.metric);
        (route.kind, route.scope) == (first.kind, first.scope)
    };
    let ways = routes.iter().filter(equal).filter_map(|route| {
        let hop = route.next_hops.first()?;
        let (link, gateway) = hop.link.zip(hop.gateway)?;
        let alive = !hop.flags.has(HopFlags::DEAD);
        alive.then_some((*route, hop, (link, gateway)))
    });
    let ways: Vec<_> = ways.collect();
    // One alone is taken, as nearly everywhere, whatever is known of its router.
    if ways.len() < 2 || !std::ptr::eq(ways[0].0, first) {
        return Step::Found(first, first.next_hops.iter().collect());
    }
    let ways = ways
        .into_iter()
        .map(|(route, hop, (link, gateway))| (route, hop, fib.neighbor(link, gateway)));
    let ways: Vec<(&Route, &NextHop, Option<NeighborState>)> = ways.collect();
    // One that was never asked counts as one that has just answered.
    let sure = |state: Option<NeighborState>| state.is_none_or(|state| state == NeighborState::Reachable);
    let until = ways.iter().position(|(.., state)| sure(*state));
    let asked = &ways[..until.map_or(ways.len(), |at| at + 1)];
    let mut taken: Vec<_> = asked
        .iter()
        .filter(|(.., state)| state.is_none_or(NeighborState::valid))
        .collect();
    if taken.is_empty() {
        taken = ways.iter().collect();
    }
    let route = taken.first().map_or(first, |(route, ..)| route);
    Step::Found(route, taken.into_iter().map(|(_, hop, _)| *hop).collect())
}

/// The ways out of a route that the packet may take. With IPv6, a sender that has its address already only prefers
/// routes by the link that it names (`ip6_route_output_flags`).
fn usable<'a>(fib: &Fib<'a>, flow: &Flow, route: &'a Route) -> Vec<&'a NextHop> {
    let v6 = flow.dst.is_ipv6();
    let mut hops: Vec<&NextHop> = route
        .next_hops
        .iter()
        .filter(|hop| !fib.is_unusable(hop, v6))
        .collect();
    let Some(oif) = flow.oif else { return hops };
    if !v6 || flow.src.is_none() || is_link_local(flow.dst) {
        hops.retain(|hop| hop.link.is_none_or(|link| link == oif));
    }
    if !v6 {
        // The first on the wanted link is taken; no hash decides.
        hops.truncate(1);
    }
    hops
}

/// `rt6_select_leaf`: of the routes with the lowest metric the best one, or, when none of them fits, of the next.
/// `from` restricts a route to senders of that prefix, the longest first.
fn v6<'a>(fib: &Fib<'a>, flow: &Flow, routes: &[&'a Route], shunned: Option<&Routers>) -> Step<'a> {
    let sender = |route: &Route| {
        route
            .src
            .is_none_or(|src| flow.src.is_some_and(|ip| src.contains(&ip)))
    };
    let mut routes: Vec<&Route> = routes.iter().copied().filter(|route| sender(route)).collect();
    routes.sort_by_key(|route| Reverse(route.src.map_or(0, |src| src.prefix_len())));
    // What came in prefers, among equals, what leads by the link that it came in by (`ip6_pol_route_input`).
    let preferred = flow.oif.or_else(|| Some(flow.iif).filter(|iif| *iif != LOOPBACK));
    let wanted =
        |hops: &[&NextHop]| preferred.is_some_and(|link| hops.iter().any(|hop| hop.link == Some(link)));
    let mut best: Option<(&Route, Vec<&NextHop>)> = None;
    for route in routes {
        if best
            .as_ref()
            .is_some_and(|(best, hops)| best.metric != route.metric || wanted(hops))
        {
            break;
        }
        let mut hops = usable(fib, flow, route);
        if let Some(shunned) = shunned {
            let answers = |router| !shunned.contains(&router);
            hops.retain(|hop| hop.link.zip(hop.gateway).is_none_or(answers));
        }
        // Routes that refuse are on `lo`: a sender that insists on another link doesn't meet them.
        let elsewhere = flow.src.is_none() && flow.oif.is_some_and(|oif| oif != LOOPBACK);
        let fits = !hops.is_empty() || (route.next_hops.is_empty() && !elsewhere);
        if fits && (best.is_none() || wanted(&hops)) {
            best = Some((route, hops));
        }
    }
    match best {
        Some((route, hops)) => refusal(route).unwrap_or(Step::Found(route, hops)),
        None => Step::Passed,
    }
}
