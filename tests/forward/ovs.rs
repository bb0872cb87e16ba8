//! Rules of Open vSwitch, walked here and by its own `ofproto/trace`: random rules, random packets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use netdiag::forward::openflow::field::{Key, Word};
use netdiag::forward::openflow::{Input, LOCAL, Switch, Translation};
use netdiag::state::ovs::Ovs;
use netdiag_lab::{Node, Plan, Random, or_skip, ovs};

/// Ports of `br0` and of `br1`; both have a patch port to the other, too.
const PORTS: [u32; 4] = [1, 2, 3, 4];
const PATCH: u32 = 9;
const MACS: [u64; 5] = [
    0x0200_0000_0001,
    0x0200_0000_0002,
    0x0200_0000_0003,
    0xffff_ffff_ffff,
    0x0100_5e00_0001,
];
/// Never among the destinations: what a real packet makes the switch learn, `ofproto/trace` does not.
const SOURCES: [u64; 3] = [0x0200_0000_0011, 0x0200_0000_0012, 0x0200_0000_0013];
const IPS: [[u8; 4]; 4] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 1, 1], [192, 168, 0, 9]];
const VLANS: [u16; 3] = [0, 10, 20];

fn mac(value: u64) -> String {
    let bytes = value.to_be_bytes();
    let octets: Vec<String> = bytes[2..].iter().map(|byte| format!("{byte:02x}")).collect();
    octets.join(":")
}

fn ip(random: &mut Random) -> Ipv4Addr {
    Ipv4Addr::from(*random.pick(&IPS))
}

/// A packet, as rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    port: u32,
    src: u64,
    dst: u64,
    vlan: u16,
    pcp: u8,
    /// 0: an ARP request.
    proto: u8,
    from: Ipv4Addr,
    to: Ipv4Addr,
    tos: u8,
    ttl: u8,
    sport: u16,
    dport: u16,
}

impl Sent {
    fn random(random: &mut Random) -> Self {
        let proto = *random.pick(&[0, 1, 6, 17, 132, 47]);
        let ports = [6, 17, 132].contains(&proto);
        Self {
            port: *random.pick(&[1, 2, 3, 4, LOCAL]),
            src: *random.pick(&SOURCES),
            dst: *random.pick(&MACS),
            vlan: *random.pick(&VLANS),
            pcp: u8::try_from(random.below(3)).unwrap(),
            proto,
            from: ip(random),
            to: ip(random),
            tos: *random.pick(&[0, 4, 0x2d]),
            ttl: *random.pick(&[64, 64, 2, 1]),
            sport: if ports {
                *random.pick(&[1000, 40_000])
            } else if proto == 1 {
                8
            } else {
                0
            },
            dport: if ports { *random.pick(&[53, 80, 443]) } else { 0 },
        }
    }

    /// As `ofproto/trace` takes it.
    fn text(&self) -> String {
        let port = if self.port == LOCAL {
            "LOCAL".to_owned()
        } else {
            self.port.to_string()
        };
        let mut text = format!("in_port={port},dl_src={},dl_dst={}", mac(self.src), mac(self.dst));
        if self.vlan != 0 {
            write!(text, ",dl_vlan={},dl_vlan_pcp={}", self.vlan, self.pcp).unwrap();
        }
        let (from, to) = (self.from, self.to);
        if self.proto == 0 {
            write!(
                text,
                ",arp,arp_op=1,arp_spa={from},arp_tpa={to},arp_sha={}",
                mac(self.src)
            )
            .unwrap();
            return text;
        }
        let (tos, ecn) = (self.tos & 0xfc, self.tos & 3);
        let ip = format!(
            "nw_src={from},nw_dst={to},nw_tos={tos},nw_ecn={ecn},nw_ttl={}",
            self.ttl
        );
        match self.proto {
            1 => write!(text, ",icmp,{ip},icmp_type=8,icmp_code=0"),
            6 | 17 | 132 => {
                let name = match self.proto {
                    6 => "tcp",
                    17 => "udp",
                    _ => "sctp",
                };
                write!(
                    text,
                    ",{name},{ip},{name}_src={},{name}_dst={}",
                    self.sport, self.dport
                )
            }
            proto => write!(text, ",ip,nw_proto={proto},{ip}"),
        }
        .unwrap();
        text
    }

