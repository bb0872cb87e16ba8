//! What only a kernel of its own can have: tables that are really full, since their limits are of a whole machine, and STP.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag::state::{Fact, Snapshot};
use netdiag_lab::{guest, or_skip, wait_until};

use crate::broken::tunnels::what_ipip_loses_is_named_and_mended;
use crate::made::found;

fn sh(script: &str) -> bool {
    let done = Command::new("sh").args(["-euc", script]).output().unwrap();
    done.status.success()
}

fn findings() -> Vec<Finding> {
    let saved = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["snapshot", "save", "--json"])
        .output()
        .unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(&mut saved.stdout.as_slice()).unwrap();
    snapshot.objects = Fact::absent("no datastore");
    found(&Snapshot {
        nodes: snapshot.nodes,
        objects: snapshot.objects,
        ..Snapshot::default()
    })
}

/// What is found, and mended by what is printed.
fn mended(id: &str) {
    let broken = findings();
    let [finding] = broken.as_slice() else {
        panic!("{id}: {broken:#?}");
    };
    assert_eq!(finding.id, id);
    for command in &finding.fix.commands {
        assert!(sh(&command.run), "{}", command.run);
    }
}

#[test]
fn what_takes_another_kernel_is_told_and_mended() {
    or_skip(guest::tests(&["tables::in_a_guest"], Duration::from_secs(300)));
}

/// One after the other: the kernel's limits are those of all.
#[test]
#[ignore = "runs in a guest"]
fn in_a_guest() {
    neighbors_are_too_many();
    what_ipip_loses_is_named_and_mended();
    bridges_are_joined_twice();
    connections_are_too_many();
}

fn neighbors_are_too_many() {
    let hosts = "ip netns add hosts; ip link add n0 type veth peer name n1 netns hosts
        ip address add 10.9.0.254/24 dev n0; ip link set n0 up; ip -n hosts link set n1 up
        for host in $(seq 1 40); do ip -n hosts address add 10.9.0.$host/24 dev n1; done";
    assert!(sh(hosts));
    let passes = |host: u32| sh(&format!("ping -c1 -W1 10.9.0.{host}"));
    assert!(passes(1));
    assert_eq!(findings(), []);
    assert!(sh(
        "sysctl -w net.ipv4.neigh.default.gc_thresh1=1 net.ipv4.neigh.default.gc_thresh2=20 net.ipv4.neigh.default.gc_thresh3=20"
    ));
    // All at once: what is older than five seconds makes room.
    let all = "all=; for host in $(seq 2 39); do ping -c1 -W2 10.9.0.$host & all=\"$all $!\"; done
        for one in $all; do wait $one || exit 1; done";
    assert!(!sh(all));
    mended("neighbor-table-full");
    assert!((2..40).all(passes));
    assert_eq!(findings(), []);
}

/// In the first network namespace, where the kernel takes STP's frames.
fn bridges_are_joined_twice() {
    let joined = "sysctl -w net.ipv4.ip_forward=1
        for bridge in cni0 br9; do ip link add $bridge type bridge forward_delay 0; ip link set $bridge up; done
        ip link add va type veth peer name vb; ip link add vc type veth peer name vd
        for link in va vc; do ip link set $link master cni0; done; for link in vb vd; do ip link set $link master br9; done
        for link in va vb vd; do ip link set $link up; done; ip address add 10.8.0.1/24 dev cni0";
    assert!(sh(joined));
    assert_eq!(findings(), []);
    let passed = || -> u64 {
        let text = std::fs::read_to_string("/sys/class/net/va/statistics/rx_packets").unwrap();
        text.trim().parse().unwrap()
    };
    // A broadcast, and what comes of it in a second.
    let storm = || {
        let before = passed();
        sh("ping -c1 -W1 10.8.0.9");
        passed() - before
    };
    assert!(sh("ip link set vc up"));
    let raging = storm();
    mended("bridge-loop");
    wait_until("silence", Duration::from_secs(30), || storm() < 20).unwrap();
    assert!(raging > 1_000, "{raging} frames");
    assert!(storm() < 20);
    assert_eq!(findings(), []);
    assert!(sh(
        "ip link del cni0; ip link del br9; ip link del va; ip link del vc"
    ));
}

fn connections_are_too_many() {
    assert!(sh(
        "ip link set lo up; iptables-legacy -A INPUT -m conntrack --ctstate NEW -j ACCEPT"
    ));
    let listener = TcpListener::bind("127.0.0.1:7000").unwrap();
    let connects =
        || TcpStream::connect_timeout(&listener.local_addr().unwrap(), Duration::from_secs(2)).ok();
    let mut open = vec![connects().unwrap()];
    assert_eq!(findings(), []);
    assert!(sh("sysctl -w net.netfilter.nf_conntrack_max=12"));
    // What is established is not given up for others.
    while let Some(one) = connects().filter(|_| open.len() < 40) {
        open.push(one);
    }
    assert!(open.len() < 20, "{} connections", open.len());
    mended("conntrack-table-full");
    assert!(connects().is_some());
    assert_eq!(findings(), []);
}
