//! What objects mean by IPIP, held against real BIRD: which routes it would send through `tunl0`, and to which node, by
//! the filter that Calico gives it. The lab puts them into the kernel as Calico's own BIRD does; this kernel's `tunl0` is
//! another kind of link, which routes don't mind.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use netdiag::intent::Cluster;
use netdiag::intent::blocks::blocks;
use netdiag::intent::routes::{Intent, Way};
use netdiag::state::route::{RouteProtocol, RouteType, TableId};
use netdiag::state::{NodeState, Snapshot};
use netdiag_lab::{Bird, or_skip, tunneled};
use serde_json::{Value, json};

use crate::plan::{CONVERGENCE, NODES, World, mesh, node, peer, pool, reflector};

/// Puts BIRD's routes through the tunnel into the kernels; as the kernel's own, which BIRD doesn't learn and tell others.
fn put(world: &World) {
    for (name, .., number) in NODES {
        let node = world.lab.node(name);
        let mut script = format!(
            "ip link show tunl0 >/dev/null 2>&1 || {{
                ip tuntap add dev tunl0 mode tun
                ip address add 10.48.{number}.1/32 dev tunl0
                ip link set tunl0 mtu 1480 up
            }}
            ip route flush dev tunl0 proto kernel\n"
        );
        for (dst, hop) in tunneled(node).unwrap() {
            let _ = writeln!(
                script,
                "ip route replace {dst} via {hop} dev tunl0 onlink proto kernel"
            );
        }
        node.sh(&script).ok().unwrap();
    }
}

/// The routes to blocks that a kernel has.
fn held(node: &NodeState) -> BTreeSet<String> {
    let routes = node.net.routes.items().iter().filter(|route| {
        let by_agents = matches!(route.proto, RouteProtocol::BIRD | RouteProtocol::KERNEL);
        route.table == TableId::MAIN && by_agents && route.dst.prefix_len() == 26
    });
    routes
        .map(|route| {
            if route.kind == RouteType::Blackhole {
                return format!("blackhole {}", route.dst);
            }
            let hop = route.next_hops.first().unwrap();
            let link = node.net.link(hop.link.unwrap()).unwrap();
            format!("{} via {} dev {}", route.dst, hop.gateway.unwrap(), link.name)
        })
        .collect()
}

fn meant(intent: &Intent, cluster: &Cluster, node: &NodeState) -> BTreeSet<String> {
    let object = cluster.node(&node.name).unwrap();
    let routes = intent.routes(object).into_iter();
    routes
        .map(|route| match route.way {
            Way::Blackhole => format!("blackhole {}", route.dst),
            Way::Ipip(ip) => format!("{} via {ip} dev tunl0", route.dst),
            Way::Direct(ip) => format!("{} via {ip} dev eth0", route.dst),
            Way::Vxlan(ip) => format!("{} to {ip} by VXLAN", route.dst),
        })
        .collect()
}

fn differences(snapshot: &Snapshot) -> Vec<String> {
    let cluster = Cluster::new(snapshot.objects.known().unwrap());
    let blocks = blocks(&cluster, &snapshot.nodes);
    let intent = Intent::new(&cluster, &blocks, false);
    let nodes = snapshot.nodes.iter().filter(|node| node.name != "gw");
    nodes
        .filter_map(|node| {
            let (meant, held) = (meant(&intent, &cluster, node), held(node));
            (meant != held).then(|| format!("{}: meant {meant:#?}, is {held:#?}", node.name))
        })
        .collect()
}

/// The mesh; then one reflector, whose clients hear of each other by it alone.
fn sessions() -> [(&'static str, Vec<Value>); 2] {
    let reflected = vec![
        mesh(false),
        reflector(1, "1.0.0.1"),
        peer("rr", json!({"nodeSelector": "all()", "peerSelector": "has(rr)"})),
    ];
    [
        ("mesh", vec![mesh(true), node(1, json!({}))]),
        ("reflector", reflected),
    ]
}

fn decided(bird: Bird) {
    let Some(mut world) = or_skip(World::up(bird)) else {
        return;
    };
    for (how, objects) in sessions() {
        world.change(&objects, false);
        for mode in ["Always", "CrossSubnet", "Never"] {
            let tunnel = pool(json!({"ipipMode": mode}));
            world.change(&[tunnel], false);
            let start = Instant::now();
            let left = loop {
                put(&world);
                let (snapshot, _) = world.seen();
                let mut left = differences(&snapshot);
                if mode == "Never" {
                    // By way of the router, whom BIRD asks for the next hop.
                    left.retain(|line| line.contains("tunl0"));
                }
                if left.is_empty() || start.elapsed() > CONVERGENCE {
                    break left;
                }
                thread::sleep(Duration::from_millis(500));
            };
            assert!(left.is_empty(), "{bird:?}, {how}, {mode}: {left:#?}");
        }
    }
}

#[test]
fn what_is_meant_of_ipip_is_what_birds_filter_decides() {
    for bird in [Bird::V1, Bird::V2] {
        decided(bird);
    }
}
