//! Recorded networks with anything in them changed or taken away: every walk ends, nothing panics, and what isn't known
//! is never decided otherwise.
//!
//! `NETDIAG_SEED=N` runs the one case, `NETDIAG_CASES=N` so many of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::IpAddr;
use std::path::Path;

use netdiag::archive;
use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::{End, Outcome, Walker, What, with_room};
use netdiag::state::{Fact, Netns, NodeState};
use netdiag_lab::Random;
use serde_json::Value;

const CASES: u64 = 150;

fn cases() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    match number("NETDIAG_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("NETDIAG_CASES").unwrap_or(CASES)).collect(),
    }
}

/// The nodes of all recorded networks, by file name.
fn recorded() -> Vec<(String, Vec<NodeState>)> {
    let walks = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/walks");
    let mut found: Vec<(String, Vec<NodeState>)> = std::fs::read_dir(walks)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "zst"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, archive::read(File::open(path).unwrap()).unwrap().nodes)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() > 40, "{}", found.len());
    found
}

fn random_of<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    random.pick(of)
}

/// A packet of somebody, to somebody or nobody.
fn question(random: &mut Random, topology: &Topology) -> Option<(PlaceId, Packet)> {
    let places: Vec<_> = topology.places().collect();
    let (from, _) = random_of(random, &places);
    let addresses: Vec<IpAddr> = places
        .iter()
        .flat_map(|(_, place)| place.net.addresses.items().iter().map(|address| address.ip))
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let dst = if random.percent(10) {
        IpAddr::from([10, 96, 0, 1])
    } else {
        *random_of(random, &addresses)
    };
    let (sport, dport) = (40_000, *random.pick(&[80, 53, 179, 31_000]));
    let transport = *random.pick(&[
        Transport::echo(dst.is_ipv6(), 1),
        Transport::Tcp { sport, dport },
        Transport::Udp { sport, dport },
        Transport::Other(47),
    ]);
    let walker = Walker::new(topology);
    let mut packet = match walker.packet(*from, dst, transport) {
        Some(packet) if !random.percent(10) => packet,
        _ => {
            let same = addresses.iter().filter(|ip| ip.is_ipv4() == dst.is_ipv4());
            let all: Vec<IpAddr> = same.copied().collect();
            Packet::new(
                if all.is_empty() { dst } else { *random.pick(&all) },
                dst,
                transport,
            )
        }
    };
    if random.percent(20) {
        packet.size = *random.pick(&[0, 28, 1500, 65_535]);
        packet.ttl = *random.pick(&[0, 1, 2, 255]);
        packet.mark = *random.pick(&[1, 0xffff_ffff]);
        packet.df = random.percent(50);
    }
    Some((*from, packet))
}

type Ways = Vec<(Outcome, Vec<Outcome>)>;

fn walked(nodes: &[NodeState], from: PlaceId, packet: &Packet) -> Ways {
    let topology = Topology::new(nodes);
    let walker = Walker::new(&topology);
    with_room(|| walker.there_and_back(packet.clone(), from))
}

/// Changes something in a document, whatever it is.
fn change(random: &mut Random, value: &mut Value, pool: &[Value]) {
    match value {
        Value::Array(list) if !list.is_empty() => {
            let at = usize::try_from(random.below(list.len() as u64)).unwrap();
            match random.below(6) {
                0 => _ = list.remove(at),
                1 => {
                    let again = list[at].clone();
                    list.push(again);
                }
                2 => {
                    let other = usize::try_from(random.below(list.len() as u64)).unwrap();
                    list.swap(at, other);
                }
                _ => change(random, &mut list[at], pool),
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            let key = random.pick(&keys).clone();
            change(random, &mut fields[&key], pool);
        }
        Value::Bool(on) => *on = !*on,
        Value::Number(number) => {
            let old = number.as_i64().unwrap_or(0);
            let new = *random.pick(&[0, 1, -1, 2, 255, 65_535, old + 1, old / 2, i64::from(u32::MAX)]);
            *value = new.into();
        }
        other => {
            // Another one of the same kind, from anywhere.
            if let Some(new) = (!pool.is_empty()).then(|| random.pick(pool)) {
                other.clone_from(new);
            }
        }
    }
}

fn strings(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => _ = all.insert(text.clone()),
        Value::Array(list) => list.iter().for_each(|part| strings(part, all)),
        Value::Object(fields) => fields.values().for_each(|part| strings(part, all)),
        _ => {}
    }
}