    fn key(&self) -> Key {
        let mut key = Key::default();
        key.set(Word::ETH_SRC, self.src.into());
        key.set(Word::ETH_DST, self.dst.into());
        if self.vlan != 0 {
            key.set(
                Word::TCI,
                0x1000 | u128::from(self.pcp) << 13 | u128::from(self.vlan),
            );
        }
        key.set(Word::NW_SRC, self.from.to_bits().into());
        key.set(Word::NW_DST, self.to.to_bits().into());
        if self.proto == 0 {
            key.set(Word::ETH_TYPE, 0x0806);
            key.set(Word::PROTO, 1);
            key.set(Word::ARP_SHA, self.src.into());
            return key;
        }
        key.set(Word::ETH_TYPE, 0x0800);
        key.set(Word::PROTO, self.proto.into());
        key.set(Word::TOS, self.tos.into());
        key.set(Word::TTL, self.ttl.into());
        key.set(Word::TP_SRC, self.sport.into());
        key.set(Word::TP_DST, self.dport.into());
        key
    }
}

/// A match in the grammar of ovs-ofctl.
fn matching(random: &mut Random) -> String {
    let mut words: Vec<String> = Vec::new();
    if random.percent(25) {
        words.push(format!("in_port={}", random.pick(&[1, 2, 3, 4, 9])));
    }
    if random.percent(20) {
        words.push(match random.below(3) {
            0 => format!("dl_dst={}", mac(*random.pick(&MACS))),
            1 => "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00".into(),
            _ => format!("dl_src={}", mac(*random.pick(&SOURCES))),
        });
    }
    if random.percent(25) {
        words.push(match random.below(5) {
            0 => "dl_vlan=0xffff".into(),
            1 => "vlan_tci=0x1000/0x1000".into(),
            2 => "vlan_tci=0".into(),
            3 => format!("dl_vlan=10,dl_vlan_pcp={}", random.below(2)),
            _ => format!("dl_vlan={}", random.pick(&VLANS[1..])),
        });
    }
    if random.percent(20) {
        let number = random.below(3);
        words.push(match random.below(3) {
            0 => format!("reg{number}={}", random.below(3)),
            1 => format!("reg{number}=0x1/0x1"),
            _ => format!("metadata={}", random.below(2)),
        });
    }
    if random.percent(60) {
        let proto = *random.pick(&["ip", "arp", "tcp", "udp", "icmp", "sctp"]);
        words.push(proto.into());
        if proto == "arp" {
            if random.percent(50) {
                words.push(format!("arp_tpa={}", ip(random)));
            }
            if random.percent(30) {
                words.push(format!("arp_op={}", 1 + random.below(2)));
            }
            return words.join(",");
        }
        if random.percent(40) {
            words.push(format!("nw_dst={}/{}", ip(random), random.pick(&[8, 24, 31, 32])));
        }
        if random.percent(30) {
            words.push(format!("nw_src={}", ip(random)));
        }
        if random.percent(10) {
            words.push("nw_tos=4".into());
        }
        if random.percent(10) {
            words.push(format!("nw_ttl={}", random.pick(&[64, 63, 1])));
        }
        if random.percent(5) {
            words.push(format!("nw_ecn={}", random.below(2)));
        }
        if ["tcp", "udp", "sctp"].contains(&proto) && random.percent(50) {
            words.push(match random.below(3) {
                0 => format!("{proto}_dst=0x50/0xfff0"),
                1 => format!("{proto}_src=1000"),
                _ => format!("{proto}_dst={}", random.pick(&[53, 80, 443])),
            });
        }
        if proto == "icmp" && random.percent(30) {
            words.push(format!("icmp_type={}", random.pick(&[0, 8])));
        }
    }
    words.join(",")
}

fn port(random: &mut Random) -> String {
    random
        .pick(&[
            "1", "2", "3", "4", "9", "LOCAL", "NORMAL", "IN_PORT", "FLOOD", "ALL",
        ])
        .to_string()
}

