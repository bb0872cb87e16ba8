//! Networks between nodes that drop packets, and ways that are there in one direction only.

use netdiag::state::Snapshot;
use netdiag::state::cni::FlannelNetConf;
use netdiag::state::conntrack::FlowStatus;
use netdiag::state::kernel::Kernel;
use netdiag::state::link::{IfIndex, LinkCounters};
use netdiag::state::route::{RouteProtocol, TableId};
use netdiag::state::{Fact, NodeState};
use netdiag_bench::cluster::Flavour;
use serde_json::json;

use crate::made::{connection, fires, flannel, found, known, link, made, pod_ip, tracked};
use crate::objects::{of, with_kubernetes};

fn counted(node: &mut NodeState, name: &str, tx_packets: u64, rx_packets: u64) {
    link(node, name).counters = Some(LinkCounters {
        tx_packets,
        rx_packets,
        ..LinkCounters::default()
    });
}

#[test]
fn tunnels_that_hear_nothing_are_told() {
    for (flavour, name) in [
        (Flavour::CalicoIpip, "tunl0"),
        (Flavour::CalicoVxlan, "vxlan.calico"),
        (Flavour::FlannelVxlan, "flannel.1"),
    ] {
        let mut healthy = made(flavour, 2, 2);
        counted(&mut healthy.nodes[0], name, 500, 480);
        // Idle.
        counted(&mut healthy.nodes[1], name, 0, 0);
        fires("tunnel-hears-nothing", &healthy, |broken| {
            counted(&mut broken.nodes[0], name, 500, 0);
        });
    }
}

/// A cluster in a cloud, with connections between pods of different nodes.
fn in_a_cloud(answered: bool) -> Snapshot {
    let mut cluster = with_kubernetes();
    let [own, other] = [0, 1].map(|at| pod_ip(&cluster.nodes[at], 0).to_string());
    for at in 0..3 {
        let name = cluster.nodes[at].name.clone();
        of(&mut cluster, "Node", &name)["spec"]["providerID"] = json!("aws:///eu-west-1a/i-0abc");
    }
    let status = if answered {
        FlowStatus::SEEN_REPLY
    } else {
        FlowStatus::default()
    };
    let flow = connection(6, (&own, &other, 80), (&other, &own), status);
    tracked(&mut cluster.nodes[0], vec![flow; 4]);
    cluster
}

#[test]
fn a_cloud_that_drops_addresses_of_pods_is_told() {
    fires("cloud-drops-pod-addresses", &in_a_cloud(true), |broken| {
        *broken = in_a_cloud(false);
    });
}

#[test]
fn a_route_that_one_side_lacks_is_told() {
    let mut healthy = flannel(Flavour::FlannelHostGw);
    for node in &mut healthy.nodes {
        for route in known(&mut node.net.routes) {
            if route.proto == RouteProtocol::BIRD {
                route.proto = RouteProtocol::STATIC;
            }
        }
    }
    fires("route-on-one-side", &healthy, |broken| {
        known(&mut broken.nodes[1].net.routes).retain(|route| {
            route.table != TableId::MAIN
                || route.dst.prefix_len() == 0
                || route.next_hops[0].gateway.is_none()
        });
    });
    // A route that nobody's traffic needs, since the source is translated.
    assert_eq!(found(&healthy), []);
}

#[test]
fn flannel_that_tunnels_without_need_is_told() {
    let with = |direct| {
        let mut cluster = made(Flavour::FlannelVxlan, 2, 2);
        cluster.nodes[0].flannel.net_conf = Fact::Known(FlannelNetConf {
            path: "/etc/kube-flannel/net-conf.json".into(),
            backend: "vxlan".into(),
            direct_routing: Some(direct),
            ..FlannelNetConf::default()
        });
        cluster
    };
    fires("direct-routing-not-used", &with(false), |broken| {
        *broken = with(true)
    });
}

#[test]
fn kernels_that_sum_wrongly_are_told() {
    let running = |release: &str| {
        let mut cluster = made(Flavour::CalicoVxlan, 2, 2);
        let node = &mut cluster.nodes[0];
        link(node, "vxlan.calico").features = Some(vec!["tx-checksum-ip-generic".into()]);
        node.kernel = Fact::Known(Kernel {
            release: release.into(),
            ..Kernel::default()
        });
        cluster
    };
    for release in [
        "5.10.0-21-amd64",
        "5.4.41",
        "4.18.0-348.el8.x86_64",
        "5.4.0-42-generic",
        "5.7.1",
    ] {
        let findings = found(&running(release));
        assert!(findings.is_empty(), "{release}: {findings:#?}");
    }
    for release in ["5.4.20", "5.6.12", "4.19.100-flatcar", "4.15.3"] {
        fires("tunnel-checksum-offload", &running("5.10.7"), |broken| {
            *broken = running(release)
        });
    }
}

#[test]
fn addresses_of_services_that_all_nodes_answer_for_are_told() {
    use netdiag::state::link::Address;
    let balanced = |ignore: &str| {
        let mut cluster = made(Flavour::CalicoBgp, 3, 2);
        for node in &mut cluster.nodes {
            crate::made::linked(node, 930, "kube-ipvs0", "dummy");
            let address = Address::new(IfIndex(930), "172.16.99.9".parse().unwrap(), 32);
            known(&mut node.net.addresses).push(address);
            for link in ["all", "eth0"] {
                crate::made::sysctl(node, &format!("net.ipv4.conf.{link}.arp_ignore"), ignore);
            }
        }
        cluster
    };
    fires("virtual-address-answered-by-all", &balanced("1"), |broken| {
        *broken = balanced("0");
    });
}

#[test]
fn a_link_without_ipv6_is_told() {
    let mut healthy = made(Flavour::CalicoBgp, 2, 2);
    let node = &mut crate::made::stored(&mut healthy).resources[0];
    node["spec"]["bgp"]["ipv6Address"] = json!("fd00::1/64");
    let uplink = link(&mut healthy.nodes[0], "eth0").index;
    let v6 = netdiag::state::link::Address::new(uplink, "fd00::1".parse().unwrap(), 64);
    known(&mut healthy.nodes[0].net.addresses).push(v6);
    let pods = known(&mut healthy.nodes[0].namespaces);
    let inside = pods[0].net.link_named("eth0").unwrap().index;
    let v6 = netdiag::state::link::Address::new(inside, "fd00:1::5".parse().unwrap(), 128);
    known(&mut pods[0].net.addresses).push(v6);
    fires("ipv6-disabled", &healthy, |broken| {
        let node = &mut broken.nodes[0];
        let name = node
            .net
            .links
            .items()
            .iter()
            .find(|link| link.name.starts_with("cali"));
        let key = format!("net.ipv6.conf.{}.disable_ipv6", name.unwrap().name);
        crate::made::sysctl(node, &key, "1");
    });
}
