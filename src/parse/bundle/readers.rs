//! The table: which file is of which item, and what reads it.

use crate::parse::iproute::Names;
use crate::parse::{
    ParseError, bird, bird_config, bird_text, conntrack, hosts, ip_json, ip_text, iptables, net_tools,
    procfs, ss, sysctl,
};
use crate::state::bird::Bird;
use crate::state::conntrack::Conntrack;
use crate::state::kind::BridgePort;
use crate::state::link::IfIndex;
use crate::state::netfilter::Dialect;
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
    Sysctls,
    TcpCounters,
    Taken,
    Name,
    Hosts,
    Bird,
    Bird6,
    BirdRoutes,
    BirdConfig,
}

/// What was read of one namespace so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) node: NodeState,
    pub(super) names: Names,
    pub(super) ports: Vec<(IfIndex, BridgePort)>,
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
    row("ss.txt", Item::Sockets, sockets),
    row("ss", Item::Sockets, sockets),
    row("sysctl.txt", Item::Sysctls, sysctls),
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
    row("bird.cfg", Item::BirdConfig, |r, text| {
        r.node.bird_config = Fact::Known(bird_config::bird_config(text));
        Ok(())
    }),
];

const V4: (Dialect, Dialect) = (Dialect::IptablesNft, Dialect::IptablesLegacy);
const V6: (Dialect, Dialect) = (Dialect::Ip6tablesNft, Dialect::Ip6tablesLegacy);
const LEGACY: (Dialect, Dialect) = (Dialect::IptablesLegacy, Dialect::IptablesLegacy);
const LEGACY6: (Dialect, Dialect) = (Dialect::Ip6tablesLegacy, Dialect::Ip6tablesLegacy);

/// Whether a file of this name makes its folder a namespace. Names that any folder may have don't.
pub fn is_known(file: &str) -> bool {
    READERS.iter().any(|row| {
        row.file == file && !matches!(row.item, Item::Name | Item::Taken | Item::Tables | Item::Hosts)
    })
}

/// Old releases print text for `-j` all the same.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['[', '{'])
}