/// Actions of a rule in a table; `ip`: whether its match makes sure that there is IPv4.
fn actions(random: &mut Random, table: u64, matches: &str) -> String {
    let is = |proto: &str| matches.split(',').any(|word| word == proto);
    let ip_like = ["ip", "tcp", "udp", "icmp", "sctp"].iter().any(|proto| is(proto));
    let mut words: Vec<String> = Vec::new();
    for _ in 0..random.below(4) {
        words.push(match random.below(17) {
            0 => format!("mod_dl_dst:{}", mac(*random.pick(&MACS))),
            1 => format!("mod_dl_src:{}", mac(SOURCES[0])),
            2 => format!("mod_vlan_vid:{}", random.pick(&VLANS[1..])),
            3 => format!("mod_vlan_pcp:{}", random.below(4)),
            4 => "strip_vlan".into(),
            5 => format!("load:{}->NXM_NX_REG{}[]", random.below(3), random.below(3)),
            6 => format!("load:1->NXM_NX_REG{}[{}]", random.below(3), random.below(2)),
            7 => "move:NXM_NX_REG0[0..15]->NXM_NX_REG1[0..15]".into(),
            8 if ip_like => format!("mod_nw_dst:{}", ip(random)),
            9 if ip_like => format!("mod_nw_src:{}", ip(random)),
            10 if ip_like => "dec_ttl".into(),
            11 if is("tcp") || is("udp") => format!("mod_tp_dst:{}", random.pick(&[53, 80])),
            12 if ip_like => "mod_nw_tos:16".into(),
            13 => "move:NXM_OF_ETH_DST[0..15]->NXM_NX_REG2[0..15]".into(),
            14 => format!(
                "push:NXM_NX_REG{}[],pop:NXM_NX_REG{}[]",
                random.below(3),
                random.below(3)
            ),
            15 if table < 3 => format!("resubmit(,{})", table + 1 + random.below(3 - table)),
            16 if table < 3 => format!("resubmit({},{})", random.pick(&PORTS), table + 1),
            _ => format!("output:{}", random.pick(&[1, 2, 3, 4, 9])),
        });
    }
    match random.below(12) {
        0 => words.push("drop".into()),
        1 | 2 if table < 3 => words.push(format!("resubmit(,{})", table + 1)),
        3 => words.push(format!(
            "clone(mod_vlan_vid:10,output:{}),output:{}",
            random.pick(&PORTS),
            random.pick(&PORTS)
        )),
        4 => words.push("output:NXM_NX_REG0[0..15]".into()),
        5 => words.push(format!("group:{}", 1 + random.below(3))),
        _ => words.push(port(random)),
    }
    if words.last().is_some_and(|word| word == "drop") {
        return "drop".into();
    }
    words.join(",")
}

/// Rules of both bridges, no two of one table with the same priority.
fn rules(random: &mut Random) -> [String; 2] {
    [0, 1].map(|bridge| {
        let mut text = String::new();
        let mut priority = 1000;
        for table in 0..4 {
            for _ in 0..2 + random.below(5) {
                priority -= 1;
                let matches = matching(random);
                let actions = actions(random, table, &matches);
                let comma = if matches.is_empty() { "" } else { "," };
                writeln!(
                    text,
                    "table={table},priority={priority}{comma}{matches},actions={actions}"
                )
                .unwrap();
            }
        }
        // Often there is the rule that a new bridge has.
        if bridge == 1 || random.percent(60) {
            text += "table=0,priority=0,actions=NORMAL\n";
        }
        text
    })
}

/// How ports and groups of the bridges are configured.
fn ports(random: &mut Random, bridge: &str) -> String {
    let mut script = String::new();
    for number in PORTS {
        let name = format!("{bridge}p{number}");
        let settings = match random.below(7) {
            0 => "tag=10".into(),
            1 => "tag=20".into(),
            2 => "trunks=10,20".into(),
            3 => "vlan_mode=native-untagged tag=10".into(),
            4 => "vlan_mode=native-tagged tag=20 trunks=10".into(),
            _ => format!("protected={}", random.percent(30)),
        };
        writeln!(
            script,
            "ovs-vsctl --timeout=10 -- clear port {name} tag trunks vlan_mode -- set port {name} protected=false {settings}"
        )
        .unwrap();
    }
    script
}

/// What leaves by a port: the frame then.
type Out = (String, Seen);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    src: u128,
    dst: u128,
    tci: u128,
    tci2: u128,
    from: u128,
    to: u128,
    tos: u128,
    ttl: u128,
    sport: u128,
    dport: u128,
}

fn seen(key: &Key) -> Seen {
    let of = |word| key.get(word);
    Seen {
        src: of(Word::ETH_SRC),
        dst: of(Word::ETH_DST),
        tci: of(Word::TCI),
        tci2: of(Word::TCI2),
        from: of(Word::NW_SRC),
        to: of(Word::NW_DST),
        tos: of(Word::TOS),
        ttl: of(Word::TTL),
        sport: of(Word::TP_SRC),
        dport: of(Word::TP_DST),
    }
}

