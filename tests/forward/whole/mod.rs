//! Whole networks: random nodes, links, tunnels, routes, rules and packets. The packets are really sent, and what netdiag
//! says of each must be what happens to it.
//!
//! `NETDIAG_SEED=N` runs the one network and prints it, `NETDIAG_CASES=N` so many of them.

mod draft;
mod generate;
mod judge;
mod mutate;
mod network;
mod probe;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::Walker;
use netdiag_lab::{Random, Result, or_skip};

use draft::Draft;
use judge::{Judgement, Told};
use network::Network;
use probe::{Heard, Kind, Listening, Probe};

/// Seeds of networks that once were told wrongly.
const REGRESSIONS: [u64; 0] = [];

/// Networks in a usual run, and packets in each.
const CASES: u64 = 40;
const PACKETS: usize = 20;

/// What a run found.
#[derive(Debug, Default)]
struct Sum {
    packets: usize,
    delivered: usize,
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
    let mut sum = Sum::default();
    for seed in seeds {
        if or_skip(case(seed, only.is_some(), &mut sum)).is_none() {
            return;
        }
        if sum.wrong.len() > 12 {
            break;
        }
    }
    let undecided: usize = sum.open.values().sum();
    let words = format!(
        "{} packets, {} delivered, {} wrong, {undecided} not decidable: {:#?}",
        sum.packets,
        sum.delivered,
        sum.wrong.len(),
        sum.open
    );
    assert!(sum.wrong.is_empty(), "{}\n{words}", sum.wrong.join("\n"));
    assert!(undecided * 100 <= sum.packets, "{words}");
    assert!(sum.packets >= PACKETS, "nothing was asked");
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
    let places: Vec<Option<usize>> = topology
        .places()
        .map(|(_, place)| {
            let name = place.namespace.as_deref().unwrap_or(&place.node.name);
            network.spaces.iter().position(|up| up.name == name)
        })
        .collect();
    let mut listening = Listening::new(&network);
    let mut said = String::new();
    for index in 0..PACKETS {
        let id = 20_000 + u16::try_from(index).unwrap();
        let probe = packet(&mut random, &draft, id);
        let place = places.iter().position(|space| *space == Some(probe.from)).unwrap();
        let told = Told::new(&walker, &probe, PlaceId(place), &places);
        let judge = |heard: &[Heard]| match &told {
            Some(told) => told.judge(&probe, heard),
            None if heard.is_empty() => Judgement::Right,
            None => Judgement::Wrong("no source address".into()),
        };
        let (heard, error) = listening.ask(&probe, |heard| judge(heard) == Judgement::Right);
        sum.packets += 1;
        sum.delivered += usize::from(!heard.is_empty());
        let judged = judge(&heard);
        let words = || {
            let from = &network.spaces[probe.from].name;
            let trails = told.as_ref().map_or_else(String::new, |told| told.words(&walker));
            format!("seed {seed}, packet {index} of {from}: {probe:?}\n  {judged:?}\n  heard {heard:?}, {error:?}\n{trails}")
        };
        if show {
            writeln!(said, "{}", words()).unwrap();
        }
        match &judged {
            Judgement::Right => {}
            Judgement::Open(why) => *sum.open.entry(why.clone()).or_default() += 1,
            Judgement::Wrong(_) => sum.wrong.push(words()),
        }
    }
    #[expect(clippy::print_stdout, reason = "somebody asked for this one case")]
    if show {
        println!("{draft}\nrefused: {:#?}\n{said}", network.refused);
    }
    Ok(())
}

/// A random packet of one of the namespaces.
fn packet(random: &mut Random, draft: &Draft, id: u16) -> Probe {
    let seen: Vec<usize> = (0..draft.spaces.len())
        .filter(|space| draft.spaces[*space].node.is_some())
        .collect();
    let from = *random.pick(&seen);
    let kind = *random.pick(&[Kind::Ping, Kind::Ping, Kind::Udp, Kind::Udp, Kind::Tcp]);
    let dst: IpAddr = mutate::someone(random, draft);
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
        tos: if plain { 0 } else { *random.pick(&[0x10, 0x08, 0x20]) },
        ttl: if random.percent(90) { 64 } else { *random.pick(&[1, 2, 3]) },
        mark: if plain { 0 } else { *random.pick(&[1, 2, 0x10]) },
        size,
        df: v6 || kind != Kind::Udp || size < 1280,
    }
}
