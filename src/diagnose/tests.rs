//! Worlds made by hand: what must be found in them, and what must not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::intent::Cluster;
use crate::state::bird::{BgpSession, Bird, Protocol};
use crate::state::hosts::HostsEntry;
use crate::state::link::{Address, IfIndex, Link, LinkFlags};
use crate::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use crate::state::{Fact, Netns, NodeState, Objects};

/// A node with links (name, kind, addresses) and routes (destination, gateway, link).
fn node(name: &str, links: &[(&str, &str, &[&str])], routes: &[(&str, &str, &str)]) -> NodeState {
    let index = |link: &str| {
        let position = links.iter().position(|(name, ..)| *name == link).unwrap();
        IfIndex(u32::try_from(position).unwrap() + 1)
    };
    let mut addresses = Vec::new();
    let mut table: Vec<Route> = Vec::new();
    let mut route = |dst: &str, gateway: Option<&str>, link: &str| {
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        let dst = dst.parse().unwrap();
        table.push(Route {
            next_hops: vec![NextHop::by(index(link), gateway)],
            ..Route::new(dst, TableId::MAIN, RouteType::Unicast, RouteProtocol::KERNEL)
        });
    };
    for (link, _, list) in links {
        for text in *list {
            let net: ipnet::IpNet = text.parse().unwrap();
            addresses.push(Address::new(index(link), net.addr(), net.prefix_len()));
            route(&net.trunc().to_string(), None, link);
        }
    }
    for (dst, gateway, link) in routes {
        route(dst, (!gateway.is_empty()).then_some(gateway), link);
    }
    let links = links.iter().map(|(link, kind, _)| Link {
        index: index(link),
        name: (*link).into(),
        kind: (!kind.is_empty()).then(|| (*kind).into()),
        flags: LinkFlags::UP,
        operstate: "up".into(),
        mtu: 1500,
        ..Link::default()
    });
    NodeState {
        name: name.into(),
        net: Netns {
            links: Fact::Known(links.collect()),
            addresses: Fact::Known(addresses),
            routes: Fact::Known(table),
            ..Netns::default()
        },
        ..NodeState::default()
    }
}

fn object(name: &str, address: &str) -> Value {
    json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "metadata": {"name": name},
        "spec": {"bgp": {"ipv4Address": address}}})
}

fn cluster(objects: Vec<Value>) -> Cluster {
    Cluster::new(&Objects {
        store: "a test".into(),
        resources: objects,
        ..Objects::default()
    })
}

fn session(neighbor: &str, state: &str, source: &str) -> Protocol {
    Protocol {
        name: format!("Mesh_{}", neighbor.replace('.', "_")),
        proto: "BGP".into(),
        state: if state == "Established" { "up" } else { "start" }.into(),
        info: state.into(),
        bgp: Some(BgpSession {
            state: state.into(),
            neighbor_address: Some(neighbor.parse().unwrap()),
            source_address: source.parse().ok(),
            ..BgpSession::default()
        }),
        ..Protocol::default()
    }
}

fn bird(protocols: Vec<Protocol>) -> Fact<Bird> {
    Fact::Known(Bird {
        version: "1.6.8".into(),
        protocols,
        ..Bird::default()
    })
}

fn codes(nodes: &[NodeState], cluster: &Cluster) -> Vec<(&'static str, String)> {
    let report = check(&World::new(nodes, Ok(cluster)));
    report
        .findings
        .iter()
        .map(|finding| (finding.id, finding.node.clone()))
        .collect()
}

const LINKS: &[(&str, &str, &[&str])] = &[
    ("eth0", "", &["192.168.80.23/24"]),
    ("docker0", "bridge", &["172.17.0.1/16"]),
    ("cni0", "bridge", &["10.244.1.1/24"]),
];
const ROUTES: &[(&str, &str, &str)] = &[("0.0.0.0/0", "192.168.80.254", "eth0")];

