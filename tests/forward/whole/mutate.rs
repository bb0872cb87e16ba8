//! What is wrong, or only unusual, in a random network.

use std::net::IpAddr;

use netdiag_lab::Random;

use super::draft::{Draft, ip};

/// A few random changes.
pub(crate) fn all(random: &mut Random, draft: &mut Draft) {
    let count = if random.percent(25) { 0 } else { random.below(8) };
    for _ in 0..count {
        let seen: Vec<usize> = (0..draft.spaces.len())
            .filter(|space| draft.spaces[*space].node.is_some() && !draft.spaces[*space].ends.is_empty())
            .collect();
        if seen.is_empty() {
            return;
        }
        let space = *random.pick(&seen);
        match random.below(20) {
            0..=4 => setting(random, draft, space),
            5..=8 => route(random, draft, space),
            9..=11 => rule(random, draft, space),
            12..=13 => link(random, draft, space),
            14..=15 => neighbor(random, draft, space),
            16..=17 => port(random, draft, space),
            18 => address(random, draft, space),
            _ => fdb(random, draft, space),
        }
    }
}

fn a_link(random: &mut Random, draft: &Draft, space: usize) -> String {
    random.pick(&draft.spaces[space].ends).link.clone()
}

/// An address of somebody in the network.
pub(crate) fn someone(random: &mut Random, draft: &Draft) -> IpAddr {
    let all: Vec<IpAddr> = draft
        .spaces
        .iter()
        .flat_map(|space| space.own.iter().copied())
        .collect();
    if all.is_empty() || random.percent(8) {
        return ip(draft.v6, 3, 0, 7);
    }
    *random.pick(&all)
}

pub(crate) fn prefix(random: &mut Random, draft: &Draft) -> String {
    let length = if draft.v6 {
        *random.pick(&[0, 32, 48, 64, 128])
    } else {
        *random.pick(&[0, 8, 16, 24, 32])
    };
    let net: ipnet::IpNet = format!("{}/{length}", someone(random, draft)).parse().unwrap();
    net.trunc().to_string()
}

fn setting(random: &mut Random, draft: &mut Draft, space: usize) {
    let link = if random.percent(30) {
        "all".to_owned()
    } else {
        a_link(random, draft, space)
    };
    let (name, values): (&str, &[&str]) = if draft.v6 {
        *random.pick(&[
            ("forwarding", &["0", "1"][..]),
            ("proxy_ndp", &["1"]),
            ("ignore_routes_with_linkdown", &["1"]),
        ])
    } else {
        *random.pick(&[
            ("forwarding", &["0", "1"][..]),
            ("rp_filter", &["0", "1", "2"]),
            ("rp_filter", &["1"]),
            ("accept_local", &["1"]),
            ("arp_ignore", &["1", "2", "8"]),
            ("proxy_arp", &["1"]),
            ("proxy_arp_pvlan", &["1"]),
            ("src_valid_mark", &["1"]),
            ("route_localnet", &["1"]),
            ("ignore_routes_with_linkdown", &["1"]),
            ("arp_announce", &["1", "2"]),
            ("arp_filter", &["1"]),
            ("shared_media", &["0"]),
        ])
    };
    let value = *random.pick(values);
    let key = format!("net.{}.conf.{link}.{name}", draft.family());
    draft.spaces[space].sysctls.push((key, value.to_owned()));
}

/// Somewhere to send to: a neighbor's address, anybody's, or only a link.
fn hop(random: &mut Random, draft: &Draft, space: usize) -> String {
    let end = random.pick(&draft.spaces[space].ends).clone();
    match random.below(6) {
        0 => format!("dev {}", end.link),
        1 => format!("via {} dev {} onlink", someone(random, draft), end.link),
        2 => format!("via {}", someone(random, draft)),
        _ => match end.beside.as_slice() {
            [] => format!("dev {}", end.link),
            beside => format!("via {} dev {}", random.pick(beside).1, end.link),
        },
    }
}

fn route(random: &mut Random, draft: &mut Draft, space: usize) {
    let to = prefix(random, draft);
    let table = if random.percent(30) {
        format!(" table {}", random.pick(&["100", "101"]))
    } else {
        String::new()
    };
    let metric = if random.percent(30) {
        format!(" metric {}", random.pick(&[1, 50, 2000]))
    } else {
        String::new()
    };
    if random.percent(25) {
        let kind = random.pick(&["blackhole", "unreachable", "prohibit", "throw", "local"]);
        let link = if *kind == "local" {
            format!(" dev {}", a_link(random, draft, space))
        } else {
            String::new()
        };
        draft.line(space, format!("route replace {kind} {to}{link}{table}{metric}"));
        return;
    }
    let mut line = format!("route replace {to}");
    if random.percent(15) {
        line += &format!("{table}{metric}");
        for _ in 0..2 + random.below(2) {
            let hop = hop(random, draft, space);
            line += &format!(" nexthop {hop} weight {}", random.below(3) + 1);
        }
        draft.line(space, line);
        return;
    }
    line += &format!(" {}{table}{metric}", hop(random, draft, space));
    if random.percent(20) && !draft.spaces[space].own.is_empty() {
        line += &format!(" src {}", random.pick(&draft.spaces[space].own));
    }
    if random.percent(15) {
        line += &format!(" mtu {}", random.pick(&[1280, 1300, 1400]));
    }
    draft.line(space, line);
}

