//! Packets that come in, against `ip route get … iif`: rules, routes, reverse path filters, martians, forwarding.
//!
//! `NETDIAG_SEED=N` runs the one case, `NETDIAG_CASES=N` so many of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use netdiag::collect;
use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::{At, PlaceId, Topology};
use netdiag::forward::walk::{Cause, End, Outcome, RefusedBy, Refuses, Walker, What, with_room};
use netdiag::state::link::Link;
use netdiag::state::{Netns, NodeState};
use netdiag_lab::Random;

use super::fib;
use super::seeds::{self, Found};

/// Seeds of cases that once failed.
const REGRESSIONS: [u64; 3] = [2111, 3254, 4603];

const CASES: u64 = 60;
const PACKETS: usize = 100;

#[test]
fn packets_that_come_in_go_where_the_kernel_says() {
    let Some(found) = seeds::run(&REGRESSIONS, CASES, case) else {
        return;
    };
    let (packets, refused) = (found.asked, found.refused);
    assert!(
        packets >= PACKETS && refused * 10 > packets,
        "{refused} of {packets} are refused"
    );
}

/// Settings of links that decide about what comes in.
fn settings(random: &mut Random) {
    let write = |link: &str, name: &str, value: u64| {
        let _ = std::fs::write(
            format!("/proc/sys/net/ipv4/conf/{link}/{name}"),
            value.to_string(),
        );
    };
    for link in fib::LINKS.iter().chain(&["all"]) {
        for (name, values) in [
            ("rp_filter", 3),
            ("accept_local", 2),
            ("src_valid_mark", 2),
            ("route_localnet", 2),
            ("forwarding", 2),
        ] {
            if random.percent(if *link == "all" { 10 } else { 50 }) {
                write(link, name, random.below(values));
            }
        }
    }
}

/// Makes one network and asks; gives how many answers there were, how many of them refusals, and what was wrong.
fn case(seed: u64) -> Found {
    let mut random = Random::new(seed);
    let build = fib::network(&mut random, false);
    fib::ip(&["-force", "-batch", "-"], &build);
    settings(&mut random);
    let nodes = [NodeState {
        net: collect::of_thread(false, &[]),
        ..NodeState::default()
    }];
    let topology = Topology::new(&nodes);
    let walker = Walker::new(&topology);
    let net = &nodes[0].net;
    let asks: Vec<(At, Packet, String)> = (0..PACKETS).filter_map(|_| question(&mut random, net)).collect();
    let mut lines = String::new();
    for (_, _, words) in &asks {
        writeln!(lines, "route get {words}").unwrap();
    }
    let answers = fib::ip(&["-d", "-j", "-4", "-force", "-batch", "-"], &lines);
    let mut values = answers.values.iter();
    let mut wrong = Vec::new();
    for (number, (at, packet, words)) in asks.iter().enumerate() {
        let error = answers.errors.get(&(number + 1));
        let got = if error.is_none() { values.next() } else { None };
        let ways = with_room(|| walker.comes_in(packet.clone(), *at));
        let told: BTreeSet<String> = ways.iter().map(|way| told(&topology, way)).collect();
        let said = match (error, got) {
            (Some(error), _) => errno(error),
            (None, Some(got)) if got["type"] == "local" || got["type"] == "broadcast" => "local".to_owned(),
            (None, Some(got)) => format!(
                "{} {}",
                got["type"].as_str().unwrap(),
                got["dev"].as_str().unwrap()
            ),
            (None, None) => continue,
        };
        // A source that is refused has either word, by where the packet is for.
        let source = said == "Invalid argument" && told.contains("cross-device");
        if !told.contains(&said) && !source {
            let ends: Vec<&End> = ways.iter().map(|way| &way.end).collect();
            wrong.push(format!(
                "seed {seed}: ip route get {words}: {told:?}\n  the kernel: {said} ({error:?})\n  {ends:?}"
            ));
        }
    }
    Found {
        asked: asks.len(),
        refused: answers.errors.len(),
        wrong,
    }
}

