//! Random networks, as lines for `ip -batch` and `bridge -batch`. A line that the kernel refuses is passed over: what
//! the network turns out to be is what both sides read.

use super::rng::Rng;

/// What to run, in this order.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) ip: Vec<String>,
    pub(super) bridge: Vec<String>,
    pub(super) rules6: Vec<String>,
}

/// The links that were asked for, by what they can be used for.
#[derive(Default)]
struct Links {
    all: Vec<String>,
    veths: Vec<String>,
    bridges: Vec<String>,
    ports: Vec<String>,
    vxlans: Vec<String>,
}

impl Network {
    /// The network of a seed. `other` is the path of another namespace, and `case` tells its links apart.
    pub(super) fn random(seed: u64, case: u64, other: &str) -> Self {
        let rng = &mut Rng::new(seed);
        let mut network = Self::default();
        network.ip.push("link set lo up".to_owned());
        let mut links = Links::default();
        for place in 0..rng.from(2, 7) {
            network.link(rng, &mut links, place, case, other);
        }
        for place in 0..links.all.len() {
            let name = links.all[place].clone();
            network.settings(rng, &mut links, &name);
        }
        links.all.push("lo".to_owned());
        for _ in 0..rng.from(0, 8) {
            network.ip.push(address(rng, &links));
        }
        network.nexthops(rng, &links);
        for _ in 0..rng.from(0, 10) {
            network.ip.push(route(rng, &links));
        }
        for _ in 0..rng.from(0, 4) {
            network.ip.push(neighbor(rng, &links));
        }
        for _ in 0..rng.from(0, 3) {
            network.ip.push(rule(rng, &links, false));
        }
        if rng.one_in(3) {
            network.rules6 = (0..rng.from(1, 3)).map(|_| rule(rng, &links, true)).collect();
        }
        for _ in 0..rng.from(0, 4) {
            network.bridge.extend(fdb(rng, &links));
        }
        network
    }

    fn link(&mut self, rng: &mut Rng, links: &mut Links, place: u32, case: u64, other: &str) {
        let lower = rng.name(&links.veths);
        let (name, line) = match rng.from(0, 9) {
            0..=2 => {
                let (name, peer) = (format!("va{place}"), format!("vb{place}"));
                links.all.push(peer.clone());
                links.veths.extend([name.clone(), peer.clone()]);
                let index = if rng.one_in(6) {
                    format!(" index {}", rng.from(50, 5000))
                } else {
                    String::new()
                };
                let line = format!("link add {name}{index} type veth peer name {peer}");
                (name, line)
            }
            3 => {
                let name = format!("va{place}");
                links.veths.push(name.clone());
                let line = format!("link add {name} type veth peer name o{case}_{place} netns {other}");
                (name, line)
            }
            4..=5 => {
                let name = format!("br{place}");
                links.bridges.push(name.clone());
                self.ip.push(format!("link add {name} type bridge"));
                for _ in 0..rng.from(0, 4) {
                    self.ip
                        .push(format!("link set {name} type bridge{}", bridge_option(rng)));
                }
                (name, String::new())
            }
            6..=7 => {
                let name = format!("vx{place}");
                links.vxlans.push(name.clone());
                let line = format!("link add {name} type vxlan{}", vxlan_options(rng, &lower));
                (name, line)
            }
            8 => {
                let name = format!("mv{place}");
                let mode = rng.pick(&["private", "vepa", "bridge", "passthru", "source"]);
                let kind = rng.pick(&["macvlan", "macvlan", "macvtap"]);
                let line = format!("link add link {lower} name {name} type {kind} mode {mode}");
                (name, line)
            }
            _ => {
                let name = format!("tt{place}");
                let mode = rng.pick(&["tun", "tap"]);
                let words = [" pi", " vnet_hdr", " multi_queue"].map(|word| rng.word(&[word.trim()]));
                // No user has these numbers: ip(8) shows the names of those that there are.
                let user = rng.maybe("user", |rng| rng.number(54_000, 54_999));
                let group = rng.maybe("group", |rng| rng.number(54_000, 54_999));
                let line = format!("tuntap add {name} mode {mode}{user}{group}{}", words.concat());
                (name, line)
            }
        };
        if !line.is_empty() {
            self.ip.push(line);
        }
        links.all.push(name);
    }

