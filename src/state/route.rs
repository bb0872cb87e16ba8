//! Routes (rtnetlink(7): RTM_GETROUTE), and lookups in the main table.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::link::{IfIndex, Scope, is_default};

/// A routing table's number: 254 main, 255 local, 253 default (`/etc/iproute2/rt_tables`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableId(pub u32);

impl TableId {
    pub const DEFAULT: Self = Self(253);
    pub const MAIN: Self = Self(254);
    pub const LOCAL: Self = Self(255);
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::DEFAULT => "default",
            Self::MAIN => "main",
            Self::LOCAL => "local",
            Self(other) => return other.fmt(f),
        })
    }
}

/// What the route does with a packet (RTN_* of `include/uapi/linux/rtnetlink.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteType {
    Unicast,
    Local,
    Broadcast,
    Multicast,
    Anycast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
    Other,
}

/// Who installed the route (RTPROT_*; `/etc/iproute2/rt_protos`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RouteProtocol(pub u8);

impl RouteProtocol {
    pub const KERNEL: Self = Self(2);
    pub const BOOT: Self = Self(3);
    pub const STATIC: Self = Self(4);
    pub const BIRD: Self = Self(12);

    /// Put in by hand or by a start-up script, with `ip route` or `route`.
    pub const fn is_manual(self) -> bool {
        matches!(self, Self::BOOT | Self::STATIC)
    }

    /// Put in by a daemon of Quagga's or FRR's (RTPROT_ZEBRA, or that of OSPF, RIP, IS-IS, EIGRP).
    pub const fn is_interior(self) -> bool {
        matches!(self.0, 11 | 187 | 188 | 189 | 192)
    }
}

impl fmt::Display for RouteProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "redirect",
            2 => "kernel",
            3 => "boot",
            4 => "static",
            9 => "ra",
            11 => "zebra",
            12 => "bird",
            16 => "dhcp",
            17 => "mrouted",
            18 => "keepalived",
            42 => "babel",
            80 => "80",
            186 => "bgp",
            187 => "isis",
            188 => "ospf",
            189 => "rip",
            192 => "eigrp",
            other => return other.fmt(f),
        })
    }
}

/// RTNH_F_* of a next hop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HopFlags(pub u8);

impl HopFlags {
    /// Its link is down.
    pub const DEAD: Self = Self(1);
    pub const PERVASIVE: Self = Self(1 << 1);
    /// The gateway counts as on the link, whatever the routes say.
    pub const ONLINK: Self = Self(1 << 2);
    pub const OFFLOAD: Self = Self(1 << 3);
    /// The link has no carrier; used all the same unless `ignore_routes_with_linkdown` is set.
    pub const LINKDOWN: Self = Self(1 << 4);
    pub const UNRESOLVED: Self = Self(1 << 5);
    pub const TRAP: Self = Self(1 << 6);

    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }
}

/// One way out of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextHop {
    /// Of the other family for `via inet6` (RTA_VIA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<IfIndex>,
    /// From 1 to 256; 1 where there is only one way.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u16,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: HopFlags,
    /// Lightweight tunnel of the route (`encap`), as ip-route(8) writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encap: Option<String>,
}

impl NextHop {
    /// The way out by a link, through a gateway or on the link itself.
    pub fn by(link: IfIndex, gateway: Option<IpAddr>) -> Self {
        Self {
            gateway,
            link: Some(link),
            weight: 1,
            ..Self::default()
        }
    }

    /// RTNH_F_DEAD or RTNH_F_LINKDOWN: not used.
    pub const fn is_dead(&self) -> bool {
        self.flags.has(HopFlags::DEAD) || self.flags.has(HopFlags::LINKDOWN)
    }
}

const fn one() -> u16 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_one(weight: &u16) -> bool {
    *weight == 1
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    pub dst: IpNet,
    /// Source-specific routes of IPv6 (`from`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<IpNet>,
    pub table: TableId,
    #[serde(rename = "type")]
    pub kind: RouteType,
    pub proto: RouteProtocol,
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tos: u8,
    /// 0 when the kernel shows none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metric: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefsrc: Option<IpAddr>,
    /// RTAX_MTU in bytes, and whether it is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<(u32, bool)>,
    /// RTAX_ADVMSS in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// RTA_NH_ID: the object that holds the ways out; `next_hops` repeats what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nexthop: Option<u32>,
    /// Empty for blackhole and its like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_hops: Vec<NextHop>,
}

