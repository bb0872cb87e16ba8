//! Random rules of iptables, of every extension that container networks use.

use netdiag_lab::Random;

/// The text of one rule after `-A CHAIN`, in words that the tool takes; it may print others.
pub(super) fn rule(random: &mut Random, table: &str, chain: &str, v6: bool) -> String {
    let mut words = Vec::new();
    let not = |random: &mut Random| if random.percent(25) { "! " } else { "" };
    for option in ["-s", "-d"] {
        if random.percent(30) {
            words.push(format!("{}{option} {}", not(random), network(random, v6)));
        }
    }
    if random.percent(25) && !matches!(chain, "OUTPUT" | "POSTROUTING") {
        words.push(format!("{}-i {}", not(random), link(random)));
    }
    if random.percent(25) && !matches!(chain, "INPUT" | "PREROUTING") {
        words.push(format!("{}-o {}", not(random), link(random)));
    }
    let protocol = *random.pick(&["", "", "tcp", "tcp", "udp", "icmp", "sctp", "50", "4"]);
    match protocol {
        "" => {}
        "icmp" if v6 => words.push("-p icmpv6".to_owned()),
        _ => words.push(format!("-p {protocol}")),
    }
    if random.percent(60) {
        words.extend(of_protocol(random, protocol, v6));
    }
    for _ in 0..random.below(3) {
        words.push(anywhere(random, chain, v6));
    }
    words.push(target(random, table, chain, protocol, v6));
    words.join(" ")
}

fn address(random: &mut Random, v6: bool) -> String {
    if v6 {
        format!("fd00:{:x}::{:x}", random.below(9), random.below(200) + 1)
    } else {
        format!("10.{}.0.{}", random.below(9), random.below(200) + 1)
    }
}

fn network(random: &mut Random, v6: bool) -> String {
    match (random.below(6), v6) {
        (0, false) => "10.0.0.0/255.0.255.0".to_owned(),
        (1 | 2, _) => address(random, v6),
        (_, false) => format!("10.{}.0.0/{}", random.below(200), 16 + random.below(9)),
        (_, true) => format!("fd00:{:x}::/{}", random.below(200), 32 + random.below(90)),
    }
}

fn link(random: &mut Random) -> &'static str {
    random.pick::<&'static str>(&[
        "eth0",
        "cali+",
        "docker0",
        "br-5f0c7e2a91d4",
        "lo",
        "veth1a2b3c4",
        "vxlan.calico",
        "flannel.1",
    ])
}

fn ports(random: &mut Random) -> String {
    let first = random.below(60000);
    match random.below(5) {
        0 => format!("{first}:{}", first + 1 + random.below(5000)),
        1 => format!(":{first}"),
        2 => format!("{}:", first + 1),
        _ => first.to_string(),
    }
}

fn of_protocol(random: &mut Random, protocol: &str, v6: bool) -> Vec<String> {
    let not = if random.percent(25) { "! " } else { "" };
    let ports = ports(random);
    let list = format!(
        "{},{}:{}",
        random.below(100),
        100 + random.below(9),
        200 + random.below(9)
    );
    let text = match (protocol, random.below(6)) {
        ("tcp" | "udp" | "sctp", 0) => format!(
            "-m {protocol} {not}--sport {ports} --dport {}",
            random.below(9999)
        ),
        ("tcp" | "udp" | "sctp", 1) => format!("-m multiport {not}--dports {list}"),
        ("tcp" | "udp" | "sctp", 2) => format!("-m multiport --sports {list} -m multiport {not}--ports 7"),
        ("tcp", 3) => format!("-m tcp {not}--syn"),
        ("tcp", 4) => format!(
            "-m tcp {not}--tcp-flags {} {}",
            random.pick(&["ALL", "SYN,RST", "FIN,ACK,URG"]),
            random.pick(&["NONE", "SYN", "ALL", "FIN"])
        ),
        ("tcp", 5) => format!("-m tcp {not}--tcp-option {}", 1 + random.below(200)),
        ("tcp" | "udp" | "sctp", _) => format!("-m {protocol} {not}--dport {ports}"),
        ("icmp", kind) if v6 => format!(
            "-m icmp6 {not}--icmpv6-type {}",
            match kind {
                0 => "echo-request".to_owned(),
                1 => format!("{}/{}", random.below(200), random.below(9)),
                _ => random.below(250).to_string(),
            }
        ),
        ("icmp", kind) => format!(
            "-m icmp {not}--icmp-type {}",
            match kind {
                0 => "host-unreachable".to_owned(),
                1 => format!("{}/{}", random.below(200), random.below(9)),
                _ => random.below(250).to_string(),
            }
        ),
        _ => return Vec::new(),
    };
    vec![text]
}

