//! Calico's IPIP: routes by way of `tunl0` to the other nodes, `onlink`.

use super::{Draft, System};
use crate::{NodePlan, Plan, PodPlan, kinds::PodSite};

/// Which packets go by the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Always,
    CrossSubnet,
    Never,
}

/// name, its segment, its address, the router's there, its block's number, its pod
const NODES: [[&str; 5]; 3] = [
    ["m1", "lan1", "192.168.80.23", "1", "web"],
    ["m2", "lan1", "192.168.80.24", "2", "db"],
    ["m3", "lan2", "192.168.81.25", "3", "far"],
];

fn router(segment: &str) -> &'static str {
    if segment == "lan1" {
        "192.168.80.1"
    } else {
        "192.168.81.1"
    }
}

/// Two nodes on one segment, a third behind a router that knows no pods.
fn network(mode: Mode) -> Draft {
    let plan = Plan::new()
        .segment("lan1", "")
        .segment("lan2", "")
        .node("gw", |node| {
            node.link("eth1", "lan1", "192.168.80.1/24")
                .link("eth2", "lan2", "192.168.81.1/24")
                .forward()
        });
    // As its CNI plugin does where there is a tunnel.
    let mtu = [format!(
        "link set eth0 mtu {}",
        if mode == Mode::Never { 1500 } else { 1480 }
    )];
    let plan = NODES.iter().fold(plan, |plan, own| {
        let [name, segment, address, number, pod] = *own;
        plan.node(name, |node| {
            let node = node
                .link("eth0", segment, &format!("{address}/24"))
                .route(&format!("default via {}", router(segment)))
                .forward()
                .sh("modprobe ipip")
                .pod(PodPlan::calico(pod, &format!("10.244.{number}.2")));
            tunnel(routes(node, mode, own), mode, number).in_pod(pod, &mtu)
        })
    });
    let sites = NODES.map(|[node, _, _, number, pod]| PodSite {
        node: node.into(),
        name: pod.into(),
        address: format!("10.244.{number}.2"),
        own_link: Some("eth0".into()),
        host_link: None,
    });
    let draft = Draft::new(plan)
        .pods(sites)
        .pings("m1/web", "10.244.2.2")
        .pings("m1", "10.244.2.2");
    if mode == Mode::Never {
        // The router doesn't know the pods.
        draft.never_pings("m1/web", "10.244.3.2")
    } else {
        draft
            .pings("m1/web", "10.244.3.2")
            .pings("m3/far", "10.244.1.2")
            .pings("m1", "10.244.3.2")
    }
}

fn tunnel(node: NodePlan, mode: Mode, number: &str) -> NodePlan {
    if mode == Mode::Never {
        return node;
    }
    node.ip(&format!("address add 10.244.{number}.1/32 dev tunl0"))
        .ip("link set tunl0 mtu 1480 up")
}

fn routes(node: NodePlan, mode: Mode, own: &[&str; 5]) -> NodePlan {
    let [name, segment, _, number, _] = *own;
    let node = node.ip(&format!("route add blackhole 10.244.{number}.0/26 proto bird"));
    // The tunnel must be up before routes by it can be.
    let node = if mode == Mode::Never {
        node
    } else {
        node.ip("link set tunl0 up")
    };
    NODES
        .iter()
        .filter(|[other, ..]| *other != name)
        .fold(node, |node, [_, beside, address, block, _]| {
            let tunneled = mode == Mode::Always || (mode == Mode::CrossSubnet && *beside != segment);
            let way = match (tunneled, *beside == segment) {
                (true, _) => format!("via {address} dev tunl0 onlink"),
                (false, true) => format!("via {address} dev eth0"),
                // What BIRD makes of it: the way to the next hop.
                (false, false) => format!("via {} dev eth0", router(segment)),
            };
            node.ip(&format!("route add 10.244.{block}.0/26 {way} proto bird"))
        })
}

pub(super) fn labs() -> Vec<System> {
    vec![
        System::new("calico ipip always", network(Mode::Always))
            .lost(
                "tunl0 is down",
                "m2",
                "ip link set tunl0 down",
                "m2 has no tunnel link that takes 192.168.80.23",
            )
            .lost(
                "the router drops protocol 4",
                "gw",
                "iptables -A FORWARD -p ipencap -j DROP",
                "-A FORWARD -p ipencap -j DROP",
            )
            .lost(
                "the node takes protocol 4 from nobody",
                "m3",
                "iptables -A INPUT -p ipencap -j REJECT",
                "-A INPUT -p ipencap -j REJECT",
            )
            .lost(
                "a route leads to the router",
                "m1",
                "ip route replace 10.244.3.0/26 via 192.168.80.1 dev eth0 proto bird",
                "gw has no route to 10.244.3.2",
            )
            .lost(
                "a route of the tunnel leads to the router",
                "m1",
                "ip route replace 10.244.3.0/26 via 192.168.80.1 dev tunl0 proto bird onlink",
                "gw has no tunnel link that takes 192.168.80.23",
            )
            .lost(
                "no route to the block",
                "m3",
                "ip route del 10.244.1.0/26",
                "m3 has no route to 10.244.1.2",
            )
            .lost(
                "tunl0 has no address",
                "m1",
                "ip address flush dev tunl0",
                "m1 has no route to 10.244.2.2",
            )
            .lost(
                "what leaves by the tunnel is dropped",
                "m1",
                "iptables -A FORWARD -o tunl0 -j DROP",
                "-A FORWARD -o tunl0 -j DROP",
            ),
        System::new("calico ipip cross subnet", network(Mode::CrossSubnet))
            .lost(
                "tunl0 is down",
                "m3",
                "ip link set tunl0 down",
                "m3 has no tunnel link that takes 192.168.80.23",
            )
            .lost(
                "no forwarding",
                "m2",
                "echo 0 >/proc/sys/net/ipv4/ip_forward",
                "forwarding = 0",
            ),
        System::new("calico ipip never", network(Mode::Never)).lost(
            "the router knows one of the blocks",
            "gw",
            "ip route add 10.244.3.0/26 via 192.168.81.25",
            "gw has no route to 10.244.",
        ),
    ]
}
