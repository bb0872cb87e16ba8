//! The FIB against `ip route get`: random links, addresses, routes and rules, and random packets.
//!
//! `NETDIAG_SEED=N` runs the one case, `NETDIAG_CASES=N` so many of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipnet::IpNet;
use netdiag::collect;
use netdiag::forward::fib::{Fib, Flow, Hit, Refusal, Refused, Way, source_address};
use netdiag::state::link::IfIndex;
use netdiag::state::route::{NextHop, Route, RouteType};
use netdiag::state::{Fact, Netns};
use netdiag_lab::Random;
use serde_json::Value;

use super::seeds::{self, Found};

/// Seeds of cases that once failed, beyond those that every run has.
const REGRESSIONS: [u64; 8] = [351, 434, 47, 63, 1015, 2434, 2423, 3791];

/// Networks in a usual run, and packets in each.
const CASES: u64 = 200;
const PACKETS: usize = 200;

pub(crate) const LINKS: [&str; 6] = ["a0", "b0", "a1", "b1", "a2", "b2"];

#[test]
fn the_fib_decides_as_the_kernel_does() {
    let Some(found) = seeds::run(&REGRESSIONS, CASES, case) else {
        return;
    };
    assert!(found.asked >= PACKETS, "nothing was asked");
}

/// Makes one network and asks for packets.
fn case(seed: u64) -> Found {
    let mut random = Random::new(seed);
    let v6 = random.percent(40);
    let build = network(&mut random, v6);
    ip(&["-force", "-batch", "-"], &build);
    if !v6 {
        several_defaults(seed);
    }
    let mut net = settled(v6);
    silence(&mut net, seed);
    let asks: Vec<Ask> = (0..PACKETS).map(|_| Ask::random(&mut random, v6, &net)).collect();
    let seen = loop {
        let seen = kernel(&asks, v6);
        // A busy kernel is late with what follows from links and addresses, and forgets who doesn't answer.
        let again = Netns {
            sysctls: net.sysctls.clone(),
            ..settled(v6)
        };
        let same = again.routes == net.routes && again.addresses == net.addresses;
        if same && unanswered(&again) == unanswered(&net) {
            break seen;
        }
        net = again;
    };
    let fib = Fib::new(&net);
    let wrong = asks
        .iter()
        .zip(&seen)
        .filter_map(|(ask, seen)| {
            let why = disagreement(&net, &fib, ask, seen)?;
            Some(format!("seed {seed}: ip route get {}\n  {why}", ask.words()))
        })
        .collect();
    Found {
        asked: asks.len(),
        wrong,
        ..Found::default()
    }
}

fn unanswered(net: &Netns) -> BTreeSet<(IfIndex, IpAddr)> {
    let entries = net.neighbors.items().iter();
    let failed = entries.filter(|entry| entry.state.unanswered());
    failed.map(|entry| (entry.link, entry.ip)).collect()
}

/// In some networks, default routes that are equal but for their routers.
fn several_defaults(seed: u64) {
    let mut random = Random::new(!seed.rotate_left(32));
    let mut lines = String::new();
    if random.percent(30) {
        for _ in 0..2 + random.below(2) {
            let router = address(&mut random, false);
            let link = random.pick(&LINKS);
            writeln!(
                lines,
                "route append default via {router} dev {link} onlink metric 7"
            )
            .unwrap();
        }
    }
    ip(&["-force", "-batch", "-"], &lines);
}

/// Some routers were asked, and answer or don't. What makes that up leaves the networks of seeds as they were.
fn silence(net: &mut Netns, seed: u64) {
    let mut random = Random::new(!seed);
    let hops = net.routes.items().iter().flat_map(|route| &route.next_hops);
    let routers: BTreeSet<(IfIndex, IpAddr)> = hops.filter_map(|hop| hop.link.zip(hop.gateway)).collect();
    let mut lines = String::new();
    for (link, router) in routers {
        if let Some(link) = net.links.items().iter().find(|known| known.index == link)
            && random.percent(40)
        {
            let state = if router.is_ipv6() {
                "failed"
            } else {
                *random.pick(&[
                    "failed",
                    "lladdr 02:00:00:00:00:01 nud reachable",
                    "lladdr 02:00:00:00:00:01 nud stale",
                ])
            };
            let state = state.replacen("failed", "nud failed", 1);
            writeln!(lines, "neigh replace {router} dev {} {state}", link.name).unwrap();
        }
    }
    ip(&["-force", "-batch", "-"], &lines);
    let known = std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding").unwrap();
    collect::netlink::netns_tables(net);
    let forwarding = ("net.ipv6.conf.all.forwarding".to_owned(), known.trim().to_owned());
    net.sysctls = Fact::Known(BTreeMap::from([forwarding]));
}

