//! How long netdiag takes for a large node, beside the tools that print parts of it.
//!
//! Usage: `lab-bench [--netdiag PATH] [--runs N] [-- COMMAND …]`. Exit status 1: more than half beyond what netdiag
//! promises. With COMMAND, such as a profiler, runs that in the node instead.
#![expect(clippy::print_stdout, reason = "a table for people")]

use std::env;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use netdiag_lab::{Crowd, Error, Result, Sizes};
use nix::sys::resource::{UsageWho, getrusage};

/// What netdiag promises for [`Sizes::LARGE`] on two cores.
const SECONDS: f64 = 2.0;
const MEGABYTES: f64 = 200.0;

/// Another pod of the node.
const TO: &str = "10.65.0.2";

/// The word by which this program is told to run and measure another one.
const MEASURE: &str = "--measure";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let outcome = match words.split_first() {
        Some((first, command)) if first == MEASURE => measure(command).map(|()| ExitCode::SUCCESS),
        _ => bench(words),
    };
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "lab-bench: {error}");
        match error {
            // Nothing was measured, so nothing is too slow.
            Error::Skip(_) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    })
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::Failed(what.to_string())
}

/// Runs one command inside the node and prints what it cost: wall seconds, CPU seconds, the largest process in KiB, bytes
/// of output. In a process of its own, since the kernel adds up what all children of one have used.
fn measure(command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().ok_or_else(|| failed("what to measure?"))?;
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("{program}: {error}")))?;
    let mut bytes = 0;
    let mut part = vec![0; 64 << 10];
    if let Some(out) = &mut child.stdout {
        while let Ok(length @ 1..) = out.read(&mut part) {
            bytes += length;
        }
    }
    let status = child.wait().map_err(failed)?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err(failed(format!("{program}: {status}")));
    }
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(failed)?;
    let cpu: f64 = [used.user_time(), used.system_time()]
        .iter()
        .map(|time| {
            Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0))
        })
        .map(|time| time.as_secs_f64())
        .sum();
    println!("{seconds} {cpu} {} {bytes}", used.max_rss());
    Ok(())
}

/// One thing to measure, and what it cost in each run.
struct Row {
    title: &'static str,
    command: Vec<String>,
    runs: Vec<Cost>,
}

#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu: f64,
    megabytes: f64,
    output: f64,
}