    /// What every link can have.
    fn settings(&mut self, rng: &mut Rng, links: &mut Links, name: &str) {
        for _ in 0..rng.from(0, 3) {
            let setting = match rng.from(0, 7) {
                0 => format!(
                    "mtu {}",
                    rng.pick(&["68", "1280", "1400", "1450", "1500", "9000", "65535"])
                ),
                1 => format!("address {}", rng.mac()),
                2 => format!("alias \"{}\"", rng.pick(&["to pod a", "b", "ünïcode", "a,b{c}"])),
                3 => {
                    self.ip.push(format!(
                        "link property add dev {name} altname {name}-{}",
                        rng.from(0, 99)
                    ));
                    continue;
                }
                4 => format!("arp {}", rng.on_off()),
                5 => format!("multicast {}", rng.on_off()),
                6 => format!("promisc {}", rng.on_off()),
                _ => format!("allmulticast {}", rng.on_off()),
            };
            self.ip.push(format!("link set dev {name} {setting}"));
        }
        if let Some(bridge) = links.bridges.clone().first()
            && !loops(name)
            && rng.one_in(2)
        {
            self.ip.push(format!("link set dev {name} master {bridge}"));
            links.ports.push(name.to_owned());
            for _ in 0..rng.from(0, 3) {
                let option = port_option(rng);
                self.ip
                    .push(format!("link set dev {name} type bridge_slave {option}"));
            }
        }
        if !rng.one_in(4) {
            self.ip.push(format!("link set dev {name} up"));
        }
    }

    fn nexthops(&mut self, rng: &mut Rng, links: &Links) {
        let count = rng.from(0, 4);
        for id in 1..=count {
            let link = rng.name(&links.all);
            let v6 = rng.one_in(2);
            let family = if v6 { "inet6" } else { "inet" };
            let what = match rng.from(0, 7) {
                0 => "blackhole".to_owned(),
                1 => format!("dev {link}"),
                2 => format!("via {} fdb", rng.ip(v6)),
                3 if id > 1 => {
                    let weight = if rng.one_in(2) { ",7" } else { "" };
                    format!("group 1{weight}/{}", id - 1)
                }
                4 if id > 1 => format!("group {},{}", id - 1, rng.from(1, 256)),
                _ => format!("via {} dev {link} onlink", rng.ip(v6)),
            };
            let proto = rng.maybe("proto", |rng| rng.number(0, 255));
            let family = if what.contains("via") || what.contains("group") {
                String::new()
            } else {
                format!(" family {family}")
            };
            self.ip.push(format!("nexthop add id {id}{family} {what}{proto}"));
        }
        for _ in 0..count {
            let v6 = rng.one_in(2);
            let (prefix, id) = (rng.prefix(v6), rng.from(1, count));
            self.ip.push(format!("route add {prefix} nhid {id}"));
        }
    }
}

/// Whether frames would come back to the bridge by other ways: the far ends of pairs, and what is on top of either. A
/// bridge forwards those for ever.
fn loops(name: &str) -> bool {
    ["br", "vb", "mv"].iter().any(|start| name.starts_with(start))
}

fn bridge_option(rng: &mut Rng) -> String {
    let on = rng.number(0, 1);
    match rng.from(0, 11) {
        0 => format!(" stp_state {on}"),
        1 => format!(" priority {}", rng.from(0, 65_535)),
        2 => format!(" ageing_time {}", rng.from(0, 100_000)),
        3 => format!(" forward_delay {}", rng.from(200, 3000)),
        4 => format!(" vlan_filtering {on}"),
        5 => format!(" vlan_protocol {}", rng.pick(&["802.1Q", "802.1ad"])),
        6 => format!(" vlan_default_pvid {}", rng.from(0, 4094)),
        7 => format!(" mcast_snooping {on}"),
        8 => format!(" group_fwd_mask {}", rng.from(0, 0x1fff) << 3),
        9 => format!(" nf_call_iptables {on}"),
        10 => format!(" nf_call_ip6tables {on}"),
        _ => format!(" nf_call_arptables {on}"),
    }
}