/// The tables, once they stand still: the kernel puts in the routes of IPv6 addresses after the addresses.
fn settled(v6: bool) -> Netns {
    let read = || {
        let mut net = Netns::default();
        collect::netlink::netns_tables(&mut net);
        net
    };
    let mut net = read();
    if !v6 {
        return net;
    }
    loop {
        std::thread::sleep(Duration::from_millis(40));
        let again = read();
        if again.routes == net.routes && again.addresses == net.addresses {
            return net;
        }
        net = again;
    }
}

pub(crate) fn address(random: &mut Random, v6: bool) -> String {
    let (a, b, c) = (random.below(3), random.below(3), random.below(12) + 1);
    if v6 {
        format!("fd00:{a}:{b}::{c:x}")
    } else {
        format!("10.{a}.{b}.{c}")
    }
}

fn prefix(random: &mut Random, v6: bool) -> String {
    let length = if v6 {
        *random.pick(&[0, 16, 32, 48, 64, 124, 128])
    } else {
        *random.pick(&[0, 8, 16, 24, 28, 30, 32])
    };
    let net: ipnet::IpNet = format!("{}/{length}", address(random, v6)).parse().unwrap();
    net.trunc().to_string()
}

/// `ip -batch` lines. Some are refused by the kernel; what it took is read back.
pub(crate) fn network(random: &mut Random, v6: bool) -> String {
    let mut lines = String::from("link set lo up\n");
    for pair in LINKS.chunks(2) {
        writeln!(lines, "link add {} type veth peer name {}", pair[0], pair[1]).unwrap();
    }
    for link in LINKS {
        if random.percent(85) {
            writeln!(lines, "link set {link} up").unwrap();
        }
        for _ in 0..random.below(3) {
            let address = address(random, v6);
            let length = if v6 {
                *random.pick(&[48, 64, 128])
            } else {
                *random.pick(&[16, 24, 30, 32])
            };
            let peer = random.percent(10) && !v6;
            let nodad = if v6 { "nodad" } else { "" };
            if peer {
                let other = self::address(random, v6);
                writeln!(lines, "addr add {address} peer {other}/{length} dev {link}").unwrap();
            } else {
                writeln!(lines, "addr add {address}/{length} dev {link} {nodad}").unwrap();
            }
        }
    }
    for _ in 0..random.below(25) {
        route(random, v6, &mut lines);
    }
    if random.percent(70) {
        for _ in 0..random.below(8) {
            rule(random, v6, &mut lines);
        }
    }
    lines
}

fn route(random: &mut Random, v6: bool, lines: &mut String) {
    let dst = prefix(random, v6);
    let kind = if random.percent(20) {
        *random.pick(&["blackhole", "unreachable", "prohibit", "throw", "local"])
    } else {
        "unicast"
    };
    let mut line = format!("route append {kind} {dst}");
    // A gateway is judged by the local table when its route comes. Ranges of local addresses (and routes by a gateway)
    // that came there later would not show, so there are none.
    let tables: &[&str] = match kind {
        "unicast" => &["100", "101", "default"],
        "local" => &["100", "101"],
        _ => &["100", "101", "default", "local"],
    };
    let hop = |random: &mut Random| {
        let link = *random.pick(&LINKS);
        match random.below(3) {
            0 => format!("dev {link}"),
            1 => format!("via {} dev {link} onlink", address(random, v6)),
            _ => format!("via {}", address(random, v6)),
        }
    };
    if kind == "unicast" && random.percent(15) {
        for _ in 0..2 + random.below(2) {
            let hop = hop(random);
            write!(line, " nexthop {hop} weight {}", random.below(3) + 1).unwrap();
        }
        // Next hops end the line.
        line = line.replacen(
            &format!("{kind} {dst}"),
            &format!("{kind} {dst}{}", common(random, tables)),
            1,
        );
    } else {
        match kind {
            "unicast" => write!(line, " {}", hop(random)).unwrap(),
            "local" => {
                let (link, table) = (random.pick(&LINKS), random.pick(tables));
                write!(line, " dev {link} table {table}").unwrap();
            }
            _ => {}
        }
        if kind != "local" {
            line += &common(random, tables);
        }
        if !v6 && kind == "unicast" && random.percent(20) {
            write!(line, " src {}", address(random, v6)).unwrap();
        }
    }
    if !v6 && random.percent(10) {
        write!(line, " tos {}", random.pick(&["0x10", "0x08", "0x04", "0x20"])).unwrap();
    }
    *lines += &line;
    lines.push('\n');
}