#[test]
fn walks_in_nonsense_end_and_dont_panic() {
    let all = recorded();
    let (mut walks, mut changed) = (0, 0);
    for seed in cases() {
        let mut random = Random::new(seed);
        let (_, nodes) = random_of(&mut random, &all);
        let mut document = serde_json::to_value(nodes).unwrap();
        let mut words = BTreeSet::new();
        strings(&document, &mut words);
        let pool: Vec<Value> = words.into_iter().map(Value::String).collect();
        let mut nodes = nodes.clone();
        for _ in 0..=random.below(12) {
            let before = document.clone();
            let node = usize::try_from(random.below(nodes.len() as u64)).unwrap();
            // Where walks look: what containers and daemons are doesn't matter to them.
            let part = *random.pick(&["net", "net", "namespaces"]);
            change(&mut random, &mut document[node][part], &pool);
            match serde_json::from_value(document.clone()) {
                Ok(new) => {
                    nodes = new;
                    changed += 1;
                }
                Err(_) => document = before,
            }
        }
        for _ in 0..8 {
            let topology = Topology::new(&nodes);
            let Some((from, packet)) = question(&mut random, &topology) else {
                continue;
            };
            let ways = walked(&nodes, from, &packet);
            assert!(!ways.is_empty(), "seed {seed}: {packet} ends nowhere");
            assert_eq!(ways, walked(&nodes, from, &packet), "seed {seed}: {packet}");
            walks += 1;
        }
    }
    assert!(
        walks > 0 && changed * 2 > walks / 8,
        "{walks} walks, {changed} changes"
    );
}

/// What a walk says: where packets end, as what; none where something is not decidable, or taken for granted.
fn decided(ways: &Ways) -> Option<BTreeSet<String>> {
    let all = || {
        ways.iter()
            .flat_map(|(there, back)| std::iter::once((0, there)).chain(back.iter().map(|back| (1, back))))
    };
    let open = all().any(|(_, outcome)| {
        matches!(outcome.end, End::NotDecidable(_))
            || outcome
                .state
                .trail
                .iter()
                .any(|step| step.what == What::Assumption)
    });
    let word = |(way, outcome): (u8, &Outcome)| {
        let end = match &outcome.end {
            End::Delivered => "arrives",
            End::NotForMe => "copy",
            _ => "lost",
        };
        let packet = if end == "arrives" {
            outcome.state.packet.to_string()
        } else {
            String::new()
        };
        let place = if end == "arrives" { outcome.place.0 } else { 0 };
        format!("{way} {end} at {place} {packet}")
    };
    (!open).then(|| all().map(word).filter(|word| !word.contains("copy")).collect())
}

/// Takes a table of a namespace away, as if it could not be read. Gives its name.
fn forget(random: &mut Random, net: &mut Netns) -> &'static str {
    fn gone<T>(fact: &mut Fact<T>) {
        *fact = Fact::absent_as(netdiag::state::Absence::Unreadable, "taken away");
    }
    let name = *random.pick(&[
        "addresses",
        "routes",
        "rules",
        "neighbors",
        "fdb",
        "netfilter",
        "ipsets",
        "tcp",
        "udp",
        "sysctls",
        "links",
    ]);
    match name {
        "addresses" => gone(&mut net.addresses),
        "routes" => gone(&mut net.routes),
        "rules" => gone(&mut net.rules),
        "neighbors" => gone(&mut net.neighbors),
        "fdb" => gone(&mut net.fdb),
        "netfilter" => gone(&mut net.netfilter),
        "ipsets" => gone(&mut net.ipsets),
        "tcp" => gone(&mut net.tcp),
        "udp" => gone(&mut net.udp),
        "sysctls" => gone(&mut net.sysctls),
        _ => gone(&mut net.links),
    }
    name
}

#[test]
fn what_is_not_known_is_never_decided_otherwise() {
    let all = recorded();
    let (mut compared, mut open, mut wrong) = (0, 0, Vec::new());
    for seed in cases() {
        let mut random = Random::new(seed);
        let (file, nodes) = random_of(&mut random, &all);
        let topology = Topology::new(nodes);
        for _ in 0..8 {
            let Some((from, packet)) = question(&mut random, &topology) else {
                continue;
            };
            let Some(before) = decided(&walked(nodes, from, &packet)) else {
                continue;
            };
            let mut less = nodes.clone();
            let node = usize::try_from(random.below(less.len() as u64)).unwrap();
            let name = less[node].name.clone();
            let what = match &mut less[node].namespaces {
                Fact::Known(pods) if !pods.is_empty() && random.percent(50) => {
                    let pod = usize::try_from(random.below(pods.len() as u64)).unwrap();
                    forget(&mut random, &mut pods[pod].net)
                }
                _ => forget(&mut random, &mut less[node].net),
            };
            compared += 1;
            match decided(&walked(&less, from, &packet)) {
                None => open += 1,
                Some(after) if after == before => {}
                Some(after) => wrong.push(format!(
                    "seed {seed}, {file}: {packet} without the {what} of {name}: {before:?} became {after:?}"
                )),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 0 && open > 0, "{open} of {compared}");
}
