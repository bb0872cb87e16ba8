//! Intent beyond BGP, held against real kernels: in healthy networks nothing differs, and with one thing taken away, the
//! difference is that one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use netdiag::intent::Cluster;
use netdiag::intent::blocks::blocks;
use netdiag::intent::kernel::{Differences, Item, Kernels, Meant, differences};
use netdiag::intent::routes::Intent;
use netdiag::state::kind::LinkData;
use netdiag::state::{Namespace, NodeState, Objects};
use netdiag_lab::kinds::{Backend, Calico, Draft, Flannel, Network, Peering, Wire};
use netdiag_lab::{Node, or_skip};
use serde_json::{Value, json};

use crate::netdiag::PROGRAM;
use crate::plan::resource;

fn collected(node: &Node) -> NodeState {
    let run = node.run([PROGRAM, "snapshot", "save", "--json"]);
    let text = run.within(Duration::from_secs(60)).ok().unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(&mut text.as_bytes()).unwrap();
    snapshot.nodes.remove(0)
}

fn address(node: &NodeState, link: &str) -> Option<IpAddr> {
    let index = node.net.link_named(link)?.index;
    let mut addresses = node.net.addresses.items().iter();
    Some(
        addresses
            .find(|address| address.link == index && address.ip.is_ipv4())?
            .ip,
    )
}

/// What Calico would have stored of these nodes and their pods.
fn objects(nodes: &[NodeState], vxlan: &str) -> Objects {
    let pool =
        json!({"cidr": "192.168.0.0/16", "ipipMode": "Never", "vxlanMode": vxlan, "natOutgoing": true});
    let mut resources = vec![resource("IPPool", "pool", pool)];
    for node in nodes.iter().filter(|node| node.name.starts_with('m')) {
        let own = address(node, "eth0").unwrap();
        let mut spec = json!({"bgp": {"ipv4Address": format!("{own}/24")}});
        if let Some(link) = node.net.link_named("vxlan.calico") {
            assert!(matches!(link.data, Some(LinkData::Vxlan(_))));
            spec["ipv4VXLANTunnelAddr"] = json!(address(node, "vxlan.calico").unwrap().to_string());
            spec["vxlanTunnelMACAddr"] = json!(link.mac.as_ref().unwrap());
        }
        resources.push(resource("Node", &node.name, spec));
        for pod in node.namespaces.items() {
            resources.extend(endpoint(node, pod));
        }
    }
    Objects {
        store: "the lab".into(),
        resources,
        kinds: [
            "Node",
            "IPPool",
            "BGPPeer",
            "BGPConfiguration",
            "WorkloadEndpoint",
        ]
        .map(String::from)
        .into(),
        ..Objects::default()
    }
}

fn endpoint(node: &NodeState, pod: &Namespace) -> Option<Value> {
    let inside = pod.net.links.items().iter().find(|link| link.name == "eth0")?;
    let ip = pod
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.link == inside.index)?;
    let links = node.net.links.items().iter();
    let end = links.filter(|link| link.name.starts_with("cali")).find(|link| {
        let routes = node.net.routes.items().iter();
        let mut to = routes.filter(|route| route.dst == ip.ip.into());
        to.any(|route| {
            route
                .next_hops
                .first()
                .is_some_and(|hop| hop.link == Some(link.index))
        })
    })?;
    let spec = json!({"node": node.name, "orchestrator": "k8s", "pod": pod.title(), "endpoint": "eth0",
        "interfaceName": end.name, "ipNetworks": [format!("{}/32", ip.ip)], "profiles": []});
    Some(resource(
        "WorkloadEndpoint",
        &format!("{}-{}", node.name, pod.title()),
        spec,
    ))
}

/// A network, its nodes as they were when it was whole, and what its objects mean.
struct Whole {
    network: Network,
    nodes: Vec<NodeState>,
    cluster: Option<Cluster>,
}

impl Whole {
    fn up(draft: Draft, vxlan: Option<&str>, script: impl Fn(&str) -> String) -> Option<Self> {
        let network = or_skip(draft.up())?;
        network.works().unwrap();
        for node in network.lab().nodes() {
            let script = script(node.name());
            node.sh(&script).ok().unwrap();
        }
        let nodes: Vec<NodeState> = network.lab().nodes().map(collected).collect();
        let cluster = vxlan.map(|mode| Cluster::new(&objects(&nodes, mode)));
        Some(Self {
            network,
            nodes,
            cluster,
        })
    }

    fn meant(&self, node: &NodeState) -> Meant {
        let cluster = self.cluster.as_ref();
        let blocks = cluster.map_or_else(Vec::new, |cluster| blocks(cluster, &self.nodes));
        let intent = cluster.map(|cluster| Intent::new(cluster, &blocks, false));
        Kernels::new(cluster, &self.nodes, intent.as_ref()).meant(node)
    }

