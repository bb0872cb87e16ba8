//! What each file of the table adds to what was read.

use super::readers::Reading;
use crate::parse::{
    ParseError, bird, bird_text, conntrack, excerpt, hosts, ip_json, ip_text, ipset, iptables, net_tools,
    nft, ovsdb, procfs, ss, sysctl,
};
use crate::state::bird::Bird;
use crate::state::conntrack::Conntrack;
use crate::state::netfilter::{Dialect, Table};
use crate::state::{Absence, Fact};

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

#[expect(clippy::unnecessary_wraps, reason = "a row of the table")]
pub(super) fn hostname(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let name = one_line(text);
    if !name.is_empty() {
        r.node.name = name.to_lowercase();
    }
    Ok(())
}

/// Calico's own name for the node, where it was given one.
pub(super) fn nodename(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let name = text.lines().find_map(|line| line.strip_prefix("NODENAME="));
    name.map_or(Ok(()), |name| hostname(r, name))
}

#[expect(clippy::unnecessary_wraps, reason = "a row of the table")]
pub(super) fn date(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.taken = one_line(text);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a row of the table")]
pub(super) fn tables(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.names.add_tables(text);
    Ok(())
}

pub(super) fn links(r: &mut Reading, text: &str) -> Result<(), ParseError> {
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

pub(super) fn ifconfig_links(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let (links, _) = net_tools::ifconfig(text, &mut r.names)?;
    r.node.net.links = Fact::Known(links);
    Ok(())
}

pub(super) fn ifconfig_addresses(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let (_, addresses) = net_tools::ifconfig(text, &mut r.names)?;
    r.node.net.addresses = Fact::Known(addresses);
    Ok(())
}

pub(super) fn brctl(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let bridges = net_tools::brctl(text)?;
    if let Fact::Known(links) = &mut r.node.net.links {
        net_tools::mark_ports(links, &bridges);
    }
    Ok(())
}

pub(super) fn addresses(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let addresses = if is_json(text) {
        ip_json::addresses(text)?
    } else {
        ip_text::addresses(text)?
    };
    extend(&mut r.node.net.addresses, addresses);
    Ok(())
}

pub(super) fn ports(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.ports = ip_json::ports(text)?;
    Ok(())
}

pub(super) fn rules(r: &mut Reading, text: &str, v6: bool) -> Result<(), ParseError> {
    let rules = if is_json(text) {
        ip_json::rules(text, v6, &mut r.names)?
    } else {
        ip_text::rules(text, v6, &mut r.names)?
    };
    extend(&mut r.node.net.rules, rules);
    Ok(())
}

pub(super) fn routes(r: &mut Reading, text: &str, v6: bool) -> Result<(), ParseError> {
    let mut routes = if is_json(text) {
        ip_json::routes(text, v6, &mut r.names)?
    } else {
        ip_text::routes(text, v6, &mut r.names)?
    };
    // `show table all` may have shown both families before.
    let known = r.node.net.routes.items();
    if known.iter().any(|route| route.dst.addr().is_ipv6()) {
        routes.retain(|route| !route.dst.addr().is_ipv6());
    }
    extend(&mut r.node.net.routes, routes);
    Ok(())
}

pub(super) fn route_n(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.routes = Fact::Known(net_tools::route(text, &mut r.names)?);
    Ok(())
}

pub(super) fn nexthops(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let objects = if is_json(text) {
        ip_json::nexthops(text, &mut r.names)?
    } else {
        ip_text::nexthops(text, &mut r.names)?
    };
    r.node.net.nexthops = Fact::Known(objects);
    Ok(())
}

pub(super) fn neighbors(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let neighbors = if is_json(text) {
        ip_json::neighbors(text, &mut r.names)?
    } else {
        ip_text::neighbors(text, &mut r.names)?
    };
    extend(&mut r.node.net.neighbors, neighbors);
    Ok(())
}

pub(super) fn arp(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.neighbors = Fact::Known(net_tools::arp(text, &mut r.names)?);
    Ok(())
}

pub(super) fn fdb(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let entries = if is_json(text) {
        ip_json::fdb(text, &mut r.names)?
    } else {
        ip_text::fdb(text, &mut r.names)?
    };
    r.node.net.fdb = Fact::Known(entries);
    Ok(())
}

pub(super) fn vlans(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.vlans = Fact::Known(ip_json::vlans(text, &mut r.names)?);
    Ok(())
}

/// The first line tells which back end wrote it; releases before 1.8 had one only, and don't say.
pub(super) fn netfilter(
    r: &mut Reading,
    text: &str,
    (nft, legacy): (Dialect, Dialect),
) -> Result<(), ParseError> {
    if text.trim().is_empty() {
        // It has no table.
        extend(&mut r.node.net.netfilter, Vec::new());
        return Ok(());
    }
    let dialect = if text.lines().take(3).any(|line| line.contains("(nf_tables)")) {
        nft
    } else {
        legacy
    };
    let ruleset = iptables::iptables_save(text, dialect)?;
    extend(&mut r.node.net.netfilter, vec![ruleset]);
    Ok(())
}

/// Tables that iptables-nft-save printed are left out: it has words for what nft calls `xt`.
pub(super) fn nft_ruleset(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let mut ruleset = nft::ruleset(text).map_err(|why| ParseError::new(1, why))?;
    let printed = r.node.net.netfilter.items().iter();
    let printed: Vec<&Table> = printed
        .filter(|other| matches!(other.dialect, Dialect::IptablesNft | Dialect::Ip6tablesNft))
        .flat_map(|other| &other.tables)
        .collect();
    let is_new = |table: &Table| {
        let mut same = printed
            .iter()
            .filter(|other| other.name == table.name && other.family == table.family);
        same.next().is_none()
    };
    ruleset.tables.retain(is_new);
    extend(&mut r.node.net.netfilter, vec![ruleset]);
    Ok(())
}

/// One table of the database, as `ovs-vsctl -f json list` prints it.
pub(super) fn ovs(r: &mut Reading, text: &str, table: &str) -> Result<(), ParseError> {
    // Nothing was printed because the database didn't answer.
    if text.trim().is_empty() {
        return Ok(());
    }
    let rows = ovsdb::listed(text).map_err(|why| ParseError::new(1, why))?;
    r.ovs.insert(table.to_owned(), rows);
    Ok(())
}

/// `ovs-vsctl show`, or what it said when the database didn't answer.
pub(super) fn ovs_shown(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    match text
        .lines()
        .find(|line| line.contains("database connection failed"))
    {
        Some(line) => r.ovs_gone = Some(line.trim().to_owned()),
        None => r.ovs_shown = Some(ovsdb::shown(text)?),
    }
    Ok(())
}

pub(super) fn sockets(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let sockets = ss::ss(text)?;
    r.node.net.tcp = Fact::Known(sockets.tcp);
    // Without the column of kinds it was asked for TCP alone.
    if text.lines().any(|line| line.starts_with("Netid")) || !sockets.udp.is_empty() {
        r.node.net.udp = Fact::Known(sockets.udp);
        r.node.net.raw = Fact::Known(sockets.raw);
    }
    Ok(())
}

pub(super) fn sysctls(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let mut values = sysctl::sysctl(text)?;
    // The two that are secrets.
    values.retain(|key, _| !key.ends_with("fastopen_key") && !key.ends_with("stable_secret"));
    r.node.net.sysctls = Fact::Known(values);
    Ok(())
}

pub(super) fn ipsets(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.ipsets = Fact::Known(ipset::ipset_save(text)?);
    Ok(())
}

pub(super) fn flows(r: &mut Reading, text: &str) -> Result<(), ParseError> {
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

pub(super) fn tcp_counters(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.net.tcp_counters = Fact::Known(procfs::counters(text, "TcpExt")?);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a row of the table")]
pub(super) fn node_hosts(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    r.node.hosts = Fact::Known(hosts::hosts(text));
    Ok(())
}

/// The control socket's own form.
pub(super) fn bird_raw(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let greeting = text.lines().next().unwrap_or_default();
    r.node.bird = Fact::Known(Bird {
        version: bird::greeting(greeting).unwrap_or_default(),
        protocols: bird::protocols(text)?,
        ..Bird::default()
    });
    Ok(())
}

pub(super) fn bird_shown(fact: &mut Fact<Bird>, text: &str) -> Result<(), ParseError> {
    // What birdc says where nobody listens.
    if let Some(line) = text.lines().find(|line| line.starts_with("Unable to connect")) {
        let absence = if line.contains("Permission denied") {
            Absence::Unreadable
        } else {
            Absence::Missing
        };
        *fact = Fact::absent_as(absence, excerpt(line));
        return Ok(());
    }
    *fact = Fact::Known(Bird {
        version: bird_text::version(text).unwrap_or_default(),
        protocols: bird_text::protocols(text)?,
        ..Bird::default()
    });
    Ok(())
}

pub(super) fn bird_routes(r: &mut Reading, text: &str) -> Result<(), ParseError> {
    let routes = bird_text::routes(text)?;
    if let Fact::Known(bird) = &mut r.node.bird {
        bird.routes = Some(routes);
    }
    Ok(())
}