fn told(switch: &Switch, translation: &Translation) -> Vec<Out> {
    let mut outs: Vec<Out> = translation
        .effects
        .iter()
        .map(|effect| (switch.bridges[effect.bridge].name(effect.port), seen(&effect.key)))
        .collect();
    outs.sort();
    outs
}

/// Splits at commas outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0 && c == ','
    })
    .collect()
}

/// Carries out the datapath's actions.
fn carried(actions: &str, key: &mut Key, names: &BTreeMap<String, String>, outs: &mut Vec<Out>) {
    for action in split(actions) {
        if let Some(name) = names.get(action) {
            outs.push((name.clone(), seen(key)));
            continue;
        }
        let (word, inside) = action.split_once('(').unwrap_or((action, ""));
        let inside = inside.strip_suffix(')').unwrap_or(inside);
        match word {
            "pop_vlan" => {
                key.set(Word::TCI, key.get(Word::TCI2));
                key.set(Word::TCI2, 0);
            }
            "push_vlan" => {
                key.set(Word::TCI2, key.get(Word::TCI));
                let value = |name: &str| -> u128 {
                    let found = split(inside).into_iter().find_map(|word| word.strip_prefix(name));
                    found.map_or(0, |value| value.parse().unwrap())
                };
                key.set(Word::TCI, 0x1000 | value("pcp=") << 13 | value("vid="));
            }
            "clone" => carried(inside, &mut key.clone(), names, outs),
            // Copies for the controller: of a table without a match, or of a time to live that is over.
            "drop" | "userspace" | "controller" => {}
            "set" => {
                let (protocol, fields) = inside.split_once('(').unwrap();
                for field in split(fields.strip_suffix(')').unwrap()) {
                    let (name, value) = field.split_once('=').unwrap();
                    let (value, mask) = value.split_once('/').unwrap_or((value, ""));
                    let at = match (protocol, name) {
                        ("eth", "src") => Word::ETH_SRC,
                        ("eth", "dst") => Word::ETH_DST,
                        ("ipv4", "src") => Word::NW_SRC,
                        ("ipv4", "dst") => Word::NW_DST,
                        ("ipv4", "tos") => Word::TOS,
                        ("ipv4", "ttl") => Word::TTL,
                        ("tcp" | "udp" | "sctp", "src") => Word::TP_SRC,
                        ("tcp" | "udp" | "sctp", "dst") => Word::TP_DST,
                        _ => panic!("{action}"),
                    };
                    let value = netdiag::forward::openflow::field::value(value).unwrap();
                    let mask = if mask.is_empty() {
                        u128::MAX
                    } else {
                        netdiag::forward::openflow::field::value(mask).unwrap()
                    };
                    key.set(at, key.get(at) & !mask | value & mask);
                }
            }
            _ => panic!("{action} of {actions}"),
        }
    }
}

/// Datapath ports by number, of `dpif/show`.
fn datapath(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(' ')?;
            let (_, number) = rest.split_once('/')?;
            let (number, _) = number.split_once(':')?;
            Some((number.to_owned(), name.to_owned()))
        })
        .collect()
}

fn collected(node: &Node) -> Ovs {
    let state = super::networks::collected(node);
    state.ovs.known().unwrap().clone()
}