    fn differences(&self, node: &NodeState) -> Differences {
        // What is meant does not depend on what is held now.
        let whole = self.nodes.iter().find(|other| other.name == node.name).unwrap();
        differences(&self.meant(whole), node)
    }

    /// Nothing differs anywhere; gives the kinds of entries that are meant.
    fn is_whole(&self, what: &str, least: usize) {
        let mut count = 0;
        for node in &self.nodes {
            let differ = self.differences(node);
            assert!(
                differ.missing.is_empty() && differ.extra.is_empty(),
                "{what}: {}: {differ:#?}",
                node.name
            );
            count += self.meant(node).items.len();
            // Whoever wrote the default route, no object speaks of it.
            let others: Vec<String> = differ.others.iter().map(ToString::to_string).collect();
            assert!(
                node.net
                    .routes
                    .items()
                    .iter()
                    .all(|route| route.dst.prefix_len() > 0 || route.dst.addr().is_ipv6())
                    || others.iter().any(|other| other.starts_with("route 0.0.0.0/0")),
                "{what}: {others:?}"
            );
        }
        assert!(count >= least, "{what}: {count} entries");
    }

    /// Takes each thing away that a node is meant to have, sees that it is missed, and that nothing else is.
    fn each_is_missed(&self, what: &str, on: &str) {
        let node = self.network.lab().node(on);
        let whole = self.nodes.iter().find(|node| node.name == on).unwrap();
        let whole_items = self.meant(whole);
        for item in whole_items.items.keys() {
            let Some((away, back)) = commands(whole, item) else {
                continue;
            };
            node.sh(&away).ok().unwrap();
            let differ = self.differences(&collected(node));
            let missing: Vec<&Item> = differ.missing.iter().map(|(item, _)| item).collect();
            let gone: Vec<&Item> = whole_items
                .items
                .keys()
                .filter(|other| goes_with(other, item))
                .collect();
            assert_eq!(missing, gone, "{what}: {away}: {differ:#?}");
            assert!(differ.extra.is_empty(), "{what}: {away}: {differ:#?}");
            node.sh(&back).ok().unwrap();
            let others = gone.iter().filter(|other| **other != item);
            for (_, back) in others.filter_map(|other| commands(whole, other)) {
                node.sh(&back).ok().unwrap();
            }
        }
        let left = self.differences(&collected(node));
        assert!(
            left.missing.is_empty() && left.extra.is_empty(),
            "{what}: {left:#?}"
        );
    }

    /// What nobody means is told as such.
    fn more_is_told(&self, on: &str, script: &str, extra: &[&str]) {
        let node = self.network.lab().node(on);
        node.sh(script).ok().unwrap();
        let differ = self.differences(&collected(node));
        let told: BTreeSet<String> = differ.extra.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            extra.iter().map(ToString::to_string).collect(),
            "{differ:#?}"
        );
        assert!(differ.missing.is_empty(), "{differ:#?}");
    }
}

/// Whether an entry is gone when another one is: with a link's last address, the kernel drops routes and neighbors
/// (`inetdev_destroy`, net/ipv4/devinet.c).
fn goes_with(other: &Item, gone: &Item) -> bool {
    let Item::Address { link: own, .. } = gone else {
        return other == gone;
    };
    match other {
        Item::Address { link, .. } | Item::Route { link, .. } | Item::Neighbor { link, .. } => link == own,
        _ => false,
    }
}

/// What takes an entry away, and what brings it back; none for a link, with which all on it goes.
fn commands(node: &NodeState, item: &Item) -> Option<(String, String)> {
    Some(match item {
        Item::Vxlan { .. } => return None,
        Item::Address { link, address } => (
            format!("ip address del {address} dev {link}"),
            format!("ip address add {address} dev {link}"),
        ),
        Item::Route { dst, via, link } => {
            let route = node
                .net
                .routes
                .items()
                .iter()
                .find(|route| route.dst == *dst)
                .unwrap();
            let proto = route.proto.0;
            let via = via.map_or_else(|| "scope link".to_owned(), |via| format!("via {via} onlink"));
            (
                format!("ip route del {dst} dev {link}"),
                format!("ip route add {dst} {via} dev {link} proto {proto}"),
            )
        }
        Item::Blackhole(dst) => (
            format!("ip route del blackhole {dst}"),
            format!("ip route add blackhole {dst} proto 80"),
        ),
        Item::Neighbor { link, ip, mac } => (
            format!("ip neigh del {ip} dev {link}"),
            format!("ip neigh replace {ip} lladdr {mac} dev {link} nud permanent"),
        ),
        Item::Fdb { link, mac, dst } => (
            format!("bridge fdb del {mac} dev {link} dst {dst} self"),
            format!("bridge fdb append {mac} dev {link} dst {dst} self permanent"),
        ),
        Item::Setting { link, name, value } => (
            format!("sysctl -qw net.ipv4.conf.{link}.{name}={}", 1 - value),
            format!("sysctl -qw net.ipv4.conf.{link}.{name}={value}"),
        ),
        Item::Member { set, member } => (
            format!("ipset del {set} {member}"),
            format!("ipset add {set} {member}"),
        ),
    })
}

