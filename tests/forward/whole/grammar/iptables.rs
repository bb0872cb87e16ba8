//! Tables of iptables, of one back end.

use std::net::IpAddr;

use netdiag_lab::Random;

use super::ipsets::{SETS, WIDE_SETS};
use super::{feed, links, port, prefix_or, service};
use crate::whole::draft::Draft;
use crate::whole::mutate::someone;

/// One back end's tables.
pub(super) fn tables(random: &mut Random, draft: &mut Draft, space: usize, back_end: &str) {
    let mut text = String::new();
    let tables: &[(&str, &[&str])] = &[
        ("raw", &["PREROUTING", "OUTPUT"]),
        (
            "mangle",
            &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        ),
        ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
        ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ];
    for (table, chains) in tables {
        if !random.percent(match *table {
            "filter" => 75,
            "nat" => 60,
            _ => 30,
        }) {
            continue;
        }
        text += &format!("*{table}\n");
        for chain in *chains {
            let drops = *table == "filter" && random.percent(10);
            text += &format!(":{chain} {}\n", if drops { "DROP" } else { "ACCEPT" });
        }
        for user in 0..3 {
            text += &format!(":U{user} -\n");
        }
        let shape = (*table == "nat" || *table == "filter") && random.percent(30);
        if shape {
            text += &shaped(random, draft, table);
        }
        for chain in *chains {
            // Hosts that nobody finds make dull networks.
            let heard = !draft.deep || random.percent(85);
            if draft.v6 && *table == "filter" && heard {
                text += &format!("-A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n");
                text += &format!("-A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n");
            }
            let count = if random.percent(40) { 0 } else { random.below(5) };
            for _ in 0..count {
                text += &rule(random, draft, space, table, chain, 0);
            }
        }
        for user in 0..3 {
            let chain = format!("U{user}");
            for _ in 0..random.below(4) {
                text += &rule(random, draft, space, table, &chain, user + 1);
            }
        }
        text += "COMMIT\n";
    }
    if text.is_empty() {
        return;
    }
    let six = if draft.v6 { "6" } else { "" };
    let command = format!("ip{six}tables-{back_end}-restore");
    // Only the legacy back end has a lock.
    let command: Vec<&str> = if back_end == "legacy" {
        vec![&command, "-w"]
    } else {
        vec![&command]
    };
    feed(draft, space, &command, text);
}

/// Services as kube-proxy writes them, and marks as it takes them.
fn shaped(random: &mut Random, draft: &Draft, table: &str) -> String {
    let v6 = draft.v6;
    let whole = draft.whole();
    if table == "filter" {
        return "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                -A FORWARD -m conntrack --ctstate INVALID -j DROP\n\
                -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                -A FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark 0x4000/0x4000 -j ACCEPT\n"
            .to_owned();
    }
    let mut text = String::from(":KUBE-SERVICES -\n:KUBE-SVC-A -\n:KUBE-MARK-MASQ -\n:KUBE-POSTROUTING -\n");
    let ends: Vec<IpAddr> = (0..=random.below(3)).map(|_| someone(random, draft)).collect();
    for number in 0..ends.len() {
        text += &format!(":KUBE-SEP-{number} -\n");
    }
    let vip = service(random, v6);
    let proto = *random.pick(&["tcp", "udp"]);
    text +=
        "-A PREROUTING -j KUBE-SERVICES\n-A OUTPUT -j KUBE-SERVICES\n-A POSTROUTING -j KUBE-POSTROUTING\n";
    text += &format!("-A KUBE-SERVICES -d {vip}/{whole} -p {proto} -m {proto} --dport 80 -j KUBE-SVC-A\n");
    if random.percent(50) {
        text += "-A KUBE-SVC-A -j KUBE-MARK-MASQ\n";
    }
    // Session affinity: whom a client got once it gets again.
    let stays = draft.lists && random.percent(50);
    for number in (0..ends.len()).filter(|_| stays) {
        text += &format!(
            "-A KUBE-SVC-A -m recent --name KUBE-SEP-{number} --rcheck --seconds 10800 --reap --rsource -j KUBE-SEP-{number}\n"
        );
    }
    for (number, end) in ends.iter().enumerate() {
        let left = ends.len() - number;
        let chance = if left > 1 {
            format!(
                " -m statistic --mode random --probability {:.11}",
                1.0 / f64::from(u32::try_from(left).unwrap())
            )
        } else {
            String::new()
        };
        text += &format!("-A KUBE-SVC-A{chance} -j KUBE-SEP-{number}\n");
        text += &format!("-A KUBE-SEP-{number} -s {end}/{whole} -j KUBE-MARK-MASQ\n");
        let to = if v6 {
            format!("[{end}]:8080")
        } else {
            format!("{end}:8080")
        };
        let set = if stays {
            format!(" -m recent --name KUBE-SEP-{number} --set --rsource")
        } else {
            String::new()
        };
        text += &format!("-A KUBE-SEP-{number}{set} -p {proto} -m {proto} -j DNAT --to-destination {to}\n");
    }
    text += "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n";
    text += "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n";
    text += "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\n";
    text += "-A KUBE-POSTROUTING -j MASQUERADE\n";
    text
}

