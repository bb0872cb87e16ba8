//! Sets over netlink, held against `ipset save`.

use netdiag::collect;
use netdiag::parse::ipset::ipset_save;
use netdiag::state::ipset::IpSet;
use netdiag_lab::{Random, in_netns, or_skip};

use super::{run, seeds};

/// Seeds that failed once.
const REGRESSIONS: [u64; 0] = [];

const KINDS: [&str; 12] = [
    "hash:ip",
    "hash:net",
    "hash:ip,port",
    "hash:net,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "hash:net,iface",
    "bitmap:port",
    "bitmap:ip",
    "bitmap:ip,mac",
    "list:set",
    "hash:ip",
];

fn part(random: &mut Random, dimension: &str, v6: bool) -> String {
    let (a, b) = (random.below(200), 1 + random.below(200));
    match (dimension, v6) {
        ("ip", false) => format!("10.9.{a}.{b}"),
        ("ip", true) => format!("fd00:{a:x}::{b:x}"),
        ("net", false) => format!("10.{a}.{b}.0/{}", 8 + random.below(25)),
        ("net", true) => format!("fd00:{a:x}:{b:x}::/{}", 8 + random.below(121)),
        ("port", _) => match random.below(6) {
            0 => format!("udp:{b}"),
            1 => format!("sctp:{b}"),
            2 if v6 => "icmpv6:echo-request".to_owned(),
            2 => "icmp:echo-request".to_owned(),
            3 if v6 => format!("icmpv6:{a}/{b}"),
            3 => format!("icmp:{a}/{b}"),
            4 => "gre:0".to_owned(),
            _ => format!("tcp:{}", b * 300),
        },
        ("iface", _) => random.pick(&["eth0", "physdev:tap1", "cali123"]).to_string(),
        _ => format!("02:00:00:00:{a:02x}:{b:02x}"),
    }
}

/// Adds to a text.
fn put(text: &mut String, what: std::fmt::Arguments) {
    std::fmt::Write::write_fmt(text, what).unwrap();
}

fn sets(random: &mut Random) -> String {
    let mut text = String::new();
    let mut names: Vec<String> = Vec::new();
    for number in 0..3 + random.below(6) {
        let kind = *random.pick(&KINDS);
        let v6 = kind.starts_with("hash:") && random.percent(40);
        let name = format!("set-{number}");
        put(&mut text, format_args!("create {name} {kind}"));
        let mut options = Vec::new();
        match kind {
            "bitmap:port" => text += " range 0-60000",
            "bitmap:ip" | "bitmap:ip,mac" => text += " range 10.9.0.0-10.9.255.255",
            "list:set" => text += " size 16",
            _ => {
                put(
                    &mut text,
                    format_args!(
                        " family inet{} maxelem {}",
                        if v6 { "6" } else { "" },
                        1000 + random.below(9)
                    ),
                );
            }
        }
        for (option, chance) in [
            ("timeout 1500000", 30),
            ("counters", 30),
            ("comment", 30),
            ("skbinfo", 20),
        ] {
            if random.percent(chance) {
                put(&mut text, format_args!(" {option}"));
                options.push(option);
            }
        }
        text.push('\n');
        for _ in 0..random.below(12) {
            let parts: Vec<String> = match kind {
                "list:set" => {
                    let Some(name) = (!names.is_empty()).then(|| random.pick(&names).clone()) else {
                        break;
                    };
                    vec![name]
                }
                "bitmap:port" => vec![random.below(60000).to_string()],
                _ => {
                    let dimensions = kind.split_once(':').unwrap().1;
                    dimensions
                        .split(',')
                        .map(|dimension| part(random, dimension, v6))
                        .collect()
                }
            };
            put(&mut text, format_args!("add {name} {} -exist", parts.join(",")));
            if options.contains(&"timeout 1500000") && random.percent(50) {
                let timeout = if random.percent(30) {
                    0
                } else {
                    2_100_000 + random.below(9)
                };
                put(&mut text, format_args!(" timeout {timeout}"));
            }
            if options.contains(&"counters") {
                put(
                    &mut text,
                    format_args!(
                        " packets {} bytes {}",
                        random.below(1 << 40),
                        random.below(1 << 50)
                    ),
                );
            }
            if options.contains(&"comment") && random.percent(50) {
                put(
                    &mut text,
                    format_args!(" comment \"it's {} -exist\"", random.below(99)),
                );
            }
            if options.contains(&"skbinfo") {
                put(
                    &mut text,
                    format_args!(
                        " skbmark {:#x}/0xff skbprio 1:{:x} skbqueue 5",
                        random.below(256),
                        random.below(99)
                    ),
                );
            }
            if kind.contains("net") && random.percent(15) {
                text += " nomatch";
            }
            text.push('\n');
        }
        if kind != "list:set" {
            names.push(name);
        }
    }
    text
}

/// Without what only one of the two tells, in one order.
fn comparable(mut sets: Vec<IpSet>) -> Vec<IpSet> {
    for set in &mut sets {
        set.references = None;
        for element in &mut set.elements {
            // It runs.
            element.timeout = element.timeout.map(|left| left / 1_000_000 * 1_000_000);
        }
        set.elements.sort_by(|one, other| one.parts.cmp(&other.parts));
    }
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    sets
}

#[test]
fn sets_over_netlink_are_those_that_ipset_saves() {
    or_skip(in_netns(|| {
        for seed in seeds(&REGRESSIONS, 250) {
            let input = sets(&mut Random::new(seed));
            run(&["ipset", "restore"], &input).unwrap_or_else(|error| panic!("{seed}: {error}\n{input}"));
            let save = run(&["ipset", "save"], "").unwrap();
            let saved = comparable(ipset_save(&save).unwrap());
            let collected = collect::ipset::ipsets();
            let collected = comparable(collected.known().unwrap().clone());
            for (collected, saved) in collected.iter().zip(&saved) {
                assert_eq!(collected, saved, "NETFILTER_SEED={seed}\n{save}");
            }
            assert_eq!(collected.len(), saved.len(), "NETFILTER_SEED={seed}");
            let json = serde_json::to_string(&collected).unwrap();
            assert_eq!(serde_json::from_str::<Vec<IpSet>>(&json).unwrap(), collected);
            // A list lets its members go when it is emptied.
            run(&["ipset", "flush"], "").unwrap();
            run(&["ipset", "destroy"], "").unwrap();
        }
    }));
}
