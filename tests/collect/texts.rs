//! The script that collects where netdiag isn't, and what it makes, held against what ip(8) prints at the same moment.

use std::path::Path;
use std::process::{Command, Output};

use netdiag::collect::bundle;
use netdiag::parse::iproute::Names;
use netdiag::parse::{ip_json, ip_text};
use netdiag_lab::{Error, or_skip};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/snapshot/collect.sh");

/// A network with something of everything that every kernel has.
const NETWORK: &str = "ip link set lo up
    ip link add a0 type veth peer name a1
    for link in a0 a1; do echo 0 >/proc/sys/net/ipv6/conf/$link/accept_dad; done
    ip link set a0 up; ip link set a1 up
    ip addr add 10.5.0.1/24 brd + dev a0
    ip -6 addr add fd05::1/64 dev a0 nodad
    ip route add default via 10.5.0.2
    ip route add 10.6.0.0/16 via 10.5.0.3 metric 50 proto bird onlink dev a0
    ip route add blackhole 10.7.0.0/26 proto bird
    ip -6 route add fd06::/64 via fd05::2
    ip rule add fwmark 0x1/0xff lookup 77 pref 100
    ip neigh add 10.5.0.2 lladdr 02:00:00:00:00:02 dev a0 nud permanent
    ip neigh add proxy 10.5.0.9 dev a0\n";

/// Runs shell commands in a network namespace of their own; none without root.
fn in_namespace(commands: &str) -> Option<Output> {
    let root = if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(Error::Skip("a network namespace needs root".to_owned()))
    };
    or_skip(root)?;
    let output = Command::new("unshare")
        .args(["-n", "sh", "-c", &format!("{NETWORK}{commands}")])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(output)
}

fn names_and_routes(path: &Path) -> Vec<String> {
    let snapshot = bundle::read(path).unwrap();
    let [node] = snapshot.nodes.as_slice() else {
        panic!("{snapshot:?}")
    };
    let net = &node.net;
    assert!(!node.name.is_empty() && node.taken.ends_with('Z'), "{node:?}");
    assert!(net.link_named("a0").is_some_and(|link| link.counters.is_some()));
    assert_eq!(net.addresses.items().iter().filter(|a| a.ip.is_ipv4()).count(), 2);
    assert!(
        net.rules
            .items()
            .iter()
            .any(|rule| rule.fwmark == Some((1, 0xff)))
    );
    assert!(net.rules.items().iter().any(|rule| rule.v6));
    assert!(net.neighbors.items().len() >= 2);
    assert!(net.fdb.known().is_some() && net.nexthops.known().is_some());
    assert!(net.sysctl("net.ipv4.ip_forward").is_some());
    assert!(net.tcp.known().is_some() && net.tcp_counters.known().is_some());
    net.routes
        .items()
        .iter()
        .map(|route| route.dst.to_string())
        .collect()
}

#[test]
fn the_script_makes_a_directory_and_an_archive_that_are_read_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let commands = format!(
        "sh -n {SCRIPT} && sh {SCRIPT} -n {path}/made && sh {SCRIPT} -n >{path}/made.tar && gzip -k {path}/made.tar"
    );
    if in_namespace(&commands).is_none() {
        return;
    }
    let routes = names_and_routes(&directory.path().join("made"));
    assert!(routes.iter().any(|dst| dst == "10.7.0.0/26"), "{routes:?}");
    assert_eq!(routes.iter().filter(|dst| *dst == "fd06::/64").count(), 1);
    for archive in ["made.tar", "made.tar.gz"] {
        assert_eq!(names_and_routes(&directory.path().join(archive)), routes);
    }
}

#[test]
fn the_script_reads_only_and_refuses_what_it_does_not_know() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    // What ip(8) shows before and after; the counters of `link` are left out.
    let show = "ip -d addr; ip route show table all; ip rule; ip neigh show proxy; cat /proc/self/net/ip_tables_names 2>&1";
    let commands = format!(
        "sleep 2; ({show}) >{path}/before; sh {SCRIPT} -n {path}/made; ({show}) >{path}/after; cmp {path}/before {path}/after"
    );
    in_namespace(&commands);
    let refused = Command::new("sh").args([SCRIPT, "one", "two"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn passwords_of_bird_are_cut_by_the_script() {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let start = script.find("cut_passwords() {").unwrap();
    let function = &script[start..start + script[start..].find("\n}\n").unwrap() + 3];
    let config = "protocol bgp a { neighbor 10.0.0.1 as 64512; password \"hunter2\"; }\n\
        protocol bgp b { password hunter3; }\n  Password   'hunter4';\n";
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("{function}\nprintf '%s' \"$1\" | cut_passwords"),
            "sh",
            config,
        ])
        .output()
        .unwrap();
    let cut = String::from_utf8(output.stdout).unwrap();
    assert!(
        !cut.contains("hunter") && cut.contains("neighbor 10.0.0.1 as 64512"),
        "{cut}"
    );
}

#[test]
fn text_and_json_of_one_moment_are_equal() {
    let marks = ["link", "addr", "route", "rule", "neigh"];
    let commands = "sleep 2
        ip -d link; echo =====; ip -d -j link; echo =====
        ip addr; echo =====; ip -j addr; echo =====
        ip route show table all; echo =====; ip -d -j route show table all; echo =====
        ip rule; echo =====; ip -j rule; echo =====
        ip neigh; echo =====; ip -j neigh";
    let Some(output) = in_namespace(commands) else {
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let parts: Vec<&str> = text.split("=====\n").collect();
    assert_eq!(parts.len(), 2 * marks.len());
    let links = ip_json::links(parts[1]).unwrap();
    assert_eq!(ip_text::links(parts[0]).unwrap(), links);
    assert_eq!(
        ip_text::addresses(parts[2]).unwrap(),
        ip_json::addresses(parts[3]).unwrap()
    );
    let mut names = Names::of(&links);
    assert_eq!(
        ip_text::routes(parts[4], false, &mut names).unwrap(),
        ip_json::routes(parts[5], false, &mut names).unwrap()
    );
    assert_eq!(
        ip_text::rules(parts[6], false, &mut names).unwrap(),
        ip_json::rules(parts[7], false, &mut names).unwrap()
    );
    assert_eq!(
        ip_text::neighbors(parts[8], &mut names).unwrap(),
        ip_json::neighbors(parts[9], &mut names).unwrap()
    );
}
