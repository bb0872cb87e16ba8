//! Native tables of nftables.

use netdiag_lab::Random;

use super::{feed, ip_other, links, port, prefix_or};
use crate::whole::draft::Draft;
use crate::whole::mutate::{prefix, someone};

/// A native table, of the packets' family or of both.
pub(super) fn table(random: &mut Random, draft: &mut Draft, space: usize) {
    let v6 = draft.v6;
    let word = if v6 { "ip6" } else { "ip" };
    let family = *random.pick(&["inet", word]);
    let ips = |random: &mut Random| -> String {
        let mut all: Vec<String> = (0..=random.below(3))
            .map(|_| someone(random, draft).to_string())
            .collect();
        all.sort();
        all.dedup();
        all.join(", ")
    };
    let mut text = format!("table {family} t {{\n");
    let kind = if v6 { "ipv6_addr" } else { "ipv4_addr" };
    text += &format!(
        "  set hosts {{ type {kind}; elements = {{ {} }} }}\n",
        ips(random)
    );
    text += &format!(
        "  set nets {{ type {kind}; flags interval; auto-merge; elements = {{ {}, {} }} }}\n",
        ips(random),
        {
            let net = prefix(random, draft);
            if net.ends_with("/0") { ips(random) } else { net }
        }
    );
    let pairs = format!(
        "{} . tcp . 80, {} . udp . 53",
        someone(random, draft),
        someone(random, draft)
    );
    text += &format!("  set pairs {{ type {kind} . inet_proto . inet_service; elements = {{ {pairs} }} }}\n");
    text += "  chain u2 {\n    counter\n  }\n";
    for user in [1, 0] {
        text += &format!("  chain u{user} {{\n");
        for _ in 0..random.below(3) {
            text += &nft_rule(random, draft, space, word, "filter", user + 1);
        }
        text += "  }\n";
    }
    let hooks = ["prerouting", "input", "forward", "output", "postrouting"];
    for hook in hooks {
        for kind in ["filter", "nat", "route"] {
            let fits = match kind {
                "nat" => hook != "forward",
                "route" => hook == "output",
                _ => true,
            };
            if !fits || !random.percent(35) {
                continue;
            }
            let priority = match (kind, hook) {
                ("nat", "prerouting" | "output") => -100,
                ("nat", _) => 100,
                ("route", _) => -150,
                _ => *random.pick(&[-300, -150, 0, 0, 10, 200]),
            };
            let policy = if kind == "filter" && priority >= 0 && random.percent(8) {
                "drop"
            } else {
                "accept"
            };
            text += &format!(
                "  chain {kind}_{hook} {{\n    type {kind} hook {hook} priority {priority}; policy {policy};\n"
            );
            let heard = !draft.deep || random.percent(85);
            if v6 && kind == "filter" && heard {
                text += "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n";
            }
            if policy == "drop" || random.percent(20) {
                text += "    ct state vmap { established : accept, related : accept, invalid : continue }\n";
            }
            for _ in 0..random.below(4) {
                let sort = format!("{kind} {hook} {priority}");
                text += &nft_rule(random, draft, space, word, &sort, 0);
            }
            text += "  }\n";
        }
    }
    text += "}\n";
    feed(draft, space, &["nft", "-f", "-"], text);
}

