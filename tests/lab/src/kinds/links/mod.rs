//! Links of kinds that many kernels have as modules only: these networks come up in a guest ([`crate::guest`]).
//!
//! Nearly all of them are two nodes on one segment, each with a pod behind it, and something between the pods. Each has
//! states with one thing wrong.

mod calico_ipip;
mod ethernet;
mod ip_tunnels;
mod ipvs;
mod museum;
mod sizes;
mod stacked;

pub use museum::museum;

use super::{Draft, PodSite, System};
use crate::{NodePlan, Plan};

/// All of them.
pub fn link_labs() -> Vec<System> {
    [
        calico_ipip::labs(),
        ip_tunnels::labs(),
        ethernet::labs(),
        stacked::labs(),
        ipvs::labs(),
        sizes::labs(),
    ]
    .concat()
}

/// A pod at the end of a cable whose other end, `to-POD`, has an address of its segment: IPv4 and IPv6.
fn behind(node: NodePlan, pod: &str, net: u8) -> NodePlan {
    let gateway = [format!("10.9.{net}.1"), format!("fd09:{net}::1")];
    let inside = [
        "link set lo up".to_owned(),
        "link set eth0 up".into(),
        format!("address add 10.9.{net}.2/24 dev eth0"),
        format!("address add fd09:{net}::2/64 dev eth0 nodad"),
        format!("route add default via {}", gateway[0]),
        format!("route add default via {}", gateway[1]),
    ];
    node.ip(&format!("netns add {pod}"))
        .ip(&format!("link add to-{pod} type veth peer name eth0 netns {pod}"))
        .ip(&format!("link set to-{pod} up"))
        .ip(&format!("address add {}/24 dev to-{pod}", gateway[0]))
        .ip(&format!("address add {}/64 dev to-{pod} nodad", gateway[1]))
        .in_pod(pod, &inside)
}

/// What there is to know of a pod that [`behind`] made.
fn site(node: &str, pod: &str, net: u8) -> PodSite {
    PodSite {
        node: node.into(),
        name: pod.into(),
        address: format!("10.9.{net}.2"),
        own_link: Some("eth0".into()),
        host_link: Some(format!("to-{pod}")),
    }
}

/// `n1` (10.9.0.1, fd09::1) with the pod `a` (10.9.1.2), `n2` (10.9.0.2, fd09::2) with `b` (10.9.2.2); what is between
/// the pods is up to these lines for `ip`: on `n1`, on `n2`.
fn two(n1: &[String], n2: &[String]) -> Draft {
    let node = |node: NodePlan, number: u8, pod, lines: &[String]| {
        let node = node
            .link("eth0", "wire", &format!("10.9.0.{number}/24"))
            .ip(&format!("address add fd09::{number}/64 dev eth0 nodad"))
            .forward();
        lines
            .iter()
            .fold(behind(node, pod, number), |node, line| node.ip(line))
    };
    let plan = Plan::new()
        .segment("wire", "")
        .node("n1", |plan| node(plan, 1, "a", n1))
        .node("n2", |plan| node(plan, 2, "b", n2));
    Draft::new(plan).pods([site("n1", "a", 1), site("n2", "b", 2)])
}

/// [`two`] with a link on both sides, and routes over it: `{l}` and `{r}` are the node's own number and the other's.
fn joined(lines: &[&str]) -> Draft {
    let of = |l: u8, r: u8| -> Vec<String> {
        let filled = |line: &&str| line.replace("{l}", &l.to_string()).replace("{r}", &r.to_string());
        lines.iter().map(filled).collect()
    };
    two(&of(1, 2), &of(2, 1))
        .pings("n1/a", "10.9.2.2")
        .pings("n2/b", "10.9.1.2")
}