/// Table and metric.
fn common(random: &mut Random, tables: &[&str]) -> String {
    let mut words = String::new();
    if random.percent(40) {
        write!(words, " table {}", random.pick(tables)).unwrap();
    }
    if random.percent(40) {
        write!(words, " metric {}", random.pick(&[1, 5, 100, 1024])).unwrap();
    }
    words
}

fn rule(random: &mut Random, v6: bool, lines: &mut String) {
    let priorities = [0, 5, 50, 60, 60, 100, 1000, 32766, 40000];
    let mut line = format!("rule add priority {}", random.pick(&priorities));
    if random.percent(20) {
        line = line.replace("rule add", "rule add not");
    }
    for selector in 0..8 {
        if !random.percent(18) {
            continue;
        }
        let word = match selector {
            0 => format!(" from {}", prefix(random, v6)),
            1 => format!(" to {}", prefix(random, v6)),
            2 => format!(
                " fwmark {}",
                random.pick(&["0x1", "0x2/0x3", "0x10/0xf0", "0/0xff"])
            ),
            3 => format!(" iif {}", random.pick(&["lo", "a0", "nolink"])),
            4 => format!(" oif {}", random.pick(&["a0", "b1", "nolink"])),
            5 => format!(" tos {}", random.pick(&["0x10", "0x08", "0x04"])),
            6 => format!(" ipproto {}{}", random.pick(&["tcp", "udp"]), ports(random)),
            _ => format!(" uidrange {}", random.pick(&["0-0", "1000-2000", "0-70000"])),
        };
        line += &word;
    }
    let action = match random.below(8) {
        0 => (*random.pick(&["blackhole", "unreachable", "prohibit", "nop"])).to_owned(),
        1 => format!("goto {}", random.pick(&[100, 1000, 32766, 50000])),
        _ => {
            let table = random.pick(&["100", "101", "main", "local", "999"]);
            let suppress = if random.percent(20) {
                format!(" suppress_prefixlength {}", random.pick(&[0, 8, 24]))
            } else {
                String::new()
            };
            format!("table {table}{suppress}")
        }
    };
    writeln!(lines, "{line} {action}").unwrap();
}

fn ports(random: &mut Random) -> String {
    match random.below(3) {
        0 => " dport 80".to_owned(),
        1 => " sport 1000-2000 dport 53".to_owned(),
        _ => String::new(),
    }
}

/// One question.
struct Ask {
    flow: Flow,
    oif: Option<String>,
}

impl Ask {
    fn random(random: &mut Random, v6: bool, net: &Netns) -> Self {
        let dst: IpAddr = address(random, v6).parse().unwrap();
        let mut flow = Flow::to(dst);
        let own: Vec<IpAddr> = net
            .addresses
            .items()
            .iter()
            .map(|address| address.ip)
            .filter(|ip| ip.is_ipv6() == v6 && !ip.is_loopback())
            .filter(|ip| !netdiag::state::link::is_link_local(*ip))
            .collect();
        if random.percent(30) && !own.is_empty() {
            flow.src = Some(*random.pick(&own));
        }
        let mut oif = None;
        if random.percent(15) {
            let name = *random.pick(&LINKS);
            flow.oif = net.link_named(name).map(|link| link.index);
            oif = Some(name.to_owned());
        }
        flow.mark = *random.pick(&[0, 0, 0, 1, 2, 0x10, 0x55]);
        flow.tos = *random.pick(&[0, 0, 0, 0x10, 0x08, 0x04, 0x20]);
        flow.uid = *random.pick(&[0, 0, 1500, 99999]);
        if random.percent(50) {
            flow.proto = *random.pick(&[6, 17]);
            flow.sport = *random.pick(&[1000, 1500, 40000]);
            flow.dport = *random.pick(&[53, 80, 443]);
        } else if !v6 {
            // What `ip route get` takes when it isn't told.
            flow.proto = 17;
        }
        Self { flow, oif }
    }

