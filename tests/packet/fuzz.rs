//! Packets that are changed again and again, from those of every kind and from a corpus. What leads decoding another way
//! than before is kept and changed further, so that depths are reached that noise never reaches.
//!
//! `NETDIAG_FUZZ=600` gives each decoder so many seconds, `NETDIAG_FUZZ_DECODER=geneve` only one of them, and
//! `NETDIAG_FUZZ_KEEP=1` writes what was found into the corpus.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use netdiag::packet::{Decoder, LinkType, Stack};
use netdiag_bench::kinds::{self, Sample};
use netdiag_bench::{Random, build};

use crate::any_bytes::check;

/// Changed packets of a decoder in a run of all tests.
const FEW: usize = 100;
/// Packets that are kept for further changes.
const POOL: usize = 500;
/// The longest packet that changes make.
const LONGEST: usize = 2000;
/// No packet may take longer, with a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of resident memory, in KiB, whatever was decoded.
const GROWTH: u64 = 64 << 10;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn corpus_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packet/corpus.hex")
}

/// Lines of: link type, a blank, the packet in hex.
fn corpus() -> Vec<(u16, Vec<u8>)> {
    let text = fs::read_to_string(corpus_path()).unwrap();
    text.lines()
        .map(|line| {
            let (link, hex) = line.split_once(' ').unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (
                link.parse().unwrap(),
                (0..hex.len()).step_by(2).map(byte).collect(),
            )
        })
        .collect()
}

/// Which way decoding went: layers, and why it ended.
fn way(link: u16, frame: &[u8]) -> String {
    let mut stack = Stack::default();
    let length = u32::try_from(frame.len()).unwrap();
    Decoder::default().decode(frame, LinkType(link), length, &mut stack);
    let mut way = String::new();
    for layer in stack.layers() {
        write!(way, "{:?}{}{} ", layer.kind, layer.level, u8::from(layer.quoted)).unwrap();
    }
    write!(way, "{:?}", stack.stop().map(|stop| (stop.kind, stop.why))).unwrap();
    way
}

/// One change of many kinds.
fn change(random: &mut Random, frame: &mut Vec<u8>, other: &[u8]) {
    const ODD: [u8; 8] = [0, 1, 4, 0x45, 0x7f, 0x80, 0xf0, 0xff];
    if frame.is_empty() {
        frame.extend_from_slice(other);
        return;
    }
    let at = random.below(frame.len());
    match random.below(8) {
        0 => frame[at] = random.u8(),
        1 => frame[at] ^= 1 << random.below(8),
        2 => frame[at] = ODD[random.below(ODD.len())],
        3 => frame.truncate(at),
        4 => {
            // A part of another packet, as if it were inside.
            let from = random.below(other.len().max(1)).min(other.len());
            frame.truncate(at);
            frame.extend_from_slice(&other[from..]);
        }
        5 => {
            let end = at + random.below(frame.len() - at);
            let part = frame[at..end].to_vec();
            frame.splice(at..at, part);
        }
        6 => {
            let end = at + random.below((frame.len() - at).min(9));
            frame.drain(at..end);
        }
        _ => *frame = build::ethernet(1, 2, 0x0800, &build::ipv4([1; 4], [2; 4], random.u8(), frame)),
    }
    frame.truncate(LONGEST);
}

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap()
}

/// Changes packets that begin as one kind until time is over; those that led another way than any before.
fn run(sample: &Sample, others: &[Sample], seed: u64, until: impl Fn(usize) -> bool) -> Vec<(u16, Vec<u8>)> {
    let mut random = Random::new(seed);
    let mut pool = vec![sample.frame.clone()];
    let mut ways = HashSet::from([way(sample.link, &sample.frame)]);
    let mut rounds = 0;
    while !until(rounds) {
        rounds += 1;
        let mut frame = pool[random.below(pool.len())].clone();
        for _ in 0..=random.below(4) {
            let other = &others[random.below(others.len())].frame;
            change(&mut random, &mut frame, other);
        }
        let cut = u32::try_from(frame.len() + random.below(3) * 100).unwrap();
        let is_slow = |_| {
            let started = Instant::now();
            check(&frame, sample.link, cut);
            started.elapsed() >= PATIENCE
        };
        // What takes long takes long every time; a busy machine doesn't.
        assert!(!(0..3).all(is_slow), "{}: {frame:02x?}", sample.name);
        if ways.insert(way(sample.link, &frame)) {
            if pool.len() < POOL {
                pool.push(frame);
            } else {
                let at = random.below(POOL);
                pool[at] = frame;
            }
        }
    }
    pool.into_iter().map(|frame| (sample.link, frame)).collect()
}

#[test]
fn every_decoder_stands_all_changes() {
    let seconds: Option<u64> = variable("NETDIAG_FUZZ").map(|seconds| seconds.parse().unwrap());
    let only = variable("NETDIAG_FUZZ_DECODER");
    let seed = variable("NETDIAG_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
    let samples = kinds::all(&mut Random::new(seed));
    let mut found = Vec::new();
    let before = resident();
    let mut count = 0;
    for sample in &samples {
        if only.as_deref().is_some_and(|only| !sample.name.contains(only)) {
            continue;
        }
        let start = Instant::now();
        let until = |rounds: usize| match seconds {
            Some(seconds) => start.elapsed() >= Duration::from_secs(seconds),
            None => rounds >= FEW,
        };
        let pool = run(sample, &samples, seed, until);
        if seconds.is_some() {
            eprintln!("{}: {} ways", sample.name, pool.len());
        }
        found.extend(pool);
        count += 1;
    }
    assert!(count > 0, "no decoder is called {only:?}");
    let after = resident();
    assert!(
        after <= before + GROWTH,
        "memory grew from {before} to {after} KiB"
    );
    if variable("NETDIAG_FUZZ_KEEP").is_some() {
        keep(found);
    }
}

/// Adds packets to the corpus that lead another way than those in it.
fn keep(found: Vec<(u16, Vec<u8>)>) {
    let mut all = corpus();
    let mut ways: HashSet<String> = all.iter().map(|(link, frame)| way(*link, frame)).collect();
    for (link, frame) in found {
        if frame.len() <= 300 && ways.insert(way(link, &frame)) {
            all.push((link, frame));
        }
    }
    let mut text = String::new();
    for (link, frame) in all {
        write!(text, "{link} ").unwrap();
        for byte in frame {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    fs::write(corpus_path(), text).unwrap();
}

#[test]
fn the_corpus_and_its_beginnings() {
    let corpus = corpus();
    assert!(corpus.len() > 100, "{}", corpus.len());
    // Of each packet, every eighth beginning, of each another; all of them when time was given.
    let step = if variable("NETDIAG_FUZZ").is_some() { 1 } else { 8 };
    for (at, (link, frame)) in corpus.into_iter().enumerate() {
        check(&frame, link, u32::try_from(frame.len()).unwrap());
        for cut in (at % step..frame.len()).step_by(step) {
            check(&frame[..cut], link, u32::try_from(frame.len()).unwrap());
        }
    }
}