fn nft_rule(
    random: &mut Random,
    draft: &Draft,
    space: usize,
    word: &str,
    sort: &str,
    level: usize,
) -> String {
    let links = links(draft, space);
    let mut line = String::from("   ");
    let mut ports = false;
    for _ in 0..random.below(3) {
        let not = if random.percent(15) { "!= " } else { "" };
        if draft.wide && random.percent(30) {
            line += &nft_wide(random, draft, word, not, sort);
            continue;
        }
        line += &match random.below(12) {
            0 => format!(" {word} saddr {not}{}", prefix_or(random, draft)),
            1 => format!(" {word} daddr {not}{}", prefix_or(random, draft)),
            2 => format!(
                " {word} {} {not}@{}",
                random.pick(&["saddr", "daddr"]),
                random.pick(&["hosts", "nets"])
            ),
            3 => format!(" {word} daddr . meta l4proto . th dport {not}@pairs"),
            4 => format!(" iifname {not}\"{}\"", random.pick(&links)),
            5 => format!(" oifname {not}{{ \"{}\", \"lo\" }}", random.pick(&links)),
            6 | 7 if !ports => {
                ports = true;
                format!(
                    " {} dport {not}{{ 53, {} }}",
                    random.pick(&["tcp", "udp"]),
                    port(random) + 1000 * u16::from(random.percent(10))
                )
            }
            8 if !sort.contains("-300") => format!(
                " ct state {not}{}",
                random.pick(&["new", "established,related", "untracked"])
            ),
            9 => format!(" meta mark {not}{}", random.pick(&["0x1", "0x10"])),
            10 => format!(" fib {} type {not}local", random.pick(&["saddr", "daddr"])),
            11 if sort.contains("prerouting") => {
                format!(" fib saddr . iif oif {}", random.pick(&["missing", "exists"]))
            }
            _ => " meta length < 1400".to_owned(),
        };
    }
    line += " counter";
    let ip = someone(random, draft);
    let act = match random.below(10) {
        0 | 1 if level < 3 => format!("{} u{}", random.pick(&["jump", "jump", "goto"]), level.min(2)),
        2 if level > 0 => "return".to_owned(),
        3 if sort.contains("filter ") && !sort.contains('-') => "drop".to_owned(),
        4 if sort.contains("filter ")
            && ["input", "forward", "output"]
                .iter()
                .any(|hook| sort.contains(hook)) =>
        {
            let kinds = [
                "no-route",
                "host-unreachable",
                "port-unreachable",
                "admin-prohibited",
            ];
            if draft.deep && random.percent(60) {
                format!("reject with icmpx {}", random.pick(&kinds))
            } else {
                "reject".to_owned()
            }
        }
        5 if sort.starts_with("filter") || sort.starts_with("route") => format!(
            "meta mark set {}",
            random.pick(&["0x1", "0x10", "meta mark or 0x2"])
        ),
        6 | 7 if sort.contains("-300") && draft.deep => format!("ct zone set {}", 1 + random.below(2)),
        6 if sort.contains("-300") => "notrack".to_owned(),
        6 if sort.starts_with("filter ") => random
            .pick(&["ct mark set meta mark", "meta mark set ct mark"])
            .to_string(),
        7 if level < 2 => {
            let to = format!("jump u{}", level.min(2));
            format!(
                "{word} daddr vmap {{ {ip} : accept, {} : {to} }}",
                ip_other(random, draft, ip)
            )
        }
        _ if sort.starts_with("nat prerouting") || sort.starts_with("nat output") => {
            let family = if random.percent(50) {
                format!("dnat {word} to {ip}")
            } else {
                "redirect".to_owned()
            };
            if random.percent(30) && family.starts_with("dnat") {
                let other = ip_other(random, draft, ip);
                format!("dnat {word} to {word} daddr map {{ {ip} : {other}, {other} : {ip} }}")
            } else {
                family
            }
        }
        _ if sort.starts_with("nat postrouting") => {
            if random.percent(50) {
                "masquerade".to_owned()
            } else {
                format!("snat {word} to {ip}")
            }
        }
        _ => "accept".to_owned(),
    };
    // Statements behind a map's lookup or a verdict would not be reached.
    format!("{line} {act}\n")
}

/// More kinds of matches of nftables.
fn nft_wide(random: &mut Random, draft: &Draft, word: &str, not: &str, sort: &str) -> String {
    let (a, b) = (someone(random, draft), someone(random, draft));
    let side = random.pick(&["saddr", "daddr"]);
    match random.below(7) {
        0 if a != b => format!(" {word} {side} {not}{}-{}", a.min(b), a.max(b)),
        1 if a != b => format!(" {word} {side} {not}{{ {a}, {b} }}"),
        2 => format!(" meta l4proto {not}{{ tcp, udp }}"),
        3 => format!(
            " th dport {not}{}",
            random.pick(&["53-80", "{ 80, 8000-9000 }", "20000-20010"])
        ),
        4 => format!(" {word} saddr . {word} daddr {not}{{ {a} . {b} }}"),
        5 if !sort.contains("-300") => format!(" ct direction {}", random.pick(&["original", "reply"])),
        6 => " numgen random mod 2 0".to_owned(),
        _ => format!(" {word} dscp {not}{}", random.pick(&["0x04", "cs1"])),
    }
}
