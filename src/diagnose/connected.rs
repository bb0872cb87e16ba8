//! The routes that come with addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::state::Netns;
use crate::state::kind::LinkData;
use crate::state::link::{Address, Link};
use crate::state::route::{Route, RouteProtocol, TableId};

/// The VRF that a link is a port of, and its table.
pub(super) fn vrf_of<'n>(net: &'n Netns, link: &Link) -> Option<(&'n Link, TableId)> {
    let master = net.link(link.master?)?;
    match &master.data {
        Some(LinkData::Vrf(vrf)) => Some((master, vrf.table)),
        _ => None,
    }
}

/// What puts the route of an address back, and what takes it away again: words for ip(8), without `ip route`.
pub(super) struct Connected {
    pub(super) net: IpNet,
    /// Another route to the same is there.
    pub(super) taken: bool,
    pub(super) add: String,
    pub(super) del: String,
}

impl Connected {
    /// The route that the kernel makes when the address comes to its link.
    pub(super) fn of(net: &Netns, address: &Address) -> Option<Self> {
        let (link, dst) = (net.link(address.link)?, address.network()?.trunc());
        let table = vrf_of(net, link).map_or_else(String::new, |(_, table)| format!(" table {table}"));
        let src = match address.ip {
            IpAddr::V4(ip) => format!(" scope link src {ip}"),
            IpAddr::V6(_) => String::new(),
        };
        let route = format!("{dst} dev {} proto kernel", link.name);
        // Another one is in its place.
        let own = vrf_of(net, link).map_or(TableId::MAIN, |(_, table)| table);
        let mut routes = net.routes.items().iter();
        let same = |route: &Route| route.dst == dst && route.table == own && route.metric == 0;
        let taken = routes.any(|route| same(route) && route.proto != RouteProtocol::KERNEL);
        let verb = if taken { "replace" } else { "add" };
        Some(Self {
            net: dst,
            taken,
            add: format!("{verb} {route}{src}{table}"),
            del: format!("del {route}{table}"),
        })
    }
}
