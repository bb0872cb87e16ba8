//! Whole networks: random nodes, links, tunnels, routes, rules and packets. The packets are really sent, and what netdiag
//! says of each must be what happens to it.
//!
//! `NETDIAG_SEED=N` runs the one network and prints it, `NETDIAG_CASES=N` so many of them from `NETDIAG_FIRST` on (from
//! [`WIDE`] on with rules of more kinds); `NETDIAG_UNSTEADY=1` tells what was sent again, `NETDIAG_HOLD=60` leaves the one
//! network up for so many seconds, for nsenter(1).
#![allow(clippy::format_push_string, reason = "lines of commands are put together")]

mod counters;
mod draft;
mod generate;
mod grammar;
mod judge;
mod mutate;
mod network;
mod probe;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use netdiag::forward::fib::Flow;
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::{Cause, End, Outcome, Walker};
use netdiag::state::NodeState;
use netdiag_lab::{Random, Result, or_skip};

use super::seeds::number;
use counters::{Counters, Foretold};
use draft::Draft;
use judge::{Judgement, Told};
use network::Network;
use probe::{Heard, Kind, Listening, Probe, What};

/// Seeds of networks that once were told wrongly.
const REGRESSIONS: [u64; 97] = [
    41, 67, 91, 144, 3, 6, 12, 17, 21, 33, 39, 5, 68, 69, 76, 331, 337, 1062, 1126, 1138, 1145, 1172, 1206,
    1228, 1241, 1272, 1292, 1320, 1395, 1443, 1623, 1727, 1962, 3786, 4006, 4130, 4401, 4487, 5513, 5326,
    1_000_064, 1_000_282, 1_000_714, 4836, 4712, 15, 1_000_081, 1_010_039, 1_010_410, 1_010_637, 1_010_664,
    4294, 1_020_103, 1_020_115, 1_020_175, 1_020_290, 1_020_520, 1_020_643, 1_030_205, 1_030_411, 1_050_041,
    1_040_093, 1_040_575, 1_040_488, 1_060_367, 1_060_980, 20_029, 1_061_415, 30_668, 2_000_536, 40_451,
    1_062_262, 50_469, 1_070_631, 2_010_125, 2_020_167, 2_020_174, 2_030_341, 2_030_469, 2_030_612,
    2_030_633, 2_040_372, 2_040_398, 2_130_154, 1_140_038, 2_140_225, 3_400_271, 3_500_473, 3_600_316,
    3_600_428, 2_220_189, 3_370_379, 2_390_257, 390_359, 2_395_085, 397_197, 1_401_156,
];

/// Networks in a usual run, so many with rules of more kinds, and packets in each.
const CASES: u64 = 20;
const WIDE_CASES: u64 = 20;
const DEEP_CASES: u64 = 15;
const LISTS_CASES: u64 = 15;
const PACKETS: usize = 20;

/// Seeds from here on have rules of more kinds.
pub(crate) const WIDE: u64 = 1_000_000;

/// Seeds from here on have neighbor discovery that rules see, zones of conntrack, more ways to refuse, and further packets
/// of a flow, too.
pub(crate) const DEEP: u64 = 2_000_000;

/// Seeds from here on have lists of addresses (`-m recent`), services whose clients stay, packets of two users, and VXLANs
/// that answer questions themselves, too.
pub(crate) const LISTS: u64 = 3_000_000;

/// Networks at a time: most of the time is waiting.
const WORKERS: usize = 4;

/// What a run found.
#[derive(Debug, Default)]
struct Sum {
    networks: usize,
    packets: usize,
    delivered: usize,
    /// Told rightly only when they were sent again.
    unsteady: Vec<String>,
    /// Refusals that the sender should hear of, and those that it did.
    refusals: usize,
    refused_so: usize,
    /// Counters of rules that had to move, and that had to stay.
    moved: usize,
    stayed: usize,
    /// Rulesets that were not taken.
    refused: Vec<String>,
    wrong: Vec<String>,
    /// Causes of what was not decidable, and how often; how much of that is of [`REGRESSIONS`], some of which stand for it.
    open: BTreeMap<String, usize>,
    open_known: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.networks += other.networks;
        self.packets += other.packets;
        self.delivered += other.delivered;
        self.refusals += other.refusals;
        self.refused_so += other.refused_so;
        self.moved += other.moved;
        self.stayed += other.stayed;
        self.unsteady.extend(other.unsteady);
        self.refused.extend(other.refused);
        self.wrong.extend(other.wrong);
        self.open_known += other.open_known;
        for (why, count) in other.open {
            *self.open.entry(why).or_default() += count;
        }
    }
}

