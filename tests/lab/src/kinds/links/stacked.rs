//! VRFs, and ipvlan.

use super::{Draft, System, behind, site};
use crate::{NodePlan, Plan, kinds::PodSite};

pub(super) fn labs() -> Vec<System> {
    vec![vrf(), leaks(), ipvlan("l2"), ipvlan("l3"), ipvlan("l3s")]
}

/// A router with two tenants, red (table 10) and blue (table 20): pods `a` and `b` are red, `c` and `d` blue.
fn vrf() -> System {
    let plan = Plan::new().node("r", |node| {
        let mut node = node.forward();
        for (vrf, table) in [("red", 10), ("blue", 20)] {
            node = node
                .ip(&format!("link add {vrf} type vrf table {table}"))
                .ip(&format!("link set {vrf} up"))
                .ip(&format!(
                    "route add table {table} unreachable default metric 4278198272"
                ));
        }
        for (pod, net, vrf) in [
            ("a", 1, "red"),
            ("b", 2, "red"),
            ("c", 3, "blue"),
            ("d", 4, "blue"),
        ] {
            node = behind(node, pod, net).ip(&format!("link set to-{pod} master {vrf}"));
        }
        node
    });
    let pods = [("a", 1), ("b", 2), ("c", 3), ("d", 4)];
    let whole = Draft::new(plan)
        .pods(pods.map(|(pod, net)| site("r", pod, net)))
        .pings("r/a", "10.9.2.2")
        .pings("r/c", "10.9.4.2")
        .pings("r/a", "10.9.1.1")
        .pings("r/a", "10.9.2.1")
        .never_pings("r/a", "10.9.3.2")
        .never_pings("r/a", "10.9.3.1");
    System::new("vrf", whole)
        .wrong("a link is in the other VRF", "r", "ip link set to-b master blue")
        .wrong("a link is in none", "r", "ip link set to-b nomaster")
        .wrong("the VRF is down", "r", "ip link set red down")
        .wrong(
            "VRFs are asked after the main table",
            "r",
            "ip rule add l3mdev prio 40000; ip rule del prio 1000",
        )
        .wrong(
            "what comes by the VRF is dropped",
            "r",
            "iptables -A FORWARD -i red -j DROP",
        )
        .wrong(
            "forwarding is off where it comes in",
            "r",
            "echo 0 >/proc/sys/net/ipv4/conf/red/forwarding",
        )
        .wrong(
            "the way back is in another table, and the filter is strict",
            "r",
            "echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; ip route del 10.9.1.0/24 dev to-a table 10",
        )
}

/// A VRF beside the main table, with routes from one into the other.
fn leaks() -> System {
    let plan = Plan::new().node("r", |node| {
        let node = node.forward();
        let node = behind(behind(node, "a", 1), "b", 2);
        node.ip("link add red type vrf table 10")
            .ip("link set red up")
            .ip("link set to-a master red")
            .ip("route add 10.9.1.0/24 dev red")
            .ip("route add 10.9.2.0/24 dev to-b table 10")
    });
    let whole = Draft::new(plan)
        .pods([site("r", "a", 1), site("r", "b", 2)])
        .pings("r/a", "10.9.2.2")
        .pings("r/b", "10.9.1.2");
    System::new("vrf with leaks", whole)
        .wrong(
            "nothing leads into the VRF",
            "r",
            "ip route del 10.9.1.0/24 dev red",
        )
        .wrong(
            "nothing leads out of the VRF",
            "r",
            "ip route del 10.9.2.0/24 dev to-b table 10",
        )
}

/// Pods `a` and `b` on `n1` share its `eth0`; `c` is on `n2`. With mode l3, `n2` has routes to the pods by way of `n1`.
fn ipvlan(mode: &'static str) -> System {
    let layer2 = mode == "l2";
    let pod = |node: NodePlan, name: &str, last: u8| {
        let mut inside = vec![
            "link set lo up".to_owned(),
            "link set eth0 up".into(),
            format!(
                "address add 10.9.{}.{last}/24 dev eth0",
                if layer2 { 0 } else { 6 }
            ),
        ];
        if !layer2 {
            inside.push("route add default dev eth0".into());
        }
        node.ip(&format!("netns add {name}"))
            .ip(&format!(
                "link add name iv-{name} link eth0 type ipvlan mode {mode}"
            ))
            .ip(&format!("link set iv-{name} netns {name} name eth0"))
            .in_pod(name, &inside)
    };
    let plan = Plan::new()
        .segment("wire", "")
        .node("n1", |node| {
            let node = node.link("eth0", "wire", "10.9.0.1/24").forward();
            pod(pod(node, "a", 11), "b", 12).route("10.9.3.0/24 via 10.9.0.2")
        })
        .node("n2", |node| {
            let node = node.link("eth0", "wire", "10.9.0.2/24").forward();
            let node = if layer2 {
                node
            } else {
                node.route("10.9.6.0/24 via 10.9.0.1")
            };
            behind(node, "c", 3)
        });
    let net = if layer2 { 0 } else { 6 };
    let on_n1 = |name: &str, last: u8| PodSite {
        node: "n1".into(),
        name: name.into(),
        address: format!("10.9.{net}.{last}"),
        own_link: Some("eth0".into()),
        host_link: Some("eth0".into()),
    };
    let whole = Draft::new(plan)
        .pods([on_n1("a", 11), on_n1("b", 12)])
        .pings("n1/a", &format!("10.9.{net}.12"))
        .pings("n2", &format!("10.9.{net}.11"))
        .pings("n1/b", "10.9.0.2");
    let name = match mode {
        "l2" => "ipvlan l2",
        "l3" => "ipvlan l3",
        _ => "ipvlan l3s",
    };
    let lab = System::new(name, whole)
        .wrong("the link below is down", "n1", "ip link set eth0 down")
        .wrong("a pod's link is down", "n1", "ip -n b link set eth0 down")
        .wrong("the host lets nothing out", "n1", "iptables -P OUTPUT DROP")
        .wrong("the host lets nothing in", "n1", "iptables -P INPUT DROP");
    if layer2 {
        lab
    } else {
        lab.wrong("the host knows no way", "n1", "ip route del 10.9.0.0/24")
            .wrong("no way back", "n2", "ip route del 10.9.6.0/24")
    }
}