/// Adds to a list that may be known already.
fn extend<T>(fact: &mut Fact<Vec<T>>, items: Vec<T>) {
    match fact {
        Fact::Known(known) => known.extend(items),
        Fact::Absent { .. } => *fact = Fact::Known(items),
    }
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn hostname(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let name = one_line(text);
    if !name.is_empty() {
        r.node.name = name.to_lowercase();
    }
    Ok(())
}

fn date(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.taken = one_line(text);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a row of the table")]
fn tables(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.names.add_tables(text);
    Ok(())
}

fn links(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let links = if is_json(text) {
        ip_json::links(text)?
    } else {
        ip_text::links(text)?
    };
    let known = r.node.net.links.items();
    let new = links
        .into_iter()
        .filter(|link| known.iter().all(|other| other.index != link.index))
        .collect();
    extend(&mut r.node.net.links, new);
    r.names.learn(r.node.net.links.items());
    Ok(())
}

fn ifconfig_links(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let (links, _) = net_tools::ifconfig(text, &mut r.names)?;
    r.node.net.links = Fact::Known(links);
    Ok(())
}

fn ifconfig_addresses(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let (_, addresses) = net_tools::ifconfig(text, &mut r.names)?;
    r.node.net.addresses = Fact::Known(addresses);
    Ok(())
}

fn brctl(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let bridges = net_tools::brctl(text)?;
    if let Fact::Known(links) = &mut r.node.net.links {
        net_tools::mark_ports(links, &bridges);
    }
    Ok(())
}

fn addresses(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let addresses = if is_json(text) {
        ip_json::addresses(text)?
    } else {
        ip_text::addresses(text)?
    };
    extend(&mut r.node.net.addresses, addresses);
    Ok(())
}

fn ports(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.ports = ip_json::ports(text)?;
    Ok(())
}

fn rules(r: &mut Reading, text: &str, v6: bool) -> Result<(), ParseError> {
    let rules = if is_json(text) {
        ip_json::rules(text, v6, &mut r.names)?
    } else {
        ip_text::rules(text, v6, &mut r.names)?
    };
    extend(&mut r.node.net.rules, rules);
    Ok(())
}

fn routes(r: &mut Reading, text: &str, v6: bool) -> Result<(), ParseError> {
    let mut routes = if is_json(text) {
        ip_json::routes(text, v6, &mut r.names)?
    } else {
        ip_text::routes(text, v6, &mut r.names)?
    };
    // `show table all` of both families may be followed by one of them.
    let known = r.node.net.routes.items();
    routes.retain(|route| !known.contains(route));
    extend(&mut r.node.net.routes, routes);
    Ok(())
}

fn route_n(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.routes = Fact::Known(net_tools::route(text, &mut r.names)?);
    Ok(())
}

fn nexthops(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let objects = if is_json(text) {
        ip_json::nexthops(text, &mut r.names)?
    } else {
        ip_text::nexthops(text, &mut r.names)?
    };
    r.node.net.nexthops = Fact::Known(objects);
    Ok(())
}

fn neighbors(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let neighbors = if is_json(text) {
        ip_json::neighbors(text, &mut r.names)?
    } else {
        ip_text::neighbors(text, &mut r.names)?
    };
    extend(&mut r.node.net.neighbors, neighbors);
    Ok(())
}

fn arp(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.neighbors = Fact::Known(net_tools::arp(text, &mut r.names)?);
    Ok(())
}

fn fdb(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let entries = if is_json(text) {
        ip_json::fdb(text, &mut r.names)?
    } else {
        ip_text::fdb(text, &mut r.names)?
    };
    r.node.net.fdb = Fact::Known(entries);
    Ok(())
}

fn vlans(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.vlans = Fact::Known(ip_json::vlans(text, &mut r.names)?);
    Ok(())
}

/// The first line tells which back end wrote it; releases before 1.8 had one only, and don't say.
fn netfilter(r: &mut Reading, text: &str, (nft, legacy): (Dialect, Dialect)) -> Result<(), ParseError> {
    let dialect = if text.lines().take(3).any(|line| line.contains("(nf_tables)")) {
        nft
    } else {
        legacy
    };
    let ruleset = iptables::iptables_save(text, dialect)?;
    extend(&mut r.node.net.netfilter, vec![ruleset]);
    Ok(())
}

fn sockets(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let sockets = ss::ss(text)?;
    r.node.net.tcp = Fact::Known(sockets.tcp);
    // Without the column of kinds it was asked for TCP alone.
    if text.lines().any(|line| line.starts_with("Netid")) || !sockets.udp.is_empty() {
        r.node.net.udp = Fact::Known(sockets.udp);
        r.node.net.raw = Fact::Known(sockets.raw);
    }
    Ok(())
}

fn sysctls(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.sysctls = Fact::Known(sysctl::sysctl(text)?);
    Ok(())
}

fn flows(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let flows = conntrack::conntrack(text)?;
    let max = r.node.net.sysctl("net.netfilter.nf_conntrack_max");
    r.node.net.conntrack = Fact::Known(Conntrack {
        count: u32::try_from(flows.len()).unwrap_or(u32::MAX),
        max: max.and_then(|max| max.parse().ok()),
        entries: Fact::Known(flows),
        omitted: 0,
    });
    Ok(())
}

fn tcp_counters(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.tcp_counters = Fact::Known(procfs::counters(text, "TcpExt")?);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a row of the table")]
fn node_hosts(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.hosts = Fact::Known(hosts::hosts(text));
    Ok(())
}

/// The control socket's own form.
fn bird_raw(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let greeting = text.lines().next().unwrap_or_default();
    r.node.bird = Fact::Known(Bird {
        version: bird::greeting(greeting).unwrap_or_default(),
        protocols: bird::protocols(text)?,
        ..Bird::default()
    });
    Ok(())
}

fn bird_shown(fact: &mut Fact<Bird>, text: &str) -> Result<(), ParseError> {
    *fact = Fact::Known(Bird {
        version: bird_text::version(text).unwrap_or_default(),
        protocols: bird_text::protocols(text)?,
        ..Bird::default()
    });
    Ok(())
}

fn bird_routes(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let routes = bird_text::routes(text)?;
    if let Fact::Known(bird) = &mut r.node.bird {
        bird.routes = Some(routes);
    }
    Ok(())
}

impl Reading {
    /// Makes an item absent.
    pub(super) fn lose(&mut self, item: Item, absence: Absence, why: &str) {
        fn lose<T>(fact: &mut Fact<T>, absence: Absence, why: &str) {
            *fact = Fact::absent_as(absence, why);
        }
        let (node, net) = (&mut self.node.bird_config, &mut self.node.net);
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
            Item::Conntrack => lose(&mut net.conntrack, absence, why),
            Item::Sysctls => lose(&mut net.sysctls, absence, why),
            Item::TcpCounters => lose(&mut net.tcp_counters, absence, why),
            Item::Hosts => lose(&mut self.node.hosts, absence, why),
            Item::Bird => lose(&mut self.node.bird, absence, why),
            Item::Bird6 => lose(&mut self.node.bird6, absence, why),
            Item::BirdConfig => lose(node, absence, why),
        }
    }
}
