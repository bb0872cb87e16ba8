//! `netdiag trace --live`: what it says of its probes, against what was done to the network.

use netdiag_lab::kinds::{Network, ProxyArp, veth_pair};
use netdiag_lab::{Lab, Plan, or_skip};
use serde_json::Value;

use crate::netdiag::PROGRAM;

/// A router with two pods, and no more.
fn router() -> netdiag_lab::Result<Lab> {
    let pod = |net: u8| {
        vec![
            "link set lo up".to_owned(),
            "link set eth0 up".to_owned(),
            format!("address add 10.7.{net}.2/24 dev eth0"),
            format!("route add default via 10.7.{net}.1"),
        ]
    };
    Plan::new()
        .node("host", |node| {
            ["p1", "p2"]
                .iter()
                .zip(1..)
                .fold(node.forward(), |node, (name, net)| {
                    node.ip(&format!("netns add {name}"))
                        .ip(&format!("link add c{net} type veth peer name eth0 netns {name}"))
                        .ip(&format!("link set c{net} up"))
                        .ip(&format!("address add 10.7.{net}.1/24 dev c{net}"))
                        .in_pod(name, &pod(net))
                })
        })
        .up()
}

/// `trace … --live -o json` on a node: exit status, and the part about probes.
fn live(lab: &Lab, node: &str, words: &[&str]) -> (Option<i32>, Value) {
    let words = [&[PROGRAM, "trace", "--live", "-o", "json"], words].concat();
    let output = lab
        .node(node)
        .run(words)
        .within(std::time::Duration::from_secs(60))
        .output()
        .unwrap();
    let document: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", output.stdout, output.stderr));
    (output.code(), document["live"].clone())
}

/// On how many links of a course packets were seen, and on how many there should be some.
fn seen(live: &Value, course: &str) -> (usize, usize) {
    let links = live["links"].as_array().unwrap();
    let of_course = links.iter().filter(|link| link["course"] == course);
    (
        of_course
            .clone()
            .filter(|link| link["seen"]["count"].is_u64())
            .count(),
        of_course.count(),
    )
}

#[test]
fn probes_pass_where_the_walk_says() {
    let Some(lab) = or_skip(router()) else { return };
    let listener = lab.node("host").pod("p2").listen(80).unwrap();
    for what in ["icmp", "tcp/80"] {
        let (code, live) = live(&lab, "host", &["p1", "p2", what]);
        assert_eq!(
            (code, &live["asTheWalkSays"]),
            (Some(0), &Value::Bool(true)),
            "{live:#}"
        );
        assert_eq!(
            (seen(&live, "there"), seen(&live, "back")),
            ((4, 4), (4, 4)),
            "{live:#}"
        );
    }
    drop(listener);
    for what in ["tcp/81", "udp/81"] {
        let (code, live) = live(&lab, "host", &["p1", "p2", what]);
        assert_eq!(
            (code, &live["asTheWalkSays"]),
            (Some(2), &Value::Bool(true)),
            "{live:#}"
        );
        assert_eq!(live["answers"][0]["refused"], "refused", "{live:#}");
    }
}

#[test]
fn probes_get_lost_where_the_walk_says() {
    let Some(lab) = or_skip(router()) else { return };
    let node = lab.node("host");
    node.run([
        "iptables", "-A", "FORWARD", "-d", "10.7.2.2", "-p", "tcp", "-j", "DROP",
    ])
    .ok()
    .unwrap();
    let (code, dropped) = live(&lab, "host", &["p1", "p2", "tcp/80"]);
    assert_eq!(
        (code, &dropped["asTheWalkSays"]),
        (Some(2), &Value::Bool(true)),
        "{dropped:#}"
    );
    assert_eq!(seen(&dropped, "there"), (2, 2), "{dropped:#}");

    // A reverse path filter counts what it throws away.
    node.sh("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; ip route add 10.99.0.0/24 dev c2")
        .ok()
        .unwrap();
    node.pod("p1")
        .run(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"])
        .ok()
        .unwrap();
    let (code, filtered) = live(&lab, "host", &["10.99.0.1", "p2"]);
    assert_eq!(
        (code, &filtered["asTheWalkSays"]),
        (Some(2), &Value::Bool(true)),
        "{filtered:#}"
    );
    let counters = filtered["counters"].as_array().unwrap();
    let counted = counters
        .iter()
        .find(|counter| counter["name"] == "TcpExt.IPReversePathFilter");
    assert_eq!(counted.unwrap()["by"], 3, "{filtered:#}");
}

#[test]
fn what_no_table_shows_is_told_by_the_probes() {
    let Some(lab) = or_skip(router()) else { return };
    // netdiag does not read queueing disciplines.
    lab.node("host")
        .run(["tc", "qdisc", "add", "dev", "c2", "root", "blackhole"])
        .ok()
        .unwrap();
    lab.node("host")
        .pod("p2")
        .run([
            "ip",
            "neighbor",
            "replace",
            "10.7.2.1",
            "dev",
            "eth0",
            "lladdr",
            "02:00:00:00:00:01",
        ])
        .output()
        .unwrap();
    let (code, live) = live(&lab, "host", &["p1", "p2"]);
    assert_eq!(
        (code, &live["asTheWalkSays"]),
        (Some(2), &Value::Bool(false)),
        "{live:#}"
    );
    let said = live["instead"].as_str().unwrap();
    assert_eq!(said, "probes got lost between host c1 and host c2", "{live:#}");
}

#[test]
fn other_hosts_are_not_watched() {
    let Some(network) = or_skip(ProxyArp::default().draft().up()) else {
        return;
    };
    network.works().unwrap();
    let network: &Network = &network;
    let pod = &network.pods()[0];
    let to = &network
        .pods()
        .iter()
        .find(|other| other.node != pod.node)
        .unwrap()
        .address;
    let (code, live) = live(network.lab(), &pod.node, &[&pod.name, to]);
    assert_eq!(code, Some(0), "{live:#}");
    let (there, _) = seen(&live, "there");
    assert!(there >= 2, "{live:#}");
}

#[test]
fn a_cable_between_namespaces_is_watched_at_both_ends() {
    let Some(network) = or_skip(veth_pair().up()) else {
        return;
    };
    let (code, live) = live(network.lab(), "host", &["test-ns", "test-ns2"]);
    assert_eq!(
        (code, &live["asTheWalkSays"]),
        (Some(0), &Value::Bool(true)),
        "{live:#}"
    );
    assert_eq!(
        (seen(&live, "there"), seen(&live, "back")),
        ((2, 2), (2, 2)),
        "{live:#}"
    );
}
