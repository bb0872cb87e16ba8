//! The table: which file is of which item, and what reads it.

use super::items::{
    addresses, arp, bird_raw, bird_routes, bird_shown, brctl, date, fdb, flows, hostname, ifconfig_addresses,
    ifconfig_links, ipsets, links, neighbors, netfilter, nexthops, nft_ruleset, node_hosts, nodename, ovs,
    ovs_shown, ports, route_n, routes, rules, sockets, sysctls, tables, tcp_counters, vlans,
};
use crate::parse::iproute::Names;
use crate::parse::{ParseError, bird_config, ovsdb};
use crate::state::kind::BridgePort;
use crate::state::link::IfIndex;
use crate::state::netfilter::Dialect;
use crate::state::ovs::Ovs;
use crate::state::{Absence, Fact, NodeState};

/// What a file tells of. An item whose file can't be read is absent as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Item {
    /// Names of tables: nothing by themselves.
    Tables,
    Links,
    Addresses,
    Ports,
    Rules,
    Routes,
    Nexthops,
    Neighbors,
    Fdb,
    Vlans,
    Netfilter,
    Sockets,
    Conntrack,
    Ipsets,
    Sysctls,
    TcpCounters,
    Taken,
    Name,
    Hosts,
    Bird,
    Bird6,
    BirdRoutes,
    BirdConfig,
    Ovs,
}

/// What was read of one namespace so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) node: NodeState,
    pub(super) names: Names,
    pub(super) ports: Vec<(IfIndex, BridgePort)>,
    pub(super) ovs: ovsdb::Tables,
    /// What `ovs-vsctl show` printed, which has less.
    pub(super) ovs_shown: Option<Ovs>,
    /// Why it printed nothing.
    pub(super) ovs_gone: Option<String>,
}

type Read = fn(&mut Reading, &str) -> Result<(), ParseError>;

/// One file.
pub(super) struct Row {
    pub(super) file: &'static str,
    pub(super) item: Item,
    /// Adds to what another file of the item said; otherwise the first file of an item is the only one that is read.
    pub(super) more: bool,
    pub(super) read: Read,
}

const fn row(file: &'static str, item: Item, read: Read) -> Row {
    Row {
        file,
        item,
        more: false,
        read,
    }
}

const fn more(file: &'static str, item: Item, read: Read) -> Row {
    Row {
        file,
        item,
        more: true,
        read,
    }
}

