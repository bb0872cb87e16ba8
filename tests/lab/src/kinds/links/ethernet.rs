//! VLANs, bridges that know them, bonds, and links that lead nowhere.

use super::{Draft, System, behind, joined, site};
use crate::Plan;

pub(super) fn labs() -> Vec<System> {
    let vlan = joined(&[
        "link add name eth0.5 link eth0 type vlan id 5",
        "link set eth0.5 up",
        "address add 10.9.9.{l}/24 dev eth0.5",
        "route add 10.9.{r}.0/24 via 10.9.9.{r}",
    ])
    .pings("n1", "10.9.9.2");
    let other = "ip link del eth0.5; ip link add name eth0.5 link eth0 type vlan id 6; ip link set eth0.5 up
                 ip address add 10.9.9.2/24 dev eth0.5; ip route add 10.9.1.0/24 via 10.9.9.1";
    let dummy = joined(&[
        "link add d0 type dummy",
        "link set d0 up",
        "address add 10.9.8.{l}/32 dev d0",
        "route add 10.9.8.{r}/32 via 10.9.0.{r}",
        "route add 10.9.{r}.0/24 via 10.9.0.{r}",
    ])
    .pings("n1/a", "10.9.8.2");
    vec![
        System::new("vlan", vlan)
            .wrong("another VLAN", "n2", other)
            .wrong("the VLAN is down", "n2", "ip link set eth0.5 down")
            .wrong("the link below is down", "n1", "ip link set eth0 down"),
        System::new("dummy", dummy)
            .wrong(
                "a route leads into it",
                "n1",
                "ip route replace 10.9.2.0/24 dev d0",
            )
            .wrong(
                "it is down",
                "n2",
                "ip link set d0 down; ip address del 10.9.8.2/32 dev d0",
            ),
        tagging_bridge(),
        bond("active-backup"),
        bond("balance-rr"),
    ]
}

