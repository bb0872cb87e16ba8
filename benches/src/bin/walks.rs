//! How fast packets are walked, and clusters loaded: `make bench`.
//!
//! Usage: `bench-walks [walk | cluster [NODES [FLAVOUR]] | time SNAPSHOT FROM TO ROUNDS]`. Exit status 1: something took
//! half as long again as netdiag promises.
#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use std::error::Error;
use std::fs::File;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use netdiag::archive::Form;
use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::{End, Walker};
use netdiag_bench::cluster::{Cluster, Flavour};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What netdiag promises for one walk both ways …
const WALK: Duration = Duration::from_millis(1);

/// … for reading a thousand nodes, and for all pairs of them.
const LOAD: f64 = 10.0;
const MATRIX: f64 = 30.0;

/// The word by which this program is told to run and measure another one.
const MEASURE: &str = "--measure";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let good = match words[..] {
        [MEASURE, program, ref arguments @ ..] => measure(program, arguments)?,
        ["walk"] => walks()?,
        ["time", snapshot, from, to, rounds] => time(snapshot, from, to, rounds.parse()?)?,
        ["cluster", ref rest @ ..] => {
            let nodes = rest.first().map_or(Ok(1_000), |nodes| nodes.parse())?;
            let word = rest.get(1).copied().unwrap_or("bgp");
            let flavour = Flavour::ALL.into_iter().find(|flavour| flavour.word() == word);
            cluster(flavour.ok_or_else(|| format!("{word}: no flavour"))?, nodes)?
        }
        [] => walks()? & cluster(Flavour::CalicoBgp, 1_000)?,
        _ => {
            return Err(
                "usage: bench-walks [walk | cluster [NODES [FLAVOUR]] | time SNAPSHOT FROM TO ROUNDS]".into(),
            );
        }
    };
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Walks a packet of a snapshot again and again.
fn time(snapshot: &str, from: &str, to: &str, rounds: u32) -> Result<bool, Box<dyn Error>> {
    let snapshot = netdiag::archive::read(File::open(snapshot)?)?;
    let topology = Topology::new(&snapshot.nodes);
    let walker = Walker::new(&topology);
    let found = topology.places().find(|(_, place)| place.title() == from);
    let (from, _) = found.ok_or_else(|| format!("no {from}"))?;
    let packet = walker
        .packet(from, to.parse()?, Transport::echo(false, 1))
        .ok_or("no source")?;
    let started = Instant::now();
    for _ in 0..rounds {
        walker.there_and_back(packet.clone(), from);
    }
    let took = started.elapsed();
    println!(
        "{:.1} µs a walk there and back",
        took.as_secs_f64() * 1e6 / f64::from(rounds)
    );
    Ok(took < WALK * 3 / 2 * rounds)
}

/// Runs one command and prints what it cost: seconds, seconds of the processors, megabytes at most.
fn measure(program: &str, arguments: &[&str]) -> Result<bool, Box<dyn Error>> {
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()?;
    let seconds = started.elapsed().as_secs_f64();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    println!("{seconds} {} {}", cpu / 1_000, used.max_rss() / 1_024);
    Ok(matches!(status.code(), Some(0 | 2 | 3)))
}

/// A whole cluster: written node by node, then read and walked by the program as it is.
fn cluster(flavour: Flavour, nodes: usize) -> Result<bool, Box<dyn Error>> {
    let made = Cluster {
        nodes,
        blocks: nodes,
        ..Cluster::thousand(flavour)
    };
    let directory = Path::new("target/bench").join(format!("{}-{nodes}", flavour.word()));
    write(&made, &directory)?;
    let bytes: u64 = std::fs::read_dir(&directory)?
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    println!(
        "\n{nodes} nodes ({}) of {} pods, {} blocks, {} rules: {} MB of snapshots",
        flavour.word(),
        made.pods,
        made.blocks,
        made.rules,
        bytes >> 20
    );
    println!("{:<34}{:>10}{:>10}{:>10}", "", "s", "CPU s", "RSS MB");
    let own = std::env::current_exe()?;
    let netdiag = own.with_file_name("netdiag");
    let directory = directory.display().to_string();
    let run = |title: &str, words: &[&str]| -> Result<f64, Box<dyn Error>> {
        let output = Command::new(&own)
            .arg(MEASURE)
            .arg(&netdiag)
            .args(words)
            .args(["--snapshot", &directory])
            .stderr(Stdio::inherit())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<f64> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let ([seconds, cpu, rss], true) = (&numbers[..], output.status.success()) else {
            return Err(format!("{title}: measured {text:?}").into());
        };
        println!("{title:<34}{seconds:>10.2}{:>10.2}{rss:>10.0}", cpu / 1e3);
        Ok(*seconds)
    };
    let one = run("trace node0001 node0002", &["trace", "node0001", "node0002"])?;
    let all = run("trace --all", &["trace", "--all"])?;
    let pods = run(
        "trace --all --between pods",
        &["trace", "--all", "--between", "pods"],
    )?;
    println!(
        "netdiag promises {LOAD} s for reading, and {MATRIX} s for all pairs of nodes; the pods took {pods:.0} s."
    );
    Ok(nodes > 1_000 || (one < LOAD * 1.5 && all - one < MATRIX * 1.5))
}

