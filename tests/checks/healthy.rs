//! What must stay silent.

use netdiag::state::Snapshot;
use netdiag::state::link::{LinkCounters, LinkFlags};
use netdiag::state::neighbor::NeighborState;
use netdiag::state::netfilter::{Base, Chain, Dialect, Policy, Ruleset, Table};
use netdiag::state::route::{RouteType, TableId};
use netdiag::state::rule::{PolicyRule, RuleAction};
use netdiag_bench::cluster::Flavour;

use crate::made::{found, known, link, made, rules, sysctl};

fn silent(what: &str, snapshot: &Snapshot) {
    let findings = found(snapshot);
    assert!(findings.is_empty(), "{what}: {findings:#?}");
}

#[test]
fn healthy_clusters_of_every_kind_give_no_finding() {
    for flavour in Flavour::ALL {
        silent(flavour.word(), &made(flavour, 5, 4));
    }
}

#[test]
fn false_alarms_of_others_stay_silent() {
    let healthy = made(Flavour::CalicoIpip, 3, 3);
    let cases: [(&str, fn(&mut Snapshot)); 12] = [
        ("jumbo frames", |snapshot| {
            for node in &mut snapshot.nodes {
                for link in known(&mut node.net.links)
                    .iter_mut()
                    .filter(|link| link.name == "eth0")
                {
                    link.mtu = 9000;
                }
            }
        }),
        ("neighbors that were not asked of late", |snapshot| {
            for node in &mut snapshot.nodes {
                for entry in known(&mut node.net.neighbors) {
                    if entry.state == NeighborState::Reachable {
                        entry.state = NeighborState::Stale;
                    }
                }
            }
        }),
        ("docker0 without containers, down", |snapshot| {
            let node = &mut snapshot.nodes[0];
            let mut bridge = node.net.link_named("eth0").unwrap().clone();
            bridge.index.0 = 900;
            bridge.name = "docker0".into();
            bridge.kind = Some("bridge".into());
            bridge.flags = LinkFlags(0);
            known(&mut node.net.links).push(bridge);
        }),
        ("rp_filter 1 where ways are the same", |snapshot| {
            for node in &mut snapshot.nodes {
                sysctl(node, "net.ipv4.conf.eth0.rp_filter", "1");
            }
        }),
        ("a second pool that nobody uses", |snapshot| {
            let spec = serde_json::json!({"cidr": "192.168.128.0/17", "natOutgoing": false});
            crate::made::stored(snapshot)
                .resources
                .push(crate::made::resource("IPPool", "spare", spec));
        }),
        ("a tunnel that nobody uses, down", |snapshot| {
            let node = &mut snapshot.nodes[0];
            let mut tunnel = node.net.link_named("tunl0").unwrap().clone();
            tunnel.index.0 = 901;
            tunnel.name = "flannel.1".into();
            tunnel.flags = LinkFlags(0);
            known(&mut node.net.links).push(tunnel);
        }),
        ("rules of a service mesh in a pod", |snapshot| {
            let namespaces = known(&mut snapshot.nodes[0].namespaces);
            let chain = Chain {
                name: "OUTPUT".into(),
                base: Base::of_iptables("nat", "OUTPUT", Policy::Accept),
                ..Chain::default()
            };
            namespaces[0].net.netfilter = netdiag::state::Fact::Known(vec![Ruleset {
                dialect: Dialect::IptablesNft,
                tables: vec![Table {
                    name: "nat".into(),
                    chains: vec![chain],
                    ..Table::default()
                }],
            }]);
        }),
        ("FORWARD that drops, with rules that accept pods", |snapshot| {
            for node in &mut snapshot.nodes {
                let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [7:588]\n:OUTPUT ACCEPT [0:0]\n\
                    -A FORWARD -s 10.0.0.0/8 -j ACCEPT\n-A FORWARD -d 10.0.0.0/8 -j ACCEPT\nCOMMIT\n";
                rules(node, Dialect::IptablesLegacy, text);
            }
        }),
        (
            "a policy rule to a table that has the pods' routes, too",
            |snapshot| {
                let node = &mut snapshot.nodes[0];
                let table = TableId(52);
                let mut copies = known(&mut node.net.routes).clone();
                copies.retain(|route| route.table == TableId::MAIN);
                for route in &mut copies {
                    route.table = table;
                }
                known(&mut node.net.routes).extend(copies);
                let all = known(&mut node.net.rules);
                let rule = PolicyRule {
                    priority: 5270,
                    action: RuleAction::Lookup(table),
                    ..all[1].clone()
                };
                all.insert(1, rule);
            },
        ),
        ("a tunnel that is up, and was hardly used", |snapshot| {
            for (node, sent) in snapshot.nodes.iter_mut().zip([0, 1, 9]) {
                let counters = &mut link(node, "tunl0").counters;
                *counters = Some(LinkCounters {
                    tx_packets: sent,
                    ..LinkCounters::default()
                });
            }
        }),
        ("a rule that isn't understood, and decides nothing", |snapshot| {
            let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                -A FORWARD -m somebodys --own 5 -j MARK --set-xmark 0x1/0x1\nCOMMIT\n";
            rules(&mut snapshot.nodes[0], Dialect::IptablesLegacy, text);
        }),
        ("the blackhole of a node's own block", |snapshot| {
            for node in &mut snapshot.nodes {
                let routes = known(&mut node.net.routes);
                let own = routes.iter().filter(|route| route.kind == RouteType::Blackhole);
                assert_eq!(own.count(), 1);
            }
        }),
    ];
    for (what, change) in cases {
        let mut snapshot = healthy.clone();
        change(&mut snapshot);
        silent(what, &snapshot);
    }
}