fn port_option(rng: &mut Rng) -> String {
    let flags = [
        "hairpin",
        "guard",
        "root_block",
        "fastleave",
        "learning",
        "flood",
        "proxy_arp",
        "proxy_arp_wifi",
        "mcast_flood",
        "bcast_flood",
        "neigh_suppress",
        "vlan_tunnel",
        "isolated",
        "locked",
    ];
    match rng.from(0, 9) {
        0 => format!("priority {}", rng.from(0, 63)),
        1 => format!("cost {}", rng.from(1, 65_535)),
        2 => format!("state {}", rng.from(0, 4)),
        _ => format!("{} {}", rng.pick(&flags), rng.on_off()),
    }
}

fn vxlan_options(rng: &mut Rng, lower: &str) -> String {
    let port = rng.pick(&["0", "4789", "8472", "50000"]);
    if rng.one_in(4) {
        return format!(" external dstport {port}{}", rng.word(&["gbp"]));
    }
    let v6 = rng.one_in(3);
    let mut text = format!(" id {} dstport {port}", rng.from(0, 0x00ff_ffff));
    text += &match rng.from(0, 3) {
        0 => format!(" remote {}", rng.ip(v6)),
        1 => format!(" group {} dev {lower}", if v6 { "ff02::7" } else { "239.1.1.7" }),
        _ => String::new(),
    };
    text += &rng.maybe("local", |rng| rng.ip(v6));
    if rng.one_in(2) && !text.contains("dev") {
        text += &format!(" dev {lower}");
    }
    text += &rng.maybe("ttl", |rng| rng.pick(&["0", "1", "64", "255"]).to_owned());
    text += &rng.maybe("tos", |rng| rng.pick(&["0x10", "4", "1"]).to_owned());
    text += &rng.maybe("ageing", |rng| rng.number(0, 100_000));
    text += &rng.maybe("srcport", |rng| {
        let low = rng.from(1, 60_000);
        format!("{low} {}", low + rng.from(0, 5000))
    });
    for words in [
        ["learning", "nolearning"],
        ["proxy", "noproxy"],
        ["rsc", "norsc"],
        ["l2miss", "nol2miss"],
        ["l3miss", "nol3miss"],
        ["udpcsum", "noudpcsum"],
        ["udp6zerocsumtx", "noudp6zerocsumtx"],
        ["udp6zerocsumrx", "noudp6zerocsumrx"],
        ["gbp", ""],
    ] {
        text += &rng.word(&words);
    }
    text
}

