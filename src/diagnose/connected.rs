//! The routes that come with addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::state::Netns;
use crate::state::kind::LinkData;
use crate::state::link::{Address, Link};
use crate::state::route::TableId;

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
        Some(Self {
            net: dst,
            add: format!("{route}{src}{table}"),
            del: format!("{route}{table}"),
        })
    }
}