fn errno(error: &str) -> String {
    let words = [
        "cross-device",
        "Invalid argument",
        "No route",
        "Network is unreachable",
        "Permission",
    ];
    let found = words.into_iter().find(|word| error.contains(word));
    found.map_or_else(|| error.to_owned(), str::to_owned)
}

fn question(random: &mut Random, net: &Netns) -> Option<(At, Packet, String)> {
    let usable = |link: &&Link| {
        link.is_up()
            && link.name != "lo"
            && net
                .addresses
                .items()
                .iter()
                .any(|address| address.link == link.index && address.ip.is_ipv4())
    };
    let links: Vec<&Link> = net.links.items().iter().filter(usable).collect();
    if links.is_empty() {
        return None;
    }
    let link = *random.pick(&links);
    let any = |random: &mut Random| -> IpAddr {
        match random.below(20) {
            0 => IpAddr::from([127, 0, 0, 1]),
            1 => IpAddr::from([224, 0, 0, 9]),
            2 => IpAddr::from([255, 255, 255, 255]),
            3 => IpAddr::from([10, 0, 0, 255]),
            _ => fib::address(random, false).parse().unwrap(),
        }
    };
    let (src, dst) = (any(random), any(random));
    if dst.is_multicast() || matches!(src, IpAddr::V4(src) if src.is_unspecified()) {
        return None;
    }
    let (sport, dport) = (*random.pick(&[1000, 1500, 40_000]), *random.pick(&[53, 80]));
    let tcp = random.percent(50);
    let transport = if tcp {
        Transport::Tcp { sport, dport }
    } else {
        Transport::Udp { sport, dport }
    };
    let packet = Packet {
        mark: *random.pick(&[0, 0, 1, 2, 0x10]),
        tos: *random.pick(&[0, 0, 0x10, 0x08]),
        ..Packet::new(src, dst, transport)
    };
    let words = format!(
        "{dst} from {src} iif {} mark {} tos {:#x} ipproto {} sport {sport} dport {dport}",
        link.name,
        packet.mark,
        packet.tos,
        if tcp { "tcp" } else { "udp" }
    );
    let at = At {
        place: PlaceId(0),
        link: link.index,
    };
    Some((at, packet, words))
}

/// What a walk says, in the kernel's words.
fn told(topology: &Topology, way: &Outcome) -> String {
    let arrived = way.state.trail.iter().any(|step| step.what == What::Arrived);
    let route = way.state.trail.iter().find(|step| step.what == What::Route);
    let word = match &way.end {
        End::Dropped(cause) | End::Rejected(cause) => match cause {
            Cause::ReversePath { .. } => "cross-device",
            Cause::Martian { .. } => "Invalid argument",
            Cause::NotForUs { .. } | Cause::ForwardingOff { .. } => "No route",
            Cause::NoRoute { .. }
            | Cause::RouteRefuses {
                how: Refuses::Unreachable,
                by: RefusedBy::Rule { .. },
                ..
            } => "Network is unreachable",
            Cause::RouteRefuses { how, .. } => match how {
                Refuses::Blackhole => "Invalid argument",
                Refuses::Unreachable => "No route",
                Refuses::Prohibit => "Permission",
            },
            Cause::PortClosed { .. } => "local",
            _ => "",
        },
        End::Delivered => "local",
        _ => "",
    };
    // The kernel is asked of the first link only: its other end may be here, too.
    let out = way.state.trail.iter().find(|step| step.what == What::Out);
    if out.is_none() && arrived {
        return "local".to_owned();
    }
    if out.is_none() && !word.is_empty() {
        return word.to_owned();
    }
    let by = match &way.end {
        End::Dropped(cause) | End::Rejected(cause) => match cause {
            Cause::NoAnswer { link, .. } | Cause::LinkDown { link } => Some(link.clone()),
            _ => None,
        },
        _ => None,
    };
    let of_step = out.or(route).and_then(|step| {
        let link = topology.place(step.place).fib.link(step.link?)?;
        Some(link.name.clone())
    });
    let link = if out.is_some() { of_step } else { by.or(of_step) };
    format!("unicast {}", link.unwrap_or_default())
}