#[test]
fn what_flannel_is_meant_to_write_is_what_kernels_hold() {
    let backends = [
        ("vxlan", Backend::Vxlan),
        ("DirectRouting", Backend::DirectRouting),
        ("host-gw", Backend::HostGateway),
        ("udp", Backend::Udp),
    ];
    for (name, backend) in backends {
        let Some(whole) = Whole::up(Flannel::new(backend).draft(), None, |_| String::new()) else {
            return;
        };
        whole.is_whole(name, 9);
        whole.each_is_missed(name, "n1");
        let link = match backend {
            Backend::Vxlan | Backend::DirectRouting => "flannel.1",
            Backend::HostGateway => "eth0",
            Backend::Udp => continue,
        };
        whole.more_is_told(
            "n2",
            &format!("ip route add 10.244.9.0/24 via 192.168.100.99 dev {link} onlink"),
            &[&format!("route 10.244.9.0/24 via 192.168.100.99 dev {link}")],
        );
    }
}

#[test]
fn what_felix_is_meant_to_write_is_what_kernels_hold() {
    let kinds = [
        ("plain", Wire::Plain, "Never", false),
        ("VXLAN", Wire::Vxlan, "Always", false),
        (
            "VXLAN between subnets",
            Wire::VxlanCrossSubnet,
            "CrossSubnet",
            true,
        ),
    ];
    // Felix's sets; who is in them depends on the node.
    let hosts = |routed: bool, mode: &str, own: &str| -> String {
        let all = [("m1", "10.39.0.110"), ("m2", "10.39.0.111")];
        let far = ("m3", if routed { "10.39.3.75" } else { "10.39.0.112" });
        let mut script = String::from(
            "ipset create cali40all-ipam-pools hash:net; ipset add cali40all-ipam-pools 192.168.0.0/16
            ipset create cali40masq-ipam-pools hash:net; ipset add cali40masq-ipam-pools 192.168.0.0/16\n",
        );
        if mode != "Never" {
            script += "ipset create cali40all-vxlan-net hash:net\n";
            let others = all.iter().chain([&far]).filter(|(name, _)| *name != own);
            script.extend(others.map(|(_, ip)| format!("ipset add cali40all-vxlan-net {ip}\n")));
        }
        script
    };
    for (name, wire, mode, routed) in kinds {
        let calico = Calico {
            peering: Peering::Written,
            wire,
            routed,
            ..Calico::default()
        };
        let script = |own: &str| {
            if own.starts_with('m') {
                hosts(routed, mode, own)
            } else {
                String::new()
            }
        };
        let Some(whole) = Whole::up(calico.draft(), Some(mode), script) else {
            return;
        };
        whole.is_whole(name, 20);
        whole.each_is_missed(name, "m1");
        if wire != Wire::Plain {
            whole.more_is_told(
                "m2",
                "bridge fdb append 66:00:00:00:00:99 dev vxlan.calico dst 10.39.0.99 self permanent
                ip neigh add 192.168.99.0 lladdr 66:00:00:00:00:99 dev vxlan.calico nud permanent
                ip route add 192.168.99.0/26 via 192.168.99.0 dev vxlan.calico onlink proto 80
                ipset add cali40all-vxlan-net 10.39.0.99",
                &[
                    "fdb 66:00:00:00:00:99 dev vxlan.calico dst 10.39.0.99",
                    "neigh 192.168.99.0 lladdr 66:00:00:00:00:99 dev vxlan.calico",
                    "route 192.168.99.0/26 via 192.168.99.0 dev vxlan.calico",
                    "10.39.0.99/32 in set cali40all-vxlan-net",
                ],
            );
        }
    }
}

#[test]
fn what_bird_writes_is_meant_too() {
    for peering in [Peering::Mesh, Peering::Reflector] {
        let calico = Calico {
            peering,
            ..Calico::default()
        };
        let Some(whole) = Whole::up(calico.draft(), Some("Never"), |_| String::new()) else {
            return;
        };
        if peering == Peering::Mesh {
            whole.is_whole("mesh", 15);
        }
    }
}
