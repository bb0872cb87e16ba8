//! Sizes of real clusters. Figures depend on the machine: these run when they are asked for (`--ignored`).
#![expect(clippy::print_stdout, reason = "figures")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use netdiag_lab::{Plan, or_skip};

use super::snapshot;

#[test]
#[ignore = "a minute of work; prints figures"]
fn three_hundred_pods() {
    let pods: Vec<String> = (0..300).map(|number| format!("pod{number}")).collect();
    let mut links = String::from("ip -batch - <<'END'\n");
    let mut inside = String::new();
    for (number, pod) in pods.iter().enumerate() {
        let address = format!("10.65.{}.{}/32", number / 250, number % 250 + 1);
        let _ = writeln!(
            links,
            "netns add {pod}\nlink add cali{number} type veth peer name eth0 netns {pod}\nlink set cali{number} up\n\
             route add {address} dev cali{number}"
        );
        let _ = writeln!(
            inside,
            "ip -n {pod} -batch - <<'END'\nlink set lo up\nlink set eth0 up\naddress add {address} dev eth0\n\
             route add 169.254.1.1 dev eth0 scope link\nroute add default via 169.254.1.1 dev eth0\nEND"
        );
    }
    let Some(lab) = or_skip(
        Plan::new()
            .node("node1", |node| node.sh(&format!("{links}END\n{inside}")))
            .up(),
    ) else {
        return;
    };
    let started = Instant::now();
    let node = snapshot(&lab, "node1");
    println!("300 namespaces: {:?}", started.elapsed());
    assert_eq!(node.namespaces.items().len(), 300);
    for namespace in node.namespaces.items() {
        assert_eq!(namespace.net.links.items().len(), 2, "{}", namespace.title());
        assert!(namespace.net.routes.known().is_some());
        assert!(namespace.net.tcp.known().is_some());
    }
}

#[test]
#[ignore = "a minute of work; prints figures"]
fn fifty_thousand_tracked_connections() {
    let node = |node: netdiag_lab::NodePlan| node.sh("iptables -A INPUT -m conntrack --ctstate NEW");
    let Some(lab) = or_skip(Plan::new().node("node1", node).up()) else {
        return;
    };
    let mut lines = String::new();
    for number in 0..50_000_u32 {
        let port = 1024 + number % 50_000;
        let _ = writeln!(
            lines,
            "-A -p udp -s 10.0.0.1 -d 10.0.0.2 --sport {port} --dport 53 -t 600{}",
            if number % 2 == 0 { " -u SEEN_REPLY" } else { "" }
        );
    }
    lab.node("node1").write("/run/lab/flows", &lines).unwrap();
    let load = lab.node("node1").run(["conntrack", "-R", "/run/lab/flows"]);
    load.within(Duration::from_secs(60)).ok().unwrap();
    let started = Instant::now();
    let node = snapshot(&lab, "node1");
    println!("50,000 tracked connections: {:?} in all", started.elapsed());
    let table = node.net.conntrack.known().unwrap();
    let entries = table.entries.known().unwrap();
    assert_eq!(entries.len() + table.omitted as usize, 50_000);
    // What got no answer is what people look for.
    assert_eq!(
        entries.iter().filter(|flow| flow.status.is_unreplied()).count(),
        25_000
    );
}