fn rule(random: &mut Random, draft: &mut Draft, space: usize) {
    let priority = random.pick(&[1, 5, 50, 60, 60, 100, 1000, 32766, 40000]);
    let mut line = format!("rule add priority {priority}");
    if random.percent(15) {
        line = line.replace("rule add", "rule add not");
    }
    let count = 1 + random.below(2);
    for _ in 0..count {
        line += &match random.below(7) {
            0 | 1 => format!(" from {}", prefix(random, draft)),
            2 => format!(" to {}", prefix(random, draft)),
            3 => format!(" fwmark {}", random.pick(&["0x1", "0x2/0x3", "0x10/0xf0"])),
            4 => format!(
                " iif {}",
                if random.percent(30) {
                    "lo".to_owned()
                } else {
                    a_link(random, draft, space)
                }
            ),
            5 => format!(" tos {}", random.pick(&["0x10", "0x08"])),
            _ => format!(
                " ipproto {}{}",
                random.pick(&["tcp", "udp"]),
                random.pick(&["", " dport 80", " dport 53"])
            ),
        };
    }
    if draft.lists && random.percent(25) {
        line += *random.pick::<&str>(&[" uidrange 0-0", " uidrange 1000-2000"]);
    }
    let action = match random.below(10) {
        0 => *random.pick(&[" blackhole", " unreachable", " prohibit", " nop"]),
        1 => *random.pick(&[" goto 100", " goto 1000", " goto 32766"]),
        2 => " table main suppress_prefixlength 0",
        _ => *random.pick(&[" table 100", " table 100", " table 101", " table main"]),
    };
    draft.line(space, line + action);
}

fn link(random: &mut Random, draft: &mut Draft, space: usize) {
    let link = a_link(random, draft, space);
    if random.percent(40) {
        draft.line(space, format!("link set {link} down"));
    } else {
        let mtu = random.pick(&[1280, 1300, 1400, 1450, 9000]);
        draft.line(space, format!("link set {link} mtu {mtu}"));
    }
}

fn neighbor(random: &mut Random, draft: &mut Draft, space: usize) {
    let end = random.pick(&draft.spaces[space].ends).clone();
    let ip = match end.beside.as_slice() {
        [] => someone(random, draft),
        beside => random.pick(beside).1,
    };
    let link = end.link;
    draft.line(
        space,
        match random.below(3) {
            0 => format!("neigh replace {ip} lladdr 02:11:22:33:44:55 dev {link} nud permanent"),
            1 => format!("neigh replace {ip} dev {link} nud failed"),
            _ => format!("neigh add proxy {} dev {link}", someone(random, draft)),
        },
    );
}

/// A port of one of the bridges.
fn port(random: &mut Random, draft: &mut Draft, space: usize) {
    let ports: Vec<String> = draft.spaces[space]
        .ip
        .iter()
        .filter_map(|line| {
            let (link, _) = line.strip_prefix("link set ")?.split_once(" master ")?;
            Some(link.to_owned())
        })
        .collect();
    if ports.is_empty() {
        return;
    }
    for _ in 0..=random.below(2) {
        let port = random.pick(&ports);
        let flag = random.pick(&[
            "isolated on",
            "isolated on",
            "hairpin on",
            "learning off",
            "flood off",
            "bcast_flood off",
            "mcast_flood off",
            "state 0",
            "state 4",
        ]);
        let line = format!("link set dev {port} {flag}");
        draft.spaces[space].bridge.push(line);
    }
}

fn address(random: &mut Random, draft: &mut Draft, space: usize) {
    let link = a_link(random, draft, space);
    let ip = someone(random, draft);
    let length = if random.percent(50) {
        draft.length()
    } else {
        draft.whole()
    };
    if random.percent(50) {
        draft.address(space, &link, ip, length);
    } else if let Some(line) = draft.spaces[space]
        .ip
        .iter()
        .find(|line| line.starts_with("addr add"))
    {
        let line = line.replace("addr add", "addr del").replace(" nodad", "");
        draft.line(space, line);
    }
}

fn fdb(random: &mut Random, draft: &mut Draft, space: usize) {
    if let Some(at) = draft.spaces[space]
        .links
        .iter()
        .position(|line| line.contains("type vxlan"))
    {
        let line = &mut draft.spaces[space].links[at];
        *line = match random.below(4) {
            0 => line.replace("id 1", "id 9").replace("id 2", "id 9"),
            1 => line.replace("dstport 4789", "dstport 8472"),
            2 => line.replace(" nolearning", ""),
            _ => format!("{line} ttl 3"),
        };
    }
    draft.spaces[space].bridge.pop();
}