/// One rule; user chains jump only to those behind them.
fn rule(random: &mut Random, draft: &Draft, space: usize, table: &str, chain: &str, level: usize) -> String {
    let mut line = format!("-A {chain}");
    let mut proto = None;
    for _ in 0..random.below(3) {
        let next = matching(random, draft, space, table, chain, &mut proto);
        // Options may stand once only.
        let option = next.split(' ').find(|word| word.starts_with('-')).unwrap_or(" ");
        let module = next.split(' ').nth(2).unwrap_or(" ");
        let again = if option == "-m" {
            line.contains(&format!(" -m {module} "))
        } else {
            line.contains(&format!("{option} "))
        };
        if !again {
            line += &next;
        }
    }
    let mut wide = None;
    if draft.lists && random.percent(20) {
        line += &listed(random, draft.v6);
    } else if draft.deep && table != "nat" && random.percent(8) {
        let not = random.pick(&["", "", " !"]);
        line += &format!(" -m recent{not} --set --name r{level}");
    }
    if draft.wide {
        if random.percent(35) {
            let has_sets = draft.spaces[space]
                .rules
                .iter()
                .any(|(command, _)| command[0] == "ipset");
            let next = wide_match(random, draft, has_sets, (table, chain), proto.as_deref());
            let module = next.split(' ').nth(2).unwrap_or(" ");
            if !line.contains(&format!(" -m {module} ")) {
                line += &next;
            }
        }
        wide = wide_target(random, table, proto.as_deref())
            .filter(|target| random.percent(20) && !(target.contains("-m tcp") && line.contains("-m tcp")));
    }
    let target = match wide {
        Some(target) => target,
        None => target(random, draft, table, chain, level, &mut proto),
    };
    let with = proto.map_or_else(String::new, |proto: String| format!(" -p {proto}"));
    line.replacen(chain, &format!("{chain}{with}"), 1) + &target + "\n"
}

/// A list that several rules share: who came is written into it, and asked of it.
fn listed(random: &mut Random, v6: bool) -> String {
    let not = random.pick(&["", "", "", " !"]);
    let hits = 1 + random.below(5);
    let does = match random.below(9) {
        0..=2 => "--set".to_owned(),
        3 => "--rcheck".to_owned(),
        4 => "--rcheck --seconds 600 --reap".to_owned(),
        5 => format!("--rcheck --hitcount {hits}"),
        6 => format!("--update --seconds 600 --hitcount {hits}"),
        7 => "--update --seconds 600 --rttl".to_owned(),
        _ => "--remove".to_owned(),
    };
    // Rules of one list have one mask, as a rule: that of the first one counts for all.
    let name = random.below(3);
    let mask = if v6 || (name == 2) == random.percent(3) {
        ""
    } else {
        " --mask 255.255.255.0"
    };
    let end = random.pick(&["--rsource", "--rsource", "--rdest"]);
    format!(" -m recent{not} {does} --name r{name}{mask} {end}")
}

fn icmp(v6: bool) -> &'static str {
    if v6 { "ipv6-icmp" } else { "icmp" }
}

