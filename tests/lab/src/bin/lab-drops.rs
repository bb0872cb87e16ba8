//! How many packets a capture misses on a link on which a neighbor sends as fast as told, beside tcpdump: one after the
//! other, in several rounds.
//!
//! Usage: `lab-drops [--netdiag PATH] [--rate PACKETS] [--seconds N] [--rounds N]`. Exit status 1: netdiag missed more in
//! all rounds together than `tcpdump -w -B 32768`.
#![expect(clippy::print_stdout, reason = "a table for people")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, IoSlice, Write};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use netdiag_lab::{Error, Lab, Plan, Result};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

const RECEIVER: &str = "10.9.0.2";
/// How much longer than its packets a capture runs.
const AFTER: Duration = Duration::from_secs(3);
/// Datagrams of one call.
const BURST: usize = 64;
/// A VXLAN header, and a frame with a TCP segment: 64 bytes of payload.
const INNER: usize = 64;

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
    let (rate, seconds, rounds) = (
        number("--rate", "300000")?,
        number("--seconds", "3")?,
        number("--rounds", "3")?,
    );
    let lab = Plan::new()
        .segment("lan", "")
        .node("sender", |node| node.link("eth0", "lan", "10.9.0.1/24"))
        .node("receiver", |node| {
            node.link("eth0", "lan", &format!("{RECEIVER}/24"))
        })
        .up()?;
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
            let round = one(&lab, command, rate, Duration::from_secs(u64::from(seconds)))?;
            *missed.entry(name).or_default() += round.sent.saturating_sub(round.taken);
            println!("{name:<20} {round}");
        }
    }
    let _ = fs::remove_file(&file);
    let of = |name: &str| missed.get(name).copied().unwrap_or(0);
    // Packets of the last moment may still be on their way to either.
    let worse = of("netdiag text") > of("tcpdump -w -B 32768") + 10;
    Ok(ExitCode::from(u8::from(worse)))
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
fn one(lab: &Lab, command: &str, rate: u32, time: Duration) -> Result<Round> {
    let mut capture = lab.node("receiver").enter();
    let mut child = capture
        .args([
            // Without the word, timeout(1) signals its whole group as well: twice, for whom it started.
            "timeout",
            "--foreground",
            "-s",
            "INT",
            &(time + AFTER).as_secs().to_string(),
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
    let started = Instant::now();
    let sent = lab
        .node("sender")
        .in_network(|| send(rate, time))?
        .map_err(failed)?;
    let rate = sent * 1000 / u64::try_from(started.elapsed().as_millis()).unwrap_or(1).max(1);
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
fn send(rate: u32, time: Duration) -> io::Result<u64> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // So that the neighbor is known.
    socket.send_to(b"", (RECEIVER, 9))?;
    thread::sleep(Duration::from_millis(300));
    let mut payload = vec![0x08, 0, 0, 0, 0, 0, 1, 0];
    payload.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0, 0, 64]);
    payload.resize(8 + 14 + INNER, 0);
    let to: SockaddrIn = format!("{RECEIVER}:4789").parse().map_err(io::Error::other)?;
    let part = [IoSlice::new(&payload)];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BURST, None);
    let (started, mut sent) = (Instant::now(), 0u64);
    while started.elapsed() < time {
        let due = u64::from(rate) * u64::try_from(started.elapsed().as_micros()).unwrap_or(0) / 1_000_000;
        if sent >= due {
            std::hint::spin_loop();
            continue;
        }
        let results = sendmmsg(
            socket.as_raw_fd(),
            &mut headers,
            vec![&part; BURST],
            vec![Some(to); BURST],
            [],
            MsgFlags::empty(),
        );
        match results {
            Ok(results) => sent += results.count() as u64,
            // A refusal that came back for what was sent before.
            Err(nix::errno::Errno::ECONNREFUSED | nix::errno::Errno::ENOBUFS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}
