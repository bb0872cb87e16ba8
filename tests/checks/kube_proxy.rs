//! Rules of a real kube-proxy, in each of its modes, beside the objects that it was told by a real API server.

use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag::intent::documents;
use netdiag::state::{Fact, Objects, Snapshot};
use netdiag_lab::kinds::{Draft, KubeProxy, Network, systems};
use netdiag_lab::{or_skip, ovs};

use crate::made::found;
use crate::mended::{collected, each, typed};

const RULES: &str = "service-rules-missing";

/// What is wrong with the lab's services on purpose: one without pods, and one that answers on one node, and nobody who asks
/// inside on another.
const ON_PURPOSE: [&str; 3] = [
    "service-without-endpoints",
    "node-port-on-some-nodes",
    "service-local-without-endpoint",
];

pub(crate) fn state(network: &Network) -> Snapshot {
    let mut objects = Objects {
        store: "the lab's API server".into(),
        ..Objects::default()
    };
    let text = network.objects().unwrap().unwrap();
    for document in text.split("---\n").filter(|document| !document.trim().is_empty()) {
        documents::add(&mut objects, serde_json::from_str(document).unwrap());
    }
    Snapshot {
        nodes: network.lab().nodes().map(collected).collect(),
        objects: Fact::Known(objects),
        ..Snapshot::default()
    }
}

fn of_rules(network: &Network) -> Vec<Finding> {
    let mut findings = found(&state(network));
    findings.retain(|finding| finding.id == RULES);
    findings
}

/// States of a cluster, and whether rules and objects part in them, on which node.
const STATES: [(&str, Option<&str>); 15] = [
    ("kube-proxy is gone, and so is an endpoint", Some("n3")),
    ("kube-proxy is gone, and there is a new service", Some("n1")),
    ("kube-proxy is gone, and a service has another port", Some("n3")),
    ("the rules of services were flushed", Some("n3")),
    ("the rules of NodePorts were flushed", Some("n3")),
    ("what comes from outside is not masqueraded", Some("n3")),
    // What is not its fault.
    ("the service's target port is one that nobody listens on", None),
    ("no endpoint is ready", None),
    ("the selector is mistyped, so that there are no endpoints", None),
    (
        "a NodePort of the policy Local is asked at a node without an endpoint",
        None,
    ),
    (
        "a service of the internal policy Local has no endpoint on a node",
        None,
    ),
    ("the load balancer's addresses are for others only", None),
    ("a tracked connection goes to an endpoint that is gone", None),
    ("nothing is forwarded", None),
    ("an endpoint's link is down", None),
];