fn address(rng: &mut Rng, links: &Links) -> String {
    let link = rng.name(&links.all);
    if rng.one_in(2) {
        let peer = if rng.one_in(4) {
            format!(" peer {}/{}", rng.v6(), rng.from(64, 128))
        } else {
            format!("/{}", rng.from(48, 128))
        };
        let words =
            ["nodad", "home", "noprefixroute", "mngtmpaddr", "optimistic"].map(|word| rng.word(&[word]));
        let lifetime = rng.maybe("valid_lft forever preferred_lft", |rng| {
            rng.pick(&["0", "forever", "40000"]).to_owned()
        });
        let line = format!(
            "addr add {}{peer} dev {link}{}{lifetime}",
            rng.v6(),
            words.concat()
        );
        return line.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let peer = if rng.one_in(4) {
        format!(" peer {}/{}", rng.v4(), rng.from(8, 32))
    } else {
        format!("/{}", rng.from(8, 32))
    };
    let broadcast = rng.maybe("broadcast", |rng| match rng.from(0, 2) {
        0 => rng.v4(),
        1 => "+".to_owned(),
        _ => "-".to_owned(),
    });
    let scope = rng.maybe("scope", |rng| {
        rng.pick(&["global", "site", "link", "host", "7"]).to_owned()
    });
    let label = rng.maybe("label", |rng| format!("{link}:{}", rng.from(0, 9)));
    let flags = rng.word(&["noprefixroute"]);
    let lifetime = rng.maybe("valid_lft forever preferred_lft", |rng| {
        rng.pick(&["0", "forever", "40000"]).to_owned()
    });
    format!(
        "addr add {}{peer} dev {link}{broadcast}{scope}{label}{flags}{lifetime}",
        rng.v4()
    )
}

fn route(rng: &mut Rng, links: &Links) -> String {
    let v6 = rng.one_in(2);
    let kind = rng.pick(&[
        "unicast",
        "unicast",
        "unicast",
        "unicast",
        "local",
        "broadcast",
        "multicast",
        "anycast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
    ]);
    let prefix = if rng.one_in(8) {
        if v6 { "::/0" } else { "0.0.0.0/0" }.to_owned()
    } else {
        rng.prefix(v6)
    };
    let mut line = format!("route add {kind} {prefix}");
    line += &rng.maybe("table", |rng| {
        rng.pick(&["main", "local", "default", "7", "255", "300", "4294967295"])
            .to_owned()
    });
    line += &rng.maybe("proto", |rng| {
        rng.pick(&[
            "kernel", "boot", "static", "bird", "ra", "dhcp", "80", "99", "255",
        ])
        .to_owned()
    });
    line += &rng.maybe("metric", |rng| {
        rng.pick(&["0", "1", "100", "1024", "4294967295"]).to_owned()
    });
    if v6 {
        line += &if rng.one_in(6) {
            format!(" from {}", rng.prefix(true))
        } else {
            String::new()
        };
    } else if rng.one_in(4) {
        line += &format!(" tos {}", rng.pick(&["4", "0x10", "0x1c", "0xb8"]));
    }
    if matches!(kind, "blackhole" | "unreachable" | "prohibit" | "throw") {
        return line;
    }
    line += &rng.maybe("mtu", |rng| {
        rng.pick(&["1280", "1400", "lock 1400", "lock 9000"]).to_owned()
    });
    line += &rng.maybe("advmss", |rng| rng.pick(&["1200", "lock 1300"]).to_owned());
    if !v6 {
        line += &rng.maybe("scope", |rng| {
            rng.pick(&["global", "link", "host", "site", "9"]).to_owned()
        });
    }
    if kind == "unicast" && rng.one_in(3) {
        for _ in 0..rng.from(2, 4) {
            let gateway = gateway(rng, v6);
            let weight = rng.maybe("weight", |rng| rng.number(1, 256));
            line += &format!(
                " nexthop {gateway}dev {}{weight}{}",
                rng.name(&links.all),
                rng.word(&["onlink"])
            );
        }
        return line;
    }
    if rng.one_in(8) {
        line += &match rng.from(0, 3) {
            0 => format!(" encap mpls {}/{}", rng.from(16, 1_048_575), rng.from(16, 9999)),
            1 => format!(
                " encap ip id {} dst {} ttl {}",
                rng.from(0, 99_999),
                rng.v4(),
                rng.from(0, 255)
            ),
            2 => format!(
                " encap ip6 id {} dst {} hoplimit {}",
                rng.from(0, 99),
                rng.v6(),
                rng.from(0, 255)
            ),
            _ => format!(
                " encap seg6 mode {} segs {},{}",
                rng.pick(&["encap", "inline", "l2encap"]),
                rng.v6(),
                rng.v6()
            ),
        };
    }
    let link = rng.name(&links.all);
    let gateway = gateway(rng, v6);
    line + &format!(
        " {gateway}dev {link}{}",
        rng.word(&["onlink", "onlink", "pervasive"])
    )
}

/// `via …`, of the other family for some routes of IPv4, or nothing.
fn gateway(rng: &mut Rng, v6: bool) -> String {
    match rng.from(0, 3) {
        0 => String::new(),
        1 if !v6 => format!("via inet6 {} ", rng.v6()),
        _ => format!("via {} ", rng.ip(v6)),
    }
}

fn neighbor(rng: &mut Rng, links: &Links) -> String {
    let (v6, link) = (rng.one_in(2), rng.name(&links.all));
    let ip = rng.ip(v6);
    if rng.one_in(4) {
        return format!("neigh add proxy {ip} dev {link}{}", rng.word(&["router"]));
    }
    let state = rng.pick(&[
        "permanent",
        "noarp",
        "reachable",
        "stale",
        "delay",
        "probe",
        "failed",
        "incomplete",
        "none",
    ]);
    let flags = rng.word(&["router", "extern_learn", "router extern_learn"]);
    let proto = rng.maybe("proto", |rng| rng.number(1, 200));
    format!(
        "neigh add {ip} lladdr {} dev {link} nud {state}{flags}{proto}",
        rng.mac()
    )
}

fn rule(rng: &mut Rng, links: &Links, v6: bool) -> String {
    let mut line = "rule add".to_owned();
    line += rng.word(&["not"]).as_str();
    line += &rng.maybe("from", |rng| rng.prefix(v6));
    line += &rng.maybe("to", |rng| rng.prefix(v6));
    line += &rng.maybe("iif", |rng| rng.name(&links.all));
    line += &rng.maybe("oif", |rng| rng.pick(&["lo", "none0"]).to_owned());
    line += &rng.maybe("tos", |rng| rng.pick(&["0x10", "4", "0x1c"]).to_owned());
    line += &rng.maybe("fwmark", |rng| {
        rng.pick(&["0", "1", "0x100/0xff00", "0/0xff", "4294967295"])
            .to_owned()
    });
    line += &rng.maybe("ipproto", |rng| {
        rng.pick(&["tcp", "udp", "icmp", "99"]).to_owned()
    });
    line += &rng.maybe("sport", |rng| rng.pick(&["1", "100-200"]).to_owned());
    line += &rng.maybe("dport", |rng| rng.pick(&["53", "1-65534"]).to_owned());
    line += &rng.maybe("uidrange", |rng| rng.pick(&["0-0", "1000-2000"]).to_owned());
    line += &rng.maybe("tun_id", |rng| rng.number(1, 99_999));
    line += &rng.maybe("priority", |rng| rng.number(0, 40_000));
    line += &rng.maybe("protocol", |rng| {
        rng.pick(&["kernel", "static", "bird", "77"]).to_owned()
    });
    let suppress = rng.maybe("suppress_prefixlength", |rng| rng.number(0, 32));
    let group = rng.maybe("suppress_ifgroup", |rng| rng.number(0, 7));
    line += &match rng.from(0, 8) {
        0 => " l3mdev".to_owned(),
        1 => format!(" goto {}", rng.from(32_766, 50_000)),
        2 => " nop".to_owned(),
        3 => " blackhole".to_owned(),
        4 => " unreachable".to_owned(),
        5 => " prohibit".to_owned(),
        _ => format!(
            " lookup {}{suppress}{group}",
            rng.pick(&["main", "local", "7", "300", "4294967294"])
        ),
    };
    line
}

fn fdb(rng: &mut Rng, links: &Links) -> Option<String> {
    let mac = rng.mac();
    if rng.one_in(2) {
        let link = rng.one_of(&links.vxlans)?;
        let mac = if rng.one_in(3) {
            "00:00:00:00:00:00".to_owned()
        } else {
            mac
        };
        let mut line = format!("fdb append {mac} dev {link}");
        // The kernel takes the family that the link's own remote has.
        let v6 = rng.one_in(4);
        line += &if rng.one_in(6) {
            format!(" nhid {}", rng.from(1, 4))
        } else {
            format!(" dst {}", rng.ip(v6))
        };
        line += &rng.maybe("port", |rng| rng.number(1, 65_535));
        line += &rng.maybe("vni", |rng| rng.number(0, 0x00ff_ffff));
        let lower = rng.name(&links.all);
        line += &rng.maybe("via", |_| lower);
        return Some(line + &rng.word(&["permanent", "static", "dynamic", "extern_learn", "router"]));
    }
    let link = rng.one_of(&links.ports)?;
    let mut line = format!("fdb add {mac} dev {link} master");
    line += &rng.word(&["static", "dynamic", "permanent", "extern_learn", "static sticky"]);
    line += &if rng.one_in(5) {
        format!(" vlan {}", rng.from(1, 4094))
    } else {
        String::new()
    };
    Some(line)
}