#[test]
fn random_networks_are_walked_as_packets_go() {
    let only = number("NETDIAG_SEED");
    let seeds: Vec<u64> = if let Some(seed) = only {
        vec![seed]
    } else {
        let first = number("NETDIAG_FIRST").unwrap_or(0);
        let (cases, wide, deep, lists) = match number("NETDIAG_CASES") {
            Some(cases) => (cases, 0, 0, 0),
            None => (CASES, WIDE_CASES, DEEP_CASES, LISTS_CASES),
        };
        let usual = (first..first + cases)
            .chain(WIDE..WIDE + wide)
            .chain(DEEP..DEEP + deep)
            .chain(LISTS..LISTS + lists);
        REGRESSIONS.into_iter().chain(usual).collect()
    };
    let begun = Instant::now();
    let Some(sum) = or_skip(all(seeds, only.is_some())) else {
        return;
    };
    let undecided: usize = sum.open.values().sum();
    let words = format!(
        "{} networks, {} packets in {:?}: {} delivered, {} wrong, {} unsteady, {} rulesets refused, \
         ICMP errors of {} of {} refusals, counters of {} rules moved and of {} not, {undecided} not decidable, {} of \
         them in networks that are kept for that: {:#?}",
        sum.networks,
        sum.packets,
        begun.elapsed(),
        sum.delivered,
        sum.wrong.len(),
        sum.unsteady.len(),
        sum.refused.len(),
        sum.refused_so,
        sum.refusals,
        sum.moved,
        sum.stayed,
        sum.open_known,
        sum.open
    );
    #[expect(clippy::print_stdout, reason = "figures for --nocapture")]
    {
        if std::env::var_os("NETDIAG_UNSTEADY").is_some() {
            println!("{}", sum.unsteady.join("\n"));
        }
        println!("{words}");
    }
    assert!(sum.wrong.is_empty(), "{}\n{words}", sum.wrong.join("\n"));
    assert!(
        sum.refused.len() * 10 <= sum.networks,
        "{:#?}\n{words}",
        sum.refused
    );
    let anew = undecided - sum.open_known;
    assert!(only.is_some() || anew * 100 <= sum.packets, "{words}");
    assert!(sum.packets >= PACKETS, "nothing was asked");
    assert!(only.is_some() || sum.moved * 2 >= sum.packets, "{words}");
    assert!(only.is_some() || sum.stayed * 2 >= sum.packets, "{words}");
    assert!(sum.unsteady.len() * 50 <= sum.packets, "{words}");
    assert!(only.is_some() || sum.delivered * 4 >= sum.packets, "{words}");
}