fn matching(
    random: &mut Random,
    draft: &Draft,
    space: usize,
    table: &str,
    chain: &str,
    proto: &mut Option<String>,
) -> String {
    let not = if random.percent(15) { " !" } else { "" };
    let links = links(draft, space);
    let has_sets = draft.spaces[space]
        .rules
        .iter()
        .any(|(command, _)| command[0] == "ipset");
    match random.below(17) {
        0 | 1 => format!("{not} -s {}", prefix_or(random, draft)),
        2 | 3 => format!("{not} -d {}", prefix_or(random, draft)),
        4 if !["OUTPUT", "POSTROUTING"].contains(&chain) => format!("{not} -i {}", random.pick(&links)),
        5 if !["PREROUTING", "INPUT"].contains(&chain) => format!("{not} -o {}", random.pick(&links)),
        6 | 7 if proto.is_none() => {
            let kind = *random.pick(&["tcp", "udp"]);
            *proto = Some(kind.to_owned());
            match random.below(5) {
                0 => format!(" -m {kind}{not} --dport {}", port(random)),
                1 => format!(" -m {kind} --sport 20000:20009"),
                2 => format!(" -m multiport --dports 53,{}", port(random)),
                3 if kind == "tcp" => " -m tcp --tcp-flags FIN,SYN,RST,ACK SYN".to_owned(),
                _ => String::new(),
            }
        }
        8 if proto.is_none() => {
            *proto = Some(icmp(draft.v6).to_owned());
            let (module, option, echo) = if draft.v6 {
                ("icmp6", "icmpv6", 128)
            } else {
                ("icmp", "icmp", 8)
            };
            if random.percent(50) {
                format!(" -m {module} --{option}-type {echo}")
            } else {
                String::new()
            }
        }
        9 | 10 if table != "raw" => {
            let state = random.pick(&[
                "NEW",
                "RELATED,ESTABLISHED",
                "INVALID",
                "UNTRACKED",
                "DNAT",
                "SNAT",
                "NEW,ESTABLISHED",
            ]);
            format!(" -m conntrack{not} --ctstate {state}")
        }
        11 => format!(
            " -m mark{not} --mark {}",
            random.pick(&["0x1", "0x2/0x3", "0x10/0xf0", "0x0/0xff"])
        ),
        12 if has_sets => {
            let (name, kind) = random.pick(&SETS);
            let dirs = match *kind {
                "hash:ip,port" => "dst,dst",
                _ => *random.pick(&["src", "dst"]),
            };
            format!(" -m set{not} --match-set {name} {dirs}")
        }
        13 => {
            let (dir, kind) = (random.pick(&["src", "dst"]), random.pick(&["LOCAL", "UNICAST"]));
            format!(" -m addrtype{not} --{dir}-type {kind}")
        }
        14 if chain == "PREROUTING" && table != "nat" => {
            format!(
                " -m rpfilter{}{}",
                random.pick(&["", " --loose", " --validmark"]),
                random.pick(&["", " --invert"])
            )
        }
        15 => " -m limit --limit 1000/sec --limit-burst 1000".to_owned(),
        16 if table != "raw" && random.percent(50) => {
            format!(" -m connmark{not} --mark {}", random.pick(&["0x0", "0x1"]))
        }
        16 => " -m physdev --physdev-is-bridged".to_owned(),
        _ => String::new(),
    }
}

/// More kinds of matches of iptables.
fn wide_match(
    random: &mut Random,
    draft: &Draft,
    has_sets: bool,
    (table, chain): (&str, &str),
    proto: Option<&str>,
) -> String {
    let not = if random.percent(15) { " !" } else { "" };
    match random.below(9) {
        0 if has_sets => {
            let (name, _, dirs) = random.pick(&WIDE_SETS);
            format!(" -m set{not} --match-set {name} {dirs}")
        }
        1 if chain == "OUTPUT" => format!(" -m owner{not} --uid-owner {}", random.pick(&["0", "1000"])),
        2 => " -m statistic --mode nth --every 2 --packet 0".to_owned(),
        3 if table != "raw" => format!(
            " -m connlimit {}",
            random.pick(&["--connlimit-above 100000", "--connlimit-upto 100000"])
        ),
        4 => format!(
            " -m {}",
            if draft.v6 {
                random.pick(&["hl --hl-lt 60", "hl --hl-gt 60"])
            } else {
                random.pick(&["ttl --ttl-lt 60", "ttl --ttl-gt 60"])
            }
        ),
        5 => format!(" -m tos{not} --tos {}", random.pick(&["0x10", "0x08/0x18"])),
        6 => format!(
            " -m length{not} --length {}",
            random.pick(&["0:100", "1000:1400"])
        ),
        7 => {
            let (a, b) = (someone(random, draft), someone(random, draft));
            let side = random.pick(&["src", "dst"]);
            format!(" -m iprange{not} --{side}-range {}-{}", a.min(b), a.max(b))
        }
        _ if table != "raw" && proto.is_some() => {
            let (key, ip) = (
                random.pick(&["ctorigdst", "ctorigsrc", "ctreplsrc"]),
                someone(random, draft),
            );
            format!(" -m conntrack{not} --{key} {ip}")
        }
        _ => String::new(),
    }
}