fn states(random: &mut Random) -> String {
    let all = [
        "INVALID",
        "NEW",
        "RELATED",
        "ESTABLISHED",
        "UNTRACKED",
        "SNAT",
        "DNAT",
    ];
    let some: Vec<&str> = all.into_iter().filter(|_| random.percent(40)).collect();
    if some.is_empty() {
        "NEW".to_owned()
    } else {
        some.join(",")
    }
}

/// A match that needs no protocol.
fn anywhere(random: &mut Random, chain: &str, v6: bool) -> String {
    let not = if random.percent(25) { "! " } else { "" };
    let mark = format!("{:#x}/{:#x}", random.below(1 << 32), random.below(1 << 32));
    let (one, two) = (address(random, v6), address(random, v6));
    let number = random.below(200);
    match random.below(30) {
        0 => format!("-m conntrack {not}--ctstate {}", states(random)),
        1 => "-m state --state RELATED,ESTABLISHED".to_owned(),
        2 => format!(
            "-m conntrack --ctproto tcp --ctorigsrc {one} {not}--ctorigdst {two} --ctorigdstport 9:10"
        ),
        3 => format!("-m conntrack {not}--ctstatus EXPECTED,ASSURED --ctexpire 5:9 --ctdir REPLY"),
        4 => format!("-m mark {not}--mark {mark}"),
        5 => format!("-m mark {not}--mark {number}"),
        6 => format!("-m connmark {not}--mark {mark}"),
        7 => format!("-m addrtype {not}--dst-type LOCAL"),
        8 => "-m addrtype --src-type LOCAL,BROADCAST".to_owned(),
        9 => format!("-m set {not}--match-set {} src", if v6 { "six" } else { "one" }),
        10 => format!("-m set --match-set {} src,dst", if v6 { "six" } else { "two" }),
        11 => format!("-m comment --comment \"cali:{number} 'x' \\\"{number}\\\" \\\\ -j DROP\""),
        12 => format!("-m comment --comment word{number}"),
        13 => format!(
            "-m limit --limit {}/min --limit-burst {}",
            1 + random.below(50),
            1 + random.below(50)
        ),
        14 => "-m limit --limit 5/sec".to_owned(),
        15 => format!(
            "-m statistic --mode random {not}--probability 0.{}",
            1 + random.below(99_999)
        ),
        16 => format!(
            "-m statistic --mode nth {not}--every {} --packet 0",
            1 + random.below(9)
        ),
        17 => format!(
            "-m pkttype {not}--pkt-type {}",
            random.pick(&["broadcast", "multicast", "unicast"])
        ),
        18 => format!("-m dscp {not}--dscp {}", random.below(64)),
        19 => format!("-m length {not}--length {number}:{}", number + random.below(1000)),
        20 if v6 => format!("-m hl --hl-{} {number}", random.pick(&["eq", "lt", "gt"])),
        20 => format!("-m ttl --ttl-{} {number}", random.pick(&["eq", "lt", "gt"])),
        21 => format!("-m iprange {not}--src-range {one}-{one}"),
        22 if chain == "OUTPUT" => format!("-m owner {not}--uid-owner {number}-{}", number + 9),
        22 if matches!(chain, "INPUT" | "PREROUTING" | "FORWARD") => {
            format!(
                "-m mac {not}--mac-source 02:11:22:33:44:{:02x}",
                random.below(256)
            )
        }
        23 => format!("-m physdev --physdev-in tap+ {not}--physdev-is-bridged"),
        24 => format!(
            "-m hashlimit --hashlimit-upto {}/sec --hashlimit-mode srcip --hashlimit-name h{number}",
            1 + number
        ),
        25 => format!("-m recent --set --name list{number} --rsource"),
        26 => format!("-m tos {not}--tos {number:#x}/0xff"),
        27 if chain == "PREROUTING" => "-m socket --transparent --nowildcard".to_owned(),
        28 if chain == "OUTPUT" => format!("-m cgroup {not}--cgroup {number}"),
        29 => "-m u32 --u32 \"6&0xFF=1\"".to_owned(),
        _ => format!("-m helper {not}--helper ftp"),
    }
}