/// Runs all seeds, several at a time.
fn all(seeds: Vec<u64>, show: bool) -> Result<Sum> {
    let todo = Mutex::new(seeds.into_iter());
    let sum = Mutex::new(Sum::default());
    let work = || -> Result<()> {
        loop {
            let Some(seed) = todo.lock().unwrap().next() else {
                return Ok(());
            };
            let mut one = Sum::default();
            case(seed, show, &mut one)?;
            #[expect(clippy::print_stdout, reason = "long runs are looked at before they end")]
            if !one.wrong.is_empty() {
                println!("{}", one.wrong.join("\n"));
            }
            let mut sum = sum.lock().unwrap();
            sum.add(one);
            #[expect(clippy::print_stdout, reason = "as above")]
            if sum.networks.is_multiple_of(500) {
                let open: usize = sum.open.values().sum();
                let (networks, wrong) = (sum.networks, sum.wrong.len());
                println!("{networks} networks, {wrong} wrong, {open} not decidable");
            }
            if sum.wrong.len() > 40 {
                return Ok(());
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;
    Ok(sum.into_inner().unwrap())
}

/// Makes the network of a seed, and sends packets in it.
fn case(seed: u64, show: bool, sum: &mut Sum) -> Result<()> {
    let mut random = Random::new(seed);
    let draft = generate::draft(&mut random, seed);
    let network = Network::up(&draft)?;
    let mut nodes = network.nodes();
    let mut listening = Listening::new(&network);
    let mut asked: Vec<Asked> = Vec::new();
    let rules = draft.spaces.iter().flat_map(|space| &space.rules);
    // A rule that sets the time to live anew lets a packet go round for ever.
    let never_ends = rules.into_iter().any(|(_, text)| text.contains("--ttl-set"));
    for index in 0..PACKETS {
        let id = 20_000 + u16::try_from(index).unwrap();
        let probe = packet(&mut random, &draft, id);
        let mut tries = Vec::new();
        // A question for a neighbor may get lost, and is asked again after a second; and packets before this one may
        // have left their traces in tables. What is wrong stays wrong.
        for again in 0..5 {
            // The kernel asks three times for a neighbor, a second apart.
            let pause = [0, 0, 1200, 1200, 3500][usize::from(again)];
            std::thread::sleep(Duration::from_millis(pause));
            match again {
                0 if !draft.lists => network.refresh(&mut nodes),
                _ => nodes = network.nodes(),
            }
            let least = Duration::from_micros(1500);
            let tried = once(&nodes, &mut listening, &probe, again, least);
            let wrong = tried.is_wrong(&listening);
            tries.push(tried);
            if !wrong {
                break;
            }
        }
        // What never ends disturbs all that comes behind it.
        let endless = never_ends && tries.iter().any(Tried::loops);
        let right = !tries.last().unwrap().is_wrong(&listening);
        let further = probe
            .further(8)
            .filter(|_| draft.deep && right && random.percent(40));
        asked.push(Asked { probe, tries });
        if endless {
            break;
        }
        // One more packet of the flow: conntrack knows it by now.
        if let Some(mut probe) = further {
            let mut tries = Vec::new();
            // What TCP sends again of packets before this one comes a second later, and then two.
            for (pause, least) in [(0, 2), (0, 300), (1500, 300)] {
                std::thread::sleep(Duration::from_millis(pause));
                nodes = network.nodes();
                let least = Duration::from_millis(least);
                let tried = once(&nodes, &mut listening, &probe, 0, least);
                let wrong = tried.is_wrong(&listening);
                tries.push(tried);
                if !wrong {
                    break;
                }
                probe.id += 1000;
            }
            asked.push(Asked { probe, tries });
        }
    }
    // What came late was heard, too: by then a packet behind it may have found the neighbor that it waited for. Alone it
    // must be as it is told.
    listening.rest();
    // One more packet of a flow can't be asked about again alone: the neighbor that it waits for may be found meanwhile.
    asked.retain(|asked| {
        let late = asked.probe.port.is_some() && asked.tries.len() == 1;
        !late || !asked.tries[0].is_wrong(&listening)
    });
    for again in 5..8 {
        for asked in asked
            .iter_mut()
            .filter(|asked| !never_ends || !asked.tries.iter().any(Tried::loops))
        {
            if asked.probe.port.is_none()
                && asked.tries.len() < 5
                && asked.tries.last().unwrap().is_wrong(&listening)
            {
                nodes = network.nodes();
                let least = Duration::from_millis(400);
                asked
                    .tries
                    .push(once(&nodes, &mut listening, &asked.probe, again, least));
            }
        }
    }
    let mut said = String::new();
    sum.networks += 1;
    for (index, asked) in asked.iter().enumerate() {
        let of = |tried: &Tried| {
            let heard = listening.heard(tried.id);
            let judged = tried.judged(heard);
            format!(
                "seed {seed}, packet {index}: {}\n  {judged:?}\n  heard {heard:?}, {:?}\n{}",
                tried.asked, tried.error, tried.trails
            )
        };
        for tried in &asked.tries {
            said += &of(tried);
        }
        let last = asked.tries.last().unwrap();
        let heard = listening.heard(last.id);
        sum.packets += 1;
        sum.delivered += usize::from(heard.iter().any(|heard| matches!(heard.what, What::Request(_))));
        if let Some(so) = last.told.as_ref().and_then(|told| told.refused(heard)) {
            sum.refusals += 1;
            sum.refused_so += usize::from(so);
        }
        sum.moved += last.counted.0;
        sum.stayed += last.counted.1;
        if asked.tries.len() > 1 {
            sum.unsteady.push(asked.tries.iter().map(of).collect());
        }
        match last.judged(heard) {
            Judgement::Right => {}
            Judgement::Open(why) => {
                *sum.open.entry(why).or_default() += 1;
                sum.open_known += usize::from(REGRESSIONS.contains(&seed));
            }
            Judgement::Wrong(_) => sum.wrong.push(of(last)),
        }
    }
    let bad = network.refused.iter().filter(|why| why.contains("RULES"));
    sum.refused.extend(bad.map(|why| format!("seed {seed}, {why}")));
    #[expect(clippy::print_stdout, reason = "somebody asked for this one case")]
    if show {
        println!("{draft}\nrefused: {:#?}\n{said}", network.refused);
        if let Some(seconds) = number("NETDIAG_HOLD") {
            for up in &network.spaces {
                println!("nsenter --net={} # {}", up.net.path(), up.name);
            }
            std::thread::sleep(Duration::from_secs(seconds));
        }
    }
    Ok(())
}

/// Packets that go round in circles make deep walks, and frames of functions are large without optimization.
fn in_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20);
        let thread = thread.spawn_scoped(scope, work).unwrap();
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn once(nodes: &[NodeState], listening: &mut Listening, probe: &Probe, again: u16, least: Duration) -> Tried {
    let mut probe = probe.clone();
    probe.id += again * 1000;
    let topology = Topology::new(nodes);
    let walker = Walker::new(&topology);
    in_room(|| try_out(&walker, listening, &mut probe, least))
}

/// A packet, sent again while it seemed to be told wrongly.
struct Asked {
    probe: Probe,
    tries: Vec<Tried>,
}

/// A packet that was sent, and what was told of it.
struct Tried {
    id: u16,
    told: Option<Told>,
    asked: String,
    error: Option<String>,
    trails: String,
    /// Counters that are not as they must be.
    miscounted: Option<String>,
    /// How many had to move, and had to stay.
    counted: (usize, usize),
}

impl Tried {
    fn loops(&self) -> bool {
        let ends = |way: &Outcome| matches!(way.end, End::Dropped(Cause::Loop { .. }));
        self.told.as_ref().is_some_and(|told| told.all().any(ends))
    }

    fn is_wrong(&self, listening: &Listening) -> bool {
        matches!(self.judged(listening.heard(self.id)), Judgement::Wrong(_))
    }

    fn judged(&self, heard: &[Heard]) -> Judgement {
        match &self.told {
            Some(told) => match (told.judge(heard), &self.miscounted) {
                (Judgement::Right, Some(why)) => Judgement::Wrong(why.clone()),
                (judged, _) => judged,
            },
            None if heard.is_empty() => Judgement::Right,
            None => Judgement::Wrong("no source address".into()),
        }
    }
}

fn try_out(walker: &Walker, listening: &mut Listening, probe: &mut Probe, least: Duration) -> Tried {
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
    let mut tried = Tried {
        id: probe.id,
        asked: format!("of {name}: {probe:?}"),
        trails: told.as_ref().map_or_else(String::new, |told| told.words(walker)),
        told,
        error: None,
        miscounted: None,
        counted: (0, 0),
    };
    let foretold = tried
        .told
        .as_ref()
        .and_then(|told| Foretold::new(told, probe, listening.network.has_tunnels));
    let before = Counters::read(listening.network);
    tried.error = listening.ask(probe, least, |heard| tried.judged(heard) == Judgement::Right);
    if let Some(foretold) = foretold.filter(|_| !before.is_empty()) {
        let mut after = Counters::read(listening.network);
        for _ in 0..3 {
            if foretold.has_come(&before, &after) {
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
            after = Counters::read(listening.network);
        }
        tried.miscounted = foretold.differs(&before, &after, listening.heard(probe.id));
        tried.counted = foretold.says(&before);
    }
    tried
}

/// Where the way that chance takes decides about the source address, one is named.
fn pinned(walker: &Walker, from: PlaceId, probe: &Probe) -> Option<IpAddr> {
    let flow = Flow {
        uid: probe.uid,
        ..Flow::to(probe.dst)
    };
    let several = match walker.topology.place(from).fib.lookup(&flow) {
        Ok(hit) => hit.hops.len() > 1,
        Err(_) => false,
    };
    let packet = walker.packet_of(probe.owner(), from, probe.dst, probe.transport());
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
        port: None,
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
        uid: if draft.lists { *random.pick(&[0, 1000]) } else { 0 },
        size,
        df: v6 || kind != Kind::Udp || size < 1280,
    }
}
