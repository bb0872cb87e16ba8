//! Links with a cable that leads out of what was seen: all of them are taken to be on one wire.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::super::packet::Mac;
use super::{At, Place, PlaceId, Topology};
use crate::state::link::{Link, LinkFlags};
use crate::state::route::RouteType;

/// The ends of such cables, in the order of their places.
#[derive(Debug, Default)]
pub struct Cables {
    uplinks: Vec<At>,
    by_mac: HashMap<Mac, Vec<At>>,
    /// The place of each in `uplinks`.
    order: HashMap<At, usize>,
    /// Behind these there may be others: a bridge's ports, or macvlans.
    open: Vec<At>,
    /// These may answer for addresses that they don't have.
    answering: Vec<At>,
    /// Which places have an address as their own.
    owners: HashMap<IpAddr, Vec<PlaceId>>,
    /// Every link's address, whatever it is for.
    macs: HashSet<Mac>,
}

impl Cables {
    pub(super) fn new(topology: &Topology) -> Self {
        let mut cables = Self::default();
        for (at, link) in topology.all_links() {
            let Some(mac) = link.mac.as_deref().and_then(Mac::parse) else {
                continue;
            };
            cables.macs.insert(mac);
            if leads_out(topology, at, link) {
                cables.add(topology, at, link, mac);
            }
        }
        cables
    }

    fn add(&mut self, topology: &Topology, at: At, link: &Link, mac: Mac) {
        self.order.insert(at, self.uplinks.len());
        self.uplinks.push(at);
        self.by_mac.entry(mac).or_default().push(at);
        let stacked = !topology.macvlans(at).is_empty() || !topology.ipvlans(at).is_empty();
        let switched = topology.switches().port(at).is_some();
        let open = link.master.is_some() || stacked || switched;
        if open {
            self.open.push(at);
        }
        let place = topology.place(at.place);
        if open || may_be_proxy(place, &link.name) {
            self.answering.push(at);
        }
        for ip in own_addresses(place) {
            let owners = self.owners.entry(ip).or_default();
            if owners.last() != Some(&at.place) {
                owners.push(at.place);
            }
        }
    }

    /// Whether the link leads out of what was seen.
    pub fn has(&self, at: At) -> bool {
        self.order.contains_key(&at)
    }

    /// The links that a frame from this one can reach: all of other namespaces, as far as is known.
    pub fn beyond(&self, from: At) -> impl Iterator<Item = At> {
        elsewhere(&self.uplinks, from)
    }

    /// Those of them that have an address.
    pub fn with_mac(&self, from: At, mac: Mac) -> impl Iterator<Item = At> {
        elsewhere(self.by_mac.get(&mac).map_or(&[], Vec::as_slice), from)
    }

    /// Those behind which there may be others.
    pub fn open(&self, from: At) -> impl Iterator<Item = At> {
        elsewhere(&self.open, from)
    }

    /// Those that a question for an address isn't in vain at, in their order.
    pub fn asked_for(&self, from: At, target: IpAddr) -> Vec<At> {
        if target.is_loopback() {
            return self.beyond(from).collect();
        }
        let owners = self.owners.get(&target).map_or(&[][..], Vec::as_slice);
        let own = owners.iter().flat_map(|place| {
            let start = self.uplinks.partition_point(|at| at.place < *place);
            let rest = self.uplinks.get(start..).unwrap_or_default();
            rest.iter().take_while(move |at| at.place == *place).copied()
        });
        let mut ends: Vec<At> = own
            .chain(self.answering.iter().copied())
            .filter(|at| at.place != from.place)
            .collect();
        ends.sort_by_key(|at| self.order.get(at));
        ends.dedup();
        ends
    }

    /// Whether a namespace with such a cable has this address.
    pub fn is_owned(&self, ip: IpAddr) -> bool {
        self.owners.contains_key(&ip)
    }

    /// Whether any link that was seen has this address.
    pub fn someone_has(&self, mac: Mac) -> bool {
        self.macs.contains(&mac)
    }
}

fn elsewhere(ends: &[At], from: At) -> impl Iterator<Item = At> {
    ends.iter().copied().filter(move |at| at.place != from.place)
}

/// Hardware, and veths whose other end was not seen.
fn leads_out(topology: &Topology, at: At, link: &Link) -> bool {
    match link.kind.as_deref() {
        None => !link.flags.has(LinkFlags::LOOPBACK),
        Some("veth") => topology.veth_peer(at).is_none(),
        _ => false,
    }
}

/// Whether it may answer for others (`arp_process`).
fn may_be_proxy(place: &Place, link: &str) -> bool {
    let on = |name: &str| {
        [link, "all"]
            .iter()
            .any(|link| place.setting(false, link, name).is_some_and(|value| value != 0))
    };
    place.is_proxy() || on("proxy_arp") || on("proxy_arp_pvlan") || has_wide_local(place)
}

/// Whether whole networks count as its own (`ip route add local …`), beside that of `lo`.
fn has_wide_local(place: &Place) -> bool {
    place.net.routes.items().iter().any(|route| {
        let host = route.dst.prefix_len() == route.dst.max_prefix_len();
        route.kind == RouteType::Local && !host && !route.dst.addr().is_loopback()
    })
}

fn own_addresses(place: &Place) -> impl Iterator<Item = IpAddr> {
    let local = place.net.routes.items().iter();
    let addresses = place.net.addresses.items().iter();
    local
        .filter(|route| matches!(route.kind, RouteType::Local | RouteType::Anycast))
        .map(|route| route.dst.addr())
        .chain(addresses.map(|address| address.ip))
}
