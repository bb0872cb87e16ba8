//! What agents write into kernels, held against what leases and Nodes mean: where nothing else tells that it differs.

use std::net::IpAddr;

use netdiag::calico::resource::Resource;
use netdiag::diagnose::Finding;
use netdiag::diagnose::future::{Change, future};
use netdiag::state::cni::{FlannelLease, FlannelNetConf, FlannelNetwork, FlannelSubnet};
use netdiag::state::route::RouteType;
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::json;

use crate::made::{fires, found, known, made, stored};

fn ip_of(node: &NodeState, link: &str) -> IpAddr {
    let index = node.net.link_named(link).unwrap().index;
    let mut addresses = node.net.addresses.items().iter();
    addresses.find(|address| address.link == index).unwrap().ip
}

/// Nodes as flanneld leaves them, with the leases of all, of which the last node's are all that is known of it.
pub(crate) fn flannel(flavour: Flavour) -> Snapshot {
    let mut cluster = made(flavour, 5, 2);
    let backend = match flavour {
        Flavour::FlannelVxlan => "vxlan",
        _ => "host-gw",
    };
    let mut leases = Vec::new();
    for node in &mut cluster.nodes {
        let bridge = node.net.link_named("cni0").unwrap().index;
        let mut addresses = node.net.addresses.items().iter();
        let subnet = addresses.find(|address| address.link == bridge).unwrap();
        let subnet = format!("{}/{}", subnet.ip, subnet.prefix_len).parse().unwrap();
        node.flannel.subnet = Fact::Known(FlannelSubnet {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            subnet: Some(subnet),
            ..FlannelSubnet::default()
        });
        let mac = node.net.link_named("flannel.1").and_then(|link| link.mac.clone());
        leases.push(FlannelLease {
            subnet: subnet.trunc(),
            ipv6_subnet: None,
            public_ip: Some(ip_of(node, "eth0")),
            public_ipv6: None,
            backend: backend.into(),
            vni: None,
            vtep_mac: mac,
        });
    }
    cluster.nodes.pop();
    stored(&mut cluster).flannel = Some(FlannelNetwork {
        net_conf: Fact::Known(FlannelNetConf {
            network: Some("10.0.0.0/8".parse().unwrap()),
            backend: backend.into(),
            ..FlannelNetConf::default()
        }),
        leases,
        unreadable: Vec::new(),
    });
    cluster
}

/// The last node's link is known by its Node alone.
fn calico() -> Snapshot {
    let mut cluster = made(Flavour::CalicoVxlan, 5, 2);
    let ends: Vec<(IpAddr, String)> = cluster
        .nodes
        .iter()
        .map(|node| {
            let link = node.net.link_named("vxlan.calico").unwrap();
            (ip_of(node, "vxlan.calico"), link.mac.clone().unwrap())
        })
        .collect();
    for (node, (ip, mac)) in stored(&mut cluster).resources.iter_mut().zip(ends) {
        node["spec"]["ipv4VXLANTunnelAddr"] = json!(ip.to_string());
        node["spec"]["vxlanTunnelMACAddr"] = json!(mac);
    }
    cluster.nodes.pop();
    cluster
}

/// Of a node, the routes to other nodes' subnets.
fn remote(node: &mut NodeState) -> impl Iterator<Item = &mut netdiag::state::route::Route> {
    let routes = known(&mut node.net.routes).iter_mut();
    routes.filter(|route| {
        route.dst.prefix_len() >= 24
            && route.kind == RouteType::Unicast
            && route.next_hops.iter().any(|hop| hop.gateway.is_some())
    })
}

#[test]
fn routes_that_leases_mean_are_missed() {
    for flavour in [Flavour::FlannelVxlan, Flavour::FlannelHostGw] {
        // To the next but one: no pair of pods that is looked at goes there.
        fires("kernel-unlike-objects", &flannel(flavour), |broken| {
            let gone = remote(&mut broken.nodes[0]).nth(1).unwrap().dst;
            known(&mut broken.nodes[0].net.routes).retain(|route| route.dst != gone);
        });
        fires("kernel-unlike-objects", &flannel(flavour), |broken| {
            let elsewhere = "172.16.9.9".parse().unwrap();
            let route = remote(&mut broken.nodes[0]).nth(1).unwrap();
            route.next_hops[0].gateway = Some(elsewhere);
        });
    }
}