impl Route {
    /// A route with nothing special about it.
    pub const fn new(dst: IpNet, table: TableId, kind: RouteType, proto: RouteProtocol) -> Self {
        Self {
            dst,
            src: None,
            table,
            kind,
            proto,
            scope: Scope::GLOBAL,
            tos: 0,
            metric: 0,
            prefsrc: None,
            mtu: None,
            advmss: None,
            nexthop: None,
            next_hops: Vec::new(),
        }
    }
}

/// A nexthop object or a group of them (ip-nexthop(8); `include/uapi/linux/nexthop.h`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NexthopObject {
    pub id: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<IfIndex>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub blackhole: bool,
    /// For FDB entries of a VXLAN, not for routes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fdb: bool,
    /// Object and weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<(u32, u16)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "is_default")]
    pub proto: RouteProtocol,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: HopFlags,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encap: Option<String>,
}

/// The main table, ready for lookups: longest prefix, then lowest metric. Policy rules are not looked at.
#[derive(Debug, Clone, Default)]
pub struct Fib<'a> {
    /// Prefix lengths of each family, the longest first, with the best route of each prefix.
    tables: [BTreeMap<Reverse<u8>, HashMap<IpAddr, &'a Route>>; 2],
}

impl<'a> Fib<'a> {
    /// Takes the routes of the main table that can be used.
    pub fn new(routes: &'a [Route]) -> Self {
        let mut fib = Self::default();
        let usable = |route: &&Route| {
            route.table == TableId::MAIN
                && (route.kind != RouteType::Unicast || route.next_hops.iter().any(|hop| !hop.is_dead()))
        };
        for route in routes.iter().filter(usable) {
            let table = &mut fib.tables[usize::from(route.dst.addr().is_ipv6())];
            table
                .entry(Reverse(route.dst.prefix_len()))
                .or_default()
                .entry(route.dst.network())
                .and_modify(|best| {
                    if route.metric < best.metric {
                        *best = route;
                    }
                })
                .or_insert(route);
        }
        fib
    }

    /// The route that a packet to this address takes.
    pub fn lookup(&self, ip: IpAddr) -> Option<&'a Route> {
        self.tables[usize::from(ip.is_ipv6())]
            .iter()
            .find_map(|(length, routes)| {
                let prefix = IpNet::new(ip, length.0).ok()?;
                routes.get(&prefix.network()).copied()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(dst: &str, metric: u32, link: u32) -> Route {
        let dst = dst.parse().unwrap();
        Route {
            metric,
            next_hops: vec![NextHop::by(IfIndex(link), None)],
            ..Route::new(dst, TableId::MAIN, RouteType::Unicast, RouteProtocol::BIRD)
        }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_lowest_metric() {
        let routes = [
            route("0.0.0.0/0", 0, 1),
            route("10.0.0.0/8", 20, 2),
            route("10.0.0.0/8", 10, 3),
            route("10.1.0.0/16", 1024, 4),
        ];
        let fib = Fib::new(&routes);
        let link = |ip: &str| {
            fib.lookup(ip.parse().unwrap())
                .and_then(|route| route.next_hops[0].link)
        };
        assert_eq!(link("10.1.2.3"), Some(IfIndex(4)));
        assert_eq!(link("10.2.2.3"), Some(IfIndex(3)));
        assert_eq!(link("192.0.2.1"), Some(IfIndex(1)));
        assert_eq!(link("2001:db8::1"), None);
    }

    #[test]
    fn a_dead_next_hop_is_not_used() {
        let mut dead = route("10.1.0.0/16", 0, 4);
        dead.next_hops[0].flags = HopFlags::DEAD;
        let routes = [route("0.0.0.0/0", 0, 1), dead];
        let best = Fib::new(&routes).lookup("10.1.2.3".parse().unwrap()).unwrap();
        assert_eq!(best.next_hops[0].link, Some(IfIndex(1)));
    }
}