    fn words(&self) -> String {
        let flow = &self.flow;
        let mut words = flow.dst.to_string();
        if let Some(src) = flow.src {
            write!(words, " from {src}").unwrap();
        }
        if let Some(oif) = &self.oif {
            write!(words, " oif {oif}").unwrap();
        }
        write!(words, " mark {} tos {:#x} uid {}", flow.mark, flow.tos, flow.uid).unwrap();
        if flow.dport != 0 {
            let name = if flow.proto == 6 { "tcp" } else { "udp" };
            write!(words, " ipproto {name} sport {} dport {}", flow.sport, flow.dport).unwrap();
        }
        words
    }
}

/// What the kernel said: its errno's words, or the route and what became of it.
#[derive(Debug, Default)]
struct Seen {
    error: Option<String>,
    matched: Value,
    got: Value,
}

/// Asks for all packets twice: for the route of the table (`fibmatch`), and for what is made of it.
fn kernel(asks: &[Ask], v6: bool) -> Vec<Seen> {
    let family = if v6 { "-6" } else { "-4" };
    let batch = |fibmatch: &str| {
        let mut lines = String::new();
        for ask in asks {
            writeln!(lines, "route get {fibmatch} {}", ask.words()).unwrap();
        }
        ip(&["-d", "-j", family, "-force", "-batch", "-"], &lines)
    };
    let (matched, got) = (batch("fibmatch"), batch(""));
    let mut seen: Vec<Seen> = Vec::new();
    for index in 0..asks.len() {
        let error = got.errors.get(&(index + 1)).cloned();
        seen.push(Seen {
            error,
            ..Seen::default()
        });
    }
    let fill = |answers: &Answers, put: &dyn Fn(&mut Seen, Value), seen: &mut Vec<Seen>| {
        let mut values = answers.values.iter();
        for (index, seen) in seen.iter_mut().enumerate() {
            if !answers.errors.contains_key(&(index + 1))
                && let Some(value) = values.next()
            {
                put(seen, value.clone());
            }
        }
    };
    fill(&matched, &|seen, value| seen.matched = value, &mut seen);
    fill(&got, &|seen, value| seen.got = value, &mut seen);
    seen
}

/// What a batch printed: objects in order, and the errors by line.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) values: Vec<Value>,
    pub(crate) errors: BTreeMap<usize, String>,
}

pub(crate) fn ip(arguments: &[&str], input: &str) -> Answers {
    let mut child = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let values = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter::<Value>()
        .map_while(Result::ok)
        .filter_map(|list| list.as_array()?.first().cloned())
        .collect();
    let mut errors = BTreeMap::new();
    let mut last = String::new();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        match line.strip_prefix("Command failed -:") {
            Some(number) => _ = errors.insert(number.parse().unwrap(), std::mem::take(&mut last)),
            None => line.clone_into(&mut last),
        }
    }
    Answers { values, errors }
}

fn disagreement(net: &Netns, fib: &Fib, ask: &Ask, seen: &Seen) -> Option<String> {
    if is_hidden(net, &seen.matched) {
        return None;
    }
    match (fib.output(&ask.flow), &seen.error) {
        (Err(refused), Some(error)) => {
            let expected = errno(&refused);
            (!error.contains(expected)).then(|| format!("{}\n  the kernel: {error}", by(&refused)))
        }
        (Err(refused), None) => Some(format!(
            "{}\n  the kernel: {} of {}",
            by(&refused),
            seen.got,
            seen.matched
        )),
        (Ok(Way::OnLink(oif)), Some(error)) => Some(format!("on link {oif}\n  the kernel: {error}")),
        (Ok(Way::OnLink(oif)), None) => (net.link(oif).map(|link| link.name.as_str())
            != seen.got["dev"].as_str())
        .then(|| format!("on link {oif}\n  the kernel: {}", seen.got)),
        (Ok(Way::Route(hit)), Some(error)) => Some(format!("{:?}\n  the kernel: {error}", hit.route)),
        (Ok(Way::Route(hit)), None) => difference(net, fib, ask, &hit, seen).map(|why| {
            let (priority, action) = (hit.rule.priority, hit.rule.action);
            let ours = format!("{why}: rule {priority} {action:?} {:?}", hit.route);
            format!("{ours}\n  the kernel: {} of {}", seen.got, seen.matched)
        }),
    }
}

