//! Felix's sets of pools and hosts, and what they decide: which packets leave with the node's address.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::intent::Cluster;
use crate::intent::kernel::sets::{HOSTS, VTEPS};
use crate::intent::pool::Pool;
use crate::state::ipset::{Element, Part};
use crate::state::{Fact, NodeState};

/// Its name without the prefix, which pools are in it, and what for.
type Set = (&'static str, fn(&Pool) -> bool, &'static str);

/// Felix's names (`felix/rules/rule_defs.go`, `cali40` before).
const SETS: [Set; 2] = [
    (
        "all-ipam-pools",
        |_| true,
        "packets to it from other pools are not masqueraded",
    ),
    (
        "masq-ipam-pools",
        |pool| pool.nat_outgoing,
        "packets of its pods to outside of all pools leave with the node's address",
    ),
];

fn of(cluster: &Cluster, v6: bool, takes: fn(&Pool) -> bool) -> BTreeSet<IpNet> {
    let pools = cluster.pools.iter();
    pools
        .filter(|pool| pool.cidr.addr().is_ipv6() == v6 && takes(pool))
        .map(|pool| pool.cidr)
        .collect()
}

fn name(set: &str, v6: bool) -> String {
    format!("cali{}{set}", if v6 { "60" } else { "40" })
}

/// A line for each element that comes or goes, the same on all nodes.
pub(super) fn lines([before, after]: [&Cluster; 2]) -> Vec<String> {
    let mut lines = Vec::new();
    for v6 in [false, true] {
        for (set, takes, what) in SETS {
            let [old, new] = [before, after].map(|cluster| of(cluster, v6, takes));
            let name = name(set, v6);
            lines.extend(new.difference(&old).map(|net| format!("{name} + {net}: {what}")));
            lines.extend(
                old.difference(&new)
                    .map(|net| format!("{name} - {net}: no longer so: {what}")),
            );
        }
    }
    lines
}

/// Puts them into a node's sets, where it has those.
pub(super) fn write(state: &mut NodeState, clusters: [&Cluster; 2]) {
    let hosts = |cluster: &Cluster| -> BTreeSet<IpNet> {
        let nodes = cluster.nodes.iter();
        nodes
            .filter_map(|node| node.ipv4)
            .map(|own| IpNet::from(own.ip))
            .collect()
    };
    let [old, mut new] = clusters.map(hosts);
    replace(state, HOSTS, &old, &new);
    // VXLAN is taken of others only.
    let own = clusters.map(|cluster| Some(IpNet::from(cluster.node(&state.name)?.ipv4?.ip)));
    new.retain(|net| !own.contains(&Some(*net)));
    replace(state, VTEPS, &old, &new);
    for v6 in [false, true] {
        for (set, takes, _) in SETS {
            let [old, new] = clusters.map(|cluster| of(cluster, v6, takes));
            replace(state, &name(set, v6), &old, &new);
        }
    }
}

fn replace(state: &mut NodeState, name: &str, old: &BTreeSet<IpNet>, new: &BTreeSet<IpNet>) {
    let Fact::Known(sets) = &mut state.net.ipsets else {
        return;
    };
    let Some(set) = sets.iter_mut().find(|set| *set.name == *name) else {
        return;
    };
    set.elements.retain(|element| {
        let net = element.net();
        !net.is_some_and(|net| old.contains(&net) && !new.contains(&net))
    });
    for net in new.difference(old) {
        if !set.elements.iter().any(|element| element.net() == Some(*net)) {
            set.elements.push(Element {
                parts: vec![Part::Net(*net)],
                ..Element::default()
            });
        }
    }
}
