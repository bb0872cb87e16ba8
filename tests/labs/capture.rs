//! `netdiag capture` on links: held against tcpdump on the same link at the same time, and against what was sent.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netdiag::packet::file::Reader;
use netdiag_lab::kinds::{Backend, Flannel, Network};
use netdiag_lab::{Lab, Node, Plan, or_skip, wait_until};

use crate::netdiag::PROGRAM;

/// `n1` with 10.1.1.2, and `n2` with 10.1.1.1.
fn two_nodes() -> netdiag_lab::Result<Lab> {
    let plan = Plan::new().segment("lan", "");
    plan.node("n1", |node| node.link("eth0", "lan", "10.1.1.2/24"))
        .node("n2", |node| node.link("eth0", "lan", "10.1.1.1/24"))
        .up()
}

/// A program in a node, beside the test.
pub(crate) struct Beside {
    child: Child,
    errors: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Beside {
    /// Starts it, and waits until it captures.
    pub(crate) fn start(node: &Node, words: &[&str]) -> Self {
        let mut command = node.enter();
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let to = Arc::clone(&errors);
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut errors = to.lock().unwrap();
                errors.push_str(&line);
                errors.push('\n');
            }
        });
        let begun = || {
            let errors = errors.lock().unwrap();
            errors.contains("capturing on ") || errors.contains("listening on ")
        };
        wait_until("the capture has begun", Duration::from_secs(20), begun).unwrap();
        Self {
            child,
            errors,
            reader,
        }
    }

    /// Its exit status, and what it printed, once it ended.
    pub(crate) fn ended(self) -> (Option<i32>, String, String) {
        let output = self.child.wait_with_output().unwrap();
        self.reader.join().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = self.errors.lock().unwrap().clone();
        (output.status.code(), text, errors)
    }
}

/// The packets of a capture file: length on the wire, and bytes.
fn packets(path: &Path) -> Vec<(u32, Vec<u8>)> {
    let mut reader = Reader::new(Box::new(File::open(path).unwrap())).unwrap();
    let mut packets = Vec::new();
    while let Some((packet, _)) = reader.next_packet().unwrap() {
        packets.push((packet.wire_len, packet.data.to_vec()));
    }
    assert_eq!(reader.warnings(), [""; 0]);
    packets
}

fn ping(network: &Network, from: (&str, &str), to: &str) {
    let node = network.lab().node(from.0);
    let words = ["ping", "-nc3", "-i0.2", "-W1", to];
    node.pod(from.1).run(words).ok().unwrap();
}

#[test]
fn an_overlay_is_seen_inside_and_outside() {
    let Some(network) = or_skip(Flannel::new(Backend::Vxlan).draft().up()) else {
        return;
    };
    network.works().unwrap();
    let node = network.lab().node("n1");
    let directory = tempfile::tempdir().unwrap();
    let (own, theirs) = (
        directory.path().join("own.pcap"),
        directory.path().join("theirs.pcap"),
    );
    let to = &network
        .pods()
        .iter()
        .find(|pod| pod.node == "n2")
        .unwrap()
        .address;
    let from = network.pods().iter().find(|pod| pod.node == "n1").unwrap();
    let expression = "udp port 8472";
    let outside = Beside::start(
        node,
        &[
            PROGRAM,
            "capture",
            "-i",
            "eth0",
            "-t",
            "--duration",
            "4",
            expression,
        ],
    );
    let inside = Beside::start(
        node,
        &[
            PROGRAM,
            "capture",
            "-i",
            "flannel.1",
            "-t",
            "--duration",
            "4",
            "icmp",
        ],
    );
    let written = Beside::start(
        node,
        &[
            PROGRAM,
            "capture",
            "-i",
            "eth0",
            "-w",
            own.to_str().unwrap(),
            "--duration",
            "4",
            expression,
        ],
    );
    let judge = Beside::start(
        node,
        &[
            "timeout",
            "-s",
            "INT",
            "4",
            "tcpdump",
            "-Z",
            "root",
            "--immediate-mode",
            "-i",
            "eth0",
            "-w",
            theirs.to_str().unwrap(),
            expression,
        ],
    );
    ping(&network, ("n1", &from.name), to);
    let (code, outside, errors) = outside.ended();
    assert_eq!(code, Some(0), "{errors}");
    let carried = format!(" vxlan(8472) vni 1 | {} > {to} icmp echo request ", from.address);
    assert_eq!(outside.matches(&carried).count(), 3, "{outside}");
    assert!(errors.contains(" packets captured"), "{errors}");
    let (code, inside, errors) = inside.ended();
    assert_eq!(code, Some(0), "{errors}");
    let bare = format!("{} > {to} icmp echo request ", from.address);
    assert_eq!(
        inside.lines().filter(|line| line.starts_with(&bare)).count(),
        3,
        "{inside}"
    );
    let (code, _, errors) = written.ended();
    assert_eq!(code, Some(0), "{errors}");
    judge.ended();
    let (own, theirs) = (packets(&own), packets(&theirs));
    assert!(own.len() >= 6, "{own:?}");
    assert_eq!(own, theirs);
}

