use std::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::parse::iptables::iptables_save;
use crate::state::Fact;
use crate::state::ipvs::{RealServer, VirtualSelect, VirtualServer};
use crate::state::netfilter::Dialect;
use crate::state::{Absence, NodeState};

fn service(name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    if spec["ports"].is_null() {
        spec["ports"] = json!([{"name": "http", "port": 80, "nodePort": 30080}]);
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

fn slice(name: &str, endpoints: &Value) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": name}},
        "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]})
}

fn two() -> Value {
    json!([{"addresses": ["10.1.0.2"], "nodeName": "n1"}, {"addresses": ["10.1.1.2"], "nodeName": "n2"}])
}

/// Rules of kube-proxy, in a few words: `-A KUBE-SERVICES` of what is given, and the endpoints of `A`.
fn rules(services: &str, ends: &[&str]) -> NodeState {
    let mut text = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
        :KUBE-SERVICES - [0:0]\n:KUBE-SVC-A - [0:0]\n:KUBE-NODEPORTS - [0:0]\n:KUBE-POSTROUTING - [0:0]\n"
        .to_owned();
    for at in 0..ends.len() {
        writeln!(text, ":KUBE-SEP-{at} - [0:0]").unwrap();
    }
    text += "-A PREROUTING -j KUBE-SERVICES\n-A OUTPUT -j KUBE-SERVICES\n-A POSTROUTING -j KUBE-POSTROUTING\n\
        -A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE\n";
    text += services;
    for (at, end) in ends.iter().enumerate() {
        writeln!(
            text,
            "-A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j KUBE-SEP-{at}"
        )
        .unwrap();
        writeln!(
            text,
            "-A KUBE-SEP-{at} -p tcp -m tcp -j DNAT --to-destination {end}"
        )
        .unwrap();
    }
    text += "COMMIT\n";
    let mut node = NodeState {
        name: "n1".into(),
        ..NodeState::default()
    };
    node.net.netfilter = Fact::Known(vec![iptables_save(&text, Dialect::IptablesNft).unwrap()]);
    node
}

const WEB: &str = "-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A\n";
const WEB_OPEN: &str = "-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SVC-A\n";

fn told(objects: &[Value], node: &NodeState) -> Vec<String> {
    let inventory = Inventory::new(objects);
    let Some(proxy) = Proxy::new(&inventory) else {
        return Vec::new();
    };
    let Some(held) = held(&proxy, node, false) else {
        return vec!["no rules".to_owned()];
    };
    let found = proxy.differences("n1", &held);
    let list = |ends: &Ends| {
        ends.iter()
            .map(|(ip, port)| format!("{ip}:{port}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let services = found.services.iter().map(|one| match &one.what {
        What::Missing(ends) => format!("{} missing: {}", one.front, list(ends)),
        What::Behind { gone, lacking, .. } => {
            format!("{} gone: {}; lacking: {}", one.front, list(gone), list(lacking))
        }
    });
    let nobody = found.of_nobody.iter().map(|front| format!("{front} of nobody"));
    services.chain(nobody).collect()
}

#[test]
fn rules_that_send_to_the_endpoints_are_right() {
    let web = [
        service("web", &json!({"clusterIP": "10.96.0.10"})),
        slice("web", &two()),
    ];
    assert_eq!(
        told(&web, &rules(WEB, &["10.1.0.2:8080", "10.1.1.2:8080"])),
        [""; 0]
    );
    assert_eq!(
        told(&web, &rules(WEB, &["10.1.0.2:8080", "10.1.9.9:8080"])),
        ["10.96.0.10:80/tcp gone: 10.1.9.9:8080; lacking: 10.1.1.2:8080"]
    );
    assert_eq!(
        told(&web, &rules("", &[])),
        ["10.96.0.10:80/tcp missing: 10.1.0.2:8080 10.1.1.2:8080"]
    );
    let open = [
        service("web", &json!({"clusterIP": "10.96.0.10", "type": "NodePort"})),
        slice("web", &two()),
    ];
    let both = format!("{WEB}{WEB_OPEN}");
    assert_eq!(
        told(&open, &rules(&both, &["10.1.0.2:8080", "10.1.1.2:8080"])),
        [""; 0]
    );
    assert_eq!(
        told(&open, &rules(WEB, &["10.1.0.2:8080", "10.1.1.2:8080"])),
        ["NodePort 30080/tcp missing: 10.1.0.2:8080 10.1.1.2:8080"]
    );
}

#[test]
fn what_a_node_need_not_have_is_not_missed() {
    let node = rules("", &[]);
    let other = json!([{"addresses": ["10.1.1.2"], "nodeName": "n2"}]);
    for (what, objects) in [
        (
            "headless",
            [
                service("web", &json!({"clusterIP": "None"})),
                slice("web", &two()),
            ],
        ),
        (
            "a name outside",
            [
                service(
                    "web",
                    &json!({"type": "ExternalName", "externalName": "a.example"}),
                ),
                slice("web", &two()),
            ],
        ),
        (
            "nobody behind it",
            [
                service("web", &json!({"clusterIP": "10.96.0.10"})),
                slice("web", &json!([])),
            ],
        ),
        (
            "nobody is ready",
            [
                service("web", &json!({"clusterIP": "10.96.0.10"})),
                slice(
                    "web",
                    &json!([{"addresses": ["10.1.0.2"], "conditions": {"ready": false}}]),
                ),
            ],
        ),
        (
            "nobody here",
            [
                service(
                    "web",
                    &json!({"clusterIP": "10.96.0.10", "internalTrafficPolicy": "Local"}),
                ),
                slice("web", &other),
            ],
        ),
        (
            "another family",
            [
                service("web", &json!({"clusterIP": "fd00::10"})),
                slice("web", &two()),
            ],
        ),
    ] {
        assert_eq!(told(&objects, &node), [""; 0], "{what}");
    }
    let mut of_other = service("web", &json!({"clusterIP": "10.96.0.10"}));
    of_other["metadata"]["labels"] = json!({"service.kubernetes.io/service-proxy-name": "mine"});
    assert_eq!(told(&[of_other, slice("web", &two())], &node), [""; 0]);
}

#[test]
fn endpoints_that_may_be_used_or_not_are_nobodys_fault() {
    let web = |endpoints: &Value| {
        let spec = json!({"clusterIP": "10.96.0.10", "type": "NodePort", "externalTrafficPolicy": "Local"});
        [service("web", &spec), slice("web", endpoints)]
    };
    let both = format!("{WEB}{WEB_OPEN}");
    // Of a NodePort for endpoints of the node, rules for pods have all.
    assert_eq!(
        told(&web(&two()), &rules(&both, &["10.1.0.2:8080", "10.1.1.2:8080"])),
        [""; 0]
    );
    let flaps = json!([{"addresses": ["10.1.0.2"], "nodeName": "n1"},
        {"addresses": ["10.1.1.2"], "nodeName": "n2", "conditions": {"ready": false}}]);
    for ends in [&["10.1.0.2:8080", "10.1.1.2:8080"][..], &["10.1.0.2:8080"]] {
        assert_eq!(told(&web(&flaps), &rules(&both, ends)), [""; 0], "{ends:?}");
    }
    let zones = json!([
        {"addresses": ["10.1.0.2"], "nodeName": "n1", "hints": {"forZones": [{"name": "a"}]}},
        {"addresses": ["10.1.1.2"], "nodeName": "n2", "hints": {"forZones": [{"name": "b"}]}}]);
    assert_eq!(told(&web(&zones), &rules(&both, &["10.1.0.2:8080"])), [""; 0]);
}

#[test]
fn rules_of_services_that_are_gone_are_told() {
    let web = [
        service("web", &json!({"clusterIP": "10.96.0.10"})),
        slice("web", &two()),
    ];
    let text = format!("{WEB}{}{WEB_OPEN}", WEB.replace("0.10", "0.11"));
    assert_eq!(
        told(&web, &rules(&text, &["10.1.0.2:8080", "10.1.1.2:8080"])),
        ["10.96.0.11:80/tcp of nobody"]
    );
}

#[test]
fn virtual_servers_are_held_against_services_where_kube_proxy_uses_ipvs() {
    let mut node = rules(
        "-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT\n",
        &[],
    );
    let web = [
        service("web", &json!({"clusterIP": "10.96.0.10", "type": "NodePort"})),
        slice("web", &two()),
    ];
    let real = |address: &str, weight| RealServer {
        address: address.parse().unwrap(),
        forward: "Masq".into(),
        weight,
        active: 0,
        inactive: 0,
    };
    let server = |servers| VirtualServer {
        select: VirtualSelect::Tcp("10.96.0.10:80".parse().unwrap()),
        scheduler: "rr".into(),
        persistent: None,
        persistent_mask: None,
        one_packet: false,
        servers,
    };
    let whole = vec![
        real("10.1.0.2:8080", 1),
        real("10.1.1.2:8080", 1),
        real("10.1.7.7:8080", 0),
    ];
    node.net.ipvs = Fact::Known(vec![server(whole)]);
    // kube-proxy may have been told to open NodePorts nowhere.
    assert_eq!(told(&web, &node), [""; 0]);
    node.net.ipvs = Fact::Known(vec![server(vec![real("10.1.0.2:8080", 1)])]);
    assert_eq!(
        told(&web, &node),
        ["10.96.0.10:80/tcp gone: ; lacking: 10.1.1.2:8080"]
    );
    node.net.ipvs = Fact::Known(Vec::new());
    assert_eq!(
        told(&web, &node),
        ["10.96.0.10:80/tcp missing: 10.1.0.2:8080 10.1.1.2:8080"]
    );
    node.net.ipvs = Fact::Absent {
        why: "not permitted".into(),
        absence: Absence::Unreadable,
    };
    assert_eq!(told(&web, &node), ["no rules"]);
}

#[test]
fn two_modes_at_once_decide_nothing() {
    let web = [
        service("web", &json!({"clusterIP": "10.96.0.10"})),
        slice("web", &two()),
    ];
    let mut node = rules("", &[]);
    let full = rules(WEB, &["10.1.9.9:8080"]);
    let mut rulesets = full.net.netfilter.items().to_vec();
    for ruleset in &mut rulesets {
        ruleset.dialect = Dialect::IptablesLegacy;
    }
    rulesets.extend(rules(WEB, &["10.1.0.2:8080"]).net.netfilter.items().to_vec());
    node.net.netfilter = Fact::Known(rulesets);
    assert_eq!(told(&web, &node), ["no rules"]);
}

#[test]
fn an_address_and_port_of_two_services_decides_nothing() {
    let external = |name: &str, ip: &str| {
        let spec = json!({"clusterIP": ip, "externalIPs": ["198.51.100.7"], "ports": [{"name": "http", "port": 80}]});
        service(name, &spec)
    };
    let other = json!([{"addresses": ["10.1.0.3"], "nodeName": "n1"}]);
    let objects = [
        external("web", "10.96.0.10"),
        slice("web", &two()),
        external("other", "10.96.0.11"),
        slice("other", &other),
    ];
    let fronts = "-A KUBE-SERVICES -d 198.51.100.7/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A\n\
        -A KUBE-SERVICES -d 10.96.0.11/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-B\n";
    let node = rules(&format!("{WEB}{fronts}"), &["10.1.0.2:8080", "10.1.1.2:8080"]);
    // What one of them has alone is told.
    assert_eq!(
        told(&objects, &node),
        ["10.96.0.11:80/tcp missing: 10.1.0.3:8080"]
    );
}
