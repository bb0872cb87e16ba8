//! Services and policies: who is refused, and who was meant.

use netdiag::state::conntrack::FlowStatus;
use netdiag::state::link::{Address, IfIndex};
use netdiag::state::namespace::PodName;
use netdiag::state::netfilter::Dialect;
use netdiag::state::socket::{TcpSocket, TcpState};
use netdiag::state::{Fact, Snapshot};
use serde_json::{Value, json};

use crate::made::{connection, fires, found, known, linked, pod_ip, resource, rules, stored, tracked};
use crate::objects::{of, with_kubernetes};

fn service(snapshot: &mut Snapshot, spec: Value) {
    let service = of(snapshot, "Service", "web");
    for (key, value) in spec.as_object().unwrap() {
        service["spec"][key] = value.clone();
    }
}

fn balanced(ranges: Value) -> Snapshot {
    let mut cluster = with_kubernetes();
    service(
        &mut cluster,
        json!({"type": "LoadBalancer", "loadBalancerSourceRanges": ranges}),
    );
    of(&mut cluster, "Service", "web")["status"] =
        json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.9"}]}});
    cluster
}

/// kube-proxy's rule that refuses what is of no range, and how many packets it has.
fn refusing(packets: u32) -> Snapshot {
    let mut cluster = balanced(json!(["203.0.113.0/24"]));
    let text = format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE-PROXY-FIREWALL - [0:0]\n\
         [{packets}:180] -A KUBE-PROXY-FIREWALL -d 198.51.100.9/32 -p tcp -m comment --comment \"default/web traffic not \
         accepted by KUBE-FW-A\" -m tcp --dport 80 -j DROP\nCOMMIT\n"
    );
    rules(&mut cluster.nodes[0], Dialect::IptablesNft, &text);
    cluster
}

#[test]
fn ranges_that_let_nobody_in_or_everybody_are_told() {
    let healthy = balanced(json!(["203.0.113.0/24", "fd00::/8"]));
    fires("source-ranges-ignored", &healthy, |broken| {
        *broken = balanced(json!(["fd00::/8"]));
    });
    fires("source-ranges-let-nobody-in", &refusing(0), |broken| {
        *broken = refusing(3);
    });
}

#[test]
fn services_that_answer_locally_only_are_told_where_somebody_asks_elsewhere() {
    let held = |at: usize| {
        let mut cluster = with_kubernetes();
        service(
            &mut cluster,
            json!({"externalTrafficPolicy": "Local", "type": "LoadBalancer", "externalIPs": ["172.16.99.9"]}),
        );
        let node = &mut cluster.nodes[at];
        linked(node, 930, "vip0", "dummy");
        let address = Address::new(IfIndex(930), "172.16.99.9".parse().unwrap(), 32);
        known(&mut node.net.addresses).push(address);
        cluster
    };
    fires("service-address-without-endpoint", &held(0), |broken| {
        *broken = held(1)
    });
    let asked = |at: usize, status| {
        let mut cluster = with_kubernetes();
        service(&mut cluster, json!({"internalTrafficPolicy": "Local"}));
        let pod = pod_ip(&cluster.nodes[at], 1).to_string();
        let flow = connection(6, (&pod, "10.96.0.80", 80), ("10.96.0.80", &pod), status);
        tracked(&mut cluster.nodes[at], vec![flow]);
        cluster
    };
    fires(
        "service-local-without-endpoint",
        &asked(1, FlowStatus::SEEN_REPLY),
        |broken| *broken = asked(1, FlowStatus::default()),
    );
    assert_eq!(found(&asked(0, FlowStatus::default())), []);
}

#[test]
fn affinity_to_an_endpoint_that_is_gone_is_told() {
    let pinned = |endpoint: &str| {
        let mut cluster = with_kubernetes();
        service(&mut cluster, json!({"sessionAffinity": "ClientIP"}));
        let flow = connection(
            6,
            ("10.0.0.129", "10.96.0.80", 80),
            (endpoint, "10.0.0.129"),
            FlowStatus::DST_NAT,
        );
        tracked(&mut cluster.nodes[2], vec![flow]);
        cluster
    };
    let alive = pod_ip(&with_kubernetes().nodes[0], 0).to_string();
    fires("affinity-to-dead-endpoint", &pinned(&alive), |broken| {
        *broken = pinned("10.0.0.44");
    });
}

pub(crate) fn listening(port: u16) -> TcpSocket {
    TcpSocket {
        local: ([0, 0, 0, 0], port).into(),
        remote: ([0, 0, 0, 0], 0).into(),
        state: TcpState::Listen,
        tx_queue: 0,
        rx_queue: 0,
        inode: 0,
        uid: 0,
        owner: None,
    }
}

#[test]
fn ports_and_rules_of_services_are_held_against_what_is_there() {
    let serving = |port: u16| {
        let mut cluster = with_kubernetes();
        let pods = known(&mut cluster.nodes[0].namespaces);
        pods[0].pod = Some(PodName {
            namespace: Some("default".into()),
            name: Some("web".into()),
            uid: None,
        });
        pods[0].net.tcp = Fact::Known(vec![listening(port)]);
        cluster
    };
    fires("target-port-closed", &serving(80), |broken| {
        *broken = serving(8080)
    });
    fires("service-rules-missing", &with_kubernetes(), |broken| {
        let text = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
            :KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j RETURN\nCOMMIT\n";
        rules(&mut broken.nodes[0], Dialect::IptablesNft, text);
    });
}

