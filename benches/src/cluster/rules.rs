//! Rules and sets as kube-proxy and Felix write them.

use std::fmt::Write;

use ipnet::IpNet;
use netdiag::parse::iptables::iptables_save;
use netdiag::state::ipset::{Element, IpSet, Part};
use netdiag::state::netfilter::{Dialect, Ruleset};

use super::names::{address, pod_link};
use super::{Cluster, names};
use crate::Random;

/// Members of one set.
const OF_A_SET: usize = 500;

/// Rules that a Calico pod has, both ways.
const OF_A_POD: usize = 14;

/// Beside those of pods and services.
const FRAME: usize = 12;

/// Rules that a service has.
const OF_A_SERVICE: usize = 10;

fn say(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{line}");
}

fn read(text: &str) -> Ruleset {
    iptables_save(text, Dialect::IptablesNft).unwrap_or(Ruleset {
        dialect: Dialect::IptablesNft,
        tables: Vec::new(),
    })
}

/// kube-proxy's table `nat`: the same on all nodes.
pub(super) fn services(cluster: &Cluster) -> Ruleset {
    let pods = if cluster.flavour.is_calico() {
        cluster.pods * OF_A_POD
    } else {
        0
    };
    let count = cluster.rules.saturating_sub(pods + FRAME) / OF_A_SERVICE;
    let mut text = String::from(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
         :KUBE-MARK-MASQ - [0:0]\n:KUBE-POSTROUTING - [0:0]\n:KUBE-SERVICES - [0:0]\n",
    );
    let mut rules = String::from(
        "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
         -A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
         -A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING\n\
         -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n\
         -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n\
         -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\n\
         -A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n",
    );
    rules.push_str(if cluster.flavour.is_calico() {
        "-A POSTROUTING -m comment --comment \"cali:flqWnvo8yq4ULQLa\" -m set --match-set cali40masq-ipam-pools src \
         -m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully\n"
    } else {
        "-A POSTROUTING -s 10.0.0.0/8 ! -d 10.0.0.0/8 -m comment --comment \"flanneld masq\" -j MASQUERADE\n"
    });
    for number in 0..count {
        service(cluster, number, &mut text, &mut rules);
    }
    read(&format!("{text}{rules}COMMIT\n"))
}

/// kube-proxy's chains for a service with three endpoints.
fn service(cluster: &Cluster, number: usize, chains: &mut String, rules: &mut String) {
    let chain = format!("KUBE-SVC-{number:016X}");
    let comment = format!("-m comment --comment \"default/service{number}:http");
    let ip = address([10, 96, 0, 0].into(), number + 1);
    say(chains, format_args!(":{chain} - [0:0]"));
    say(
        rules,
        format_args!(
            "-A KUBE-SERVICES -d {ip}/32 -p tcp {comment} cluster IP\" -m tcp --dport 80 -j {chain}"
        ),
    );
    let ends: Vec<(String, std::net::Ipv4Addr)> = (0..3)
        .map(|end| {
            let which = number * 3 + end;
            let pod = which / cluster.nodes.max(1) % cluster.pods.max(1);
            let ip = super::names::pod_ip(cluster, which % cluster.nodes.max(1), pod);
            (format!("KUBE-SEP-{which:016X}"), ip)
        })
        .collect();
    for ((name, pod), chance) in ends.iter().zip(["0.33333333349", "0.50000000000", ""]) {
        let random = if chance.is_empty() {
            String::new()
        } else {
            format!("-m statistic --mode random --probability {chance} ")
        };
        say(chains, format_args!(":{name} - [0:0]"));
        say(
            rules,
            format_args!("-A {chain} {comment} -> {pod}:8080\" {random}-j {name}"),
        );
        say(
            rules,
            format_args!("-A {name} -s {pod}/32 {comment}\" -j KUBE-MARK-MASQ"),
        );
        say(
            rules,
            format_args!("-A {name} -p tcp {comment}\" -m tcp -j DNAT --to-destination {pod}:8080"),
        );
    }
}

/// A node's rulesets: Felix's for its pods, and the services.
pub(super) fn node(cluster: &Cluster, node: usize, services: &Ruleset) -> Vec<Ruleset> {
    let mut ruleset = services.clone();
    if cluster.flavour.is_calico() {
        ruleset.tables.splice(0..0, read(&filter(cluster, node)).tables);
    }
    vec![ruleset]
}

