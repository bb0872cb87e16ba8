//! VXLAN that finds its ends by itself: over a multicast group, and as a proxy for the containers of an overlay.

use super::{
    Draft,
    attach::{PodBridge, on_bridge},
};
use crate::Plan;

/// `n1`, `n2`, `n3` (192.168.90.1 to .3) on one segment, in the VXLAN `vx0` of the group 239.1.1.1 with 10.42.0.1 to .3.
pub fn vxlan_group() -> Draft {
    let nodes = ["n1", "n2", "n3"];
    let plan = nodes
        .iter()
        .zip(1..)
        .fold(Plan::new().segment("wire", ""), |plan, (name, number)| {
            plan.node(name, |node| {
                node.link("eth1", "wire", &format!("192.168.90.{number}/24"))
                    .ip("link add vx0 type vxlan id 42 group 239.1.1.1 dev eth1 dstport 4789")
                    .ip("link set vx0 up")
                    .ip(&format!("address add 10.42.0.{number}/24 dev vx0"))
            })
        });
    Draft::new(plan)
        .pings("n1", "10.42.0.2")
        .pings("n1", "10.42.0.3")
        .pings("n3", "10.42.0.2")
}

/// Docker's overlay: a bridge on each host, and a VXLAN in it that answers ARP for the containers of the other host, as
/// Docker's gossip tells it to; it floods nothing. `c1` is on `h1`, `c2` and `c3` on `h2`.
pub fn overlay() -> Draft {
    let bridge = PodBridge::new("br0", "");
    let hosts = [
        ("h1", "192.168.91.1", vec![("c1", "10.0.9.11")]),
        (
            "h2",
            "192.168.91.2",
            vec![("c2", "10.0.9.12"), ("c3", "10.0.9.13")],
        ),
    ];
    let mac = |address: &str| {
        let last: u8 = address
            .rsplit('.')
            .next()
            .and_then(|last| last.parse().ok())
            .unwrap_or(0);
        format!("02:42:0a:00:09:{last:02x}")
    };
    let mut plan = Plan::new().segment("wire", "");
    let mut pods = Vec::new();
    for (host, address, containers) in &hosts {
        plan = plan.node(host, |node| {
            let mut node = bridge
                .on(node.link("eth1", "wire", &format!("{address}/24")))
                .ip(&format!(
                    "link add vx0 type vxlan id 4097 local {address} dstport 4789 nolearning proxy l2miss l3miss"
                ))
                .ip("link set vx0 master br0")
                .ip("link set vx0 up");
            for (other, remote, containers) in &hosts {
                for (_, container) in containers.iter().filter(|_| other != host) {
                    let mac = mac(container);
                    node = node
                        .ip(&format!("neighbor add {container} lladdr {mac} dev vx0 nud permanent"))
                        .sh(&format!("bridge fdb add {mac} dev vx0 dst {remote} self permanent"));
                }
            }
            for (name, container) in containers {
                let site = on_bridge(host, name, container);
                node = bridge.connect(node, &site, &mac(container));
                pods.push(site);
            }
            node
        });
    }
    Draft::new(plan)
        .pods(pods)
        .pings("h1/c1", "10.0.9.12")
        .pings("h2/c3", "10.0.9.11")
        .pings("h2/c2", "10.0.9.13")
        .never_pings("h1/c1", "10.0.9.99")
}
