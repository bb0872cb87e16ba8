//! Calico's natOutgoing: why what leaves the cluster kept a pod's address.

use std::net::IpAddr;

use super::Explained;
use super::case::Case;
use crate::diagnose::finding::Sure;
use crate::forward::topology::{Place, PlaceId};
use crate::forward::walk::What;
use crate::intent::kernel::sets::{MASQUERADED, POOLS};

/// Felix's chain (`felix/rules/nat.go`).
const CHAIN: &str = "cali-nat-outgoing";

/// An answer for a pod has no way, at somebody who is no node: the question should have had its node's address.
pub(super) fn outgoing(case: &Case, owner: PlaceId, host: &Place, dst: IpAddr) -> Option<Explained> {
    let there = case.there?;
    let topology = case.scene.topology;
    topology.place(owner).namespace.as_ref()?;
    let asked = there.state.trail.first()?.packet.as_deref()?.dst;
    let knows_pods = |place: &Place| !place.node.namespaces.items().is_empty();
    let outside = topology
        .places()
        .any(|(_, place)| place.has(asked) && !knows_pods(place));
    let translated = there
        .state
        .trail
        .iter()
        .any(|step| step.what == What::Nat && std::ptr::eq(topology.place(step.place).node, host.node));
    if !is_calico(host) || !outside || knows_pods(case.place) || translated {
        return None;
    }
    let (who, node) = (case.who(), &host.node.name);
    let mut explained = Explained::new(
        "masquerade-missing",
        case,
        Sure::Likely,
        format!(
            "{node} sends packets of its pods out with their own addresses, and {who} knows no way back to {dst}"
        ),
    );
    explained.finding.node.clone_from(node);
    let explained = explained.shown(format!("ip route get {dst} on {who}"), "no route");
    let mend = "set natOutgoing: true in the IPPool: netdiag get ippool -o yaml, then netdiag apply -f; or give the outside routes to the pool (by BGP, or static)";
    if holds(host, POOLS, asked) == Some(true) {
        return Some(
            explained
                .sure(Sure::Proved)
                .because(format!(
                    "{asked} counts as an address of a pool, and so natOutgoing leaves packets for it alone"
                ))
                .shown(
                    format!("ipset test {POOLS} {asked} on {node}"),
                    "it is in the set",
                )
                .step("make the pool smaller, so that no outside address is in it: its cidr in the IPPool"),
        );
    }
    let explained = match (has_rule(host), holds(host, MASQUERADED, dst)) {
        (true, Some(false)) => explained
            .sure(Sure::Proved)
            .because(format!("natOutgoing is off for the pool of {dst}"))
            .shown(
                format!("ipset test {MASQUERADED} {dst} on {node}"),
                "it is not in the set",
            ),
        (false, Some(true)) => {
            return Some(
                explained
                    .sure(Sure::Proved)
                    .because(format!("natOutgoing is on for the pool of {dst}, but Felix's rule is not asked: somebody flushed table nat"))
                    .shown(format!("iptables-save -t nat on {node}"), format!("no packet comes to a MASQUERADE of {CHAIN}"))
                    .look(node, format!("iptables-save -c -t nat | grep -e {CHAIN} -e POSTROUTING"))
                    .step(format!("restart calico-node on {node}: Felix writes its rules anew")),
            );
        }
        _ => explained.because(format!(
            "natOutgoing is off for the pool of {dst}, or Felix's rules for it are gone"
        )),
    };
    Some(explained.step(mend))
}

fn is_calico(host: &Place) -> bool {
    let links = host.net.links.items();
    links.iter().any(|link| link.name.starts_with("cali"))
}

/// Whether packets come to Felix's rule: its chain has one, and is asked from POSTROUTING by way of Felix's.
fn has_rule(host: &Place) -> bool {
    let tables = host
        .net
        .netfilter
        .items()
        .iter()
        .flat_map(|ruleset| &ruleset.tables);
    let chains: Vec<_> = tables
        .filter(|table| &*table.name == "nat")
        .flat_map(|table| &table.chains)
        .collect();
    let says = |chain: &str, word: &str| {
        chains
            .iter()
            .filter(|known| &*known.name == chain)
            .flat_map(|known| &known.rules)
            .any(|rule| rule.text.contains(word))
    };
    says(CHAIN, "MASQUERADE") && says("cali-POSTROUTING", CHAIN) && says("POSTROUTING", "cali-POSTROUTING")
}

/// Whether an address is in a set of networks; none where there is no such set.
fn holds(host: &Place, name: &str, ip: IpAddr) -> Option<bool> {
    Some(host.net.ipset(name)?.nets().any(|net| net.contains(&ip)))
}
