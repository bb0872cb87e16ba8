//! A thousand nodes with 25 faults.

use std::collections::BTreeSet;
use std::time::Instant;

use netdiag::state::conntrack::Conntrack;
use netdiag::state::kind::LinkData;
use netdiag::state::route::{RouteProtocol, RouteType, TableId};
use netdiag::state::{Fact, NodeState};
use netdiag_bench::cluster::{Cluster as Plan, Flavour};

use crate::made::{down, found, known, link, objects, pod_ip, sysctl, with_default_route};
use netdiag::state::Snapshot;

/// What is wrong with a node, and how it is made so.
type Planted = (&'static str, fn(&mut NodeState));

const FAULTS: [Planted; 12] = [
    ("forwarding-off", |node| {
        for (key, value) in known(&mut node.net.sysctls) {
            if key.ends_with("forward") || key.ends_with(".forwarding") {
                *value = "0".into();
            }
        }
    }),
    ("link-down", |node| {
        let pods = known(&mut node.namespaces);
        down(
            known(&mut pods[0].net.links)
                .iter_mut()
                .find(|link| link.name == "eth0")
                .unwrap(),
        );
    }),
    ("tunnel-link-down", |node| down(link(node, "vxlan.calico"))),
    ("tunnel-mtu-too-large", |node| {
        link(node, "vxlan.calico").mtu = 1500
    }),
    ("tunnel-link-differs", |node| {
        if let Some(LinkData::Vxlan(data)) = &mut link(node, "vxlan.calico").data {
            data.vni = Some(4097);
        }
    }),
    ("pod-route-missing", |node| {
        let ip = pod_ip(node, 0);
        known(&mut node.net.routes)
            .retain(|route| route.table != TableId::MAIN || route.dst != ipnet::IpNet::from(ip));
    }),
    ("bgp-routes-missing", |node| {
        known(&mut node.net.routes)
            .retain(|route| route.proto != RouteProtocol::BIRD || route.kind == RouteType::Blackhole);
    }),
    ("proxy-arp-off", |node| {
        let name = node
            .net
            .links
            .items()
            .iter()
            .find(|link| link.name.starts_with("cali"))
            .unwrap()
            .name
            .clone();
        sysctl(node, &format!("net.ipv4.conf.{name}.proxy_arp"), "0");
    }),
    ("conntrack-table-full", |node| {
        node.net.conntrack = Fact::Known(Conntrack {
            count: 262_144,
            max: Some(262_144),
            ..Conntrack::default()
        });
    }),
    ("neighbor-table-full", |node| {
        sysctl(node, "net.ipv4.neigh.default.gc_thresh3", "32")
    }),
    ("vxlan-entry-missing", |node| {
        let entries = known(&mut node.net.fdb);
        let at = entries.iter().position(|entry| entry.dst.is_some()).unwrap();
        entries.remove(at);
    }),
    ("link-forwarding-off", |node| {
        let name = node
            .net
            .links
            .items()
            .iter()
            .find(|link| link.name.starts_with("cali"))
            .unwrap()
            .name
            .clone();
        sysctl(node, &format!("net.ipv4.conf.{name}.forwarding"), "0");
    }),
];

#[test]
fn of_a_thousand_nodes_the_25_that_are_broken_are_found_and_no_others() {
    let plan = Plan {
        rules: 200,
        ..Plan::new(Flavour::CalicoVxlan, 1_000, 8)
    };
    let mut nodes = plan.states();
    nodes.iter_mut().for_each(with_default_route);
    let objects = objects(Flavour::CalicoVxlan, &nodes);
    let mut planted = BTreeSet::new();
    for number in 0..25 {
        let (id, harm) = FAULTS[number % FAULTS.len()];
        let node = &mut nodes[17 + number * 39];
        harm(node);
        planted.insert((id, node.name.clone()));
    }
    let snapshot = Snapshot {
        nodes,
        objects: Fact::Known(objects),
        ..Snapshot::default()
    };
    let start = Instant::now();
    let findings = found(&snapshot);
    let took = start.elapsed();
    let told: BTreeSet<(&str, String)> = findings
        .iter()
        .map(|finding| (finding.id, finding.node.clone()))
        .collect();
    assert_eq!(told, planted);
    assert_eq!(findings.len(), 25);
    // Twenty seconds as released, on two cores; this is built for debugging, and runs beside other tests.
    assert!(took.as_secs() < 300, "{took:?}");
}
