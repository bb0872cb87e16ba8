//! Where a packet goes: policy rules, tables, next hops and source addresses of one network namespace, as the kernel
//! decides it (`net/core/fib_rules.c`, `net/ipv4/fib_trie.c`, `net/ipv6/route.c`).
//!
//! Everything here is told from the dumps alone. What the kernel decides by a secret (the hash of a multipath route)
//! comes back as every way that it may take.

mod rules;
mod source;
mod table;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

use crate::state::kind::LinkData;
use crate::state::link::{IfIndex, Link, Scope};
use crate::state::neighbor::NeighborState;
use crate::state::netns::Netns;
use crate::state::route::{HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};
use crate::state::rule::PolicyRule;

use rules::Rules;
pub use rules::{Refusal, Refused};
pub use source::{link_address, source_address, source_of_link};
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
    /// The VRF whose table counts (`flowi4_l3mdev`); none: that of `oif` or `iif`.
    pub l3mdev: Option<IfIndex>,
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
            l3mdev: None,
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

/// By number and family (IPv6).
type Tables<'a> = BTreeMap<(TableId, bool), OnceLock<Table<'a>>>;

/// Links, and routers on them.
type Routers = HashSet<(IfIndex, IpAddr)>;

/// The tables of one namespace, each made ready when it is asked for the first time.
#[derive(Debug)]
pub struct Fib<'a> {
    rules: OnceLock<[Rules<'a>; 2]>,
    tables: OnceLock<Tables<'a>>,
    /// `local` and `main` of IPv4 in one, while the rules are untouched.
    merged: OnceLock<Option<Table<'a>>>,
    /// What of both reaches no farther than a link: by that the kernel judged gateways when their routes came.
    on_link: OnceLock<Table<'a>>,
    plain: OnceLock<bool>,
    silent: OnceLock<Routers>,
    links: HashMap<IfIndex, &'a Link>,
    net: &'a Netns,
}

impl<'a> Fib<'a> {
    /// Rules and routes of a namespace. Where rules were not collected, the kernel's own three stand in.
    pub fn new(net: &'a Netns) -> Self {
        Self {
            rules: OnceLock::new(),
            tables: OnceLock::new(),
            merged: OnceLock::new(),
            on_link: OnceLock::new(),
            plain: OnceLock::new(),
            silent: OnceLock::new(),
            links: net.links.items().iter().map(|link| (link.index, link)).collect(),
            net,
        }
    }

    fn rules(&self) -> &[Rules<'a>; 2] {
        self.rules
            .get_or_init(|| [Rules::new(self.net, false), Rules::new(self.net, true)])
    }

    /// `local` and `main` of IPv4.
    fn both(&self) -> impl Iterator<Item = &'a Route> + use<'a> {
        let of_both = |table: TableId| [TableId::LOCAL, TableId::MAIN].contains(&table);
        let routes = self.net.routes.items().iter();
        routes.filter(move |route| of_both(route.table) && route.dst.addr().is_ipv4())
    }

    fn merged(&self) -> Option<&Table<'a>> {
        let merged = self
            .merged
            .get_or_init(|| self.rules()[0].are_untouched().then(|| Table::new(self.both())));
        merged.as_ref()
    }

    fn on_link(&self) -> &Table<'a> {
        self.on_link
            .get_or_init(|| Table::new(self.both().filter(|route| route.scope >= Scope::LINK)))
    }

    fn table(&self, id: TableId, v6: bool) -> Option<&Table<'a>> {
        let tables = self.tables.get_or_init(|| {
            let routes = self.net.routes.items().iter();
            let keys = routes.map(|route| (route.table, route.dst.addr().is_ipv6()));
            keys.map(|key| (key, OnceLock::new())).collect()
        });
        let table = tables.get(&(id, v6))?;
        Some(table.get_or_init(|| {
            let routes = self.net.routes.items().iter();
            Table::new(routes.filter(|route| route.table == id && route.dst.addr().is_ipv6() == v6))
        }))
    }

    /// The route that a packet takes, or why there is none.
    ///
    /// # Errors
    /// What refuses the packet: a rule or a route that says so, or that nothing matches.
    pub fn lookup(&self, flow: &Flow) -> Result<Hit<'a>, Refused<'a>> {
        if let Some(vrf) = flow.oif.filter(|oif| self.is_vrf(*oif)) {
            // l3mdev_update_flow: it names the table, and no next hop has to be by it.
            let flow = Flow {
                oif: None,
                l3mdev: Some(vrf),
                ..flow.clone()
            };
            return self.lookup(&flow);
        }
        let rules = &self.rules()[usize::from(flow.dst.is_ipv6())];
        match self.merged() {
            Some(merged) if flow.dst.is_ipv4() => rules.lookup_merged(self, merged, flow),
            _ => rules.lookup(self, flow),
        }
    }

    pub fn is_vrf(&self, link: IfIndex) -> bool {
        let data = self.link(link).map(|link| &link.data);
        matches!(data, Some(Some(LinkData::Vrf(_))))
    }

    /// Whether neither rules nor local routes of IPv4 are other than the kernel makes them by itself. (That there once
    /// were some, which the kernel remembers, can't be seen.)
    pub fn is_plain(&self) -> bool {
        let added = |route: &Route| {
            route.kind == RouteType::Local
                && route.dst.addr().is_ipv4()
                && (route.table != TableId::LOCAL || route.proto != RouteProtocol::KERNEL)
        };
        let all = || self.merged().is_some() && !self.net.routes.items().iter().any(added);
        *self.plain.get_or_init(all)
    }

    /// Whether a rule of IPv4 selects forwarded packets by protocol or ports.
    pub fn looks_at_ports(&self) -> bool {
        self.rules()[0].look_at_ports()
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

    /// What the table `local` of IPv4 has for an address (`inet_addr_type`); it is one with `main` while the rules are
    /// untouched.
    pub fn local(&self, ip: Ipv4Addr) -> Option<&'a Route> {
        let table = self.merged().or_else(|| self.table(TableId::LOCAL, false))?;
        let (route, _) = table.lookup(self, &Flow::to(ip.into()))?.ok()?;
        Some(route)
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
            .or_else(|| self.on_link().lookup(self, &flow));
        let own = matches!(found, Some(Ok((route, _))) if route.kind == RouteType::Local);
        (!own).then_some(gateway)
    }

    fn neighbor(&self, link: IfIndex, ip: IpAddr) -> Option<NeighborState> {
        let mut neighbors = self.net.neighbors.items().iter();
        let entry = neighbors.find(|entry| (entry.link, entry.ip) == (link, ip))?;
        Some(entry.state)
    }

    /// Neighbors of IPv6 that were asked in vain: a host has other routers for them, a router has not
    /// (`rt6_check_neigh`, `ip6_pol_route`).
    fn silent(&self) -> &Routers {
        self.silent.get_or_init(|| {
            if self.net.link_setting(true, "all", "forwarding") != Some(0) {
                return Routers::new();
            }
            let neighbors = self.net.neighbors.items().iter();
            neighbors
                .filter(|entry| entry.state == NeighborState::Failed && entry.ip.is_ipv6())
                .map(|entry| (entry.link, entry.ip))
                .collect()
        })
    }

    /// The link with this number.
    pub fn link(&self, index: IfIndex) -> Option<&'a Link> {
        self.links.get(&index).copied()
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
