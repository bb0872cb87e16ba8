//! Where a packet goes: policy rules, tables, next hops and source addresses of one network namespace, as the kernel
//! decides it (`net/core/fib_rules.c`, `net/ipv4/fib_trie.c`, `net/ipv6/route.c`).
//!
//! Everything here is told from the dumps alone. What the kernel decides by a secret (the hash of a multipath route)
//! comes back as every way that it may take.

mod rules;
mod source;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::state::link::{IfIndex, Link, Scope};
use crate::state::netns::Netns;
use crate::state::route::{HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};
use crate::state::rule::PolicyRule;

use rules::Rules;
pub use rules::{Refusal, Refused};
pub use source::{link_address, source_address};
use table::Table;

/// The link that packets of the host itself count as coming in by, for rules (`iif lo`).
pub const LOOPBACK: IfIndex = IfIndex(1);

/// What decides about a packet's way (`struct flowi4`, `struct flowi6`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    pub dst: IpAddr,
    /// None while the source address is not chosen yet: rules then see 0.0.0.0 or ::.
    pub src: Option<IpAddr>,
    /// [`LOOPBACK`] for packets of the host itself.
    pub iif: IfIndex,
    /// The link that the sender insists on.
    pub oif: Option<IfIndex>,
    pub mark: u32,
    /// The whole byte: DSCP and ECN.
    pub tos: u8,
    /// IPPROTO_*; 0 where the sender doesn't say.
    pub proto: u8,
    pub sport: u16,
    pub dport: u16,
    /// Of the socket's owner; 0 for forwarded packets.
    pub uid: u32,
    pub tun_id: u64,
    /// IPv4: routes that reach farther than this don't count (a gateway must be on its link).
    pub scope: Scope,
}

impl Flow {
    /// A packet of the host itself, with nothing but a destination.
    pub const fn to(dst: IpAddr) -> Self {
        Self {
            dst,
            src: None,
            iif: LOOPBACK,
            oif: None,
            mark: 0,
            tos: 0,
            proto: 0,
            sport: 0,
            dport: 0,
            uid: 0,
            tun_id: 0,
            scope: Scope::GLOBAL,
        }
    }
}

/// A route that takes the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The rule that led to the table.
    pub rule: &'a PolicyRule,
    pub route: &'a Route,
    /// The ways out that can be used: one of several, by a hash, when there are several. Empty for routes without a
    /// link (local ones may have none in hand-made dumps).
    pub hops: Vec<&'a NextHop>,
}

/// How a packet of the host itself leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way<'a> {
    Route(Hit<'a>),
    /// Without a route, by the link that the sender names.
    OnLink(IfIndex),
}

/// The tables of one namespace, ready for lookups.
#[derive(Debug)]
pub struct Fib<'a> {
    rules: [Rules<'a>; 2],
    tables: BTreeMap<(TableId, bool), Table<'a>>,
    /// `local` and `main` of IPv4 in one, while the rules are untouched.
    merged: Option<Table<'a>>,
    /// What of both reaches no farther than a link: by that the kernel judged gateways when their routes came.
    on_link: Table<'a>,
    links: HashMap<IfIndex, &'a Link>,
    net: &'a Netns,
}

impl<'a> Fib<'a> {
    /// Compiles the namespace's rules and routes. Where rules were not collected, the kernel's own three stand in.
    pub fn new(net: &'a Netns) -> Self {
        let mut tables: BTreeMap<(TableId, bool), Table<'a>> = BTreeMap::new();
        for route in net.routes.items() {
            tables
                .entry((route.table, route.dst.addr().is_ipv6()))
                .or_default()
                .insert(route);
        }
        for table in tables.values_mut() {
            table.sort();
        }
        let rules = [Rules::new(net, false), Rules::new(net, true)];
        let both = |fits: &dyn Fn(&Route) -> bool| {
            let mut table = Table::default();
            for route in net.routes.items() {
                let of_both = [TableId::LOCAL, TableId::MAIN].contains(&route.table);
                if of_both && route.dst.addr().is_ipv4() && fits(route) {
                    table.insert(route);
                }
            }
            table.sort();
            table
        };
        let merged = rules[0].are_untouched().then(|| both(&|_| true));
        let on_link = both(&|route| route.scope >= Scope::LINK);
        Self {
            rules,
            tables,
            merged,
            on_link,
            links: net.links.items().iter().map(|link| (link.index, link)).collect(),
            net,
        }
    }