/// One file a node; a directory that is there is taken as it is.
fn write(cluster: &Cluster, directory: &Path) -> Result<(), Box<dyn Error>> {
    if directory.exists() {
        return Ok(());
    }
    let beside = directory.with_extension("tmp");
    std::fs::create_dir_all(&beside)?;
    let maker = cluster.maker();
    for number in 0..cluster.nodes {
        let snapshot = maker.snapshot(number);
        let file = File::create(beside.join(format!("{}.zst", snapshot.nodes[0].name)))?;
        netdiag::archive::write(&snapshot, Form::Zstd, file)?;
    }
    std::fs::rename(beside, directory)?;
    Ok(())
}

/// Two nodes of a large cluster, and packets between their pods.
fn walks() -> Result<bool, Box<dyn Error>> {
    let mut good = true;
    println!("Nodes with 50 pods, 10,000 routes, 20,000 rules, 5,000 members of sets; there and back:");
    println!(
        "{:<34}{:>12}{:>12}{:>12}",
        "", "first µs", "median µs", "worst µs"
    );
    for flavour in Flavour::ALL {
        let cluster = Cluster {
            blocks: 10_000,
            rules: 20_000,
            members: 5_000,
            ..Cluster::new(
                flavour,
                if flavour == Flavour::FlannelVxlan {
                    10_000
                } else {
                    200
                },
                50,
            )
        };
        let maker = cluster.maker();
        let nodes = [maker.node(0), maker.node(1)];
        let topology = Topology::new(&nodes);
        let titled = |title: &str| {
            let found = topology.places().find(|(_, place)| place.title() == title);
            found.map(|(id, _)| id).ok_or_else(|| format!("no {title}"))
        };
        let (from, to) = (
            titled("node0001/default/pod-1-1")?,
            titled("node0002/default/pod-2-7")?,
        );
        let dst = address(&topology, to).ok_or("no address")?;
        let service: IpAddr = "10.96.0.1".parse()?;
        let tcp = |dport| Transport::Tcp { sport: 40_000, dport };
        for (what, dst, transport) in [
            ("pod to pod", dst, Transport::echo(false, 1)),
            ("pod to service", service, tcp(80)),
        ] {
            let walker = Walker::new(&topology);
            let packet = walker.packet(from, dst, transport).ok_or("no source")?;
            let first = one(&walker, &packet, from, what)?;
            let mut times = Vec::new();
            for _ in 0..1_000 {
                times.push(one(&walker, &packet, from, what)?);
            }
            times.sort();
            let median = times[times.len() / 2];
            let worst = times.last().copied().unwrap_or_default();
            println!(
                "{:<34}{:>12.0}{:>12.1}{:>12.0}",
                format!("{} {what}", flavour.word()),
                first.as_secs_f64() * 1e6,
                median.as_secs_f64() * 1e6,
                worst.as_secs_f64() * 1e6
            );
            good &= median < WALK * 3 / 2;
        }
    }
    Ok(good)
}

fn one(walker: &Walker, packet: &Packet, from: PlaceId, what: &str) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let ways = walker.there_and_back(packet.clone(), from);
    let took = started.elapsed();
    // Of a service's endpoints, some are on nodes that were not made.
    let arrived = ways.iter().any(|(there, _)| there.end == End::Delivered);
    if !arrived && what == "pod to pod" {
        return Err(format!("{what}: {:?}", ways.first().map(|(there, _)| &there.end)).into());
    }
    Ok(took)
}

/// An address by which a namespace is reached.
fn address(topology: &Topology, id: PlaceId) -> Option<IpAddr> {
    let addresses = topology.place(id).net.addresses.items().iter();
    addresses.map(|address| address.ip).find(|ip| !ip.is_loopback())
}