#[test]
fn an_address_on_a_bridge_that_is_the_uplink_is_fine() {
    let nodes = [node(
        "node1",
        &[("eth0", "", &[]), ("br0", "bridge", &["192.168.80.23/24"])],
        &[("0.0.0.0/0", "192.168.80.254", "br0")],
    )];
    let cluster = cluster(vec![
        object("node1", "192.168.80.23/24"),
        object("node2", "192.168.80.24/24"),
    ]);
    assert_eq!(codes(&nodes, &cluster), []);
}

#[test]
fn an_address_on_a_loopback_with_a_session_from_it_is_fine() {
    let mut node = node(
        "node1",
        &[("lo", "", &["10.9.9.1/32"]), ("eth0", "", &["192.168.80.23/24"])],
        ROUTES,
    );
    node.bird = bird(vec![session("10.9.9.2", "Established", "10.9.9.1")]);
    let cluster = cluster(vec![
        object("node1", "10.9.9.1/32"),
        object("node2", "10.9.9.2/32"),
    ]);
    assert_eq!(codes(&[node], &cluster), []);
}

#[test]
fn peers_behind_a_router_are_fine() {
    let nodes = [node("node1", LINKS, ROUTES)];
    let cluster = cluster(vec![
        object("node1", "192.168.80.23/24"),
        object("node2", "10.39.3.75/24"),
    ]);
    assert_eq!(codes(&nodes, &cluster), []);
}

#[test]
fn one_node_on_the_wrong_link_is_named_and_the_others_are_not() {
    let nodes = [
        node("node1", LINKS, ROUTES),
        node("node2", &[("eth0", "", &["192.168.80.24/24"])], ROUTES),
    ];
    let cluster = cluster(vec![
        object("node1", "10.244.1.1/24"),
        object("node2", "192.168.80.24/24"),
    ]);
    assert_eq!(
        codes(&nodes, &cluster),
        [("node-address-on-bridge", "node1".into())]
    );
}

#[test]
fn an_address_that_the_node_does_not_have_is_named_with_the_right_one() {
    let nodes = [
        node("node1", LINKS, ROUTES),
        node("node2", &[("eth0", "", &["192.168.80.24/24"])], ROUTES),
    ];
    let cluster = cluster(vec![
        object("node1", "192.168.80.99/24"),
        object("node2", "192.168.80.24/24"),
    ]);
    let world = World::new(&nodes, Ok(&cluster));
    let report = check(&world);
    assert_eq!(report.findings[0].id, "node-address-not-local");
    let change = report.findings[0].fix.change.as_ref().unwrap();
    assert_eq!(change.value, "192.168.80.23/24");
}

#[test]
fn one_address_for_two_nodes_is_named_on_both() {
    let nodes = [
        node("node1", LINKS, ROUTES),
        node(
            "node2",
            &[
                ("eth0", "", &["192.168.80.24/24"]),
                ("docker0", "bridge", &["172.17.0.1/16"]),
            ],
            ROUTES,
        ),
    ];
    let cluster = cluster(vec![
        object("node1", "172.17.0.1/16"),
        object("node2", "172.17.0.1/16"),
    ]);
    assert_eq!(
        codes(&nodes, &cluster),
        [
            ("node-address-shared", "node1".into()),
            ("node-address-shared", "node2".into())
        ]
    );
    let report = check(&World::new(&nodes, Ok(&cluster)));
    let values: Vec<&str> = report
        .findings
        .iter()
        .map(|finding| finding.fix.change.as_ref().unwrap().value.as_str())
        .collect();
    assert_eq!(values, ["192.168.80.23/24", "192.168.80.24/24"]);
}

#[test]
fn two_links_as_good_as_each_other_give_no_fix() {
    let links: &[(&str, &str, &[&str])] = &[
        ("eth0", "", &["192.168.80.23/24"]),
        ("eth1", "", &["192.168.90.23/24"]),
    ];
    let mut one = node("node1", links, &[]);
    one.hosts = Fact::Known(vec![
        HostsEntry {
            ip: "192.168.80.24".parse().unwrap(),
            names: vec!["node2".into()],
        },
        HostsEntry {
            ip: "192.168.90.25".parse().unwrap(),
            names: vec!["node3".into()],
        },
    ]);
    let cluster = cluster(vec![
        object("node1", "10.0.0.1/24"),
        object("node2", "192.168.80.24/24"),
        object("node3", "192.168.90.25/24"),
    ]);
    let nodes = [one];
    let report = check(&World::new(&nodes, Ok(&cluster)));
    assert_eq!(report.findings[0].id, "node-address-not-local");
    assert_eq!(report.findings[0].fix.change, None);
}

