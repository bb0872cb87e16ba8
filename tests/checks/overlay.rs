//! Open vSwitch on several hosts, really: what one of them is told otherwise than its counterparts is found, and what is
//! printed mends it.

use std::thread;
use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag::state::{Fact, Snapshot};
use netdiag_lab::kinds::{Network, OpenVswitch, Tunnel};
use netdiag_lab::{or_skip, ovs, wait_until};

use crate::made::{found, told};
use crate::mended::{collected, each, typed};

/// The port of the container `c1`.
const PORT: &str = "port=$(ovs-vsctl --bare --columns=name find interface external_ids:iface-id=c1)";

fn findings(network: &Network) -> Vec<Finding> {
    found(&state(network))
}

fn state(network: &Network) -> Snapshot {
    Snapshot {
        nodes: network.lab().nodes().map(collected).collect(),
        objects: Fact::absent("no datastore"),
        ..Snapshot::default()
    }
}

/// A switch takes a while to know its ports.
fn goes(network: &Network) -> bool {
    let works = || network.works().is_ok();
    wait_until("packets through", Duration::from_secs(20), works).is_ok()
}

/// What is broken on a host, and the finding with its node.
type Row = (&'static str, String, &'static str, &'static str);

fn of_two() -> Vec<Row> {
    let row = |node, script: &str, id, at| (node, script.to_owned(), id, at);
    vec![
        row(
            "h2",
            "ovs-vsctl set interface tun1 options:remote_ip=192.168.70.99",
            "ovs-tunnel-mismatch",
            "h2",
        ),
        row(
            "h2",
            "ovs-vsctl set interface tun1 options:key=8",
            "ovs-tunnel-mismatch",
            "h1",
        ),
        row(
            "h1",
            "ovs-vsctl set interface tun2 options:dst_port=8472",
            "ovs-tunnel-mismatch",
            "h1",
        ),
        row(
            "h2",
            "ovs-vsctl set interface tun1 type=geneve",
            "ovs-tunnel-mismatch",
            "h1",
        ),
        row(
            "h2",
            "ip address add 192.168.70.22/24 dev br-ex; ovs-vsctl set interface tun1 options:local_ip=192.168.70.22",
            "ovs-tunnel-mismatch",
            "h2",
        ),
        row(
            "h2",
            &format!("{PORT}; ovs-vsctl set port $port tag=100"),
            "ovs-vlan-differs",
            "h2",
        ),
        row("h1", "ovs-vsctl set port tun2 tag=5", "ovs-vlan-differs", "h1"),
        row(
            "h2",
            "ovs-vsctl set port tun1 trunks=7,8",
            "ovs-vlan-differs",
            "h2",
        ),
        row("h2", "ip address flush dev br-ex", "ovs-tunnel-unrouted", "h2"),
        // What is added has another name.
        row("h2", "ovs-vsctl del-port br0 tun1", "ovs-tunnel-mismatch", "h2"),
    ]
}

/// With one that is told otherwise than the two others, it is clear who is wrong.
fn of_three() -> Vec<Row> {
    let row = |node, script: &str, at| (node, script.to_owned(), "ovs-tunnel-mismatch", at);
    vec![
        row(
            "h1",
            "for port in tun2 tun3; do ovs-vsctl set interface $port options:key=9; done",
            "h1",
        ),
        row("h3", "ovs-vsctl set interface tun2 options:dst_port=8472", "h3"),
        row("h2", "ovs-vsctl del-port br0 tun3", "h2"),
    ]
}

/// Breaks, finds, mends; what went wrong.
fn mended(network: &Network, (node, script, id, at): &Row, is_number_kept: bool) -> Option<String> {
    ovs::sh(network.lab().node(node), script).unwrap();
    thread::sleep(Duration::from_millis(500));
    let works = || network.broken().is_empty();
    if wait_until("packets through", Duration::from_secs(5), works).is_ok() {
        return Some(format!("{script}: it works, broken as it is"));
    }
    let findings = findings(network);
    if findings.is_empty()
        || findings
            .iter()
            .any(|finding| finding.id != *id || finding.node != *at)
    {
        return Some(format!("{script}: {findings:#?}"));
    }
    for finding in &findings {
        if let Some(error) = typed(network, &finding.fix.commands) {
            return Some(format!("{script}: {error}"));
        }
    }
    // A port that is added again has another number, which rules don't know.
    if is_number_kept && !goes(network) {
        return Some(format!("{script}: {findings:#?}"));
    }
    let left = self::findings(network);
    (!left.is_empty()).then(|| format!("{script}: mended, and yet {left:#?}"))
}

#[test]
fn what_switches_ask_of_each_other_is_found_and_mended() {
    let networks = vec![(Tunnel::Vxlan, 2, of_two()), (Tunnel::Vxlan, 3, of_three())];
    let wrong = each(networks, |(tunnel, hosts, rows)| {
        let network = or_skip(OpenVswitch { tunnel, hosts }.draft().up())?;
        network.works().unwrap();
        let healthy = findings(&network);
        if !healthy.is_empty() {
            return Some(format!("{hosts} hosts, healthy: {healthy:#?}"));
        }
        let wrong: Vec<String> = rows
            .iter()
            .filter_map(|row| mended(&network, row, !(hosts == 3 && row.1.contains("del-port"))))
            .collect();
        (!wrong.is_empty()).then(|| wrong.join("\n"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Takes the tunnel between `h2` and `h3` away, at both ends.
fn without_an_edge(network: &Network) {
    for (node, port) in [("h2", "tun3"), ("h3", "tun2")] {
        ovs::sh(
            network.lab().node(node),
            &format!("ovs-vsctl del-port br0 {port}"),
        )
        .unwrap();
    }
    thread::sleep(Duration::from_millis(500));
}

fn reaches(network: &Network, from: &str, to: &str) -> bool {
    let ping = format!("ip netns exec c1 ping -c1 -W1 {to}");
    (0..5).any(|_| ovs::sh(network.lab().node(from), &ping).is_ok())
}

#[test]
fn an_edge_of_a_mesh_that_lacks_at_both_ends_is_told_and_mended() {
    let draft = OpenVswitch {
        tunnel: Tunnel::Vxlan,
        hosts: 3,
    };
    let Some(network) = or_skip(draft.draft().up()) else {
        return;
    };
    network.works().unwrap();
    assert_eq!(findings(&network), []);
    without_an_edge(&network);
    assert!(!reaches(&network, "h2", "172.17.3.1"));
    assert!(reaches(&network, "h1", "172.17.3.1") && reaches(&network, "h1", "172.17.2.1"));
    told("ovs-mesh-incomplete", &state(&network));
    let broken = findings(&network);
    let [finding] = broken.as_slice() else {
        panic!("{broken:#?}");
    };
    let nodes: Vec<_> = finding
        .fix
        .commands
        .iter()
        .map(|command| command.node.as_deref())
        .collect();
    assert_eq!(nodes, [Some("h2"), Some("h3")], "{finding:#?}");
    assert_eq!(typed(&network, &finding.fix.commands), None);
    thread::sleep(Duration::from_millis(500));
    assert!(reaches(&network, "h2", "172.17.3.1"), "{finding:#?}");
    assert_eq!(findings(&network), []);
    for command in &finding.fix.commands {
        let node = network.lab().node(command.node.as_deref().unwrap());
        ovs::sh(node, command.undo.as_deref().unwrap()).unwrap();
    }
    assert_eq!(findings(&network), broken);

    // A star whose middle passes on what comes by tunnels is whole.
    ovs::sh(
        network.lab().node("h1"),
        "ovs-ofctl del-flows br0; ovs-ofctl add-flow br0 actions=NORMAL",
    )
    .unwrap();
    thread::sleep(Duration::from_millis(500));
    assert!(reaches(&network, "h2", "172.17.3.1"));
    assert_eq!(findings(&network), []);
}

/// Frames that came by a tunnel.
fn carried(network: &Network) -> u64 {
    let text = ovs::sh(
        network.lab().node("h1"),
        "ovs-vsctl get interface tun2 statistics:rx_packets",
    );
    text.unwrap().trim().parse().unwrap()
}

/// How many more come; statistics are read every five seconds.
fn storm(network: &Network) -> u64 {
    let before = carried(network);
    thread::sleep(Duration::from_secs(6));
    carried(network) - before
}

#[test]
fn switches_that_tunnels_join_in_a_circle_are_told_and_mended() {
    let draft = OpenVswitch {
        tunnel: Tunnel::Vxlan,
        hosts: 3,
    };
    let Some(network) = or_skip(draft.draft().up()) else {
        return;
    };
    network.works().unwrap();
    assert_eq!(findings(&network), []);
    for node in ["h1", "h2", "h3"] {
        let learn = "ovs-ofctl del-flows br0; ovs-ofctl add-flow br0 actions=NORMAL";
        ovs::sh(network.lab().node(node), learn).unwrap();
    }
    reaches(&network, "h2", "172.17.99.99");
    let (storm, broken) = (storm(&network), findings(&network));
    let [finding] = broken.as_slice() else {
        panic!("{broken:#?}");
    };
    assert_eq!((finding.id, finding.node.as_str()), ("bridge-loop", "h1"));
    assert_eq!(finding.fix.commands.len(), 3, "{finding:#?}");
    assert_eq!(typed(&network, &finding.fix.commands), None);
    assert!(storm > 1_000, "{storm} frames");
    let quiet = || self::storm(&network) < 100;
    wait_until("silence", Duration::from_secs(60), quiet).unwrap();
    let goes = || reaches(&network, "h2", "172.17.3.1") && reaches(&network, "h1", "172.17.2.1");
    wait_until("packets through", Duration::from_secs(60), goes).unwrap();
    assert_eq!(findings(&network), []);
}

#[test]
fn a_host_that_is_not_in_its_containers_network_is_told() {
    let draft = OpenVswitch {
        tunnel: Tunnel::Geneve,
        hosts: 2,
    };
    let Some(network) = or_skip(draft.draft().up()) else {
        return;
    };
    let node = network.lab().node("h2");
    let reaches = || (0..3).any(|_| ovs::sh(node, "ping -c1 -W1 172.17.1.1").is_ok());
    assert!(reaches());
    for (script, what) in [
        (
            "ip address add 172.17.2.254/24 dev br0; ip address del 172.17.2.254/16 dev br0",
            "the length 24",
        ),
        ("ip link set br0 down", "br0 is down"),
    ] {
        ovs::sh(node, script).unwrap();
        assert!(!reaches(), "{script}");
        let findings = findings(&network);
        let [finding] = findings.as_slice() else {
            panic!("{script}: {findings:#?}");
        };
        assert_eq!(
            (finding.id, finding.node.as_str()),
            ("ovs-local-port-differs", "h2")
        );
        assert!(finding.title.contains(what), "{finding:#?}");
        assert_eq!(typed(&network, &finding.fix.commands), None);
        assert!(reaches(), "{script}: {finding:#?}");
        assert_eq!(self::findings(&network), []);
    }
    // One of two hosts may be the gateway of both; of three, one is forgotten.
    ovs::sh(node, "ip address flush dev br0").unwrap();
    assert!(!reaches());
    assert_eq!(findings(&network), []);
    let Some(network) = or_skip(OpenVswitch { hosts: 3, ..draft }.draft().up()) else {
        return;
    };
    ovs::sh(network.lab().node("h2"), "ip address flush dev br0").unwrap();
    told("ovs-local-port-differs", &state(&network));
    let findings = findings(&network);
    let ids: Vec<_> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["ovs-local-port-differs"]);
    assert!(!findings[0].fix.steps.is_empty());
    ovs::sh(network.lab().node("h2"), "ip address flush dev br-ex").unwrap();
    told("ovs-tunnel-unrouted", &state(&network));
}
