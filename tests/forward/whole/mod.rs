//! Whole networks: random nodes, links, tunnels, routes, rules and packets. The packets are really sent, and what netdiag
//! says of each must be what happens to it.
//!
//! `NETDIAG_SEED=N` runs the one network and prints it, `NETDIAG_CASES=N` so many of them.
#![allow(clippy::format_push_string, reason = "lines of commands are put together")]

mod draft;
mod generate;
mod grammar;
mod judge;
mod mutate;
mod network;
mod probe;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use netdiag::forward::fib::Flow;
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::Walker;
use netdiag_lab::{Random, Result, or_skip};

use draft::Draft;
use judge::{Judgement, Told};
use network::Network;
use probe::{Heard, Kind, Listening, Probe, What};

/// Seeds of networks that once were told wrongly.
const REGRESSIONS: [u64; 12] = [41, 67, 91, 144, 3, 6, 12, 17, 21, 33, 39, 5];

/// Networks in a usual run, and packets in each.
const CASES: u64 = 30;
const PACKETS: usize = 20;

/// What a run found.
#[derive(Debug, Default)]
struct Sum {
    packets: usize,
    delivered: usize,
    /// Told rightly only when they were sent again.
    unsteady: usize,
    /// Rulesets that were not taken.
    refused: Vec<String>,
    wrong: Vec<String>,
    /// Causes of what was not decidable, and how often.
    open: BTreeMap<String, usize>,
}

#[test]
fn random_networks_are_walked_as_packets_go() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let only = number("NETDIAG_SEED");
    let seeds: Vec<u64> = if let Some(seed) = only {
        vec![seed]
    } else {
        let first = number("NETDIAG_FIRST").unwrap_or(0);
        let cases = number("NETDIAG_CASES").unwrap_or(CASES);
        REGRESSIONS.into_iter().chain(first..first + cases).collect()
    };
    // Packets that go round in circles make deep walks, and frames of functions are large without optimization.
    let run = move || {
        let mut sum = Sum::default();
        for seed in seeds {
            or_skip(case(seed, only.is_some(), &mut sum))?;
            if sum.wrong.len() > 12 {
                break;
            }
        }
        Some(sum)
    };
    let thread = std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(run)
        .unwrap();
    let Some(sum) = thread.join().unwrap() else {
        return;
    };
    let undecided: usize = sum.open.values().sum();
    let words = format!(
        "{} packets, {} delivered, {} wrong, {} unsteady, {} rulesets refused, {undecided} not decidable: {:#?}",
        sum.packets,
        sum.delivered,
        sum.wrong.len(),
        sum.unsteady,
        sum.refused.len(),
        sum.open
    );
    assert!(sum.wrong.is_empty(), "{}\n{words}", sum.wrong.join("\n"));
    assert!(sum.refused.len() <= 3, "{:#?}\n{words}", sum.refused);
    assert!(undecided * 100 <= sum.packets, "{words}");
    assert!(sum.packets >= PACKETS, "nothing was asked");
    assert!(sum.unsteady * 50 <= sum.packets, "{words}");
    assert!(only.is_some() || sum.delivered * 4 >= sum.packets, "{words}");
    #[expect(clippy::print_stdout, reason = "figures for --nocapture")]
    {
        println!("{words}");
    }
}

/// Makes the network of a seed, and sends packets in it.
fn case(seed: u64, show: bool, sum: &mut Sum) -> Result<()> {
    let mut random = Random::new(seed);
    let draft = generate::draft(&mut random);
    let network = Network::up(&draft)?;
    let nodes = network.nodes();
    let topology = Topology::new(&nodes);
    let walker = Walker::new(&topology);
    let mut listening = Listening::new(&network);
    let mut said = String::new();
    for index in 0..PACKETS {
        let id = 20_000 + u16::try_from(index).unwrap();
        let mut probe = packet(&mut random, &draft, id);
        sum.packets += 1;
        let mut tried = try_out(&walker, &mut listening, &mut probe);
        // A question for a neighbor may get lost, and is asked again after a second; and packets before this one may
        // have left their traces in tables. What is wrong stays wrong.
        for again in 1..3 {
            if !matches!(tried.judged, Judgement::Wrong(_)) {
                break;
            }
            writeln!(said, "{}", tried.words).unwrap();
            std::thread::sleep(Duration::from_millis(1200));
            sum.unsteady += usize::from(again == 1);
            probe.id = id + again * 1000;
            let nodes = network.nodes();
            let topology = Topology::new(&nodes);
            tried = try_out(&Walker::new(&topology), &mut listening, &mut probe);
        }
        let words = format!("seed {seed}, packet {index}: {}", tried.words);
        writeln!(said, "{words}").unwrap();
        sum.delivered += usize::from(tried.delivered);
        match tried.judged {
            Judgement::Right => {}
            Judgement::Open(why) => *sum.open.entry(why).or_default() += 1,
            Judgement::Wrong(_) => sum.wrong.push(words),
        }
    }
    let bad = network.refused.iter().filter(|why| why.contains("RULES"));
    sum.refused.extend(bad.map(|why| format!("seed {seed}, {why}")));
    #[expect(clippy::print_stdout, reason = "somebody asked for this one case")]
    if show {
        println!("{draft}\nrefused: {:#?}\n{said}", network.refused);
    }
    Ok(())
}

