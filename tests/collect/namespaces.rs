//! Namespaces of a node, held against ip, ss, sysctl, conntrack and ethtool.

mod oracle;

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::thread;

use netdiag::state::netns::NsIdentity;
use netdiag::state::{Namespace, NodeState, Snapshot};
use netdiag_lab::{Lab, Plan, PodPlan, Run, or_skip};
use nix::sched::{CloneFlags, setns};

const PROGRAM: &str = env!("CARGO_BIN_EXE_netdiag");

/// Two pods and a private link between them; node2 has one of its own.
fn lab() -> Option<Lab> {
    or_skip(
        Plan::new()
            .segment("lan", "192.168.80.254/24")
            .node("node1", |node| {
                node.link("eth0", "lan", "192.168.80.23/24")
                    .route("default via 192.168.80.254")
                    .forward()
                    .pod(PodPlan::calico("web", "192.168.115.135"))
                    .pod(PodPlan::calico("db", "192.168.115.136"))
                    .ip("netns add lonely")
                    .sh("ip -n web link add side type veth peer name side netns db")
                    .sh("ip netns exec db sysctl -qw net.ipv4.conf.eth0.rp_filter=2 net.ipv4.ip_forward=1")
                    .sh("iptables -t nat -A POSTROUTING -s 192.168.115.128/26 -o eth0 -j MASQUERADE")
            })
            .node("node2", |node| {
                node.link("eth0", "lan", "192.168.80.24/24")
                    .pod(PodPlan::calico("far", "192.168.250.83"))
            })
            .up(),
    )
}

/// What netdiag reads on a node.
fn read(run: Run) -> NodeState {
    let text = run.within(std::time::Duration::from_secs(60)).ok().unwrap();
    let mut snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    snapshot.nodes.remove(0)
}

fn snapshot(lab: &Lab, node: &str) -> NodeState {
    read(
        lab.node(node)
            .run([PROGRAM, "snapshot", "save", "--json", "--timeout", "1"]),
    )
}

fn named<'a>(node: &'a NodeState, name: &str) -> &'a Namespace {
    let all = node.namespaces.known().unwrap();
    all.iter()
        .find(|namespace| namespace.names.iter().any(|known| known == name))
        .unwrap_or_else(|| panic!("no {name} among {} namespaces", all.len()))
}

/// The namespace of a pod, opened from outside.
fn open(lab: &Lab, node: &str, pod: &str) -> File {
    File::open(format!("/proc/{}/root/run/netns/{pod}", lab.node(node).pid())).unwrap()
}

