//! One bridge over two hosts.

use super::{
    Draft,
    attach::{PodBridge, on_bridge},
};
use crate::Plan;

/// `br0` on `n1` (10.22.0.1) and on `n2`, joined by their ports `eth1`; pods `a` and `b` on `n1`, `c` on `n2`; IPv6
/// beside IPv4.
pub fn bridge() -> Draft {
    let near = PodBridge::new("br0", "10.22.0.1/24");
    let far = PodBridge::new("br0", "");
    let pods = [
        on_bridge("n1", "a", "10.22.0.11"),
        on_bridge("n1", "b", "10.22.0.12"),
        on_bridge("n2", "c", "10.22.0.13"),
    ];
    let v6 = |last: &str| [format!("address add fd22::{last}/64 dev eth0 nodad")];
    let [a, b, c] = &pods;
    let plan = Plan::new()
        .segment("wire", "")
        .node("n1", |mut node| {
            node = near.on(node.link("eth1", "wire", ""));
            node = node
                .ip("link set eth1 master br0")
                .ip("address add fd22::1/64 dev br0 nodad");
            node = near.connect(node, a, "").in_pod("a", &v6("a"));
            near.connect(node, b, "").in_pod("b", &v6("b"))
        })
        .node("n2", |mut node| {
            node = far.on(node.link("eth1", "wire", ""));
            node = node.ip("link set eth1 master br0");
            far.connect(node, c, "").in_pod("c", &v6("c"))
        });
    Draft::new(plan)
        .pods(pods)
        .pings("n1", "10.22.0.13")
        .pings("n1/a", "10.22.0.12")
        .pings("n1/a", "10.22.0.13")
        .sized("n1/a", "10.22.0.13", 1500, true, true)
        .pings("n2/c", "fd22::b")
        .never_pings("n2", "10.22.0.13")
}