/// A route of IPv6 without a router that stands between those that are ways of one route: the kernel's dump jumps from
/// the first of these to the last (`fib6_dump_node`), so nobody can know of it.
fn is_hidden(net: &Netns, matched: &Value) -> bool {
    let (Some(dst), Some(link)) = (
        matched["dst"].as_str().and_then(|dst| dst.parse::<IpNet>().ok()),
        matched["dev"].as_str().and_then(|name| net.link_named(name)),
    ) else {
        return false;
    };
    let alike =
        |route: &&Route| route.dst == dst && matched["metric"].as_u64() == Some(u64::from(route.metric));
    let told = |route: &Route| {
        let bare = |hop: &NextHop| hop.link == Some(link.index) && hop.gateway.is_none();
        route.next_hops.iter().any(bare)
    };
    let all = || net.routes.items().iter().filter(alike);
    dst.addr().is_ipv6()
        && matched["gateway"].is_null()
        && all().any(|route| route.next_hops.len() > 1)
        && !all().any(told)
}

fn by(refused: &Refused) -> String {
    let rule = refused.rule.map(|rule| (rule.priority, rule.action));
    format!(
        "{:?} by rule {rule:?}, route {:?}",
        refused.refusal, refused.route
    )
}

const fn errno(refused: &Refused) -> &'static str {
    match (refused.refusal, refused.route.is_some()) {
        (Refusal::NoRoute, _) | (Refusal::Unreachable, false) => "Network is unreachable",
        (Refusal::Unreachable, true) => "No route to host",
        (Refusal::Blackhole, _) => "Invalid argument",
        (Refusal::Prohibited, _) => "Permission denied",
    }
}

fn difference(net: &Netns, fib: &Fib, ask: &Ask, hit: &Hit, seen: &Seen) -> Option<&'static str> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&seen.got["type"]);
    let ours = match hit.route.kind {
        RouteType::Unicast => "unicast",
        RouteType::Local => "local",
        RouteType::Broadcast => "broadcast",
        RouteType::Anycast => "anycast",
        RouteType::Multicast => "multicast",
        _ => "other",
    };
    if kind != ours {
        return Some("another type");
    }
    let length = hit.route.dst.prefix_len();
    let whole = if ask.flow.dst.is_ipv6() { 128 } else { 32 };
    let dst = match text(&seen.matched["dst"]).as_str() {
        "default" => format!("{}/0", hit.route.dst.network().to_canonical()),
        text if text.contains('/') => text.to_owned(),
        text => format!("{text}/{whole}"),
    };
    if length != 0 && dst != hit.route.dst.to_string() || length == 0 && !dst.ends_with("/0") {
        return Some("another prefix");
    }
    // Of equal defaults each has its own; which is taken, the kernel decides by whom it took last.
    let one = hit.hops.iter().all(|hop| hit.route.next_hops.contains(hop));
    if one && seen.matched["metric"].as_u64().unwrap_or(0) != u64::from(hit.route.metric) {
        return Some("another metric");
    }
    let link = net.link_named(&text(&seen.got["dev"])).map(|link| link.index);
    let gateway: Option<IpAddr> = text(&seen.got["gateway"]).parse().ok();
    let local = hit.route.kind == RouteType::Local;
    let ways = hit.hops.iter().filter(|hop| {
        let by = if local { Some(IfIndex(1)) } else { hop.link };
        by == link && fib.gateway(hit.route, hop) == gateway
    });
    let ways: Vec<&NextHop> = ways.copied().collect();
    if ways.is_empty() {
        return Some("another way out");
    }
    let source: Option<IpAddr> = text(&seen.got["prefsrc"]).parse().ok();
    // With IPv6 the one that would be chosen is shown, whatever was asked for.
    let ours = |way: &NextHop| match ask.flow.src {
        Some(src) if src.is_ipv4() => Some(src),
        _ => source_address(net, ask.flow.dst, hit, Some(way)),
    };
    let known = source.is_none() || ways.into_iter().any(|way| ours(way) == source);
    (!known).then_some("another source")
}