#[test]
fn a_node_that_can_not_be_seen_and_is_known_nowhere_is_not_accused() {
    let nodes = [node("node1", &[("eth0", "", &["192.168.80.23/24"])], ROUTES)];
    let cluster = cluster(vec![
        object("node1", "192.168.80.23/24"),
        object("node2", "10.244.2.1/24"),
    ]);
    assert_eq!(codes(&nodes, &cluster), []);
}

/// Nodes in two subnets behind the default gateway, and names in /etc/hosts for a management network.
#[test]
fn a_node_behind_the_default_gateway_is_not_accused_for_its_name_in_another_network() {
    let mut one = node(
        "node1",
        &[
            ("eth0", "", &["192.168.80.23/24"]),
            ("eth1", "", &["10.0.0.1/24"]),
        ],
        ROUTES,
    );
    one.hosts = Fact::Known(vec![HostsEntry {
        ip: "10.0.0.2".parse().unwrap(),
        names: vec!["node2".into()],
    }]);
    one.bird = bird(vec![session("10.39.3.75", "Connect", "192.168.80.23")]);
    let cluster = cluster(vec![
        object("node1", "192.168.80.23/24"),
        object("node2", "10.39.3.75/24"),
        object("node3", "192.168.80.25/24"),
    ]);
    let report = check(&World::new(&[one], Ok(&cluster)));
    assert!(
        report.findings.iter().all(|finding| finding.fix.change.is_none()),
        "{:?}",
        report.findings
    );
}

/// One node on a NAT network, all others on one segment.
#[test]
fn one_hidden_node_outside_the_segment_of_all_others_is_named() {
    let mut one = node("node1", &[("eth0", "", &["192.168.80.23/24"])], ROUTES);
    one.hosts = Fact::Known(vec![HostsEntry {
        ip: "192.168.80.24".parse().unwrap(),
        names: vec!["node2".into()],
    }]);
    one.bird = bird(vec![
        session("10.0.2.15", "Connect", "192.168.80.23"),
        session("192.168.80.25", "Established", "192.168.80.23"),
    ]);
    let nodes = [one];
    let cluster = cluster(vec![
        object("node1", "192.168.80.23/24"),
        object("node2", "10.0.2.15/24"),
        object("node3", "192.168.80.25/24"),
    ]);
    assert_eq!(
        codes(&nodes, &cluster),
        [("node-address-unreachable", "node2".into())]
    );
}

/// The private network's route is missing: the public address of the default route is no repair.
#[test]
fn a_private_address_without_a_route_to_its_peers_is_not_moved_to_the_public_link() {
    let nodes = [node(
        "node1",
        &[("eth0", "", &["203.0.113.5/24"]), ("eth1", "", &["10.1.0.5/24"])],
        &[("0.0.0.0/0", "203.0.113.1", "eth0")],
    )];
    let cluster = cluster(vec![
        object("node1", "10.1.0.5/24"),
        object("node2", "10.2.0.6/24"),
    ]);
    assert_eq!(codes(&nodes, &cluster), []);
}

#[test]
fn without_objects_and_without_bird_nothing_is_decidable() {
    let nodes = [node("node1", LINKS, ROUTES)];
    let report = check(&World::new(&nodes, Err("etcd is out of reach")));
    assert!(report.undecidable.is_some());
    assert!(report.findings.is_empty());
}