    /// The route that a packet takes, or why there is none.
    ///
    /// # Errors
    /// What refuses the packet: a rule or a route that says so, or that nothing matches.
    pub fn lookup(&self, flow: &Flow) -> Result<Hit<'a>, Refused<'a>> {
        let rules = &self.rules[usize::from(flow.dst.is_ipv6())];
        match &self.merged {
            Some(merged) if flow.dst.is_ipv4() => rules.lookup_merged(self, merged, flow),
            _ => rules.lookup(self, flow),
        }
    }

    /// Whether neither rules nor local routes of IPv4 are other than the kernel makes them by itself. (That there once
    /// were some, which the kernel remembers, can't be seen.)
    pub fn is_plain(&self) -> bool {
        let added = |route: &&Route| {
            route.kind == RouteType::Local
                && route.dst.addr().is_ipv4()
                && (route.table != TableId::LOCAL || route.proto != RouteProtocol::KERNEL)
        };
        self.merged.is_some() && !self.net.routes.items().iter().any(|route| added(&route))
    }

    /// Whether a rule of IPv4 selects forwarded packets by protocol or ports.
    pub fn looks_at_ports(&self) -> bool {
        self.rules[0].look_at_ports()
    }

    /// The way of a packet of the host itself. With IPv4, one that names its link goes out there even without a route:
    /// its destination counts as on that link (`ip_route_output_key_hash_rcu`).
    ///
    /// # Errors
    /// As [`Self::lookup`].
    pub fn output(&self, flow: &Flow) -> Result<Way<'a>, Refused<'a>> {
        let Some(oif) = flow.oif.filter(|_| flow.dst.is_ipv4()) else {
            return self.lookup(flow).map(Way::Route);
        };
        if !self.link(oif).is_some_and(Link::is_up) {
            return Err(Refused::NOWHERE);
        }
        Ok(self.lookup(flow).map_or(Way::OnLink(oif), Way::Route))
    }

    /// The gateway that packets of this way out are handed to. One that is an address of the link itself counts as none:
    /// destinations are then on the link (`fib_check_nh`, `rt_set_nexthop`). The route's own table is asked first.
    pub fn gateway(&self, route: &Route, hop: &NextHop) -> Option<IpAddr> {
        let gateway = hop.gateway?;
        if gateway.is_ipv6() || hop.flags.has(HopFlags::ONLINK) {
            return Some(gateway);
        }
        let flow = Flow {
            oif: hop.link,
            scope: Scope::LINK,
            ..Flow::to(gateway)
        };
        let found = Some(route.table)
            .filter(|table| *table != TableId::MAIN)
            .and_then(|table| self.table(table, false)?.lookup(self, &flow))
            .or_else(|| self.on_link.lookup(self, &flow));
        let own = matches!(found, Some(Ok((route, _))) if route.kind == RouteType::Local);
        (!own).then_some(gateway)
    }

    /// The link with this number.
    pub fn link(&self, index: IfIndex) -> Option<&'a Link> {
        self.links.get(&index).copied()
    }

    fn table(&self, id: TableId, v6: bool) -> Option<&Table<'a>> {
        self.tables.get(&(id, v6))
    }

    /// Whether the kernel passes this way out over: its link is down, or has no carrier and is set to heed that.
    fn is_unusable(&self, hop: &NextHop, v6: bool) -> bool {
        if hop.flags.has(HopFlags::DEAD) {
            return true;
        }
        hop.flags.has(HopFlags::LINKDOWN)
            && hop.link.and_then(|link| self.link(link)).is_some_and(|link| {
                let setting = self
                    .net
                    .link_setting(v6, &link.name, "ignore_routes_with_linkdown");
                setting.is_some_and(|value| value != 0)
            })
    }
}