/// So many packets for each of so many sets of rules.
fn compare(seeds: std::ops::Range<u64>, packets: usize) {
    let lab = Plan::new()
        .segment("lan", "")
        .node("h", |node| node.link("eth0", "lan", ""))
        .up();
    let Some(lab) = or_skip(lab) else { return };
    let node = lab.node("h");
    if or_skip(ovs::start(node)).is_none() {
        return;
    }
    let mut script = String::new();
    for (bridge, other) in [("br0", "br1"), ("br1", "br0")] {
        writeln!(script, "ovs-vsctl --timeout=10 add-br {bridge} -- set bridge {bridge} datapath_type=netdev fail_mode=secure").unwrap();
        for number in PORTS {
            let name = format!("{bridge}p{number}");
            writeln!(script, "ovs-vsctl --timeout=10 add-port {bridge} {name} -- set interface {name} type=internal ofport_request={number}").unwrap();
        }
        writeln!(script, "ovs-vsctl --timeout=10 add-port {bridge} {bridge}patch -- set interface {bridge}patch type=patch options:peer={other}patch ofport_request={PATCH}").unwrap();
    }
    script += "for link in $(ls /sys/class/net); do ip link set $link up; done\n";
    ovs::sh(node, &script).unwrap();
    let (mut asked, mut wrong, mut open) = (0, Vec::new(), 0);
    for seed in seeds {
        let mut random = Random::new(seed);
        let rules = rules(&mut random);
        let mut script = ports(&mut random, "br0") + &ports(&mut random, "br1");
        for (bridge, rules) in ["br0", "br1"].iter().zip(&rules) {
            node.write(&format!("/run/rules-{bridge}"), rules).unwrap();
            writeln!(
                script,
                "ovs-ofctl -O OpenFlow15 del-groups {bridge}
                ovs-ofctl -O OpenFlow15 add-group {bridge} 'group_id=1,type=all,bucket=bucket_id=0,actions=output:1,bucket=bucket_id=1,actions=set_field:{}->eth_dst,output:2'
                ovs-ofctl -O OpenFlow15 add-group {bridge} 'group_id=2,type=indirect,bucket=bucket_id=0,actions=output:3'
                ovs-ofctl -O OpenFlow15 add-group {bridge} 'group_id=3,type=ff,bucket=bucket_id=0,watch_port:4,actions=output:4,bucket=bucket_id=1,watch_port:1,actions=output:1'
                ovs-ofctl del-flows {bridge}; ovs-ofctl add-flows {bridge} /run/rules-{bridge}; ovs-appctl fdb/flush {bridge}
                ovs-appctl fdb/add {bridge} {bridge}p1 0 {}
                ovs-appctl fdb/add {bridge} {bridge}p2 10 {}",
                mac(MACS[2]),
                mac(MACS[0]),
                mac(MACS[1]),
            )
            .unwrap();
        }
        ovs::sh(node, &script).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{rules:#?}"));
        let mut state = collected(node);
        for bridge in &mut state.bridges {
            let text = ovs::tool(
                node,
                "ovs-ofctl",
                &["-O", "OpenFlow15", "dump-groups", &bridge.name],
            )
            .unwrap();
            bridge.groups = netdiag::state::Fact::Known(netdiag::parse::ovs_flows::groups(&text).unwrap());
        }
        let switch = Switch::new(&state);
        let br0 = switch
            .bridges
            .iter()
            .position(|bridge| bridge.state.name == "br0")
            .unwrap();
        let sent: Vec<Sent> = (0..packets).map(|_| Sent::random(&mut random)).collect();
        let lines: String = sent.iter().map(|sent| sent.text() + "\n").collect();
        node.write("/run/packets", &lines).unwrap();
        let traced = ovs::sh(
            node,
            "ovs-appctl dpif/show; while read line; do echo ====; ovs-appctl ofproto/trace br0 \"$line\"; done </run/packets",
        )
        .unwrap();
        let mut answers = traced.split("====\n");
        let names = datapath(answers.next().unwrap());
        for (sent, answer) in sent.iter().zip(answers) {
            asked += 1;
            let actions = answer
                .lines()
                .find_map(|line| line.strip_prefix("Datapath actions: "))
                .unwrap_or_else(|| panic!("{answer}"));
            let mut outs = Vec::new();
            carried(actions, &mut sent.key(), &names, &mut outs);
            outs.sort();
            let ways = switch
                .translate(&Input {
                    bridge: br0,
                    port: sent.port,
                    key: sent.key(),
                    size: 98,
                    learned: &[],
                    zones: &[],
                    reply: false,
                })
                .unwrap();
            let said = match &ways[..] {
                [one] if one.result.not_understood.is_none() => told(&switch, &one.result),
                _ => {
                    open += 1;
                    continue;
                }
            };
            // Two bridges that send it to and fro: the switch gives up at some depth.
            if answer.contains("over max translation depth") {
                assert!(ways[0].result.lost.is_some(), "{}\n{answer}", sent.text());
                continue;
            }
            if said != outs {
                wrong.push(format!(
                    "seed {seed}, {}\n netdiag {said:x?}\n the switch {outs:x?}\n{:#?}\n{answer}",
                    sent.text(),
                    ways[0].result.notes
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(2)].join("\n")
    );
    assert!(open * 100 <= asked, "{open} of {asked} not decided");
}

#[test]
fn random_rules_do_what_the_switch_says_they_do() {
    let seeds = std::env::var("NETDIAG_OVS_SEEDS").ok().and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    compare(seeds.unwrap_or(0..8), 60);
}
