//! What tshark sees in a capture file, in the words of both.

use std::io::Write;
use std::process::{Command, Stdio};

/// The fields of tshark that are compared, each a list over all layers of a packet, outermost first.
pub(crate) const FIELDS: [&str; 20] = [
    "frame.protocols",
    "eth.src",
    "eth.dst",
    "vlan.id",
    "ieee8021ad.id",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "udp.srcport",
    "udp.dstport",
    "vxlan.vni",
    "geneve.vni",
    "gre.key",
    "mpls.label",
    "icmp.type",
    "arp.dst.proto_ipv4",
];

/// Whether tshark is there.
pub(crate) fn is_there() -> bool {
    Command::new("tshark")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// One row a packet, one text a field.
pub(crate) fn read(file: &[u8]) -> Vec<Vec<String>> {
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(file).unwrap();
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path.path());
    for preference in [
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
        "ip.tso_support:TRUE",
        "udp.try_heuristic_first:FALSE",
    ] {
        command.args(["-o", preference]);
    }
    for port in ["udp.port==8472,vxlan", "udp.port==8285,ip", "udp.port==51820,wg"] {
        command.args(["-d", port]);
    }
    command.args([
        "-T",
        "fields",
        "-E",
        "occurrence=a",
        "-E",
        "aggregator=,",
        "-E",
        "separator=/t",
    ]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.stderr(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}