/// kube-proxy's rules for a NodePort with `externalTrafficPolicy: Local` on the endpoint's node, and none that brings
/// the answer back.
fn opened(back: bool) -> Snapshot {
    let mut cluster = with_kubernetes();
    service(
        &mut cluster,
        json!({"externalTrafficPolicy": "Local", "type": "NodePort"}),
    );
    of(&mut cluster, "Service", "web")["spec"]["ports"][0]["nodePort"] = json!(30_080);
    let names: Vec<String> = cluster.nodes.iter().map(|node| node.name.clone()).collect();
    let ips: Vec<String> = cluster
        .nodes
        .iter()
        .map(|node| node.net.addresses.items()[1].ip.to_string())
        .collect();
    for (name, ip) in names.iter().zip(&ips) {
        of(&mut cluster, "Node", name)["status"]["addresses"] =
            json!([{"type": "InternalIP", "address": ip}]);
    }
    let web = pod_ip(&cluster.nodes[0], 0);
    known(&mut cluster.nodes[0].namespaces)[0].net.tcp = Fact::Known(vec![listening(80)]);
    let text = format!(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
         -A PREROUTING -p tcp -m tcp --dport 30080 -j DNAT --to-destination {web}:80\nCOMMIT\n"
    );
    rules(&mut cluster.nodes[0], Dialect::IptablesNft, &text);
    for node in &mut cluster.nodes {
        // The client keeps its address.
        for ruleset in known(&mut node.net.netfilter) {
            for chain in ruleset.tables.iter_mut().flat_map(|table| &mut table.chains) {
                chain
                    .rules
                    .retain(|rule| !rule.text.contains("cali40masq-ipam-pools"));
            }
        }
    }
    if !back {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
            -A FORWARD -p tcp -m tcp --sport 30080 -j DROP\nCOMMIT\n";
        rules(&mut cluster.nodes[1], Dialect::IptablesLegacy, text);
    }
    cluster
}

#[test]
fn a_node_port_whose_answers_are_lost_is_told() {
    let told = |back| {
        let mut findings = found(&opened(back));
        // That it answers on one node only is told as well.
        findings.retain(|finding| finding.id != "node-port-on-some-nodes");
        findings
    };
    assert_eq!(told(true), []);
    crate::made::told("node-port-answer-lost", &opened(false));
}

fn policy(spec: Value) -> Snapshot {
    let mut cluster = with_kubernetes();
    let objects = stored(&mut cluster);
    objects
        .kinds
        .extend(["HostEndpoint", "GlobalNetworkPolicy", "Profile", "Tier"].map(String::from));
    objects
        .resources
        .push(resource("GlobalNetworkPolicy", "first", spec));
    cluster
}

#[test]
fn rules_that_are_never_asked_are_told() {
    let rules = |order: [&str; 2]| {
        let one = |action: &str| match action {
            "Deny" => json!({"action": "Deny", "protocol": "TCP", "destination": {"ports": [22]}}),
            _ => json!({"action": "Allow"}),
        };
        policy(
            json!({"selector": "app == 'web'", "types": ["Ingress"], "ingress": [one(order[0]), one(order[1])]}),
        )
    };
    fires("policy-rule-unreached", &rules(["Deny", "Allow"]), |broken| {
        *broken = rules(["Allow", "Deny"]);
    });
}

#[test]
fn a_default_deny_that_catches_dns_is_told() {
    let denied = |selector: &str| policy(json!({"selector": selector, "types": ["Ingress"], "ingress": []}));
    fires("policy-shuts-dns", &denied("app == 'web'"), |broken| {
        *broken = denied("has(k8s-app) || has(app)");
    });
}

#[test]
fn a_policy_that_sees_a_node_port_too_late_is_told() {
    let closed = |pre_dnat: bool| {
        let mut cluster = policy(
            json!({"selector": "has(host)", "types": ["Ingress"], "preDNAT": pre_dnat,
            "applyOnForward": pre_dnat,
            "ingress": [{"action": "Deny", "protocol": "TCP", "destination": {"ports": [30080]}}]}),
        );
        service(&mut cluster, json!({"type": "NodePort"}));
        of(&mut cluster, "Service", "web")["spec"]["ports"][0]["nodePort"] = json!(30_080);
        let name = cluster.nodes[0].name.clone();
        let objects = stored(&mut cluster);
        let spec = json!({"node": name, "interfaceName": "eth0", "profiles": ["open"]});
        let mut host = resource("HostEndpoint", "uplink", spec);
        host["metadata"]["labels"] = json!({"host": "yes"});
        objects.resources.push(host);
        let open = json!({"ingress": [{"action": "Allow"}], "egress": [{"action": "Allow"}]});
        objects.resources.push(resource("Profile", "open", open));
        cluster
    };
    fires("policy-after-translation", &closed(true), |broken| {
        *broken = closed(false)
    });
}
