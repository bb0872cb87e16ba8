//! How fast packets are walked, and clusters loaded: `make bench`.
//!
//! Usage: `bench-walks [walk] [load] [matrix] [--nodes N] [--rounds N]`. Exit status 1: something took half as long again
//! as netdiag promises.
#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use std::error::Error;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::{End, Walker};
use netdiag_bench::cluster::{Cluster, Flavour};

/// What netdiag promises for one walk both ways.
const WALK: Duration = Duration::from_millis(1);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    let all = !["walk", "load", "matrix"].iter().any(|word| has(word));
    let mut good = true;
    if all || has("walk") {
        good &= walks()?;
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