fn target(
    random: &mut Random,
    draft: &Draft,
    table: &str,
    chain: &str,
    level: usize,
    proto: &mut Option<String>,
) -> String {
    let jump = |random: &mut Random| {
        if level >= 3 {
            return " -j RETURN".to_owned();
        }
        let to = level + usize::try_from(random.below(u64::try_from(3 - level).unwrap())).unwrap();
        format!(" -{} U{to}", random.pick(&["j", "j", "j", "g"]))
    };
    let own = level == 0;
    match (table, random.below(10)) {
        (_, 0 | 1) => jump(random),
        (_, 2) if !own => " -j RETURN".to_owned(),
        ("filter", 3) => " -j DROP".to_owned(),
        ("filter", 4) => {
            let kinds: &[&str] = if draft.v6 && draft.deep {
                &[
                    "icmp6-no-route",
                    "icmp6-addr-unreachable",
                    "icmp6-policy-fail",
                    "icmp6-reject-route",
                ]
            } else if draft.deep {
                &[
                    "icmp-net-unreachable",
                    "icmp-host-unreachable",
                    "icmp-proto-unreachable",
                    "icmp-net-prohibited",
                ]
            } else if draft.v6 {
                &["icmp6-port-unreachable", "icmp6-adm-prohibited"]
            } else {
                &[
                    "icmp-port-unreachable",
                    "icmp-host-prohibited",
                    "icmp-admin-prohibited",
                ]
            };
            if proto.as_deref() == Some("tcp") && random.percent(50) {
                " -j REJECT --reject-with tcp-reset".to_owned()
            } else {
                format!(" -j REJECT --reject-with {}", random.pick(kinds))
            }
        }
        ("raw", 3..=8) if own && draft.deep => format!(
            " -j CT {}",
            random.pick(&[
                "--notrack",
                "--zone 1",
                "--zone 1",
                "--zone 2",
                "--zone-orig 1",
                "--zone-reply 2"
            ])
        ),
        ("raw", 3..=5) if own => " -j CT --notrack".to_owned(),
        ("mangle", 3..=5) => format!(
            " -j MARK --set-xmark {}",
            random.pick(&["0x1/0xffffffff", "0x2/0x3", "0x10/0xf0"])
        ),
        ("mangle", 6) => random
            .pick(&[
                " -j CONNMARK --set-xmark 0x1/0xffffffff",
                " -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
                " -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
            ])
            .to_string(),
        ("mangle", 7) if !draft.v6 => " -j TTL --ttl-set 20".to_owned(),
        ("nat", 3..=8) => nat(random, draft, chain, proto),
        _ => " -j ACCEPT".to_owned(),
    }
}

/// Targets that let a packet go on, in front of a rule's own.
fn wide_target(random: &mut Random, table: &str, proto: Option<&str>) -> Option<String> {
    Some(match (table, random.below(3)) {
        ("mangle", 0) if proto == Some("tcp") => {
            " -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu".to_owned()
        }
        ("mangle", 1) => format!(" -j TOS --set-tos {}", random.pick(&["0x10", "0x08"])),
        ("filter" | "mangle", 2) => " -j NFLOG --nflog-group 9".to_owned(),
        _ => return None,
    })
}

fn nat(random: &mut Random, draft: &Draft, chain: &str, proto: &mut Option<String>) -> String {
    let ip = someone(random, draft);
    let with_ports = matches!(proto.as_deref(), Some("tcp" | "udp"));
    let to = if with_ports && random.percent(50) {
        if draft.v6 {
            format!("[{ip}]:8080")
        } else {
            format!("{ip}:8080")
        }
    } else {
        ip.to_string()
    };
    match chain {
        "PREROUTING" | "OUTPUT" => match random.below(4) {
            0 if with_ports => " -j REDIRECT --to-ports 8080".to_owned(),
            0 => " -j REDIRECT".to_owned(),
            1 => {
                let net = if draft.v6 { "fd00:8:0::/64" } else { "10.8.0.0/24" };
                format!(" -j NETMAP --to {net}")
            }
            _ => format!(" -j DNAT --to-destination {to}"),
        },
        "POSTROUTING" => match random.below(3) {
            0 => format!(" -j SNAT --to-source {ip}"),
            1 if with_ports => " -j MASQUERADE --to-ports 30000-30000".to_owned(),
            _ => " -j MASQUERADE".to_owned(),
        },
        "INPUT" => format!(" -j SNAT --to-source {ip}"),
        _ => " -j ACCEPT".to_owned(),
    }
}