/// In the order in which they are read: names of links and tables come before what uses them.
///
/// `ipv4_addr` and its like are of `calicoctl node diags`, `ip-addr.txt` and its like of `calicoctl cluster diags`.
pub(super) const READERS: &[Row] = &[
    row("hostname", Item::Name, hostname),
    more("env.txt", Item::Name, nodename),
    row("date", Item::Taken, date),
    row("rt_tables", Item::Tables, tables),
    row("link.json", Item::Links, links),
    row("link.txt", Item::Links, links),
    row("addr.json", Item::Links, links),
    row("addr.txt", Item::Links, links),
    row("ip-addr.txt", Item::Links, links),
    row("ip-link.txt", Item::Links, links),
    row("ipv4_addr", Item::Links, links),
    more("ipv6_addr", Item::Links, links),
    row("ifconfig.txt", Item::Links, ifconfig_links),
    more("brctl.txt", Item::Links, brctl),
    row("addr.json", Item::Addresses, addresses),
    row("addr.txt", Item::Addresses, addresses),
    row("ip-addr.txt", Item::Addresses, addresses),
    row("ipv4_addr", Item::Addresses, addresses),
    more("ipv6_addr", Item::Addresses, addresses),
    row("ifconfig.txt", Item::Addresses, ifconfig_addresses),
    row("bridge-link.json", Item::Ports, ports),
    row("nexthop.json", Item::Nexthops, nexthops),
    row("nexthop.txt", Item::Nexthops, nexthops),
    row("rule.json", Item::Rules, |r, text| rules(r, text, false)),
    row("rule.txt", Item::Rules, |r, text| rules(r, text, false)),
    row("ip-rule.txt", Item::Rules, |r, text| rules(r, text, false)),
    more("rule6.json", Item::Rules, |r, text| rules(r, text, true)),
    more("rule6.txt", Item::Rules, |r, text| rules(r, text, true)),
    row("route.json", Item::Routes, |r, text| routes(r, text, false)),
    row("route.txt", Item::Routes, |r, text| routes(r, text, false)),
    row("ip-route.txt", Item::Routes, |r, text| routes(r, text, false)),
    row("ipv4_route", Item::Routes, |r, text| routes(r, text, false)),
    row("route-n.txt", Item::Routes, route_n),
    more("route6.json", Item::Routes, |r, text| routes(r, text, true)),
    more("route6.txt", Item::Routes, |r, text| routes(r, text, true)),
    more("ip-route-v6.txt", Item::Routes, |r, text| routes(r, text, true)),
    more("ipv6_route", Item::Routes, |r, text| routes(r, text, true)),
    row("neigh.json", Item::Neighbors, neighbors),
    row("neigh.txt", Item::Neighbors, neighbors),
    row("ip-neigh.txt", Item::Neighbors, neighbors),
    row("arp.txt", Item::Neighbors, arp),
    more("neigh-proxy.json", Item::Neighbors, neighbors),
    more("neigh-proxy.txt", Item::Neighbors, neighbors),
    row("fdb.json", Item::Fdb, fdb),
    row("fdb.txt", Item::Fdb, fdb),
    row("vlan.json", Item::Vlans, vlans),
    more("iptables-save.txt", Item::Netfilter, |r, text| {
        netfilter(r, text, V4)
    }),
    more("iptables-nft-save.txt", Item::Netfilter, |r, text| {
        netfilter(r, text, V4)
    }),
    more("iptables-legacy-save.txt", Item::Netfilter, |r, text| {
        netfilter(r, text, LEGACY)
    }),
    more("ipv4_tables", Item::Netfilter, |r, text| netfilter(r, text, V4)),
    more("ip6tables-save.txt", Item::Netfilter, |r, text| {
        netfilter(r, text, V6)
    }),
    more("ip6tables-nft-save.txt", Item::Netfilter, |r, text| {
        netfilter(r, text, V6)
    }),
    more("ip6tables-legacy-save.txt", Item::Netfilter, |r, text| {
        netfilter(r, text, LEGACY6)
    }),
    more("ipv6_tables", Item::Netfilter, |r, text| netfilter(r, text, V6)),
    more("nft.json", Item::Netfilter, nft_ruleset),
    row("ss.txt", Item::Sockets, sockets),
    row("ss", Item::Sockets, sockets),
    row("sysctl.txt", Item::Sysctls, sysctls),
    row("ipset.txt", Item::Ipsets, ipsets),
    row("ipset-save.txt", Item::Ipsets, ipsets),
    row("conntrack.txt", Item::Conntrack, flows),
    row("conntrack-list.txt", Item::Conntrack, flows),
    row("proc-net-netstat.txt", Item::TcpCounters, tcp_counters),
    row("hosts", Item::Hosts, node_hosts),
    row("raw-protocols-all.txt", Item::Bird, bird_raw),
    row("birdc-protocols-all.txt", Item::Bird, |r, text| {
        bird_shown(&mut r.node.bird, text)
    }),
    row("birdc-show-protocols-all.txt", Item::Bird, |r, text| {
        bird_shown(&mut r.node.bird, text)
    }),
    row("birdc-protocols.txt", Item::Bird, |r, text| {
        bird_shown(&mut r.node.bird, text)
    }),
    row("raw-protocols.txt", Item::Bird, bird_raw),
    row("birdc6-protocols-all.txt", Item::Bird6, |r, text| {
        bird_shown(&mut r.node.bird6, text)
    }),
    row("birdc-route-all.txt", Item::BirdRoutes, bird_routes),
    row("birdc-show-route-all.txt", Item::BirdRoutes, bird_routes),
    more("ovs-vsctl-show.txt", Item::Ovs, ovs_shown),
    more("ovs-Open_vSwitch.json", Item::Ovs, |r, text| {
        ovs(r, text, "Open_vSwitch")
    }),
    more("ovs-Bridge.json", Item::Ovs, |r, text| ovs(r, text, "Bridge")),
    more("ovs-Port.json", Item::Ovs, |r, text| ovs(r, text, "Port")),
    more("ovs-Interface.json", Item::Ovs, |r, text| {
        ovs(r, text, "Interface")
    }),
    row("bird.cfg", Item::BirdConfig, |r, text| {
        r.node.bird_config = Fact::Known(bird_config::bird_config(text));
        Ok(())
    }),
];