/// A packet that was sent, and what came of it.
struct Tried {
    judged: Judgement,
    delivered: bool,
    words: String,
}

fn try_out(walker: &Walker, listening: &mut Listening, probe: &mut Probe) -> Tried {
    let spaces = &listening.network.spaces;
    let places: Vec<Option<usize>> = walker
        .topology
        .places()
        .map(|(_, place)| {
            let name = place.namespace.as_deref().unwrap_or(&place.node.name);
            spaces.iter().position(|up| up.name == name)
        })
        .collect();
    let from = PlaceId(
        places
            .iter()
            .position(|space| *space == Some(probe.from))
            .unwrap(),
    );
    let name = spaces[probe.from].name.clone();
    probe.src = probe.src.or_else(|| pinned(walker, from, probe));
    let told = Told::new(walker, probe, from, &places);
    let judge = |heard: &[Heard]| match &told {
        Some(told) => told.judge(heard),
        None if heard.is_empty() => Judgement::Right,
        None => Judgement::Wrong("no source address".into()),
    };
    let (heard, error) = listening.ask(probe, |heard| judge(heard) == Judgement::Right);
    let judged = judge(&heard);
    let trails = told.as_ref().map_or_else(String::new, |told| told.words(walker));
    Tried {
        words: format!("of {name}: {probe:?}\n  {judged:?}\n  heard {heard:?}, {error:?}\n{trails}"),
        delivered: heard.iter().any(|heard| matches!(heard.what, What::Request(_))),
        judged,
    }
}

/// Where the way that chance takes decides about the source address, one is named.
fn pinned(walker: &Walker, from: PlaceId, probe: &Probe) -> Option<IpAddr> {
    let flow = Flow::to(probe.dst);
    let several = match walker.topology.place(from).fib.lookup(&flow) {
        Ok(hit) => hit.hops.len() > 1,
        Err(_) => false,
    };
    let packet = walker.packet(from, probe.dst, probe.transport());
    packet.filter(|_| several).map(|packet| packet.src)
}

/// A random packet of one of the namespaces.
fn packet(random: &mut Random, draft: &Draft, id: u16) -> Probe {
    let seen: Vec<usize> = (0..draft.spaces.len())
        .filter(|space| draft.spaces[*space].node.is_some())
        .collect();
    let from = *random.pick(&seen);
    let kind = *random.pick(&[Kind::Ping, Kind::Ping, Kind::Udp, Kind::Udp, Kind::Tcp]);
    let dst: IpAddr = if random.percent(10) {
        grammar::service(random, draft.v6)
    } else {
        mutate::someone(random, draft)
    };
    let own = &draft.spaces[from].own;
    let src = (random.percent(35) && !own.is_empty()).then(|| *random.pick(own));
    let large = kind != Kind::Tcp && random.percent(20);
    let v6 = draft.v6;
    let size = match (large, kind) {
        (true, _) => *random.pick(&[1300, 1400, 1450, 1480, 1500]),
        (false, Kind::Tcp) if v6 => 80,
        (false, Kind::Tcp) => 60,
        (false, _) => 84,
    };
    let plain = random.percent(70) || src.is_none();
    Probe {
        id,
        from,
        src,
        dst,
        kind,
        dport: *random.pick(&[80, 80, 53, 8080, 81]),
        tos: if plain {
            0
        } else {
            *random.pick(&[0x10, 0x08, 0x20])
        },
        ttl: if random.percent(90) {
            64
        } else {
            *random.pick(&[1, 2, 3])
        },
        mark: if plain { 0 } else { *random.pick(&[1, 2, 0x10]) },
        size,
        df: v6 || kind != Kind::Udp || size < 1280,
    }
}