impl Row {
    fn new(title: &'static str, command: &[&str]) -> Self {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Self {
            title,
            command,
            runs: Vec::new(),
        }
    }

    fn run(&mut self, crowd: &Crowd, own: &str) -> Result<()> {
        let words = [own.to_owned(), MEASURE.to_owned()];
        let run = crowd.node().run(words.iter().chain(&self.command));
        let text = run.within(Duration::from_secs(120)).ok()?;
        let numbers: Vec<f64> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let [seconds, cpu, kibibytes, bytes] = numbers[..] else {
            return Err(failed(format!("{}: measured {text:?}", self.title)));
        };
        self.runs.push(Cost {
            seconds,
            cpu,
            megabytes: kibibytes / 1024.0,
            output: bytes / 1e6,
        });
        Ok(())
    }

    /// The values of one column, the smallest first.
    fn sorted(&self, column: impl Fn(&Cost) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.runs.iter().map(column).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn best(&self, column: impl Fn(&Cost) -> f64) -> f64 {
        self.sorted(column).first().copied().unwrap_or(f64::NAN)
    }

    fn median(&self, column: impl Fn(&Cost) -> f64) -> f64 {
        let values = self.sorted(column);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn print(&self) {
        println!(
            "{:32} {:>6.2} {:>7.2} {:>7.2} {:>7.0} {:>9.1}",
            self.title,
            self.best(|cost| cost.seconds),
            self.median(|cost| cost.seconds),
            self.median(|cost| cost.cpu),
            self.median(|cost| cost.megabytes),
            self.median(|cost| cost.output),
        );
    }
}

/// Runs a command in the node, on this terminal.
fn run(command: Vec<String>) -> Result<ExitCode> {
    let crowd = Crowd::up(Sizes::LARGE)?;
    let status = crowd.node().enter().args(command).status().map_err(failed)?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn bench(words: Vec<String>) -> Result<ExitCode> {
    let own = env::current_exe().map_err(|error| failed(format!("own path: {error}")))?;
    let (mut netdiag, mut runs) = (own.with_file_name("netdiag"), 5);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            return run(words.collect());
        }
        let value = words.next().unwrap_or_default();
        match word.as_str() {
            "--netdiag" => netdiag = PathBuf::from(value),
            "--runs" => runs = value.parse().map_err(|_| failed("--runs takes a number"))?,
            _ => {
                return Err(failed(
                    "usage: lab-bench [--netdiag PATH] [--runs N] [-- COMMAND ...]",
                ));
            }
        }
    }
    let netdiag = netdiag
        .canonicalize()
        .map_err(|error| failed(format!("{}: {error}", netdiag.display())))?;
    let (own, netdiag) = (own.display().to_string(), netdiag.display().to_string());

    let sizes = Sizes::LARGE;
    println!(
        "A node with {} pods, {} routes, {} rules, {} members of sets, {} tracked connections.",
        sizes.pods, sizes.routes, sizes.rules, sizes.members, sizes.flows
    );
    let started = Instant::now();
    let crowd = Crowd::up(sizes)?;
    println!(
        "Made in {:.0} s; {runs} runs of each, in turns.\n",
        started.elapsed().as_secs_f64()
    );
    let saved = "/run/lab/node1.zst";
    let walks = format!(
        "[ -e {saved} ] || {netdiag} snapshot save --only-node -o {saved} && {} time {saved} node1/pod0 {TO} 10000",
        PathBuf::from(&own).with_file_name("bench-walks").display()
    );
    let gets = format!(
        "yes 'route get {TO} from 10.65.0.1 iif {}' | head -10000 | ip -batch -",
        crowd.pod_link(0)
    );
    let status = format!("{netdiag} node status || [ $? = 3 ]");
    let mut rows = [
        Row::new(
            "netdiag snapshot save",
            &[&netdiag, "snapshot", "save", "--only-node"],
        ),
        Row::new(
            "netdiag snapshot save --json",
            &[&netdiag, "snapshot", "save", "--only-node", "--json"],
        ),
        // Without a datastore and BIRD, it can't decide (3).
        Row::new("netdiag node status", &["sh", "-c", &status]),
        Row::new(
            "ip -j route show table all",
            &["ip", "-j", "route", "show", "table", "all"],
        ),
        Row::new("iptables-save -c", &["iptables-nft-save", "-c"]),
        Row::new("nft -j list ruleset", &["nft", "-j", "list", "ruleset"]),
        Row::new("ipset save", &["ipset", "save"]),
        Row::new("conntrack -L", &["conntrack", "-L"]),
        Row::new(
            "netdiag trace, read and walked",
            &[&netdiag, "trace", "node1/pod0", TO],
        ),
        Row::new("10,000 walks there and back", &["sh", "-c", &walks]),
        Row::new("ip route get, 10,000 times", &["sh", "-c", &gets]),
        Row::new(
            "ping -f, 10,000 packets",
            &["ip", "netns", "exec", "pod0", "ping", "-qfc", "10000", TO],
        ),
    ];
    for _ in 0..runs {
        for row in &mut rows {
            row.run(&crowd, &own)?;
        }
    }
    println!(
        "{:32} {:>6} {:>7} {:>7} {:>7} {:>9}",
        "", "best s", "median", "CPU s", "RSS MB", "output MB"
    );
    for row in &rows {
        row.print();
    }
    let [save, ..] = &rows;
    let (seconds, megabytes) = (save.best(|cost| cost.seconds), save.median(|cost| cost.megabytes));
    println!(
        "\nnetdiag promises {SECONDS} s and {MEGABYTES} MB; it took {seconds:.2} s and {megabytes:.0} MB."
    );
    let missed = seconds > SECONDS * 1.5 || megabytes > MEGABYTES * 1.5;
    Ok(if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