#[test]
fn rules_of_services_that_part_from_the_objects_are_told_and_others_are_not() {
    let mut rows = Vec::new();
    for system in systems() {
        if !["kube-proxy iptables", "kube-proxy nftables"].contains(&system.name) {
            continue;
        }
        for state in system.broken {
            let row = STATES.iter().find(|(what, _)| *what == state.what);
            rows.extend(row.map(|(_, at)| (system.name, state, *at)));
        }
    }
    assert_eq!(rows.len(), 2 * STATES.len(), "a row names no state");
    let wrong = each(rows, |(of, state, at)| {
        let network = or_skip(state.draft.up())?;
        // Those that run have a second until they follow.
        std::thread::sleep(Duration::from_secs(3));
        let findings = of_rules(&network);
        let nodes: Vec<&str> = findings.iter().map(|finding| finding.node.as_str()).collect();
        let expected: Vec<&str> = at.into_iter().collect();
        (nodes != expected).then(|| format!("{of}: {}: {findings:#?}", state.what))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_whole_cluster_has_the_rules_of_its_services() {
    let all = vec![KubeProxy::Iptables, KubeProxy::Legacy, KubeProxy::Nftables];
    let wrong = each(all, |mode| {
        let network = or_skip(mode.draft().up())?;
        network.works().unwrap();
        let mut findings = found(&state(&network));
        findings.retain(|finding| !ON_PURPOSE.contains(&finding.id));
        (!findings.is_empty()).then(|| format!("{mode:?}: {findings:#?}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rules that somebody took away while kube-proxy runs.
const TAKEN: [(&str, &str); 7] = [
    ("all rules of services", "IPT -t nat -F KUBE-SERVICES"),
    ("NodePorts", "IPT -t nat -F KUBE-NODEPORTS"),
    (
        "one service",
        "IPT -t nat -S KUBE-SERVICES | sed -n 's/-A \\(.*10.96.0.10.32.*\\)/IPT -t nat -D \\1/p' | sh",
    ),
    (
        "an endpoint",
        "for chain in $(IPT -t nat -S | sed -n 's/-A \\(KUBE-SEP-[A-Z0-9]*\\) .*10.244.2.2:8080/\\1/p'); do IPT -t nat -F $chain; done",
    ),
    (
        // A client of UDP would stay with whom it was sent to.
        "the right endpoint",
        "for chain in $(IPT -t nat -S | sed -n 's/-A \\(KUBE-SEP-[A-Z0-9]*\\) .*-p tcp .*10.244.2.2:8080/\\1/p'); do IPT -t nat -F $chain; \
         IPT -t nat -A $chain -p tcp -m tcp -j DNAT --to-destination 10.244.2.77:8080; done",
    ),
    (
        "what leads to them",
        "for base in PREROUTING OUTPUT; do IPT -t nat -D $base -m comment --comment 'kubernetes service portals' -j KUBE-SERVICES; done",
    ),
    ("masquerading", "IPT -t nat -F KUBE-POSTROUTING"),
];

/// Breaks, finds, types what is printed, and sees that packets pass.
fn mended(mode: KubeProxy, what: &str, script: &str) -> Option<String> {
    let what = format!("{mode:?} without {what}");
    let command = if mode == KubeProxy::Legacy {
        "iptables-legacy"
    } else {
        "iptables-nft"
    };
    let draft: Draft = mode.draft().settles_within(Duration::from_secs(60));
    let network = or_skip(draft.up())?;
    network.works().unwrap();
    ovs::sh(network.lab().node("n3"), &script.replace("IPT", command)).unwrap();
    let lost = |network: &Network| {
        network
            .ways()
            .iter()
            .any(|way| way.answered && !network.answers(way).unwrap())
    };
    if !lost(&network) {
        return Some(format!("{what}: it works, broken as it is"));
    }
    let findings = of_rules(&network);
    let [finding] = findings.as_slice() else {
        return Some(format!("{what}: {findings:#?}"));
    };
    if let Some(error) = typed(&network, &finding.fix.commands) {
        return Some(format!("{what}: {error}"));
    }
    if let Err(error) = network.works() {
        return Some(format!("{what}: {finding:#?}: {error}"));
    }
    let left = of_rules(&network);
    (!left.is_empty()).then(|| format!("{what}: mended, and yet {left:#?}"))
}

#[test]
fn what_is_printed_brings_the_rules_of_services_back() {
    let mut rows: Vec<_> = TAKEN.into_iter().map(|row| (KubeProxy::Iptables, row)).collect();
    rows.extend([TAKEN[1], TAKEN[4], TAKEN[5]].map(|row| (KubeProxy::Legacy, row)));
    let wrong = each(rows, |(mode, (what, script))| mended(mode, what, script));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of two endpoints, a pod is sent to itself now and then.
#[test]
fn a_pod_that_its_own_service_sends_to_itself_is_told_and_mended() {
    let modes = vec!["kube-proxy iptables", "kube-proxy nftables"];
    let wrong = each(modes, |name| {
        let mut all = systems().into_iter();
        let broken = all.find(|system| system.name == name).unwrap().broken;
        let what = "a pod may not be answered through its own port";
        let state_of = broken.into_iter().find(|state| state.what == what).unwrap();
        let network = or_skip(state_of.draft.up())?;
        if network.works().is_ok() {
            return Some(format!("{name}: it works, broken as it is"));
        }
        let of_port = || {
            let mut findings = found(&state(&network));
            findings.retain(|finding| !ON_PURPOSE.contains(&finding.id));
            findings
        };
        let findings = of_port();
        let [finding] = findings.as_slice() else {
            return Some(format!("{name}: {findings:#?}"));
        };
        if (finding.id, finding.node.as_str()) != ("hairpin-off", "n1") {
            return Some(format!("{name}: {finding:#?}"));
        }
        typed(&network, &finding.fix.commands)
            .or_else(|| network.works().err().map(|error| format!("{name}: {error}")))
            .or_else(|| {
                Some(of_port())
                    .filter(|left| !left.is_empty())
                    .map(|left| format!("{name}: {left:#?}"))
            })
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_node_without_a_kube_proxy_is_told() {
    let network = or_skip(KubeProxy::Iptables.draft().up());
    let Some(network) = network else { return };
    let mut snapshot = state(&network);
    let rulesets = &mut snapshot
        .nodes
        .iter_mut()
        .find(|node| node.name == "n2")
        .unwrap()
        .net
        .netfilter;
    let Fact::Known(rulesets) = rulesets else {
        panic!("no rules")
    };
    for table in rulesets.iter_mut().flat_map(|ruleset| &mut ruleset.tables) {
        table.chains.retain(|chain| !chain.name.starts_with("KUBE-"));
    }
    let mut findings = found(&snapshot);
    findings.retain(|finding| !ON_PURPOSE.contains(&finding.id));
    assert!(
        matches!(findings.as_slice(), [one] if one.id == RULES && one.node == "n2"),
        "{findings:#?}"
    );
}

/// Objects are read before the nodes: what all nodes have otherwise is newer.
#[test]
fn endpoints_that_moved_while_nodes_were_read_are_nobodys_fault() {
    let network = or_skip(KubeProxy::Iptables.draft().up());
    let Some(network) = network else { return };
    let mut snapshot = state(&network);
    let objects = snapshot.objects.known().unwrap().kubernetes.clone();
    let moved = objects.known().unwrap().iter().map(|object| {
        let text = object.to_string();
        let moved = text.replace("\"10.244.2.2\"", "\"10.244.2.99\"");
        let is_slice = object["kind"] == "EndpointSlice";
        assert!(!is_slice || !text.contains("10.244.2.2\"") || moved != text);
        serde_json::from_str(if is_slice { &moved } else { &text }).unwrap()
    });
    let moved = moved.collect();
    if let Fact::Known(objects) = &mut snapshot.objects {
        objects.kubernetes = Fact::Known(moved);
    }
    let of_rules = |snapshot: &Snapshot| {
        let findings = found(snapshot).into_iter();
        findings.filter(|finding| finding.id == RULES).count()
    };
    assert_eq!(of_rules(&snapshot), 0);
    // Of one node alone, nobody knows who is behind.
    snapshot.nodes.retain(|node| node.name == "n3");
    assert_eq!(of_rules(&snapshot), 1);
}

#[test]
fn rules_of_two_modes_are_told() {
    let Some(network) = or_skip(KubeProxy::Nftables.draft().up()) else {
        return;
    };
    let left_over = "iptables-nft -t nat -N KUBE-SVC-OLD; iptables-nft -t nat -N KUBE-SERVICES
        iptables-nft -t nat -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp --dport 80 -j KUBE-SVC-OLD
        iptables-nft -t nat -A OUTPUT -j KUBE-SERVICES";
    ovs::sh(network.lab().node("n3"), left_over).unwrap();
    let mut findings = found(&state(&network));
    findings.retain(|finding| !ON_PURPOSE.contains(&finding.id));
    assert!(
        matches!(findings.as_slice(), [one] if one.id == "kube-proxy-mode-differs" && one.node == "n3"),
        "{findings:#?}"
    );
}