/// A bridge with VLANs on each node, joined by a trunk: pods `a` and `b` are in VLAN 10, `c` is in 20; the bridge of
/// `n1` has addresses in both.
fn tagging_bridge() -> System {
    let bridge = |links: &[(&str, u8)]| {
        let mut lines = vec![
            "link add br0 type bridge forward_delay 0 mcast_snooping 0 vlan_filtering 1 vlan_default_pvid 1"
                .to_owned(),
            "link set br0 up".into(),
            "link set eth1 master br0 up".into(),
        ];
        lines.extend(
            links
                .iter()
                .map(|(pod, _)| format!("link set to-{pod} master br0 up")),
        );
        lines
    };
    let vlans = |links: &[(&str, u8)]| {
        let mut script = String::from(
            "bridge vlan add dev eth1 vid 10; bridge vlan add dev eth1 vid 20; bridge vlan del dev eth1 vid 1\n",
        );
        for (pod, vlan) in links {
            script += &[
                "bridge vlan add dev to-",
                pod,
                " vid ",
                &vlan.to_string(),
                " pvid untagged\n",
            ]
            .concat();
            script += &["bridge vlan del dev to-", pod, " vid 1\n"].concat();
        }
        script
    };
    let pod = |node: crate::NodePlan, name: &str, last: u8| {
        let inside = [
            "link set lo up".to_owned(),
            "link set eth0 up".into(),
            format!("address add 10.9.7.{last}/24 dev eth0"),
        ];
        node.ip(&format!("netns add {name}"))
            .ip(&format!(
                "link add to-{name} type veth peer name eth0 netns {name}"
            ))
            .in_pod(name, &inside)
    };
    let near = [("a", 10), ("c", 20)];
    let far = [("b", 10), ("d", 20)];
    let plan = Plan::new()
        .segment("trunk", "")
        .node("n1", |node| {
            let node = pod(pod(node.link("eth1", "trunk", ""), "a", 11), "c", 13);
            let node = bridge(&near).iter().fold(node, |node, line| node.ip(line));
            node.sh(&vlans(&near))
                .sh("bridge vlan add dev br0 vid 10 self; bridge vlan add dev br0 vid 20 self")
                .ip("link add name br0.10 link br0 type vlan id 10")
                .ip("link set br0.10 up")
                .ip("address add 10.9.7.1/24 dev br0.10")
        })
        .node("n2", |node| {
            let node = pod(pod(node.link("eth1", "trunk", ""), "b", 12), "d", 14);
            bridge(&far)
                .iter()
                .fold(node, |node, line| node.ip(line))
                .sh(&vlans(&far))
        });
    let sites = [("n1", "a", 11), ("n2", "b", 12), ("n1", "c", 13), ("n2", "d", 14)];
    let sites = sites.map(|(node, name, last)| super::PodSite {
        address: format!("10.9.7.{last}"),
        ..site(node, name, 0)
    });
    let whole = Draft::new(plan)
        .pods(sites)
        .pings("n1/a", "10.9.7.12")
        .pings("n1/c", "10.9.7.14")
        .pings("n1", "10.9.7.12")
        .never_pings("n1/a", "10.9.7.13")
        .never_pings("n1/a", "10.9.7.14");
    System::new("bridge with VLANs", whole)
        .wrong("the trunk lacks a VLAN", "n2", "bridge vlan del dev eth1 vid 10")
        .wrong(
            "a pod is in the wrong VLAN",
            "n2",
            "bridge vlan add dev to-b vid 20 pvid untagged",
        )
        .wrong(
            "frames leave to a pod with their tag",
            "n1",
            "bridge vlan add dev to-a vid 10 pvid",
        )
        .wrong(
            "no VLAN for what has no tag",
            "n1",
            "bridge vlan add dev to-a vid 10 untagged",
        )
        .wrong(
            "the bridge itself is not in the VLAN",
            "n1",
            "bridge vlan del dev br0 vid 10 self",
        )
        .wrong(
            "the bridge has forgotten VLANs",
            "n2",
            "ip link set br0 type bridge vlan_filtering 0",
        )
        .wrong(
            "the pods know better",
            "n2",
            "ip link set to-d type bridge_slave isolated on; ip link set to-b down",
        )
}

/// Each node has two cables to the segment, as one link.
fn bond(mode: &'static str) -> System {
    let node = |node: crate::NodePlan, number: u8, other: u8, pod: &str| {
        let node = node
            .link("eth1", "wire", "")
            .link("eth2", "wire", "")
            .forward()
            .ip(&format!("link add bond0 type bond mode {mode} miimon 50"))
            .ip("link set eth1 down")
            .ip("link set eth2 down")
            .ip("link set eth1 master bond0")
            .ip("link set eth2 master bond0")
            .ip("link set bond0 up")
            .ip(&format!("address add 10.9.0.{number}/24 dev bond0"))
            .ip(&format!("route add 10.9.{other}.0/24 via 10.9.0.{other}"));
        behind(node, pod, number)
    };
    let plan = Plan::new()
        .segment("wire", "")
        .node("n1", |plan| node(plan, 1, 2, "a"))
        .node("n2", |plan| node(plan, 2, 1, "b"));
    let whole = Draft::new(plan)
        .pods([site("n1", "a", 1), site("n2", "b", 2)])
        .pings("n1/a", "10.9.2.2")
        .pings("n1", "10.9.0.2");
    let name = if mode == "active-backup" {
        "bond, one at a time"
    } else {
        "bond, in turn"
    };
    System::new(name, whole)
        .wrong("one port is down", "n1", "ip link set eth1 down; sleep 0.3")
        .wrong(
            "both ports are down",
            "n2",
            "ip link set eth1 down; ip link set eth2 down; sleep 0.3",
        )
        .wrong(
            "no ports",
            "n1",
            "ip link set eth1 nomaster; ip link set eth2 nomaster",
        )
}
