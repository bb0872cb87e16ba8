//! What `netdiag capture` shows of one ping in networks of every kind: on the underlay, on the overlay, and at the pods.

use std::net::UdpSocket;
use std::time::Duration;

use netdiag_bench::build;
use netdiag_lab::kinds::{Backend, Flannel, Network, OpenVswitch, ProxyArp, Tunnel};
use netdiag_lab::{Node, Plan, guest, or_skip};

use crate::capture::Beside;
use crate::netdiag::PROGRAM;

/// What is captured on a node while a pod of it pings an address.
fn seen(node: &Node, words: &[&str], pod: &str, to: &str) -> String {
    let capture = Beside::start(node, &[&[PROGRAM, "capture", "-t"], words].concat());
    node.pod(pod)
        .run(["ping", "-nc2", "-i0.3", "-W1", to])
        .ok()
        .unwrap();
    let (code, lines, errors) = capture.ended();
    assert_eq!(code, Some(0), "{errors}");
    lines
}

/// Columns are as wide as the widest addresses: here without that.
fn folded(lines: &str) -> String {
    lines.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn address(network: &Network, node: &str, pod: &str) -> String {
    let mut pods = network.pods().iter();
    let found = pods.find(|site| site.node == node && site.name == pod);
    found.unwrap().address.clone()
}

#[test]
fn one_ping_at_the_pod_in_the_overlay_and_on_the_underlay() {
    let Some(network) = or_skip(Flannel::new(Backend::Vxlan).draft().up()) else {
        return;
    };
    network.works().unwrap();
    let (node, to) = (network.lab().node("n1"), address(&network, "n2", "pod1"));
    let from = address(&network, "n1", "pod1");
    let words = [
        "-i",
        "eth0,flannel.1",
        "--pod",
        "n1/pod1",
        "--duration",
        "5",
        "icmp or udp port 8472",
    ];
    let lines = seen(node, &words, "pod1", &to);
    let request = format!("{from} > {to} icmp echo request ");
    let first: Vec<&str> = lines
        .lines()
        .filter(|line| line.contains(&request) && line.contains(" seq 1 "))
        .collect();
    let [inside, host, overlay, underlay] = first[..] else {
        panic!("{lines}")
    };
    // In the order in which it passes: the pod's link, its other end, the tunnel's, the host's.
    assert!(inside.starts_with("n1/pod1:eth0 "), "{lines}");
    assert!(!host.contains(':') && !host.contains('|'), "{lines}");
    assert!(
        overlay.starts_with("flannel.1 ") && !overlay.contains('|'),
        "{lines}"
    );
    assert!(
        underlay.starts_with("eth0 192.168.100.11 > 192.168.100.12"),
        "{lines}"
    );
    assert!(underlay.contains(" vxlan(8472) vni 1 | "), "{lines}");
    // With what trace knows, only this flow is left.
    let words = [
        "-i",
        "eth0",
        "--flow",
        "n1/pod1",
        &to,
        "--names",
        "--duration",
        "5",
    ];
    let lines = seen(node, &words, "pod1", &to);
    assert_eq!(
        lines.lines().filter(|line| line.contains("echo request")).count(),
        2,
        "{lines}"
    );
    assert!(
        lines
            .lines()
            .all(|line| line.contains(&to) && line.contains("(n1/pod1)")),
        "{lines}"
    );
}

#[test]
fn a_pod_that_asks_for_its_gateway() {
    let Some(network) = or_skip(ProxyArp::default().draft().up()) else {
        return;
    };
    let node = network.lab().node("host0");
    // What it learned while the network settled is forgotten.
    node.pod("ns0").run(["ip", "neigh", "flush", "all"]).ok().unwrap();
    let words = ["-i", "veth0", "--duration", "4", "arp or icmp"];
    let lines = seen(node, &words, "ns0", &address(&network, "host1", "ns1"));
    let link = node.sh("cat /sys/class/net/veth0/address").ok().unwrap();
    let asked = lines.find("arp who-has 169.254.1.1 tell 10.20.1.2\n");
    let answered = lines.find(&format!("arp 169.254.1.1 is-at {}\n", link.trim()));
    assert!(asked.is_some() && asked < answered, "{lines}");
    assert_eq!(link.trim(), "ee:ee:ee:ee:ee:ee");
    assert!(
        lines.contains("10.20.1.2 > 10.20.1.3 icmp echo request "),
        "{lines}"
    );
}

/// Tunnels of Open vSwitch in user space, as the wire has them.
fn open_vswitch(tunnel: Tunnel, words: &str) {
    let kind = OpenVswitch { tunnel, hosts: 2 };
    let Some(network) = or_skip(kind.draft().up()) else {
        return;
    };
    network.works().unwrap();
    let node = network.lab().node("h1");
    let lines = seen(
        node,
        &["-i", "eth0", "--duration", "4", "not arp"],
        "c1",
        "172.17.2.1",
    );
    let carried =
        format!("192.168.70.11 > 192.168.70.12 {words} | 172.17.1.1 > 172.17.2.1 icmp echo request ");
    assert_eq!(folded(&lines).matches(&carried).count(), 2, "{lines}");
}

#[test]
fn open_vswitch_with_gre() {
    open_vswitch(Tunnel::Gre, "gre key 0x7");
}

#[test]
fn open_vswitch_with_vxlan() {
    open_vswitch(Tunnel::Vxlan, "vxlan vni 7");
}

#[test]
fn open_vswitch_with_geneve() {
    open_vswitch(Tunnel::Geneve, "geneve vni 7");
}

/// flanneld's end of its own tunnel is a process: this one sends what pods say, as it is, in UDP.
#[test]
fn flannel_udp_has_packets_without_frames() {
    let plan = Plan::new().segment("lan", "");
    let plan = plan
        .node("n1", |node| node.link("eth0", "lan", "10.1.1.1/24"))
        .node("n2", |node| node.link("eth0", "lan", "10.1.1.2/24"));
    let Some(lab) = or_skip(plan.up()) else { return };
    let (n1, n2) = (lab.node("n1"), lab.node("n2"));
    let capture = Beside::start(n2, &[PROGRAM, "capture", "-t", "-i", "eth0", "-c", "2", "udp"]);
    let bind = || UdpSocket::bind("0.0.0.0:8285").unwrap();
    let end = n2.in_network(bind).unwrap();
    let start = n1.in_network(bind).unwrap();
    for sequence in 1..=2 {
        let echo = build::icmp(8, 0, [0, 7, 0, sequence], &[0; 56]);
        let packet = build::ipv4([10, 244, 1, 2], [10, 244, 2, 2], 1, &echo);
        start.send_to(&packet, ("10.1.1.2", 8285)).unwrap();
        end.recv(&mut [0; 200]).unwrap();
    }
    let (code, lines, errors) = capture.ended();
    assert_eq!(code, Some(0), "{errors}");
    for sequence in 1..=2 {
        let line = format!(
            "10.1.1.1 > 10.1.1.2 flannel-udp | 10.244.1.2 > 10.244.2.2 icmp echo request id 7 seq {sequence} len 64"
        );
        assert!(lines.contains(&line), "{lines}");
    }
}

#[test]
fn kernels_with_ipip_and_gre() {
    or_skip(guest::tests(&["scenes::in_a_guest"], Duration::from_secs(300)));
}

#[test]
#[ignore = "runs in a guest"]
fn in_a_guest_ipip_gre_and_vxlan_are_seen_inside() {
    for (kind, link, style) in [
        (
            "ipip",
            "ipip",
            Some("IP 10.1.1.1 > 10.1.1.2: IP 10.244.1.1 > 10.244.2.1: ICMP echo request"),
        ),
        ("gre key 5", "gre key 0x5", None),
        ("vxlan id 9 dstport 4789", "vxlan vni 9", None),
    ] {
        let tunnel = |own: u8, other: u8| {
            format!(
                "ip link add tun1 type {} local 10.1.1.{own} remote 10.1.1.{other} {}\n\
                 ip address add 10.244.{own}.1/32 dev tun1\nip link set tun1 up\n\
                 ip route add 10.244.{other}.0/24 dev tun1 src 10.244.{own}.1",
                kind.split(' ').next().unwrap(),
                kind.split_once(' ').map_or("", |(_, rest)| rest)
            )
        };
        let plan = Plan::new().segment("lan", "");
        let plan = plan
            .node("n1", |node| {
                node.link("eth0", "lan", "10.1.1.1/24").sh(&tunnel(1, 2))
            })
            .node("n2", |node| {
                node.link("eth0", "lan", "10.1.1.2/24").sh(&tunnel(2, 1))
            });
        let lab = plan.up().unwrap();
        let node = lab.node("n1");
        let filter = "not arp and not ip6";
        let start = |more: &[&str]| {
            let words = [
                &[PROGRAM, "capture", "-t", "--duration", "5", "-i", "eth0"],
                more,
                &[filter],
            ];
            Beside::start(node, &words.concat())
        };
        let (plain, words) = (start(&[]), start(&["--style", "tcpdump"]));
        node.run(["ping", "-nc2", "-i0.3", "-W2", "10.244.2.1"])
            .ok()
            .unwrap();
        let (code, lines, errors) = plain.ended();
        assert_eq!(code, Some(0), "{errors}");
        let carried = format!("10.1.1.1 > 10.1.1.2 {link} | 10.244.1.1 > 10.244.2.1 icmp echo request ");
        assert_eq!(folded(&lines).matches(&carried).count(), 2, "{kind}: {lines}");
        let (_, lines, _) = words.ended();
        if let Some(style) = style {
            assert_eq!(lines.matches(style).count(), 2, "{lines}");
        }
    }
}