fn target(random: &mut Random, table: &str, chain: &str, protocol: &str, v6: bool) -> String {
    let mark = format!("{:#x}/{:#x}", random.below(1 << 32), random.below(1 << 32));
    let (number, one) = (random.below(200), address(random, v6));
    let tcp = matches!(protocol, "tcp" | "udp");
    let port = 1 + random.below(60000);
    let flags = *random.pick(&["", "", " --random", " --random-fully", " --persistent"]);
    let own = match (table, chain, random.below(12)) {
        ("nat", "PREROUTING" | "OUTPUT", 0..3) if tcp => {
            let (open, close) = if v6 { ("[", "]") } else { ("", "") };
            format!(
                "-j DNAT --to-destination {open}{one}{close}:{port}{}",
                flags.replace("-fully", "")
            )
        }
        ("nat", "PREROUTING" | "OUTPUT", 3) if tcp => format!("-j DNAT --to-destination :{port}"),
        ("nat", "PREROUTING" | "OUTPUT", 4) if tcp => format!("-j REDIRECT --to-ports {port}-{}", port + 9),
        ("nat", "PREROUTING" | "OUTPUT", 5..7) => format!("-j DNAT --to-destination {one}-{one}"),
        ("nat", "PREROUTING" | "OUTPUT", 7..9) => "-j REDIRECT".to_owned(),
        ("nat", "POSTROUTING", 0..3) if tcp => format!("-j MASQUERADE --to-ports {port}-{}", port + 9),
        ("nat", "POSTROUTING", 0..6) => format!("-j SNAT --to-source {one}{flags}"),
        ("nat", "POSTROUTING", 6..9) => format!("-j MASQUERADE{}", flags.replace(" --persistent", "")),
        ("mangle", _, 0) => format!("-j MARK --set-xmark {mark}"),
        ("mangle", _, 1) => format!(
            "-j MARK --{}-mark {number:#x}",
            random.pick(&["or", "and", "xor", "set"])
        ),
        ("mangle", _, 2) => format!("-j CONNMARK --save-mark --nfmask {number:#x} --ctmask 0xff"),
        ("mangle", _, 3) => format!("-j CONNMARK --restore-mark --mask {number:#x}"),
        ("mangle", _, 4) => format!("-j CONNMARK --set-xmark {mark}"),
        ("mangle", "PREROUTING", 5..7) if tcp => {
            format!("-j TPROXY --on-port {port} --on-ip {one} --tproxy-mark {mark}")
        }
        ("mangle", _, 7) => format!("-j DSCP --set-dscp {}", random.below(64)),
        ("mangle", _, 8) => format!("-j TOS --set-tos {number:#x}/0x3f"),
        ("mangle", "FORWARD" | "OUTPUT" | "POSTROUTING", 9) => "-j CLASSIFY --set-class 1:10".to_owned(),
        ("mangle", _, 10) => "-j CHECKSUM --checksum-fill".to_owned(),
        ("raw", _, 0..2) => format!("-j CT --zone {number}"),
        ("raw", _, 2..4) => "-j CT --notrack".to_owned(),
        ("raw", _, 4..6) => "-j NOTRACK".to_owned(),
        ("raw", _, 6) => "-j TRACE".to_owned(),
        ("filter", _, 0) => "-j REJECT".to_owned(),
        ("filter", _, 1) if protocol == "tcp" => "-j REJECT --reject-with tcp-reset".to_owned(),
        ("filter", _, 1) if v6 => "-j REJECT --reject-with icmp6-adm-prohibited".to_owned(),
        ("filter", _, 1) => "-j REJECT --reject-with icmp-proto-unreachable".to_owned(),
        _ => String::new(),
    };
    if !own.is_empty() {
        return own;
    }
    match random.below(12) {
        0 => "-j own-a".to_owned(),
        1 => "-g own-b".to_owned(),
        2 => "-j RETURN".to_owned(),
        3 => format!("-j LOG --log-prefix \"calico-packet: {number}\" --log-level 5 --log-uid"),
        4 => format!("-j NFLOG --nflog-group {number} --nflog-prefix \"DPI|{number}\" --nflog-size 80"),
        5 => format!("-j NFQUEUE --queue-balance 0:{} --queue-bypass", 1 + number),
        6 => format!("-j SET --add-set {} src --exist", if v6 { "six1" } else { "one" }),
        7 => String::new(),
        8 if table != "nat" => "-j DROP".to_owned(),
        _ => "-j ACCEPT".to_owned(),
    }
}