fn identity(file: &File) -> NsIdentity {
    let metadata = file.metadata().unwrap();
    NsIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

/// Runs `work` in a thread that is in a pod's network namespace.
fn in_pod<T: Send>(lab: &Lab, node: &str, pod: &str, work: impl FnOnce() -> T + Send) -> T {
    let file = open(lab, node, pod);
    thread::scope(|scope| {
        scope
            .spawn(move || {
                setns(&file, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            })
            .join()
            .unwrap()
    })
}

#[test]
fn every_namespace_of_the_node_is_found_and_no_other() {
    let Some(lab) = lab() else { return };
    let node = snapshot(&lab, "node1");
    let names: BTreeSet<&str> = node
        .namespaces
        .items()
        .iter()
        .flat_map(|namespace| &namespace.names)
        .map(String::as_str)
        .collect();
    assert_eq!(names, BTreeSet::from(["db", "lonely", "web"]));
    assert_eq!(node.namespaces.items().len(), 3, "{:#?}", node.namespaces);
    assert_eq!(node.namespaces_incomplete, None);
    for pod in ["web", "db", "lonely"] {
        let namespace = named(&node, pod);
        assert_eq!(namespace.id, identity(&open(&lab, "node1", pod)));
        assert_eq!(namespace.paths, [format!("/run/netns/{pod}")]);
    }
    assert_eq!(named(&node, "lonely").host_id, None);
    assert_eq!(snapshot(&lab, "node2").namespaces.items().len(), 1);

    // The machine that the lab is on shows all of its processes, but its nodes are not the machine's pods.
    let outside = std::process::Command::new(PROGRAM)
        .args(["snapshot", "save", "--json", "--timeout", "1"])
        .output()
        .unwrap();
    let outside: Snapshot = serde_json::from_slice(&outside.stdout).unwrap();
    for namespace in outside.nodes[0].namespaces.items() {
        for (node, pod) in [("node1", "web"), ("node1", "lonely"), ("node2", "far")] {
            assert_ne!(namespace.id, identity(&open(&lab, node, pod)), "{node}/{pod}");
            let first = File::open(format!("/proc/{}/ns/net", lab.node(node).pid())).unwrap();
            assert_ne!(namespace.id, identity(&first), "{node}");
        }
    }
}

#[test]
fn links_addresses_and_the_other_ends_of_veths_are_those_of_ip() {
    let Some(lab) = lab() else { return };
    let node = snapshot(&lab, "node1");
    for pod in ["web", "db"] {
        let namespace = named(&node, pod);
        oracle::links(&lab, pod, &namespace.net);
        // The host's end of the pod's veth, by the host's number of the namespace, and back.
        let (host_id, inside) = (
            namespace.host_id.unwrap(),
            namespace.net.link_named("eth0").unwrap(),
        );
        let end = node.net.links.items().iter().find(|link| {
            link.lower
                .is_some_and(|lower| lower.netns == Some(host_id) && lower.index == inside.index)
        });
        let end = end.unwrap();
        assert!(end.name.starts_with("cali"), "{}", end.name);
        let back = inside.lower.unwrap();
        assert_eq!((back.index, back.netns), (end.index, namespace.id_of_host));
        assert_eq!(node.net.peer(host_id), Some(namespace.id));
        assert_eq!(namespace.net.peer(back.netns.unwrap()), node.net_id);
        assert_eq!(oracle::peer_ifindex(&lab, &end.name), inside.index.0);
        assert_eq!(node.netns(namespace.id), Some(&namespace.net));
    }
    let (web, db) = (named(&node, "web"), named(&node, "db"));
    let side = web.net.link_named("side").unwrap().lower.unwrap();
    assert_eq!(web.net.peer(side.netns.unwrap()), Some(db.id));
    assert_eq!(side.index, db.net.link_named("side").unwrap().index);
    let numbers: Vec<i32> = node.net.peers.items().iter().map(|peer| peer.id.0).collect();
    assert_eq!(numbers, oracle::numbers(&lab));
}

#[test]
fn sysctls_are_those_of_the_tool() {
    let Some(lab) = lab() else { return };
    let node = snapshot(&lab, "node1");
    assert_eq!(
        named(&node, "db").net.sysctl("net.ipv4.conf.eth0.rp_filter"),
        Some("2")
    );
    assert_eq!(named(&node, "db").net.sysctl("net.ipv4.ip_forward"), Some("1"));
    assert_eq!(named(&node, "web").net.sysctl("net.ipv4.ip_forward"), Some("0"));
    for pod in ["web", "db", "lonely"] {
        let read = named(&node, pod).net.sysctls.known().unwrap();
        assert!(read.len() > 70, "{pod}: {}", read.len());
        oracle::sysctls(
            &lab.node("node1").pod(pod).run(["sysctl", "-a"]).ok().unwrap(),
            read,
        );
    }
    let read = node.net.sysctls.known().unwrap();
    let tool = lab.node("node1").run(["sysctl", "-a"]).ok().unwrap();
    oracle::sysctls(&tool, read);
    // Of the host all, but of links only a part.
    for line in tool.lines().filter(|line| line.starts_with("net.")) {
        let key = line.split(" = ").next().unwrap();
        let of_a_link = key.split('.').count() == 5 && !key.contains(".all.") && !key.contains(".default.");
        let secret = key.ends_with("tcp_fastopen_key") || key.ends_with("stable_secret");
        assert!(of_a_link || secret || read.contains_key(key), "{key}");
    }
}

#[test]
fn sockets_are_those_of_ss() {
    let Some(lab) = lab() else { return };
    let listener = in_pod(&lab, "node1", "web", || {
        TcpListener::bind("0.0.0.0:8080").unwrap()
    });
    let v6 = in_pod(&lab, "node1", "web", || TcpListener::bind("[::]:8081").unwrap());
    let client = lab
        .node("node1")
        .in_network(|| TcpStream::connect("192.168.115.135:8080").unwrap())
        .unwrap();
    let daemon = netdiag_lab::Daemon {
        program: "/bin/bash".into(),
        called: "resolver".into(),
        arguments: ["-c", "exec 3<>/dev/udp/192.168.115.135/53; read -r <&3"]
            .map(Into::into)
            .into(),
        log: "/var/log/resolver".into(),
        ..Default::default()
    };
    lab.node("node1").start("resolver", &daemon).unwrap();
    netdiag_lab::wait_until("the resolver's socket", std::time::Duration::from_secs(5), || {
        lab.node("node1")
            .run(["ss", "-Huanp"])
            .ok()
            .unwrap()
            .contains(":53 ")
    })
    .unwrap();
    let node = snapshot(&lab, "node1");
    let ss = ["ss", "-tuwanpe"];
    oracle::sockets(&lab.node("node1").run(ss).ok().unwrap(), &node.net);
    oracle::sockets(
        &lab.node("node1").pod("web").run(ss).ok().unwrap(),
        &named(&node, "web").net,
    );
    assert!(named(&node, "web").net.tcp.items().len() >= 3);
    let udp = node
        .net
        .udp
        .items()
        .iter()
        .find(|socket| socket.remote.port() == 53)
        .unwrap();
    assert_eq!(
        udp.owner.as_ref().unwrap().pid,
        lab.node("node1").daemon("resolver").unwrap().cast_unsigned()
    );
    drop((listener, v6, client));
}

#[test]
fn tracked_connections_are_those_of_conntrack() {
    let Some(lab) = lab() else { return };
    let web = lab.node("node1").pod("web");
    assert!(web.pings("192.168.80.24").unwrap());
    // Nobody listens; the entry stays.
    let refused = in_pod(&lab, "node1", "web", || TcpStream::connect("192.168.80.24:81"));
    assert!(refused.is_err());
    lab.node("node1")
        .run(["ip", "route", "add", "blackhole", "192.0.2.0/24"])
        .ok()
        .unwrap();
    let node = snapshot(&lab, "node1");
    let tool = lab.node("node1").run(["conntrack", "-L", "-o", "extended"]);
    let Ok(tool) = tool.output() else { return };
    let table = node.net.conntrack.known().unwrap();
    oracle::flows(&tool.stdout, table);
    assert!(
        table
            .entries
            .items()
            .iter()
            .any(|flow| flow.proto == 1 && flow.is_snat())
    );
    assert!(
        named(&node, "web")
            .net
            .conntrack
            .known()
            .unwrap()
            .entries
            .known()
            .is_some()
    );
}

#[test]
fn reading_changes_nothing() {
    let Some(lab) = lab() else { return };
    assert!(lab.node("node1").pod("web").pings("192.168.80.24").unwrap());
    let state = || {
        // What the kernel counts by itself is left out.
        let script = "ip netns list; ip netns list-id; ip -n web netns list-id; ip -n lonely netns list-id
            ip -d -j link; ip -n web -d -j link; cat /proc/modules /proc/net/protocols 2>/dev/null || true; ls /sys/module
            for pod in web db lonely; do ip netns exec $pod sysctl -a 2>/dev/null; done; sysctl -a 2>/dev/null \
            | grep ^net. ; cat /proc/net/ip_tables_names; nft list ruleset";
        let text = lab.node("node1").sh(script).ok().unwrap();
        let counted = [
            "nf_conntrack_count",
            "random.",
            "fs.",
            "dentry",
            "file-nr",
            "kernel.",
            "vm.",
            "packets ",
        ];
        text.lines()
            .filter(|line| !counted.iter().any(|part| line.contains(part)))
            .filter(|line| !oracle::counts_sockets(line))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = state();
    let node = snapshot(&lab, "node1");
    let after = state();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
    assert_eq!(named(&node, "lonely").id_of_host, None);
}

#[test]
fn without_rights_namespaces_have_names_and_reasons() {
    let Some(lab) = lab() else { return };
    let copy = "/run/lab/bin/netdiag-for-all";
    lab.node("node1")
        .run(["install", "-m", "755", PROGRAM, copy])
        .ok()
        .unwrap();
    let nobody = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let command = nobody
        .into_iter()
        .chain([copy, "snapshot", "save", "--json", "--timeout", "1"]);
    let node = read(lab.node("node1").run(command));
    let web = named(&node, "web");
    for why in [web.net.links.why(), web.net.tcp.why(), web.net.sysctls.why()] {
        assert!(why.unwrap().contains("run as root"), "{why:?}");
    }
    assert!(
        node.namespaces_incomplete
            .as_deref()
            .unwrap()
            .contains("run as root")
    );
    let table = node.net.conntrack.known().unwrap();
    assert!(table.count == 0 || table.entries.why().unwrap().contains("run as root"));
    assert!(node.net.sysctl("net.ipv4.ip_forward").is_some());
    // Without names, there is nothing to say but why.
    let node = read(lab.node("node1").sh(&format!(
        "umount /run/netns/*; rm /run/netns/*; {} {copy} snapshot save --json --timeout 1",
        nobody.join(" ")
    )));
    assert!(
        node.namespaces.why().unwrap().contains("run as root"),
        "{:?}",
        node.namespaces
    );
}