#[test]
fn thousands_of_nodes_are_judged_in_a_moment() {
    const NODES: u32 = 5000;
    let mut one = node(
        "node0",
        &[
            ("eth0", "", &["172.16.0.1/12"]),
            ("cni0", "bridge", &["10.0.0.1/30"]),
        ],
        &[],
    );
    let place = |number: u32| std::net::IpAddr::from((0xac10_0001 + number).to_be_bytes());
    let stored = |number: u32| std::net::IpAddr::from((0x0a00_0001 + number * 13).to_be_bytes());
    let objects =
        (0..NODES).map(|number| object(&format!("node{number}"), &format!("{}/30", stored(number))));
    let cluster = cluster(objects.collect());
    one.hosts = Fact::Known(
        (0..NODES)
            .map(|number| HostsEntry {
                ip: place(number),
                names: vec![format!("node{number}")],
            })
            .collect(),
    );
    let sessions = (1..NODES).map(|number| session(&stored(number).to_string(), "Connect", ""));
    one.bird = bird(sessions.collect());
    let nodes = [one];
    let start = Instant::now();
    let report = check(&World::new(&nodes, Ok(&cluster)));
    let took = start.elapsed();
    assert_eq!(report.findings.len(), NODES as usize);
    // A second of a processor; a search of peers by peers would take minutes. The machine may have much else to do.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// Addresses on loopbacks, sessions not up: the loopbacks are not to blame, of this node and of the others.
#[test]
fn loopback_addresses_are_not_accused_when_sessions_are_down() {
    let mut one = node(
        "node1",
        &[
            ("lo", "", &["10.255.0.1/32"]),
            ("eth0", "", &["192.168.80.23/24"]),
        ],
        ROUTES,
    );
    one.hosts = Fact::Known(vec![HostsEntry {
        ip: "192.168.80.24".parse().unwrap(),
        names: vec!["node2".into()],
    }]);
    one.bird = bird(vec![session("10.255.0.2", "Connect", "10.255.0.1")]);
    let cluster = cluster(vec![
        object("node1", "10.255.0.1/32"),
        object("node2", "10.255.0.2/32"),
    ]);
    let report = check(&World::new(&[one], Ok(&cluster)));
    assert!(
        report.findings.iter().all(|finding| finding.fix.change.is_none()),
        "{:?}",
        report.findings
    );
}

/// A stale Node object holds the address of a healthy node.
#[test]
fn the_rightful_owner_of_a_shared_address_is_not_moved() {
    let mut one = node(
        "node1",
        &[
            ("eth0", "", &["192.168.80.23/24"]),
            ("eth1", "", &["10.50.0.1/24"]),
        ],
        ROUTES,
    );
    one.bird = bird(vec![session("192.168.80.24", "Established", "192.168.80.23")]);
    let nodes = [one];
    let cluster = cluster(vec![
        object("node1", "192.168.80.23/24"),
        object("node2", "192.168.80.24/24"),
        object("old-node1", "192.168.80.23/24"),
    ]);
    let report = check(&World::new(&nodes, Ok(&cluster)));
    let shared: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.id == "node-address-shared")
        .collect();
    let titles = shared.iter().map(|finding| finding.title.as_str());
    assert_eq!(
        titles.collect::<Vec<_>>(),
        ["wrong address stored for old-node1: 192.168.80.23 is stored for node1 as well"]
    );
    assert!(
        shared.iter().all(|finding| finding.fix.change.is_none()),
        "{shared:?}"
    );
    assert!(report.settings.is_empty());
}

/// One node took the wrong link; the others are right, in another subnet behind the gateway.
#[test]
fn nodes_of_another_subnet_are_not_dragged_along() {
    let mut one = node("node1", LINKS, ROUTES);
    one.hosts = Fact::Known(
        [("192.168.80.25", "node3"), ("192.168.80.26", "node4")]
            .map(|(ip, name)| HostsEntry {
                ip: ip.parse().unwrap(),
                names: vec![name.into()],
            })
            .into(),
    );
    let down = |ip: &str| session(ip, "Connect", "10.244.1.1");
    one.bird = bird(vec![down("192.168.81.25"), down("192.168.81.26")]);
    let nodes = [one];
    let cluster = cluster(vec![
        object("node1", "10.244.1.1/24"),
        object("node3", "192.168.81.25/24"),
        object("node4", "192.168.81.26/24"),
    ]);
    assert_eq!(
        codes(&nodes, &cluster),
        [("node-address-on-bridge", "node1".into())]
    );
}