const V4: (Dialect, Dialect) = (Dialect::IptablesNft, Dialect::IptablesLegacy);
const V6: (Dialect, Dialect) = (Dialect::Ip6tablesNft, Dialect::Ip6tablesLegacy);
const LEGACY: (Dialect, Dialect) = (Dialect::IptablesLegacy, Dialect::IptablesLegacy);
const LEGACY6: (Dialect, Dialect) = (Dialect::Ip6tablesLegacy, Dialect::Ip6tablesLegacy);

/// Whether any reader takes files of this name.
pub fn is_read(file: &str) -> bool {
    READERS.iter().any(|row| row.file == file) || of_bridge(file).is_some()
}

/// What a file tells of one bridge of Open vSwitch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfBridge {
    /// `ofctl-br0.txt`: `ovs-ofctl dump-flows`, and what else of `ovs-ofctl` there is.
    Flows,
    /// `groups-br0.txt`: `ovs-ofctl dump-groups`.
    Groups,
    /// `fdb-br0.txt`: `ovs-appctl fdb/show`.
    Fdb,
}

/// What a file is of, and which bridge.
pub(super) fn of_bridge(file: &str) -> Option<(OfBridge, &str)> {
    let name = file.strip_suffix(".txt")?;
    [
        ("ofctl-", OfBridge::Flows),
        ("groups-", OfBridge::Groups),
        ("fdb-", OfBridge::Fdb),
    ]
    .into_iter()
    .find_map(|(prefix, what)| Some((what, name.strip_prefix(prefix)?)))
}

/// Whether a file of this name makes its folder a namespace. Names that any folder may have don't.
pub fn is_known(file: &str) -> bool {
    READERS.iter().any(|row| {
        row.file == file && !matches!(row.item, Item::Name | Item::Taken | Item::Tables | Item::Hosts)
    })
}

impl Reading {
    /// Makes an item absent.
    pub(super) fn lose(&mut self, item: Item, absence: Absence, why: &str) {
        fn lose<T>(fact: &mut Fact<T>, absence: Absence, why: &str) {
            *fact = Fact::absent_as(absence, why);
        }
        let net = &mut self.node.net;
        match item {
            Item::Tables | Item::Taken | Item::Name | Item::Ports | Item::BirdRoutes => {}
            Item::Links => lose(&mut net.links, absence, why),
            Item::Addresses => lose(&mut net.addresses, absence, why),
            Item::Rules => lose(&mut net.rules, absence, why),
            Item::Routes => lose(&mut net.routes, absence, why),
            Item::Nexthops => lose(&mut net.nexthops, absence, why),
            Item::Neighbors => lose(&mut net.neighbors, absence, why),
            Item::Fdb => lose(&mut net.fdb, absence, why),
            Item::Vlans => lose(&mut net.vlans, absence, why),
            Item::Netfilter => lose(&mut net.netfilter, absence, why),
            Item::Sockets => {
                lose(&mut net.tcp, absence, why);
                lose(&mut net.udp, absence, why);
                lose(&mut net.raw, absence, why);
            }
            Item::Ipsets => lose(&mut net.ipsets, absence, why),
            Item::Conntrack => lose(&mut net.conntrack, absence, why),
            Item::Sysctls => lose(&mut net.sysctls, absence, why),
            Item::TcpCounters => lose(&mut net.tcp_counters, absence, why),
            Item::Hosts => lose(&mut self.node.hosts, absence, why),
            Item::Bird => lose(&mut self.node.bird, absence, why),
            Item::Bird6 => lose(&mut self.node.bird6, absence, why),
            Item::Ovs => {
                self.ovs.clear();
                self.ovs_shown = None;
                lose(&mut self.node.ovs, absence, why);
            }
            Item::BirdConfig => lose(&mut self.node.bird_config, absence, why),
        }
    }
}
