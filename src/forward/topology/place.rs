//! One namespace, with its small tables ready for questions.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::OnceLock;

use super::super::fib::Fib;
use super::super::packet::Mac;
use crate::state::link::{IfIndex, Link, LinkFlags, Scope};
use crate::state::neighbor::{FdbEntry, Neighbor, NeighborFlags};
use crate::state::{Netns, NodeState};

/// A network namespace of a node.
#[derive(Debug)]
pub struct Place<'a> {
    pub node: &'a NodeState,
    /// None for the host's own.
    pub namespace: Option<String>,
    pub net: &'a Netns,
    pub fib: Fib<'a>,
    /// Made when the first question comes: of a large cluster, a walk meets few namespaces.
    tables: OnceLock<Tables<'a>>,
}

/// What is looked up in a namespace beside routes and rules.
#[derive(Debug, Default)]
struct Tables<'a> {
    own: HashSet<IpAddr>,
    /// By family and link: names and values of `net.ipvX.conf.LINK`.
    settings: [HashMap<&'a str, Vec<(&'a str, i64)>>; 2],
    /// Without proxy entries.
    neighbors: HashMap<(IfIndex, IpAddr), &'a Neighbor>,
    /// Link 0 stands for all.
    proxied: HashSet<(IfIndex, IpAddr)>,
    /// By bridge.
    fdb: HashMap<(IfIndex, Mac), Vec<&'a FdbEntry>>,
    /// By the link that the entries are of: remote ends.
    remotes: HashMap<(IfIndex, Mac), Vec<&'a FdbEntry>>,
    /// Of each bridge, bond or VRF.
    ports: HashMap<IfIndex, Vec<&'a Link>>,
}

impl<'a> Place<'a> {
    pub(super) fn new(node: &'a NodeState, namespace: Option<String>, net: &'a Netns) -> Self {
        Self {
            node,
            namespace,
            net,
            fib: Fib::new(net),
            tables: OnceLock::new(),
        }
    }

    fn tables(&self) -> &Tables<'a> {
        self.tables.get_or_init(|| Tables::new(self.net))
    }

    /// `node1`, `node1/default/web`.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}/{namespace}", self.node.name),
            None => self.node.name.clone(),
        }
    }

    /// Whether an address is one of the namespace's own.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.tables().own.contains(&ip)
    }

    /// An address by which the namespace is reached, of this family where it has one: global, not on `lo`, nor on a
    /// bridge.
    pub fn address(&self, v4: bool) -> Option<IpAddr> {
        let outside = |index| {
            let link = self.fib.link(index);
            link.is_none_or(|link| !link.flags.has(LinkFlags::LOOPBACK) && !link.is_bridge())
        };
        let addresses = self.net.addresses.items();
        let fits = |wanted: bool| {
            addresses
                .iter()
                .filter(move |address| address.ip.is_ipv4() == wanted && address.scope == Scope::GLOBAL)
                .find(|address| outside(address.link) && !address.ip.is_loopback())
                .map(|address| address.ip)
        };
        fits(v4).or_else(|| fits(!v4))
    }

    /// `net.ipv4.conf.LINK.NAME` as a number; none when it was not read.
    pub fn setting(&self, v6: bool, link: &str, name: &str) -> Option<i64> {
        if link.contains(['.', '/']) {
            return self.net.link_setting(v6, link, name);
        }
        let of_link = self.tables().settings[usize::from(v6)].get(link)?;
        of_link
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    /// A switch that is on when the link's own or the one of `all` is (`IN_DEV_ORCONF`).
    pub fn either(&self, v6: bool, link: &str, name: &str) -> Option<bool> {
        let (own, all) = (self.setting(v6, link, name), self.setting(v6, "all", name));
        match (own, all) {
            (Some(own), all) => Some(own != 0 || all.unwrap_or(0) != 0),
            (None, Some(all)) if all != 0 => Some(true),
            _ => None,
        }
    }

    /// The first neighbor entry of an address on a link.
    pub fn neighbor(&self, link: IfIndex, ip: IpAddr) -> Option<&'a Neighbor> {
        self.tables().neighbors.get(&(link, ip)).copied()
    }

    /// `ip neigh add proxy`: whether questions on that link are answered for somebody else.
    pub fn proxies(&self, link: IfIndex, ip: IpAddr) -> bool {
        let proxied = &self.tables().proxied;
        proxied.contains(&(link, ip)) || proxied.contains(&(IfIndex(0), ip))
    }

    /// Whether it has any such entry.
    pub(super) fn is_proxy(&self) -> bool {
        !self.tables().proxied.is_empty()
    }

    /// A bridge's entries for a MAC address, in the order of the dump.
    pub fn fdb(&self, bridge: IfIndex, mac: Mac) -> &[&'a FdbEntry] {
        let found = self.tables().fdb.get(&(bridge, mac));
        found.map_or(&[], Vec::as_slice)
    }

    /// A VXLAN's entries for a MAC address that name a remote end.
    pub fn remotes(&self, link: IfIndex, mac: Mac) -> &[&'a FdbEntry] {
        let found = self.tables().remotes.get(&(link, mac));
        found.map_or(&[], Vec::as_slice)
    }

    /// The links whose master this one is.
    pub fn ports(&self, master: IfIndex) -> &[&'a Link] {
        self.tables().ports.get(&master).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Tables<'a> {
    fn new(net: &'a Netns) -> Self {
        let mut tables = Self {
            own: net.addresses.items().iter().map(|address| address.ip).collect(),
            ..Self::default()
        };
        for (key, value) in net.sysctls.known().into_iter().flatten() {
            tables.setting(key, value);
        }
        for entry in net.neighbors.items() {
            if entry.flags.has(NeighborFlags::PROXY) {
                tables.proxied.insert((entry.link, entry.ip));
            } else {
                tables.neighbors.entry((entry.link, entry.ip)).or_insert(entry);
            }
        }
        for entry in net.fdb.items() {
            let Some(mac) = Mac::parse(&entry.mac) else {
                continue;
            };
            match entry.master {
                Some(bridge) => tables.fdb.entry((bridge, mac)).or_default().push(entry),
                None if entry.dst.is_some() => {
                    tables.remotes.entry((entry.link, mac)).or_default().push(entry);
                }
                None => {}
            }
        }
        for link in net.links.items() {
            if let Some(master) = link.master {
                tables.ports.entry(master).or_default().push(link);
            }
        }
        tables
    }

    fn setting(&mut self, key: &'a str, value: &str) {
        let of_family = |family: &str| key.strip_prefix(family);
        let (v6, rest) = match (of_family("net.ipv4.conf."), of_family("net.ipv6.conf.")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return,
        };
        if let (Some((link, name)), Ok(value)) = (rest.rsplit_once('.'), value.parse()) {
            self.settings[usize::from(v6)]
                .entry(link)
                .or_default()
                .push((name, value));
        }
    }
}