fn filter(cluster: &Cluster, node: usize) -> String {
    let mut chains = String::from(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         :cali-FORWARD - [0:0]\n:cali-from-wl-dispatch - [0:0]\n:cali-to-wl-dispatch - [0:0]\n",
    );
    let mut rules = String::from(
        "-A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j cali-FORWARD\n\
         -A cali-FORWARD -i cali+ -m comment --comment \"cali:8ZoYfO5HKXWbB3pk\" -j cali-from-wl-dispatch\n\
         -A cali-FORWARD -o cali+ -m comment --comment \"cali:jdEuaPBe14V2hutn\" -j cali-to-wl-dispatch\n\
         -A cali-FORWARD -m comment --comment \"cali:MH9kMp5aNICL-Olv\" -j ACCEPT\n",
    );
    let sets = cluster.members.div_ceil(OF_A_SET);
    for pod in 0..cluster.pods {
        let link = pod_link(node, pod);
        for (way, option, dispatch) in [("tw", "-o", "to"), ("fw", "-i", "from")] {
            felix(pod, sets, &link, (way, option, dispatch), &mut chains, &mut rules);
        }
    }
    format!("{chains}{rules}COMMIT\n")
}

/// Felix's chain for the traffic of one pod, one way: its profile lets everything pass.
fn felix(
    pod: usize,
    sets: usize,
    link: &str,
    (way, option, dispatch): (&str, &str, &str),
    chains: &mut String,
    rules: &mut String,
) {
    let chain = format!("cali-{way}-{link}");
    let hash = |rule: usize| format!("-m comment --comment \"cali:{way}{pod:06}rule{rule:04}\"");
    say(chains, format_args!(":{chain} - [0:0]"));
    say(
        rules,
        format_args!(
            "-A cali-{dispatch}-wl-dispatch {option} {link} {} -g {chain}",
            hash(0)
        ),
    );
    for (rule, state) in [(1, "RELATED,ESTABLISHED -j ACCEPT"), (2, "INVALID -j DROP")] {
        say(
            rules,
            format_args!("-A {chain} {} -m conntrack --ctstate {state}", hash(rule)),
        );
    }
    say(
        rules,
        format_args!("-A {chain} {} -j MARK --set-xmark 0x0/0x10000", hash(3)),
    );
    if sets > 0 {
        let set = set_name(pod % sets);
        say(
            rules,
            format_args!("-A {chain} {} -m set --match-set {set} src -j DROP", hash(4)),
        );
    }
    say(
        rules,
        format_args!("-A {chain} {} -j MARK --set-xmark 0x10000/0x10000", hash(5)),
    );
    say(
        rules,
        format_args!("-A {chain} {} -m mark --mark 0x10000/0x10000 -j RETURN", hash(6)),
    );
    say(rules, format_args!("-A {chain} {} -j DROP", hash(7)));
}

fn set_name(number: usize) -> String {
    format!("cali40s:set{number:018}")
}

/// The pools, which all pods are in, and sets of networks that none is in.
pub(super) fn sets(cluster: &Cluster, random: &mut Random) -> Vec<IpSet> {
    let mut left = cluster.members;
    let pools = ["cali40masq-ipam-pools", "cali40all-ipam-pools"].map(|name| IpSet {
        name: name.into(),
        kind: "hash:net".into(),
        elements: vec![Element {
            parts: vec![Part::Net(names::pool())],
            ..Element::default()
        }],
        ..IpSet::default()
    });
    let others = (0..cluster.members.div_ceil(OF_A_SET)).map(|number| {
        let count = left.min(OF_A_SET);
        left -= count;
        IpSet {
            name: set_name(number).into(),
            kind: "hash:net".into(),
            elements: (0..count).map(|_| member(random)).collect(),
            ..IpSet::default()
        }
    });
    pools.into_iter().chain(others).collect()
}

fn member(random: &mut Random) -> Element {
    let ip = address([192, 168, 0, 0].into(), random.below(65_536));
    Element {
        parts: vec![Part::Net(IpNet::from(std::net::IpAddr::V4(ip)))],
        ..Element::default()
    }
}
