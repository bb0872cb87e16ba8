//! How many packets a capture misses on a link on which a neighbor sends as fast as told, beside tcpdump: one after the
//! other, in several rounds.
//!
//! Usage: `lab-drops [--netdiag PATH] [--rate PACKETS] [--bytes N] [--seconds N] [--rounds N]`; bytes are those of a frame.
//! Exit status 1: netdiag missed more in all rounds together than `tcpdump -w -B 32768`.
#![expect(clippy::print_stdout, reason = "a table for people")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use netdiag_lab::{Error, Lab, Plan, Result};
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};

/// Nobody has it, and its link address is nobody's either: what is sent there passes the receiver's link, where captures
/// see it, and costs the receiver nothing more.
const TARGET: &str = "10.9.0.3";
/// How much longer than its packets a capture runs.
const AFTER: Duration = Duration::from_secs(3);
/// Datagrams of one call at most, and their bytes: the kernel takes no more (`UDP_MAX_SEGMENTS`).
const BURST: usize = 64;
const BURST_BYTES: usize = 65_000;
/// Headers of a frame around the datagram.
const OUTER: usize = 14 + 20 + 8;
/// How long the sender rests when it is ahead.
const REST: Duration = Duration::from_micros(50);

fn main() -> ExitCode {
    bench().unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "lab-drops: {error}");
        match error {
            Error::Skip(_) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    })
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::Failed(what.to_string())
}

fn bench() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str, default: &str| {
        let at = words.iter().position(|word| word == name);
        let given = at.and_then(|at| words.get(at + 1)).map(String::as_str);
        given.unwrap_or(default).to_owned()
    };
    let number = |name: &str, default: &str| option(name, default).parse::<u32>().map_err(failed);
    let netdiag = PathBuf::from(option("--netdiag", "target/release/netdiag"));
    let netdiag =
        fs::canonicalize(&netdiag).map_err(|error| failed(format!("{}: {error}", netdiag.display())))?;
    let (seconds, rounds) = (number("--seconds", "3")?, number("--rounds", "3")?);
    let load = Load {
        rate: number("--rate", "300000")?,
        bytes: usize::try_from(number("--bytes", "128")?).map_err(failed)?,
        time: Duration::from_secs(u64::from(seconds)),
    };
    let lab = Plan::new()
        .node("sender", |node| node)
        .node("receiver", |node| node)
        .up()?;
    connect(&lab)?;
    let file = Path::new("/dev/shm").join(format!("netdiag-drops-{}", std::process::id()));
    let netdiag = netdiag.display();
    let captures = [
        (
            "netdiag text",
            format!("exec {netdiag} capture -i eth0 udp port 4789 >/dev/null"),
        ),
        (
            "netdiag -w",
            format!(
                "exec {netdiag} capture -i eth0 -w {} udp port 4789",
                file.display()
            ),
        ),
        (
            "tcpdump -w -B 32768",
            format!(
                "exec tcpdump -Z root -ni eth0 -B 32768 -w {} udp port 4789",
                file.display()
            ),
        ),
        (
            "tcpdump -n",
            "exec tcpdump -Z root -nni eth0 udp port 4789 >/dev/null".to_owned(),
        ),
    ];
    println!(
        "{:<20} {:>10} {:>10} {:>8} {:>12}",
        "", "sent", "missed", "%", "packets/s"
    );
    let mut missed: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..rounds {
        for (name, command) in &captures {
            let round = one(&lab, command, load)?;
            *missed.entry(name).or_default() += round.sent.saturating_sub(round.taken);
            println!("{name:<20} {round}");
        }
    }
    let _ = fs::remove_file(&file);
    let of = |name: &str| missed.get(name).copied().unwrap_or(0);
    // Packets of the last moment may still be on their way to either.
    let allowed = of("tcpdump -w -B 32768") + 10;
    let worse = ["netdiag text", "netdiag -w"]
        .iter()
        .any(|name| of(name) > allowed);
    Ok(ExitCode::from(u8::from(worse)))
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Packets a second.
    rate: u32,
    /// Of a frame.
    bytes: usize,
    time: Duration,
}

