//! Routes (rtnetlink(7): RTM_GETROUTE), and lookups in the main table.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::link::IfIndex;

/// A routing table's number: 254 main, 255 local, 253 default (`/etc/iproute2/rt_tables`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableId(pub u32);

impl TableId {
    pub const MAIN: Self = Self(254);
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// One way out of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextHop {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<IfIndex>,
    /// RTNH_F_DEAD or RTNH_F_LINKDOWN: not used.
    #[serde(default)]
    pub dead: bool,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    pub dst: IpNet,
    pub table: TableId,
    #[serde(rename = "type")]
    pub kind: RouteType,
    pub proto: RouteProtocol,
    /// 0 when the kernel shows none.
    #[serde(default)]
    pub metric: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefsrc: Option<IpAddr>,
    /// Empty for blackhole and its like.
    #[serde(default)]
    pub next_hops: Vec<NextHop>,
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
                && (route.kind != RouteType::Unicast || route.next_hops.iter().any(|hop| !hop.dead))
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
        Route {
            dst: dst.parse().unwrap(),
            table: TableId::MAIN,
            kind: RouteType::Unicast,
            proto: RouteProtocol::BIRD,
            metric,
            prefsrc: None,
            next_hops: vec![NextHop {
                gateway: None,
                link: Some(IfIndex(link)),
                dead: false,
            }],
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
        dead.next_hops[0].dead = true;
        let routes = [route("0.0.0.0/0", 0, 1), dead];
        let best = Fib::new(&routes).lookup("10.1.2.3".parse().unwrap()).unwrap();
        assert_eq!(best.next_hops[0].link, Some(IfIndex(1)));
    }
}
