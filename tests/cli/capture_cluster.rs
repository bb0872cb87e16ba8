//! `netdiag capture` with what else is known: names, flows of pods, a second capture, other nodes, several threads.

use std::os::unix::fs::PermissionsExt;

use netdiag_bench::traffic::{self, Mix};
use netdiag_bench::{build, file};
use serde_json::Value;

use crate::capture::{capture, path};
use crate::netdiag;

const FLANNEL: &str = "fixtures/walks/flannel_healthy-vxlan.zst";

/// A ping from pod to pod of that network, as the underlay sees it.
fn carried(from: [u8; 4], to: [u8; 4], sequence: u8, reply: bool) -> Vec<u8> {
    tunneled(8472, 1, from, to, sequence, reply)
}

fn tunneled(port: u16, vni: u32, from: [u8; 4], to: [u8; 4], sequence: u8, reply: bool) -> Vec<u8> {
    let kind = if reply { 0 } else { 8 };
    let mut packet = build::ipv4(
        from,
        to,
        1,
        &build::icmp(kind, 0, [0, 7, 0, sequence], b"abcdefgh"),
    );
    packet[4..6].copy_from_slice(&[sequence, kind]);
    packet[10..12].fill(0);
    let sum = !build::sum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let frame = build::ethernet(5, 6, 0x0800, &packet);
    let node = |pod: [u8; 4]| [192, 168, 100, 10 + pod[2]];
    let udp = build::udp_plain(50000, port, &build::vxlan(8, [0; 3], vni, &frame));
    build::ethernet(1, 2, 0x0800, &build::ipv4(node(from), node(to), 17, &udp))
}

const POD1: [u8; 4] = [10, 244, 1, 2];
const POD2: [u8; 4] = [10, 244, 2, 2];
const POD3: [u8; 4] = [10, 244, 3, 2];

