//! `netdiag capture`.

use std::process::Command;

use netdiag_bench::kinds::{self, Sample};
use netdiag_bench::{Random, build, file};

use crate::netdiag;

/// A file of packets, 1 s apart.
pub(crate) fn capture(link: u16, frames: &[Vec<u8>]) -> tempfile::NamedTempFile {
    let mut bytes = file::header(link);
    for (at, frame) in frames.iter().enumerate() {
        file::packet(&mut bytes, at as u64 * 1_000_000, frame, frame.len());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

pub(crate) fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn one_line_has_all_headers() {
    let output = netdiag([
        "capture",
        "-r",
        "fixtures/captures/flannel-vxlan.pcap",
        "-t",
        "-c",
        "4",
    ])
    .run();
    output.exits(0);
    insta::assert_snapshot!(output.stdout, @"
    arp who-has 192.168.90.12 tell 192.168.90.11
    arp 192.168.90.12 is-at 8a:57:22:35:fc:70
    192.168.90.11 > 192.168.90.12 vxlan(8472) vni 1 | 10.5.57.2 > 10.5.54.2 icmp echo request id 24763 seq 1 len 64
    192.168.90.12 > 192.168.90.11 vxlan(8472) vni 1 | 10.5.54.2 > 10.5.57.2 icmp echo reply id 24763 seq 1 len 64
    ");
}

#[test]
fn columns_line_up_and_awk_can_split_them() {
    let frames: Vec<Vec<u8>> = kinds::all(&mut Random::new(1))
        .into_iter()
        .filter(|sample| sample.name.starts_with("vxlan") || sample.name == "ipip")
        .map(|sample| sample.frame)
        .collect();
    let file = capture(1, &frames);
    let output = netdiag(["capture", "-r", path(&file)]).run();
    output.exits(0);
    for line in output.stdout.lines() {
        assert_eq!(line.split(" | ").count(), 2, "{line}");
        assert!(line.starts_with("22:13:"), "{line}");
    }
}

#[test]
fn the_words_of_tcpdump_are_those_of_tcpdump() {
    let tcpdump = |file: &str| {
        let output = Command::new("tcpdump")
            .args(["-tnSr", file])
            .stderr(std::process::Stdio::null())
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()
    };
    if tcpdump("fixtures/captures/ipip.pcap").is_none() {
        return crate::skip("tcpdump is not there");
    }
    for name in [
        "flannel-vxlan",
        "ipip",
        "calico-vxlan",
        "ovs-gre",
        "no-endpoints",
        "flannel-mtu",
    ] {
        let file = format!("fixtures/captures/{name}.pcap");
        let ours = netdiag(["capture", "-t", "--style", "tcpdump", "-r", &file]).run();
        let theirs = tcpdump(&file).unwrap();
        for (ours, theirs) in ours.stdout.lines().zip(theirs.lines()) {
            // It says HTTP's first words; and "VXLAN" for port 8472 since 4.99.6.
            let theirs = theirs.split(": HTTP").next().unwrap();
            if !theirs.contains("VXLAN, flags") {
                assert_eq!(ours, theirs, "{name}");
            }
        }
    }
}

#[test]
fn times_are_those_of_the_place() {
    // November 2023, and half a year later.
    let frame = &kinds::all(&mut Random::new(1))[0].frame;
    let mut bytes = file::header(1);
    for at in [0, 15_000_000] {
        file::packet(&mut bytes, at * 1_000_000, frame, frame.len());
    }
    let capture = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(capture.path(), bytes).unwrap();
    let zones = [
        "UTC0",
        "",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "<-03>3",
        "Asia/Kathmandu",
        ":America/New_York",
        "Australia/Lord_Howe",
        "Nowhere/Known",
    ];
    for zone in zones {
        let clocks = |args: &[&str]| {
            let output = netdiag(["capture", "-tttt", "-r", path(&capture)])
                .args(args)
                .env("TZ", zone)
                .run();
            output.exits(0);
            let times = output.stdout.lines().map(|line| line[..19].to_owned());
            times.collect::<Vec<_>>()
        };
        assert_eq!(clocks(&["--utc"]), ["2023-11-14 22:13:20", "2024-05-06 12:53:20"]);
        let theirs = Command::new("tcpdump")
            .args(["-ttttnr", path(&capture)])
            .env("TZ", zone)
            .output();
        let Ok(theirs) = theirs else {
            return crate::skip("tcpdump is not there");
        };
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        let theirs: Vec<_> = theirs
            .lines()
            .filter(|line| line.starts_with('2'))
            .map(|line| &line[..19])
            .collect();
        assert_eq!(clocks(&[]), theirs, "{zone}");
    }
}

#[test]
fn what_the_card_was_to_fill_in_is_no_finding() {
    let offloaded = "fixtures/captures/vxlan-offload.pcap";
    let output = netdiag(["capture", "--summary", "-r", offloaded]).run();
    output.exits(0);
    assert!(output.stdout.contains("17/13"), "{}", output.stdout);
    // A byte of the last packet's outer header changes: its checksum is wrong for whatever is filled in.
    let mut bytes = std::fs::read(offloaded).unwrap();
    let ports = bytes.len() - 116 + 34;
    bytes[ports] ^= 1;
    let changed = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(changed.path(), bytes).unwrap();
    let output = netdiag(["capture", "--summary", "-r", path(&changed)]).run();
    output.exits(2);
    assert!(
        output.stdout.contains("tunnel-checksum-offload"),
        "{}",
        output.stdout
    );
}

#[test]
fn json_has_every_layer() {
    let output = netdiag(["capture", "-r", "fixtures/captures/ovs-gre.pcap", "-o", "json"]).run();
    output.exits(0);
    let packets: Vec<serde_json::Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(packets.len(), 13);
    let names: Vec<&str> = packets[2]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["layer"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ethernet", "ipv4", "gre", "ethernet", "ipv4", "icmp"]);
    assert_eq!(packets[2]["layers"][2]["key"], 1);
}

#[test]
fn bytes_are_shown_by_layer() {
    let output = netdiag([
        "capture",
        "-r",
        "fixtures/captures/ipip.pcap",
        "-x",
        "-t",
        "--inner",
        "icmp",
        "-c",
        "1",
    ])
    .run();
    output.exits(0).fits(80 + 40);
    let layers: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(layers, ["ethernet", "ipv4", "ipv4", "icmp", "payload"]);
}

#[test]
fn filters_look_outside_and_inside() {
    let count = |args: &[&str]| {
        let base = ["capture", "-r", "fixtures/captures/calico-vxlan.pcap"];
        let output = netdiag(base).args(args).run();
        output.exits(0).stdout.lines().count()
    };
    assert_eq!(count(&["udp port 4789"]), 10);
    assert_eq!(count(&["--inner", "host 192.168.2.65"]), 8);
    assert_eq!(count(&["host", "192.168.2.65"]), 0);
    assert_eq!(count(&["--vni", "4096"]), 10);
    assert_eq!(count(&["--vni", "4097"]), 0);
    netdiag(["capture", "-r", "fixtures/captures/ipip.pcap", "host and"])
        .run()
        .exits(1)
        .says("filter \"host and\": can't parse filter expression: syntax error")
        .says("man pcap-filter");
}

#[test]
fn another_port_for_a_tunnel() {
    let samples = kinds::all(&mut Random::new(2));
    let is = |sample: &&Sample| sample.name == "geneve";
    let mut frame = samples.iter().find(is).unwrap().frame.clone();
    frame[36..38].copy_from_slice(&7777u16.to_be_bytes());
    let file = capture(1, &[frame]);
    netdiag(["capture", "-r", path(&file)])
        .run()
        .exits(0)
        .says_not("geneve");
    netdiag(["capture", "-r", path(&file), "--port", "geneve=7777"])
        .run()
        .exits(0)
        .says("geneve(7777) vni 11");
    netdiag(["capture", "-r", path(&file), "--port", "genf=7777"])
        .run()
        .exits(1)
        .says("tunnels are vxlan, vxlan-gpe, geneve");
}

#[test]
fn without_outer_headers_everybody_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["inner.pcap", "inner.pcapng"] {
        let inner = directory.path().join(name);
        let inner = inner.to_str().unwrap();
        netdiag([
            "capture",
            "-r",
            "fixtures/captures/ipip.pcap",
            "--inner",
            "icmp",
            "--decap",
            "-w",
            inner,
        ])
        .run()
        .exits(0);
        let output = netdiag(["capture", "-r", inner, "-t"]).run();
        output
            .exits(0)
            .says_not(" | ")
            .says("10.244.1.2 > 10.244.2.2 icmp echo request id 145 seq 0");
        assert_eq!(output.stdout.lines().count(), 12);
    }
}

#[test]
fn a_file_of_one_link_type_takes_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("inner.pcap");
    let packet = build::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 253, b"x");
    let tunnel = build::ipv4([1; 4], [2; 4], 4, &packet);
    let file = capture(101, &[packet, tunnel]);
    netdiag([
        "capture",
        "-r",
        path(&file),
        "--decap",
        "-w",
        inner.to_str().unwrap(),
    ])
    .run()
    .exits(1)
    .says("packet 2 is of link type RAW")
    .says("ends in .pcapng");
}

#[test]
fn a_summary_of_healthy_traffic_has_no_findings() {
    for name in ["flannel-vxlan", "flannel-udp", "ipip", "calico-vxlan", "ovs-gre"] {
        let file = format!("fixtures/captures/{name}.pcap");
        netdiag(["capture", "-r", &file, "--summary"])
            .run()
            .exits(0)
            .says("No findings.");
    }
}

#[test]
fn a_summary_says_what_is_wrong() {
    netdiag(["capture", "-r", "fixtures/captures/flannel-mtu.pcap", "--summary"])
        .run()
        .exits(2)
        .says("packets of vxlan vni 1 from 192.168.100.11 to 192.168.100.12 are fragmented");
    netdiag([
        "capture",
        "-r",
        "fixtures/captures/ovs-key-mismatch.pcap",
        "--summary",
    ])
    .run()
    .exits(2)
    .says("ARP in gre key 0x2: 172.17.1.1 asked 2 times who has 172.17.2.2, and got no answer");
    netdiag([
        "capture",
        "-r",
        "fixtures/captures/stale-endpoint.pcap",
        "--summary",
    ])
    .run()
    .exits(2)
    .says("TCP: 10.244.1.3 port 41638 got no answer from 10.244.2.77 port 80 to 2 SYN");
    let output = netdiag([
        "capture",
        "-r",
        "fixtures/captures/flannel-no-fdb.pcap",
        "--summary",
        "-o",
        "json",
    ])
    .run();
    output.exits(2);
    assert_eq!(output.json()["findings"][0]["code"], "ping-unanswered");
    assert_eq!(output.json()["flows"][0]["oneWay"], true);
}

#[test]
fn files_that_are_damaged() {
    let mut bytes = std::fs::read("fixtures/captures/ipip.pcap").unwrap();
    bytes.truncate(bytes.len() - 5);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cut.pcap");
    std::fs::write(&file, &bytes).unwrap();
    let file = file.to_str().unwrap();
    let output = netdiag(["capture", "-r", file]).run();
    output
        .exits(0)
        .says("cut.pcap: at byte")
        .says("it ends in the middle of a packet");
    assert_eq!(output.stdout.lines().count(), 17);
    bytes[24 + 8..24 + 12].copy_from_slice(&[0xff; 4]);
    std::fs::write(file, &bytes).unwrap();
    netdiag(["capture", "-r", file])
        .run()
        .exits(1)
        .says("at byte 24: a packet of 4294967295 bytes can't be: the file is damaged here");
    netdiag(["capture", "-r", "Cargo.toml"])
        .run()
        .exits(1)
        .says("Cargo.toml: not a capture file: neither pcap nor pcapng");
    netdiag(["capture", "-r", "/nowhere"])
        .run()
        .exits(1)
        .says("/nowhere: No such file");
}
