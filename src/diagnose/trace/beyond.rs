//! Walks that leave what was seen: who the next hop is by the objects, and what to fetch.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, docker_bridge};
use crate::diagnose::finding::Sure;
use crate::forward::walk::{Missing, Unclear, What};

pub(super) fn missing(case: &Case, missing: &Missing) -> Explained {
    let who = case.who();
    match missing {
        Missing::Beyond {
            link,
            next,
            mac: _,
            dst,
        } => beyond(case, link, next.unwrap_or(*dst)),
        Missing::Routes(why) => unseen(case, format!("the routes of {who} are not known"), why),
        Missing::Netfilter(why) => unseen(case, format!("the netfilter rules of {who} are not known"), why)
            .step("run netdiag as root there, with iptables-save and nft installed"),
        Missing::Rule(rule, unclear) => {
            let title = match unclear {
                Unclear::Meaning => format!("{who} has a rule that netdiag can't judge"),
                Unclear::Target => format!("{who} has a rule whose target can't be told"),
                Unclear::Devices => format!("on {who} a chain is of links that nft's listing doesn't name"),
                Unclear::Queue => format!("on {who} a program decides, by NFQUEUE"),
            };
            Explained::new("rule-not-understood", case, Sure::Possible, title)
                .because("what it does depends on something that is not in the snapshot")
                .shown(format!("{} of {}", rule.chain, rule.table), rule.to_string())
                .step("watch its counters while you ping: they tell whether it is this rule")
        }
        other => Explained::new("state-not-seen", case, Sure::Possible, other.to_string()),
    }
}

fn unseen(case: &Case, title: String, why: &str) -> Explained {
    let node = &case.place.node.name;
    Explained::new("state-not-seen", case, Sure::Possible, title)
        .because(why.to_owned())
        .netdiag(format!("netdiag snapshot save --nodes {node} -o {node}.zst"))
}

/// The next hop was not seen. If it is a Node, its snapshot decides; if it is none, the objects say whether a router can
/// know pods.
fn beyond(case: &Case, link: &str, next: IpAddr) -> Explained {
    let who = case.who();
    let dst = case.first_packet().map_or(next, |packet| packet.dst);
    let route = case
        .last(What::Route)
        .map_or_else(String::new, |step| step.text.clone());
    let named = named(case, next);
    if let Some(node) = named {
        return Explained::new(
            "node-not-seen",
            case,
            Sure::Possible,
            format!("leaves {who} by {link} for {next}, which is {node}: no state of that node"),
        )
        .because(format!("what {node} does with it was not seen"))
        .shown(format!("ip route on {who}"), route)
        .shown(format!("Node({node})"), next.to_string())
        .netdiag(format!("netdiag snapshot save --nodes {node} -o {node}.zst"))
        .step(format!(
            "then trace again with --snapshot {node}.zst beside the others"
        ));
    }
    let pool = case
        .scene
        .cluster
        .and_then(|cluster| cluster.pools.iter().find(|pool| pool.cidr.contains(&dst)));
    if let Some(pool) = pool
        && next != dst
    {
        return Explained::new(
            "plain-packet-through-router",
            case,
            Sure::Likely,
            format!("leaves {who} by {link} for {next}, which is not a node, with {dst} of pool {pool}"),
        )
        .because(format!(
            "the nodes are in different segments, and the router {next} knows no pods: the pool needs IPIP or VXLAN CrossSubnet (or Always), or the router must learn the blocks"
        ))
        .shown(format!("ip route on {who}"), route)
        .shown("Nodes of the datastore", format!("none has {next}"))
        .netdiag("netdiag get ippool -o yaml > pool.yaml")
        .step("set ipipMode: CrossSubnet (or vxlanMode) in pool.yaml, then netdiag apply -f pool.yaml")
        .step("or peer the router: a BGPPeer with its address and AS, and the same on the router");
    }
    let explained = Explained::new(
        "next-hop-not-seen",
        case,
        Sure::Possible,
        format!("leaves {who} by {link} for {next}: no state of who that is"),
    )
    .shown(format!("ip route on {who}"), route);
    let explained = match case.scene.cluster {
        Some(_) => explained.because(format!(
            "{next} is no Node of the datastore: a router, or a host outside"
        )),
        None => explained.because(format!(
            "nobody who was seen has {next}, and the datastore's objects are not known"
        )),
    };
    explained
        .step("if it is a node: save its snapshot, and trace with both (--snapshot, repeatable; or --nodes)")
}

/// The Node with an address, by the objects.
fn named(case: &Case, ip: IpAddr) -> Option<String> {
    let node = case.scene.cluster?.nodes_at(ip).next()?;
    Some(node.name.clone())
}

/// It left for somebody unseen, and others like it got no answer.
pub(super) fn unanswered(case: &Case, src: IpAddr, dst: IpAddr, entry: &str) -> Explained {
    let who = case.who();
    let explained = Explained::new(
        "beyond-silent",
        case,
        Sure::Possible,
        format!("{dst} gets packets from {src}, and {who} sees no answer"),
    )
    .shown(format!("conntrack -L on {who}"), entry);
    let (_, host) = case.host_of(case.id);
    if let Some((bridge, net)) = docker_bridge(host, src) {
        let (node, name) = (&host.node.name, &bridge.name);
        let rule = format!("POSTROUTING -s {net} ! -o {name} -j MASQUERADE");
        return explained
            .sure(Sure::Likely)
            .because(format!(
                "{node} sends packets of its containers out with their own addresses, to which {dst} has no way back: MASQUERADE is missing"
            ))
            .run(node, format!("iptables -t nat -A {rule}"), format!("iptables -t nat -D {rule}"))
            .step("for good: systemctl restart docker writes all its rules anew");
    }
    explained
        .because(format!(
            "nothing of {dst} was seen: it is off, drops what comes, or has no way back to {src}"
        ))
        .step(format!(
            "look there whether the packets come (netdiag capture), and at its route to {src}"
        ))
}