#[test]
fn names_stand_beside_addresses() {
    let file = capture(
        1,
        &[
            carried(POD1, POD2, 1, false),
            carried(POD1, [9, 9, 9, 9], 1, false),
        ],
    );
    let with = [
        "capture",
        "-t",
        "--names",
        "--snapshot",
        FLANNEL,
        "-r",
        path(&file),
    ];
    let output = netdiag(with).run();
    output.exits(0);
    insta::assert_snapshot!(output.stdout, @"
    192.168.100.11(n1) > 192.168.100.12(n2) vxlan(8472) vni 1 | 10.244.1.2(n1/pod1) > 10.244.2.2(n2/pod1) icmp echo request id 7 seq 1 len 16
    192.168.100.11(n1) > 192.168.100.19     vxlan(8472) vni 1 | 10.244.1.2(n1/pod1) > 9.9.9.9             icmp echo request id 7 seq 1 len 16
    ");
    let output = netdiag(with).args(["-o", "json", "-c", "1"]).run();
    let packet: Value = serde_json::from_str(&output.exits(0).stdout).unwrap();
    assert_eq!(packet["layers"][1]["sourceName"], "n1");
    assert_eq!(packet["layers"][5]["destinationName"], "n2/pod1");
    netdiag(with)
        .args(["--summary"])
        .run()
        .exits(2)
        .says("10.244.1.2(n1/pod1)");
}

#[test]
fn names_go_into_a_file_and_come_out_of_it() {
    let file = capture(1, &[carried(POD1, POD2, 1, false)]);
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.pcapng");
    let named = named.to_str().unwrap();
    let with = [
        "capture",
        "--names",
        "--snapshot",
        FLANNEL,
        "-r",
        path(&file),
        "-w",
    ];
    netdiag(with).args([named]).run().exits(0);
    let shown = netdiag(["capture", "-t", "-r", named]).run();
    shown
        .exits(0)
        .says("10.244.1.2(n1/pod1) > 10.244.2.2(n2/pod1) icmp");
    // What is unpacked keeps them.
    let inner = folder.path().join("inner.pcapng");
    let inner = inner.to_str().unwrap();
    netdiag(["capture", "-r", named, "--decap", "-w", inner])
        .run()
        .exits(0);
    let shown = netdiag(["capture", "-t", "-r", inner]).run();
    shown
        .exits(0)
        .says("10.244.1.2(n1/pod1) > 10.244.2.2(n2/pod1) icmp");
    let classic = folder.path().join("classic.pcap");
    let refused = netdiag(with).args([classic.to_str().unwrap()]).run();
    refused
        .exits(1)
        .says("a classic capture file has no place for names");
    assert!(!classic.exists());
    // No file is lost to one that can't be read.
    let none = netdiag(["capture", "-r", "none.pcap", "-w", named]).run();
    none.exits(1);
    assert!(std::fs::metadata(named).unwrap().len() > 0);
}

#[test]
fn names_of_objects_are_those_of_pods_and_services() {
    let objects = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let text = "
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop}
status: {podIP: 10.244.1.2, podIPs: [{ip: 10.244.1.2}, {ip: 'fd00::2'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: kube-system}
spec: {hostNetwork: true}
status: {podIP: 192.168.100.12}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.7}
";
    std::fs::write(objects.path(), text).unwrap();
    let frame = |to| build::ethernet(1, 2, 0x0800, &build::udp4(POD1, to, (4000, 53), b"x"));
    let file = capture(1, &[frame([10, 96, 0, 7]), frame([192, 168, 100, 12])]);
    let objects = objects.path().to_str().unwrap();
    let with = [
        "capture",
        "-t",
        "--names",
        "--snapshot",
        FLANNEL,
        "--objects",
        objects,
        "-r",
        path(&file),
    ];
    netdiag(with)
        .run()
        .exits(0)
        .says("10.244.1.2.4000(shop/web-1) > 10.96.0.7.53(svc/shop/db) ")
        .says(" > 192.168.100.12.53(n2) ");
}

#[test]
fn a_flow_is_found_bare_and_in_its_tunnel() {
    let bare = build::ethernet(1, 2, 0x0800, &build::udp4(POD1, POD2, (1, 2), b"x"));
    let frames = [
        carried(POD1, POD2, 1, false),
        carried(POD2, POD1, 1, true),
        carried(POD1, POD3, 1, false),
        carried([10, 244, 1, 3], POD2, 1, false),
        bare,
    ];
    let file = capture(1, &frames);
    let flow = [
        "capture",
        "-t",
        "--snapshot",
        FLANNEL,
        "-r",
        path(&file),
        "--flow",
    ];
    let output = netdiag(flow).args(["n1/pod1", "n2/pod1"]).run();
    output
        .exits(0)
        .says("(host 192.168.100.11 and host 192.168.100.12 and udp port 8472)");
    assert_eq!(output.stdout.lines().count(), 3, "{}", output.stdout);
    netdiag(flow)
        .args(["n1/pod1", "n2/pod9"])
        .run()
        .exits(1)
        .says("n2/pod9: no node, pod, container or namespace of that name was seen");
}

#[test]
fn two_captures_say_what_was_lost_between_them() {
    let write = |frames: &[(u64, Vec<u8>)]| {
        let mut bytes = file::header(1);
        for (time, frame) in frames {
            file::packet(&mut bytes, *time, frame, frame.len());
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    };
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for sequence in 0..10u8 {
        let start = u64::from(sequence) * 1_000_000;
        one.push((start, carried(POD1, POD2, sequence, false)));
        if sequence != 4 {
            // The second clock is 5 s ahead.
            other.push((start + 5_000_100, carried(POD1, POD2, sequence, false)));
            other.push((start + 5_000_200, carried(POD2, POD1, sequence, true)));
            one.push((start + 300, carried(POD2, POD1, sequence, true)));
        }
    }
    let (one, other) = (write(&one), write(&other));
    let join = ["capture", "--join", path(&one), path(&other)];
    let output = netdiag(join).run();
    output
        .exits(2)
        .says("in both: 18 packets")
        .says(" is 5.0 s ahead of ")
        .says("1 packet left and never arrived.")
        .says("10.244.1.2 to 10.244.2.2: number 9 of ");
    let output = netdiag(join).args(["-o", "json"]).run();
    let joined: Value = serde_json::from_str(&output.exits(2).stdout).unwrap();
    assert_eq!(joined["aheadNanoseconds"], 5_000_000_000u64);
    assert_eq!(joined["giveOrTakeNanoseconds"], 100_000);
    assert_eq!(joined["ways"][0]["lost"], 1);
    assert_eq!(joined["ways"][1]["lost"], 0);
    let nothing = write(&[(0, carried(POD3, POD2, 1, false))]);
    netdiag(["capture", "--join", path(&one), path(&nothing)])
        .run()
        .exits(3)
        .says("no packet is in both");
    netdiag([
        "capture",
        "--join",
        path(&one),
        path(&other),
        "--inner",
        "src 10.244.2.2",
    ])
    .run()
    .exits(0)
    .says("All that left arrived.");
}

/// More packets than are held in memory are sorted in files that nobody sees.
#[test]
fn long_captures_are_joined_in_temporary_files() {
    let mut bytes = file::header(1);
    for number in 0..530_000u64 {
        let [.., a, b, c, d] = number.to_be_bytes();
        let packet = build::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 253, &[a, b, c, d]);
        let frame = build::ethernet(1, 2, 0x0800, &packet);
        file::packet(&mut bytes, number, &frame, frame.len());
    }
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.pcap");
    std::fs::write(&long, bytes).unwrap();
    let room = tempfile::tempdir().unwrap();
    let join = [
        "capture",
        "--join",
        long.to_str().unwrap(),
        long.to_str().unwrap(),
    ];
    netdiag(join)
        .env("TMPDIR", room.path())
        .run()
        .exits(0)
        .says("in both: 530000 packets")
        .says("All that left arrived.");
    assert_eq!(room.path().read_dir().unwrap().count(), 0);
    netdiag(join)
        .env("TMPDIR", folder.path().join("none"))
        .run()
        .exits(1)
        .says("none: packets can't be sorted in a file there: No such file or directory")
        .says("set TMPDIR to a directory with room for 35 bytes a packet");
}

#[test]
fn threads_change_nothing() {
    let mix = Mix {
        packets: 20_000,
        pods: 300,
        flows: 2_000,
        seed: 4,
    };
    let bytes = traffic::file_of(mix);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ng = directory.path().join("all.pcapng");
    netdiag(["capture", "-r", path(&file), "-w", ng.to_str().unwrap()])
        .run()
        .exits(0);
    let inner = directory.path().join("inner");
    let inner = inner.to_str().unwrap();
    for input in [path(&file), ng.to_str().unwrap()] {
        for words in [
            &[][..],
            &["-o", "wide"],
            &["-o", "json"],
            &["-ttt"],
            &["-ttttt", "--style", "tcpdump"],
            &["--inner", "tcp port 7001"],
            &["--vni", "1", "-x"],
            &["--summary", "-o", "json"],
            &["--flows", "-o", "json"],
        ] {
            let [one, two, five] = ["1", "2", "5"].map(|threads| {
                let output = netdiag(["capture", "-r", input, "--threads", threads])
                    .args(words)
                    .run();
                output.exits(0).stdout.clone()
            });
            assert!(one == two && two == five, "{words:?}");
        }
        let [one, two] = ["1", "3"].map(|threads| {
            netdiag([
                "capture",
                "-r",
                input,
                "--threads",
                threads,
                "--decap",
                "-w",
                inner,
            ])
            .run()
            .exits(0);
            std::fs::read(inner).unwrap()
        });
        assert!(one == two && one.len() > 1_000_000);
    }
    // What was there before a damage is shown, whoever read it.
    let mut damaged = bytes;
    damaged.truncate(5_000_000);
    damaged.extend([0xff; 64]);
    std::fs::write(file.path(), &damaged).unwrap();
    let [one, two] = ["1", "2"].map(|threads| {
        let output = netdiag(["capture", "-r", path(&file), "--threads", threads]).run();
        (output.stdout.clone(), output.stderr.clone())
    });
    assert!(one == two && one.0.lines().count() > 10_000, "{}", one.1);
}

/// More flows than are told apart: threads that count for themselves break off, and one counts the rest.
#[test]
fn threads_change_nothing_where_flows_are_too_many() {
    let mut bytes = file::header(1);
    for number in 0..230_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let packet = build::udp4([10, a, b, c], [10, 255, 0, 1], (9, 9), b"");
        let frame = build::ethernet(1, 2, 0x0800, &packet);
        file::packet(&mut bytes, u64::from(number), &frame, frame.len());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let [one, two] = ["1", "3"].map(|threads| {
        let words = ["capture", "--flows", "-r", path(&file), "--threads", threads];
        netdiag(words).run().exits(0).stdout.clone()
    });
    assert!(
        one.contains("30000 packets of more flows are not told apart"),
        "{one}"
    );
    assert_eq!(one, two);
}

#[test]
fn a_tunnel_that_the_other_node_does_not_have_is_a_finding() {
    for (port, vni, words) in [
        (8472, 1, "No findings."),
        (
            8472,
            7,
            "tunnel-number-differs error: vxlan: 192.168.100.11 sends vni 7 to 192.168.100.12 port 8472, and n2 has \
             flannel.1 (vni 1, port 8472)",
        ),
        (
            4789,
            1,
            "tunnel-port-differs error: vxlan vni 1: 192.168.100.11 sends to port 4789 of 192.168.100.12, and n2 has \
             flannel.1 (vni 1, port 8472)",
        ),
    ] {
        let frames = [
            tunneled(port, vni, POD1, POD2, 1, false),
            tunneled(port, vni, POD2, POD1, 1, true),
        ];
        let file = capture(1, &frames);
        let known = ["capture", "--summary", "--snapshot", FLANNEL, "-r", path(&file)];
        let output = netdiag(known).run();
        let said = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{}", output.stdout);
        let ended = if vni == 1 && port == 8472 { 0 } else { 2 };
        output.exits(ended);
        // Who only counts is told of no fault.
        let counted = netdiag(["capture", "--flows", "-r", path(&file)]).run();
        assert!(
            counted.exits(0).stdout.starts_with("2 packets"),
            "{}",
            counted.stdout
        );
    }
}

#[test]
fn another_node_is_captured_by_ssh() {
    let directory = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    // The shell at the other end: the last word is its command line.
    put(
        "ssh",
        "#!/bin/sh\nfor last; do :; done\n[ \"$7\" = gone ] && exit 255\nexec sh -c \"$last\"\n".to_owned(),
    );
    let there = fs_path("fixtures/captures/ipip.pcap");
    let program = env!("CARGO_BIN_EXE_netdiag");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >&2\n[ \"$3\" = eth0 ] || exit 1\nexec {program} capture -r {there} -c 2 -t\n"
    );
    put("netdiag", script);
    let search = format!("{}:/usr/bin:/bin", directory.path().display());
    let remote = |words: &[&str]| {
        netdiag(["capture", "--node", "n2"])
            .args(words)
            .env("PATH", &search)
            .run()
    };
    let output = remote(&["-i", "eth0", "it's"]);
    output.exits(0).says("capture -i eth0 it's");
    assert_eq!(output.stdout.lines().count(), 2);
    let pushed = remote(&["--push", "-i", "lo", "--duration", "0.1", "--count", "0"]);
    pushed.exits(0);
    remote(&["-i", "eth1"]).exits(1).says("the capture on n2 failed");
    let local = directory.path().join("local");
    let output = remote(&["-i", "eth0", "-w", local.to_str().unwrap()]);
    output.exits(0).says("capture -i eth0 -w -");
    assert_eq!(std::fs::read_to_string(local).unwrap().lines().count(), 2);
    netdiag(["capture", "--node", "gone", "-i", "eth0"])
        .env("PATH", &search)
        .run()
        .exits(1)
        .says("ssh to gone");
}

fn fs_path(path: &str) -> String {
    std::fs::canonicalize(path).unwrap().display().to_string()
}
