//! BGP as the objects mean it.

use std::net::IpAddr;

use netdiag::state::bird::{BgpSession, Bird, Protocol};
use netdiag::state::kernel::Kernel;
use netdiag::state::link::{Address, IfIndex};
use netdiag::state::neighbor::{Neighbor, NeighborFlags, NeighborState};
use netdiag::state::netfilter::Dialect;
use netdiag::state::process::DaemonKind;
use netdiag::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use netdiag::state::socket::{SocketOwner, TcpSocket, TcpState};
use netdiag::state::{Absence, Fact, NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::json;

use crate::made::{fires, found, known, link, linked, made, resource, rules, runs, stored, told};

#[test]
fn a_mesh_that_is_off_without_peers_is_told() {
    let healthy = made(Flavour::CalicoBgp, 3, 2);
    fires("mesh-off-without-peers", &healthy, |broken| {
        let spec = json!({"nodeToNodeMeshEnabled": false});
        stored(broken)
            .resources
            .push(resource("BGPConfiguration", "default", spec));
    });
}

/// The first node becomes the reflector of all.
pub(crate) fn reflected(cluster: &mut Snapshot) {
    let objects = stored(cluster);
    objects.resources[0]["metadata"]["labels"] = json!({"rr": "yes"});
    objects.resources[0]["spec"]["bgp"]["routeReflectorClusterID"] = json!("244.0.0.1");
    let off = json!({"nodeToNodeMeshEnabled": false});
    objects
        .resources
        .push(resource("BGPConfiguration", "default", off));
    let peer = json!({"nodeSelector": "all()", "peerSelector": "rr == 'yes'"});
    objects.resources.push(resource("BGPPeer", "reflectors", peer));
}

#[test]
fn reflectors_that_all_peer_with_are_fine() {
    let mut cluster = made(Flavour::CalicoBgp, 4, 2);
    reflected(&mut cluster);
    let findings = found(&cluster);
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn reflectors_of_one_cluster_with_different_clients_are_told() {
    let mut cluster = made(Flavour::CalicoBgp, 4, 2);
    let objects = stored(&mut cluster);
    for (at, label) in [(0, "a"), (1, "b")] {
        objects.resources[at]["metadata"]["labels"] = json!({"rr": label});
        objects.resources[at]["spec"]["bgp"]["routeReflectorClusterID"] = json!("244.0.0.1");
    }
    for (at, label) in [(2, "a"), (3, "b")] {
        objects.resources[at]["metadata"]["labels"] = json!({"client": label});
    }
    let off = json!({"nodeToNodeMeshEnabled": false});
    objects
        .resources
        .push(resource("BGPConfiguration", "default", off));
    for label in ["a", "b"] {
        let peer = json!({"nodeSelector": format!("client == '{label}'"), "peerSelector": format!("rr == '{label}'")});
        objects
            .resources
            .push(resource("BGPPeer", &format!("peers-{label}"), peer));
    }
    told("reflectors-share-cluster-id", &cluster);
}

#[test]
fn a_peering_that_one_side_has_is_told() {
    let healthy = made(Flavour::CalicoBgp, 3, 1);
    let mut broken = healthy.clone();
    let objects = stored(&mut broken);
    let address = objects.resources[1]["spec"]["bgp"]["ipv4Address"]
        .as_str()
        .unwrap()
        .to_owned();
    let ip = address.split('/').next().unwrap();
    let name = objects.resources[0]["metadata"]["name"].clone();
    let off = json!({"nodeToNodeMeshEnabled": false});
    objects
        .resources
        .push(resource("BGPConfiguration", "default", off));
    // Else the other side would get the session by itself.
    let peer = json!({"node": name, "peerIP": ip, "asNumber": 64512, "reversePeering": "Manual"});
    objects.resources.push(resource("BGPPeer", "lonely", peer));
    told("bgp-peering-one-sided", &broken);
}

#[test]
fn another_program_on_bgps_port_is_told() {
    fires("bgp-port-taken", &made(Flavour::CalicoBgp, 2, 1), |broken| {
        let node = &mut broken.nodes[0];
        node.bird = Fact::Known(Bird {
            version: "2.0.12".into(),
            ..Bird::default()
        });
        node.net.tcp = Fact::Known(vec![TcpSocket {
            local: "0.0.0.0:179".parse().unwrap(),
            remote: "0.0.0.0:0".parse().unwrap(),
            state: TcpState::Listen,
            tx_queue: 0,
            rx_queue: 0,
            inode: 0,
            uid: 0,
            owner: Some(SocketOwner {
                pid: 9,
                program: "bgpd".into(),
            }),
        }]);
    });
}

/// All sessions of the mesh are up.
pub(crate) fn with_bird() -> Snapshot {
    let mut cluster = made(Flavour::CalicoBgp, 3, 2);
    let ips: Vec<IpAddr> = cluster
        .nodes
        .iter()
        .map(|node| node.net.addresses.items()[1].ip)
        .collect();
    for (at, node) in cluster.nodes.iter_mut().enumerate() {
        let others = ips.iter().enumerate().filter(|(other, _)| *other != at);
        node.bird = Fact::Known(Bird {
            version: "2.0.12".into(),
            router_id: Some(ips[at]),
            protocols: others.map(|(_, ip)| session(*ip, "Established")).collect(),
            ..Bird::default()
        });
        runs(node, &[(DaemonKind::Felix, "calico-node -felix")]);
        known(&mut node.processes)
            .environment
            .insert("IP".into(), "autodetect".into());
    }
    cluster
}

pub(crate) fn session(ip: IpAddr, state: &str) -> Protocol {
    Protocol {
        name: format!("Mesh_{}", ip.to_string().replace('.', "_")),
        proto: "BGP".into(),
        state: if state == "Established" { "up" } else { "start" }.into(),
        info: state.into(),
        bgp: Some(BgpSession {
            state: state.into(),
            neighbor_address: Some(ip),
            ..BgpSession::default()
        }),
        ..Protocol::default()
    }
}

#[test]
fn a_bird_that_is_gone_or_has_other_sessions_than_the_objects_is_told() {
    fires("bird-not-running", &with_bird(), |broken| {
        broken.nodes[0].bird = Fact::absent_as(Absence::Missing, "no socket");
    });
    fires("bird-config-out-of-step", &with_bird(), |broken| {
        known(&mut broken.nodes[0].bird).protocols.pop();
    });
    fires("bgp-peer-address-unknown", &with_bird(), |broken| {
        let strange = session("172.16.200.9".parse().unwrap(), "Connect");
        known(&mut broken.nodes[0].bird).protocols.push(strange);
    });
    fires("bgp-peer-is-self", &with_bird(), |broken| {
        let own = broken.nodes[0].net.addresses.items()[1].ip;
        let myself = session(own, "Idle");
        known(&mut broken.nodes[0].bird).protocols.push(myself);
    });
}

#[test]
fn a_peer_that_speaks_from_another_address_is_told() {
    fires("bgp-peer-from-other-address", &with_bird(), |broken| {
        let node = &mut broken.nodes[0];
        let second: IpAddr = "172.16.90.9".parse().unwrap();
        let uplink = node.net.link_named("eth0").unwrap().index;
        known(&mut node.net.addresses).push(Address::new(uplink, second, 16));
        let peer = broken.nodes[1].net.addresses.items()[1].ip;
        broken.nodes[0].net.tcp = Fact::Known(vec![TcpSocket {
            local: (second, 41_000).into(),
            remote: (peer, 179).into(),
            state: TcpState::SynSent,
            tx_queue: 1,
            rx_queue: 0,
            inode: 0,
            uid: 0,
            owner: Some(SocketOwner {
                pid: 9,
                program: "bird".into(),
            }),
        }]);
    });
}

#[test]
fn two_machines_of_one_name_are_told() {
    fires("node-name-shared", &made(Flavour::CalicoBgp, 3, 2), |broken| {
        for (at, node) in broken.nodes.iter_mut().take(2).enumerate() {
            node.calico_files.nodename = Fact::Known("worker\n".into());
            node.kernel = Fact::Known(Kernel {
                machine_id: Fact::Known(format!("machine {at}")),
                boot_id: Fact::Known(format!("boot {at}")),
                hostname: "worker".into(),
                ..Kernel::default()
            });
        }
    });
}

fn store(snapshot: &mut Snapshot, node: usize, address: &str) {
    stored(snapshot).resources[node]["spec"]["bgp"]["ipv4Address"] = json!(address);
}

/// A second link, with an address.
fn second(node: &mut NodeState, name: &str, kind: &str, address: &str) {
    linked(node, 990, name, kind);
    let net: ipnet::IpNet = address.parse().unwrap();
    let held = Address::new(IfIndex(990), net.addr(), net.prefix_len());
    known(&mut node.net.addresses).push(held);
}

#[test]
fn addresses_of_nodes_that_peers_can_not_use_are_told() {
    let healthy = made(Flavour::CalicoBgp, 3, 2);
    fires("node-address-not-local", &healthy, |broken| {
        store(broken, 0, "172.16.77.77/16")
    });
    fires("node-address-on-bridge", &healthy, |broken| {
        second(&mut broken.nodes[0], "br-lan", "bridge", "192.168.77.1/24");
        store(broken, 0, "192.168.77.1/24");
    });
    fires("node-address-unreachable", &healthy, |broken| {
        second(&mut broken.nodes[0], "eth1", "", "192.168.77.1/24");
        store(broken, 0, "192.168.77.1/24");
    });
    let mut shared = healthy.clone();
    let other = shared.nodes[1].net.addresses.items()[1].to_string();
    store(&mut shared, 0, &other);
    told("node-address-shared", &shared);
}

#[test]
fn a_pool_that_is_gone_while_pods_have_its_addresses_is_told() {
    fires("pool-missing", &with_bird(), |broken| {
        stored(broken)
            .resources
            .retain(|object| object["kind"] != "IPPool");
    });
}

/// The first two nodes reach each other over a router that is seen, too, and knows the pods.
fn routed() -> Snapshot {
    let mut cluster = made(Flavour::CalicoBgp, 2, 2);
    let gateway: IpAddr = "172.16.255.254".parse().unwrap();
    let mut router = cluster.nodes[0].clone();
    router.name = "router".into();
    router.namespaces = Fact::Known(Vec::new());
    known(&mut router.net.links).retain(|link| ["lo", "eth0"].contains(&link.name.as_str()));
    let uplink = link(&mut router, "eth0");
    uplink.mac = Some("0e:ff:00:02:00:01".into());
    let uplink = uplink.index;
    let own = router.net.addresses.items()[1].ip;
    for address in known(&mut router.net.addresses) {
        if address.ip == own {
            address.ip = gateway;
        }
    }
    let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    router.net.netfilter = Fact::Known(Vec::new());
    rules(&mut router, Dialect::IptablesLegacy, text);
    let routes = known(&mut router.net.routes);
    routes.retain(|route| {
        route
            .next_hops
            .iter()
            .all(|hop| hop.link == Some(uplink) && hop.gateway.is_none())
            && !route.next_hops.is_empty()
    });
    routes.retain(|route| !route.dst.contains(&own) || route.dst.prefix_len() < 32);
    let ips = [0, 1].map(|node: usize| cluster.nodes[node].net.addresses.items()[1].ip);
    // All three know each other's MACs.
    let entry = |ip: IpAddr, node: &NodeState| {
        let uplink = node.net.link_named("eth0").unwrap();
        Neighbor {
            link: uplink.index,
            ip,
            mac: uplink.mac.clone(),
            state: NeighborState::Reachable,
            flags: NeighborFlags::default(),
            confirmed_seconds: None,
        }
    };
    router.net.neighbors = Fact::Known([0, 1].map(|node| entry(ips[node], &cluster.nodes[node])).into());
    for node in &mut cluster.nodes {
        known(&mut node.net.neighbors).push(entry(gateway, &router));
    }
    for (here, there) in [(0, 1), (1, 0)] {
        let net: ipnet::IpNet = ips[there].into();
        let node = &mut cluster.nodes[here];
        let uplink = node.net.link_named("eth0").unwrap().index;
        let by = |dst, proto| Route {
            next_hops: vec![NextHop::by(uplink, Some(gateway))],
            ..Route::new(dst, TableId::MAIN, RouteType::Unicast, proto)
        };
        let routes = known(&mut node.net.routes);
        let hop = Some(ips[there]);
        let to_pods = routes.iter_mut().filter(|route| {
            route
                .next_hops
                .first()
                .is_some_and(|hop_of| hop_of.gateway == hop)
        });
        for route in to_pods {
            route.next_hops = vec![NextHop::by(uplink, Some(gateway))];
            let mut back = route.clone();
            back.next_hops = vec![NextHop::by(known(&mut router.net.links)[1].index, hop)];
            known(&mut router.net.routes).push(back);
        }
        routes.push(by(net, RouteProtocol::STATIC));
    }
    cluster.nodes.push(router);
    cluster
}

#[test]
fn a_router_that_does_not_know_the_pods_wants_a_tunnel() {
    fires("pool-without-tunnel", &routed(), |broken| {
        let router = broken.nodes.last_mut().unwrap();
        known(&mut router.net.routes).retain(|route| route.next_hops.iter().all(|hop| hop.gateway.is_none()));
    });
}
