//! The same namespace as netdiag reads it and as iproute2 prints it, in the same types.

use std::fmt::{Debug, Write};

use netdiag::collect::netlink::netns_tables;
use netdiag::parse::iproute::Names;
use netdiag::parse::{ip_json, ip_text};
use netdiag::state::route::Route;
use netdiag::state::{Fact, Netns};
use netdiag_lab::Result;

use super::space::batch;

/// What netdiag reads, without what moves by itself.
pub(super) fn live() -> Netns {
    let mut net = Netns::default();
    netns_tables(&mut net);
    net.taken.clear();
    if let Fact::Known(links) = &mut net.links {
        for link in links {
            // `ip -j link` has no counters, features, nor the carrier of a link that is down.
            link.counters = None;
            link.features = None;
            link.carrier = link.carrier.filter(|_| link.is_up());
        }
    }
    if let Fact::Known(addresses) = &mut net.addresses {
        for address in addresses {
            address.created = None;
        }
    }
    if let Fact::Known(neighbors) = &mut net.neighbors {
        for neighbor in neighbors {
            neighbor.confirmed_seconds = None;
        }
    }
    net
}

/// `ip -j route` (up to 6.x) does not say that a metric is locked; `ip route` does.
fn unlocked(routes: &Fact<Vec<Route>>) -> Fact<Vec<Route>> {
    let mut routes = routes.clone();
    if let Fact::Known(routes) = &mut routes {
        for route in routes {
            route.mtu = route.mtu.map(|(mtu, _)| (mtu, false));
        }
    }
    routes
}

/// Whether there is what only the text of `ip route` tells.
pub(super) fn has_locks(net: &Netns) -> bool {
    let mut mtus = net.routes.items().iter().filter_map(|route| route.mtu);
    mtus.any(|(_, locked)| locked)
}

/// Where the routes part from the text of `ip route`.
pub(super) fn text_differences(live: &Netns) -> Result<String> {
    let (out, _) = batch("ip", &["-d"], &["route show table all"])?;
    let mut names = Names::of(live.links.items());
    let printed = Fact::Known(ip_text::routes(&out, false, &mut names).unwrap());
    let mut text = String::new();
    differ(&mut text, "routes as text", &live.routes, &printed, |_| ());
    Ok(text)
}

/// What iproute2 prints.
pub(super) fn printed() -> Result<Netns> {
    let shows = [
        "link show",
        "addr show",
        "route show table all",
        "nexthop show",
        "rule show",
        "neigh show nud all",
        "neigh show proxy",
    ];
    let (out, err) = batch("ip", &["-d", "-j"], &shows)?;
    let texts: Vec<&str> = out.lines().collect();
    assert_eq!(texts.len(), shows.len(), "a line a command: {out}\n{err}");
    let (rules6, _) = batch("ip", &["-d", "-j", "-6"], &["rule show"])?;
    let (out, err) = batch("bridge", &["-j"], &["fdb show", "vlan show"])?;
    let bridge: Vec<&str> = out.lines().collect();
    assert_eq!(bridge.len(), 2, "a line a command: {out}\n{err}");

    let links = ip_json::links(texts[0]).unwrap();
    let mut names = Names::of(&links);
    let names = &mut names;
    let mut rules = ip_json::rules(texts[4], false, names).unwrap();
    rules.extend(ip_json::rules(&rules6, true, names).unwrap());
    let mut neighbors = ip_json::neighbors(texts[5], names).unwrap();
    neighbors.extend(ip_json::neighbors(texts[6], names).unwrap());
    Ok(Netns {
        links: Fact::Known(links),
        addresses: Fact::Known(ip_json::addresses(texts[1]).unwrap()),
        routes: Fact::Known(ip_json::routes(texts[2], false, names).unwrap()),
        nexthops: Fact::Known(ip_json::nexthops(texts[3], names).unwrap()),
        rules: Fact::Known(rules),
        neighbors: Fact::Known(neighbors),
        fdb: Fact::Known(ip_json::fdb(bridge[0], names).unwrap()),
        vlans: Fact::Known(ip_json::vlans(bridge[1], names).unwrap()),
        ..Netns::default()
    })
}

/// Where the two part; empty where they are the same.
pub(super) fn differences(live: &Netns, printed: &Netns) -> String {
    let mut text = String::new();
    // Each link's index makes the order of links, addresses and VLANs; objects have numbers, rules priorities.
    differ(&mut text, "links", &live.links, &printed.links, |link| link.index);
    differ(
        &mut text,
        "addresses",
        &live.addresses,
        &printed.addresses,
        |address| (address.link, address.ip.is_ipv6()),
    );
    let routes = unlocked(&live.routes);
    differ(&mut text, "routes", &routes, &printed.routes, |_| ());
    differ(&mut text, "nexthops", &live.nexthops, &printed.nexthops, |_| ());
    differ(&mut text, "rules", &live.rules, &printed.rules, |_| ());
    differ(
        &mut text,
        "neighbors",
        &live.neighbors,
        &printed.neighbors,
        |neighbor| format!("{neighbor:?}"),
    );
    differ(&mut text, "fdb", &live.fdb, &printed.fdb, |_| ());
    differ(&mut text, "vlans", &live.vlans, &printed.vlans, |_| ());
    text
}

fn differ<T: Clone + PartialEq + Debug, K: Ord>(
    text: &mut String,
    item: &str,
    live: &Fact<Vec<T>>,
    printed: &Fact<Vec<T>>,
    key: impl Fn(&T) -> K,
) {
    let Fact::Known(live) = live else {
        _ = writeln!(text, "{item}: {}", live.why().unwrap());
        return;
    };
    let (mut live, mut printed) = (live.clone(), printed.items().to_vec());
    live.sort_by_key(&key);
    printed.sort_by_key(&key);
    if live == printed {
        return;
    }
    for (side, these, those) in [("netdiag", &live, &printed), ("ip", &printed, &live)] {
        for one in these.iter().filter(|one| !those.contains(one)) {
            _ = writeln!(text, "{item}: only {side}: {one:?}");
        }
    }
    if text.is_empty() {
        _ = writeln!(
            text,
            "{item}: in another order, or not as often: {live:?}\n{printed:?}"
        );
    }
}