#[test]
fn a_silent_link_ends_on_time_and_on_a_signal() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("n1");
    let started = Instant::now();
    let quiet = ["capture", "-i", "lo", "--duration", "1", "tcp port 1"];
    let output = node.run([PROGRAM].into_iter().chain(quiet)).output().unwrap();
    assert_eq!(
        (output.code(), output.stdout.as_str()),
        (Some(0), ""),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("0 packets captured"), "{}", output.stderr);
    assert!(started.elapsed() >= Duration::from_secs(1));

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out.pcapng");
    let words = [
        "timeout",
        "--foreground",
        "-s",
        "INT",
        "2",
        PROGRAM,
        "capture",
        "-i",
        "eth0",
        "-w",
    ];
    let capture = Beside::start(node, &[&words[..], &[file.to_str().unwrap()]].concat());
    node.run(["ping", "-nc2", "-i0.2", "10.1.1.1"]).ok().unwrap();
    // 124: timeout(1) had to send its signal.
    let (code, _, errors) = capture.ended();
    assert_eq!(code, Some(124), "{errors}");
    let echoes = packets(&file);
    let echoes = echoes
        .iter()
        .filter(|(_, frame)| frame.get(12..14) == Some(&[8, 0]));
    assert_eq!(echoes.count(), 4);
}

#[test]
fn rights_are_gone_before_the_first_packet() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("n1");
    let script = format!(
        "{PROGRAM} capture -i lo --duration 5 >/dev/null 2>&1 & \
         for _ in $(seq 50); do [ $(wc -l </proc/net/packet) -gt 1 ] && break; sleep 0.1; done; sleep 0.3; \
         cat /proc/$!/task/*/status; kill $!"
    );
    let status = node.sh(&script).ok().unwrap();
    let effective: BTreeSet<&str> = status
        .lines()
        .filter(|line| line.starts_with("CapEff") || line.starts_with("CapPrm"))
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(effective, BTreeSet::from(["0000000000000000"]), "{status}");
}

#[test]
fn several_links_come_in_order_and_by_name() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("n1");
    for (links, name) in [(["-i", "eth0,lo"], "eth0 "), (["-i", "any"], "eth0 ")] {
        let words = ["capture", links[0], links[1], "--count", "4", "icmp"];
        let capture = Beside::start(node, &[&[PROGRAM], &words[..]].concat());
        node.run(["ping", "-nc2", "-i0.2", "10.1.1.1"]).ok().unwrap();
        let (code, lines, errors) = capture.ended();
        assert_eq!(code, Some(0), "{errors}");
        assert_eq!(lines.lines().count(), 4, "{lines}");
        let times: Vec<&str> = lines.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(times.is_sorted(), "{lines}");
        assert!(lines.lines().all(|line| line[16..].starts_with(name)), "{lines}");
    }
}

/// Sends datagrams of a node to its neighbor: so many, of so many bytes.
fn flood(node: &Node, to: &str, count: u32, bytes: usize) {
    // While the neighbor is asked for, only some wait.
    node.run(["ping", "-nc1", to]).ok().unwrap();
    node.in_network(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect((to, 9)).unwrap();
        let payload = vec![0; bytes];
        for _ in 0..count {
            // Nobody listens there: a refusal of what was sent before is told in place of sending.
            (0..3).any(|_| socket.send(&payload).is_ok());
        }
    })
    .unwrap();
}

#[test]
fn files_follow_one_another() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("n1");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ring.pcap");
    let words = [
        "capture",
        "-i",
        "eth0",
        "-C",
        "1",
        "-W",
        "2",
        "--duration",
        "3",
        "-w",
    ];
    let capture = Beside::start(
        node,
        &[&[PROGRAM], &words[..], &[file.to_str().unwrap(), "udp"]].concat(),
    );
    flood(node, "10.1.1.1", 4_000, 1_000);
    let (code, _, errors) = capture.ended();
    assert_eq!(code, Some(0), "{errors}");
    let mut files: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["ring-00004.pcap", "ring-00005.pcap"]);
    // 1,042 bytes and 16 of the file's own: 946 packets make a million.
    let counts: Vec<usize> = files.iter().map(|path| packets(path).len()).collect();
    assert_eq!(counts, [946, 4_000 - 4 * 946]);
}

#[test]
fn output_that_nobody_takes_does_not_stop_the_capture() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("n1");
    let words = ["capture", "-i", "eth0", "--duration", "4", "-x", "udp"];
    let capture = Beside::start(node, &[&[PROGRAM], &words[..]].concat());
    // More than the queue and the pipe hold.
    flood(node, "10.1.1.1", 60_000, 1_000);
    thread::sleep(Duration::from_secs(4));
    let (code, lines, errors) = capture.ended();
    assert_eq!(code, Some(0), "{errors}");
    let lost: usize = errors
        .lines()
        .filter(|line| line.contains("not shown"))
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<usize>().ok())
        .sum();
    let shown = lines.matches(" > 10.1.1.1.9 ").count();
    assert!(lost > 0, "{errors}");
    assert!(!errors.contains(" lost: the ring was full"), "{errors}");
    assert_eq!(shown + lost, 60_000, "{errors}");
}

#[test]
fn what_can_not_be_captured_is_told() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("n1");
    for (words, said) in [
        (
            &["-i", "eth7"][..],
            "error: eth7: no such link\nhint: links here: ",
        ),
        (
            &["-i", "eth0", "host and"],
            "error: can't parse filter expression: syntax error",
        ),
        (&["-i", "eth0,eth0"], "error: eth0 is named twice"),
        (
            &["-i", "eth0", "-w", "-", "-C", "1"],
            "error: standard output can't be rotated",
        ),
    ] {
        let output = node
            .run([PROGRAM, "capture"].iter().chain(words))
            .output()
            .unwrap();
        assert_eq!(output.code(), Some(1), "{words:?}");
        assert!(output.stderr.starts_with(said), "{}", output.stderr);
    }
}