#[test]
fn ends_of_nodes_that_are_not_seen_are_held_against_their_objects() {
    let last = |snapshot: &Snapshot| {
        let objects = snapshot.objects.known().unwrap();
        let mac = &objects.resources[4]["spec"]["vxlanTunnelMACAddr"];
        mac.as_str().unwrap().to_owned()
    };
    let mac = last(&calico());
    fires("kernel-unlike-objects", &calico(), |broken| {
        known(&mut broken.nodes[1].net.fdb).retain(|entry| entry.mac != mac);
    });
    fires("kernel-unlike-objects", &calico(), |broken| {
        for entry in known(&mut broken.nodes[1].net.neighbors) {
            if entry.mac.as_ref() == Some(&mac) {
                entry.mac = Some("66:00:00:00:00:99".into());
            }
        }
    });
}

#[test]
fn the_address_of_a_tunnel_is_missed() {
    let mut cluster = made(Flavour::CalicoIpip, 3, 2);
    let inside: Vec<IpAddr> = cluster.nodes.iter().map(|node| ip_of(node, "tunl0")).collect();
    for (node, ip) in stored(&mut cluster).resources.iter_mut().zip(inside) {
        node["spec"]["bgp"]["ipv4IPIPTunnelAddr"] = json!(ip.to_string());
    }
    fires("kernel-unlike-objects", &cluster, |broken| {
        let node = &mut broken.nodes[0];
        let tunnel = node.net.link_named("tunl0").unwrap().index;
        known(&mut node.net.addresses).retain(|address| address.link != tunnel);
    });
}

#[test]
fn what_is_left_of_a_node_is_told() {
    fires("entry-of-nobody", &calico(), |broken| {
        let fdb = known(&mut broken.nodes[1].net.fdb);
        let mut entry = fdb.iter().find(|entry| entry.dst.is_some()).unwrap().clone();
        entry.mac = "66:00:00:00:00:99".into();
        entry.dst = Some("172.16.9.9".parse().unwrap());
        fdb.push(entry);
    });
    fires("entry-of-nobody", &flannel(Flavour::FlannelVxlan), |broken| {
        let mut route = remote(&mut broken.nodes[0]).next().unwrap().clone();
        route.dst = "10.200.0.0/24".parse().unwrap();
        known(&mut broken.nodes[0].net.routes).push(route);
    });
}

/// Modules stay loaded, and their first link with them: what it still has is told, the link itself isn't.
#[test]
fn a_tunnel_that_no_pool_needs_any_more_keeps_its_address() {
    let ipip = made(Flavour::CalicoIpip, 3, 2);
    let old = &ipip.nodes[0];
    let mut tunnel = old.net.link_named("tunl0").unwrap().clone();
    let mut addresses = old.net.addresses.items().iter();
    let mut address = addresses
        .find(|address| address.link == tunnel.index)
        .unwrap()
        .clone();
    tunnel.index.0 = 901;
    address.link = tunnel.index;
    let mut cluster = made(Flavour::CalicoBgp, 3, 2);
    known(&mut cluster.nodes[0].net.links).push(tunnel);
    fires("entry-of-nobody", &cluster, |broken| {
        known(&mut broken.nodes[0].net.addresses).push(address.clone());
    });
}

#[test]
fn of_a_node_that_is_deleted_nothing_is_left_in_what_plan_tells() {
    let cluster = calico();
    let last = cluster.objects.known().unwrap().resources[4].clone();
    let last = Resource::from_value(last).unwrap();
    let future = future(&cluster, &[Change::Delete(Box::new(last))]).unwrap();
    let findings = found(&future.snapshot);
    assert!(findings.is_empty(), "{findings:#?}");
    let entries = |snapshot: &Snapshot| snapshot.nodes[0].net.fdb.items().len();
    assert_eq!(entries(&future.snapshot) + 1, entries(&cluster));
}

#[test]
fn what_all_nodes_lack_of_one_is_one_finding() {
    let mut cluster = flannel(Flavour::FlannelVxlan);
    let objects = stored(&mut cluster);
    let lease = objects.flannel.as_ref().unwrap().leases[4].clone();
    for node in &mut cluster.nodes {
        known(&mut node.net.routes).retain(|route| route.dst != lease.subnet);
        known(&mut node.net.fdb).retain(|entry| entry.dst != lease.public_ip);
    }
    let findings: Vec<Finding> = found(&cluster);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].id, "kernel-unlike-objects");
    assert_eq!(findings[0].subject, lease.subnet.to_string(), "{findings:#?}");
    // A route and an FDB entry for each of four nodes.
    assert_eq!(findings[0].fix.commands.len(), 8, "{findings:#?}");
}