/// A cable from the one to the other. The kernel cuts what the sender hands over at once into single packets before the
/// cable: captures would else see one large one.
fn connect(lab: &Lab) -> Result<()> {
    let receiver = lab.node("receiver").pid();
    let cable = format!("link add eth0 mtu 9000 type veth peer name eth0 mtu 9000 netns {receiver}");
    let made = lab.node("sender").in_network(|| {
        // Numbers of processes are those of this machine here, not of a node.
        Command::new("ip").args(cable.split(' ')).status()
    })?;
    if !made.map_err(failed)?.success() {
        return Err(failed("no cable can be made"));
    }
    lab.node("receiver").sh("ip link set eth0 up").ok()?;
    let sender = format!(
        "ip link set eth0 up && ip address add 10.9.0.1/24 dev eth0 && ethtool -K eth0 tx-udp-segmentation off && \
         ip neighbor add {TARGET} lladdr 02:00:00:00:00:03 nud permanent dev eth0"
    );
    lab.node("sender").sh(&sender).ok()?;
    Ok(())
}

struct Round {
    sent: u64,
    taken: u64,
    rate: u64,
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let missed = self.sent.saturating_sub(self.taken);
        let share = missed * 10_000 / self.sent.max(1);
        write!(
            f,
            "{:>10} {missed:>10} {:>5}.{:02} {:>12}",
            self.sent,
            share / 100,
            share % 100,
            self.rate
        )
    }
}

/// Captures while the neighbor sends, and a while longer: what is in the ring is still written. The interrupt comes from
/// within the node, whose processes have numbers of their own.
fn one(lab: &Lab, command: &str, load: Load) -> Result<Round> {
    let mut capture = lab.node("receiver").enter();
    let mut child = capture
        .args([
            // Without the word, timeout(1) signals its whole group as well: twice, for whom it started.
            "timeout",
            "--foreground",
            "-s",
            "INT",
            &(load.time + AFTER).as_secs().to_string(),
            "sh",
            "-c",
            command,
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let errors = child.stderr.take().ok_or_else(|| failed("no standard error"))?;
    let mut errors = BufReader::new(errors).lines();
    let begun = |line: &String| line.contains("apturing on ") || line.contains("listening on ");
    if !errors.by_ref().map_while(io::Result::ok).any(|line| begun(&line)) {
        let _ = child.kill();
        return Err(failed(format!("{command}: it doesn't begin")));
    }
    let sent = lab.node("sender").in_network(|| send(load))?.map_err(failed)?;
    let rate = sent * 1000 / u64::try_from(load.time.as_millis()).unwrap_or(1).max(1);
    let said: Vec<String> = errors.map_while(io::Result::ok).collect();
    let taken = said.iter().find_map(|line| {
        let (number, rest) = line.split_once(' ')?;
        rest.ends_with(" captured").then(|| number.parse().ok())?
    });
    child.wait().map_err(failed)?;
    let taken = taken.ok_or_else(|| failed(format!("{command}: {}", said.join("; "))))?;
    Ok(Round { sent, taken, rate })
}

/// Sends so many datagrams a second, in bursts; how many were sent.
fn send(load: Load) -> io::Result<u64> {
    let size = load.bytes.saturating_sub(OUTER).max(8 + 14 + 40);
    let burst = BURST.min(BURST_BYTES / size).max(1);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect((TARGET, 4789))?;
    setsockopt(&socket, UdpGsoSegment, &i32::try_from(size).unwrap_or(0))?;
    let payload = payload(size).repeat(burst);
    let (started, mut sent) = (Instant::now(), 0u64);
    while started.elapsed() < load.time {
        let since = u64::try_from(started.elapsed().as_micros()).unwrap_or(0);
        if sent >= u64::from(load.rate) * since / 1_000_000 {
            thread::sleep(REST);
            continue;
        }
        match socket.send(&payload) {
            Ok(_) => sent += burst as u64,
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// A VXLAN header, and a frame with a TCP segment.
fn payload(size: usize) -> Vec<u8> {
    let mut payload = vec![0x08, 0, 0, 0, 0, 0, 1, 0];
    payload.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0]);
    let inner = u16::try_from(size - 8 - 14).unwrap_or(u16::MAX);
    payload.extend(inner.to_be_bytes());
    payload.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 244, 1, 5, 10, 244, 2, 7]);
    payload.extend([
        0x9c, 0x40, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff,
    ]);
    payload.resize(size, 0);
    payload
}
