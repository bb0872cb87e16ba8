//! One namespace as netdiag reads it and as the tools print it, less what moves between two reads.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use netdiag::state::kind::BridgePort;
use netdiag::state::link::IfIndex;
use netdiag::state::neighbor::NeighborState;
use netdiag::state::netfilter::{Counters, Ruleset, Statement};
use netdiag::state::netns::NsId;
use netdiag::state::{Fact, Netns};

/// Sysctls that count, or that the kernel adjusts by itself.
const MOVING: [&str; 3] = ["nf_conntrack_count", "netdev_rss_key", "dirty"];

/// Where the two part; empty where they are the same.
pub(super) fn differences(
    live: &Netns,
    printed: &Netns,
    ports: &[(IfIndex, BridgePort)],
    as_text: bool,
) -> String {
    let (live, printed) = (at_rest(live, as_text), at_rest(printed, as_text));
    let mut text = String::new();
    differ(&mut text, "links", &live.links, &printed.links, false);
    differ(&mut text, "addresses", &live.addresses, &printed.addresses, true);
    differ(&mut text, "routes", &live.routes, &printed.routes, false);
    differ(&mut text, "nexthops", &live.nexthops, &printed.nexthops, false);
    differ(&mut text, "rules", &live.rules, &printed.rules, false);
    differ(&mut text, "neighbors", &live.neighbors, &printed.neighbors, true);
    differ(&mut text, "fdb", &live.fdb, &printed.fdb, true);
    differ(&mut text, "vlans", &live.vlans, &printed.vlans, true);
    differ(&mut text, "netfilter", &live.netfilter, &printed.netfilter, true);
    let own: Vec<(IfIndex, BridgePort)> = live
        .links
        .items()
        .iter()
        .filter_map(|link| {
            // bridge(8) does not print a port's number; ip(8) does, among the links.
            let port = BridgePort {
                number: 0,
                ..link.port.clone()?
            };
            Some((link.index, port))
        })
        .collect();
    differ(
        &mut text,
        "ports",
        &Fact::Known(own),
        &Fact::Known(ports.to_vec()),
        true,
    );
    sysctls(&mut text, &live.sysctls, &printed.sysctls);
    text
}

fn at_rest(net: &Netns, as_text: bool) -> Netns {
    let mut net = net.clone();
    if let Fact::Known(links) = &mut net.links {
        for link in links {
            // ip(8) without -s has no counters, -j has no features, nor the carrier of a link that is down.
            link.counters = None;
            link.features = None;
            link.carrier = link.carrier.filter(|_| link.is_up());
            // Text has a name in place of a namespace's number: whether it is the right one is seen by the pods.
            if as_text && let Some(lower) = &mut link.lower {
                lower.netns = lower.netns.map(|_| NsId(0));
            }
        }
    }
    if let Fact::Known(addresses) = &mut net.addresses {
        for address in addresses {
            address.created = None;
        }
    }
    if let Fact::Known(routes) = &mut net.routes {
        for route in routes {
            // -j does not say that a metric is locked.
            route.mtu = route.mtu.map(|(mtu, _)| (mtu, false));
        }
    }
    if let Fact::Known(neighbors) = &mut net.neighbors {
        for neighbor in neighbors {
            neighbor.confirmed_seconds = None;
            calm(&mut neighbor.state);
        }
    }
    if let Fact::Known(fdb) = &mut net.fdb {
        for entry in fdb {
            calm(&mut entry.state);
        }
    }
    if let Fact::Known(rulesets) = &mut net.netfilter {
        rulesets.retain(|ruleset| !ruleset.tables.is_empty());
        rulesets.iter_mut().for_each(uncounted);
    }
    net
}

fn calm(state: &mut NeighborState) {
    if state.answered() {
        *state = NeighborState::Stale;
    }
}

fn uncounted(ruleset: &mut Ruleset) {
    for table in &mut ruleset.tables {
        for element in table.sets.iter_mut().flat_map(|set| &mut set.elements) {
            element.counters = None;
            element.expires = None;
        }
        for chain in &mut table.chains {
            if let Some(base) = &mut chain.base {
                base.counters = None;
            }
            for rule in &mut chain.rules {
                rule.counters = None;
                for statement in &mut rule.statements {
                    if let Statement::Counter(counters) = statement {
                        *counters = Counters::default();
                    }
                }
            }
        }
    }
}

/// `sorted`: where the order is a hash table's, or each side's own.
fn differ<T: Clone + PartialEq + Debug>(
    text: &mut String,
    item: &str,
    live: &Fact<Vec<T>>,
    printed: &Fact<Vec<T>>,
    sorted: bool,
) {
    for (side, fact) in [("netdiag", live), ("tools", printed)] {
        if let Some(why) = fact.why() {
            _ = writeln!(text, "{item}: {side}: {why}");
            return;
        }
    }
    let (mut live, mut printed) = (live.items().to_vec(), printed.items().to_vec());
    if sorted {
        live.sort_by_cached_key(|one| format!("{one:?}"));
        printed.sort_by_cached_key(|one| format!("{one:?}"));
    }
    if live == printed {
        return;
    }
    let before = text.len();
    for (side, these, those) in [("netdiag", &live, &printed), ("tools", &printed, &live)] {
        for one in these.iter().filter(|one| !those.contains(one)) {
            _ = writeln!(text, "{item}: only {side}: {one:?}");
        }
    }
    if text.len() == before {
        _ = writeln!(
            text,
            "{item}: in another order, or not as often: {live:?}\n{printed:?}"
        );
    }
}

/// netdiag reads fewer of them, and no other values.
fn sysctls(
    text: &mut String,
    live: &Fact<BTreeMap<String, String>>,
    printed: &Fact<BTreeMap<String, String>>,
) {
    let (Some(live), Some(printed)) = (live.known(), printed.known()) else {
        _ = writeln!(text, "sysctls: {:?} {:?}", live.why(), printed.why());
        return;
    };
    let blanks = |value: &str| value.split_whitespace().collect::<Vec<_>>().join(" ");
    for (key, value) in live {
        if MOVING.iter().any(|moving| key.ends_with(moving)) {
            continue;
        }
        match printed.get(key) {
            Some(other) if blanks(value) == blanks(other) => {}
            other => _ = writeln!(text, "sysctl {key}: netdiag {value:?}, the tool {other:?}"),
        }
    }
    for key in [
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.lo.rp_filter",
    ] {
        if !live.contains_key(key) {
            _ = writeln!(text, "sysctl {key}: not read");
        }
    }
}
