//! The `filter` table's verdict over a node's own TCP packet: which rule stops it.
//!
//! A rule is applied only when all its matches are understood and hold. One that isn't understood makes what follows
//! uncertain, and the answer says so.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::state::netfilter::{Chain, Rule, Ruleset, Table};

/// How deep user chains may nest before it is a loop (the kernel's own limit is its jump stack).
const MAX_DEPTH: usize = 64;

/// A TCP packet at a hook.
#[derive(Debug, Clone)]
pub struct Packet<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub sport: u16,
    pub dport: u16,
    /// The link it came in by (INPUT) …
    pub in_link: Option<&'a str>,
    /// … or goes out by (OUTPUT).
    pub out_link: Option<&'a str>,
    /// The first of its connection (SYN, conntrack NEW), or of an established one.
    pub new: bool,
}

/// What stopped a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// `iptables-nft: -A INPUT -p tcp --dport 179 -j DROP`, or the policy of a chain.
    pub rule: String,
    /// What to type to take it away.
    pub undo: String,
    pub packets: Option<u64>,
    /// An error goes back (REJECT); otherwise the packet just vanishes.
    pub rejects: bool,
    /// No rule before it was passed over for not being understood.
    pub certain: bool,
}

enum Verdict<'a> {
    Accept,
    Stop(&'a Rule, bool),
    Return,
}

/// The first back end whose `filter` table stops the packet at `chain` (`INPUT` or `OUTPUT`).
pub fn blocked(rulesets: &[Ruleset], chain: &str, packet: &Packet) -> Option<Blocked> {
    let v6 = packet.dst.is_ipv6();
    rulesets
        .iter()
        .filter(|ruleset| ruleset.dialect.command().starts_with("ip6") == v6)
        .find_map(|ruleset| {
            let command = ruleset.dialect.command();
            let table = ruleset.tables.iter().find(|table| table.name == "filter")?;
            let base = table.chain(chain)?;
            let mut walk = Walk {
                table,
                packet,
                certain: true,
            };
            match walk.chain(base, 0) {
                Verdict::Accept => None,
                Verdict::Stop(rule, rejects) => Some(Blocked {
                    rule: format!("{command}: {}", rule.text),
                    undo: undo(command, chain, rule, packet),
                    packets: rule.packets,
                    rejects,
                    certain: walk.certain,
                }),
                Verdict::Return => {
                    let policy = base.policy.as_deref()?;
                    (policy == "DROP").then(|| Blocked {
                        rule: format!("{command}: policy DROP of {chain}, and no rule accepts the packet"),
                        undo: accept(command, chain, packet),
                        packets: None,
                        rejects: false,
                        certain: walk.certain,
                    })
                }
            }
        })
}

/// Takes away a rule that names the port or the peer; a rule for everything stays, and the packet is accepted before it.
fn undo(command: &str, chain: &str, rule: &Rule, packet: &Packet) -> String {
    let is_meant = rule.words.iter().any(|word| {
        matches!(
            word.as_str(),
            "--dport" | "--sport" | "--dports" | "--sports" | "--ports" | "-s" | "-d"
        )
    });
    if is_meant {
        return format!("{command} {}", rule.text.replacen("-A ", "-D ", 1));
    }
    accept(command, chain, packet)
}

/// Lets BGP with this one peer pass.
fn accept(command: &str, chain: &str, packet: &Packet) -> String {
    let peer = if chain == "OUTPUT" {
        format!("-d {}", packet.dst)
    } else {
        format!("-s {}", packet.src)
    };
    if packet.new {
        format!(
            "{command} -I {chain} {peer} -p tcp --dport {} -j ACCEPT",
            packet.dport
        )
    } else {
        format!(
            "{command} -I {chain} {peer} -p tcp --sport {} -m conntrack --ctstate ESTABLISHED -j ACCEPT",
            packet.sport
        )
    }
}

struct Walk<'a> {
    table: &'a Table,
    packet: &'a Packet<'a>,
    certain: bool,
}

impl<'a> Walk<'a> {
    fn chain(&mut self, chain: &'a Chain, depth: usize) -> Verdict<'a> {
        for rule in &chain.rules {
            match matches(rule, self.packet) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    self.certain = false;
                    continue;
                }
            }
            let (jump, target) = target(rule);
            match target {
                "ACCEPT" => return Verdict::Accept,
                "DROP" => return Verdict::Stop(rule, false),
                "REJECT" => return Verdict::Stop(rule, true),
                "RETURN" => return Verdict::Return,
                name => {
                    // Targets that let the packet go on (LOG, MARK, …) are no chains.
                    let Some(next) = self.table.chain(name).filter(|_| depth < MAX_DEPTH) else {
                        continue;
                    };
                    let verdict = self.chain(next, depth + 1);
                    if !matches!(verdict, Verdict::Return) || !jump {
                        return verdict;
                    }
                }
            }
        }
        Verdict::Return
    }
}

/// The target, and whether it is a jump (`-j`) rather than a goto (`-g`).
fn target(rule: &Rule) -> (bool, &str) {
    let after = |option: &str| {
        let position = rule.words.iter().position(|word| word == option)?;
        rule.words.get(position + 1).map(String::as_str)
    };
    match (after("-j"), after("-g")) {
        (Some(target), _) => (true, target),
        (None, Some(target)) => (false, target),
        (None, None) => (true, ""),
    }
}

/// Whether every match of the rule holds; none when one is not understood and no other rules it out.
fn matches(rule: &Rule, packet: &Packet) -> Option<bool> {
    let mut words = rule.words.iter().map(String::as_str).peekable();
    let mut unknown = false;
    while let Some(word) = words.next() {
        let negated = word == "!";
        let option = if negated {
            words.next().unwrap_or_default()
        } else {
            word
        };
        let holds = match option {
            // What follows belongs to the target.
            "-j" | "-g" => break,
            "-m" | "--comment" => {
                words.next();
                continue;
            }
            "-p" => words
                .next()
                .map(|protocol| matches!(protocol, "tcp" | "all" | "6")),
            "-s" => words.next().and_then(|net| contains(net, packet.src)),
            "-d" => words.next().and_then(|net| contains(net, packet.dst)),
            "-i" => words.next().map(|name| link_matches(name, packet.in_link)),
            "-o" => words.next().map(|name| link_matches(name, packet.out_link)),
            "--sport" | "--source-port" => words.next().and_then(|ports| port_in(ports, packet.sport)),
            "--dport" | "--destination-port" => words.next().and_then(|ports| port_in(ports, packet.dport)),
            "--sports" => words.next().and_then(|ports| port_in(ports, packet.sport)),
            "--dports" => words.next().and_then(|ports| port_in(ports, packet.dport)),
            "--ports" => words
                .next()
                .and_then(|ports| Some(port_in(ports, packet.sport)? || port_in(ports, packet.dport)?)),
            "--ctstate" | "--state" => words.next().map(|states| {
                states.split(',').any(|state| match state {
                    "NEW" => packet.new,
                    "ESTABLISHED" => !packet.new,
                    _ => false,
                })
            }),
            "--syn" => Some(packet.new),
            "--tcp-flags" => {
                let (mask, set) = (words.next()?, words.next()?);
                (mask == "FIN,SYN,RST,ACK" && set == "SYN").then_some(packet.new)
            }
            _ => {
                // An unknown option may have values: skip to the next option.
                while words
                    .peek()
                    .is_some_and(|next| !next.starts_with('-') && *next != "!")
                {
                    words.next();
                }
                None
            }
        };
        match holds {
            Some(holds) if holds == negated => return Some(false),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(true)
}

fn contains(net: &str, ip: IpAddr) -> Option<bool> {
    let net: IpNet = net
        .parse()
        .or_else(|_| net.parse::<IpAddr>().map(IpNet::from))
        .ok()?;
    Some(net.contains(&ip))
}

/// `eth0`, or `cali+` for every name that begins so.
fn link_matches(pattern: &str, link: Option<&str>) -> bool {
    let Some(link) = link else {
        return false;
    };
    match pattern.strip_suffix('+') {
        Some(prefix) => link.starts_with(prefix),
        None => link == pattern,
    }
}

/// `179`, `1024:65535`, or a list of both; none when a port is a service's name.
fn port_in(ports: &str, port: u16) -> Option<bool> {
    let mut any = false;
    for part in ports.split(',') {
        let (low, high) = part.split_once(':').unwrap_or((part, part));
        let low = if low.is_empty() { Some(0) } else { number(low) }?;
        let high = if high.is_empty() {
            Some(u16::MAX)
        } else {
            number(high)
        }?;
        any |= (low..=high).contains(&port);
    }
    Some(any)
}

fn number(port: &str) -> Option<u16> {
    if port == "bgp" {
        Some(179)
    } else {
        port.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::iptables_save::iptables_save;
    use crate::state::netfilter::Dialect;

    fn verdict(rules: &str) -> Option<Blocked> {
        let text =
            format!("*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n{rules}\nCOMMIT\n");
        let ruleset = iptables_save(&text, Dialect::IptablesNft).unwrap();
        let packet = Packet {
            src: "192.168.80.24".parse().unwrap(),
            dst: "192.168.80.23".parse().unwrap(),
            sport: 40000,
            dport: 179,
            in_link: Some("eth0"),
            out_link: None,
            new: true,
        };
        blocked(&[ruleset], "INPUT", &packet)
    }

    #[test]
    fn the_rule_that_stops_bgp_is_named_with_its_counter() {
        let blocked = verdict("[9:540] -A INPUT -p tcp -m tcp --dport 179 -j DROP").unwrap();
        assert_eq!(
            blocked.rule,
            "iptables-nft: -A INPUT -p tcp -m tcp --dport 179 -j DROP"
        );
        assert_eq!(
            blocked.undo,
            "iptables-nft -D INPUT -p tcp -m tcp --dport 179 -j DROP"
        );
        assert_eq!(
            (blocked.packets, blocked.rejects, blocked.certain),
            (Some(9), false, true)
        );
        assert!(
            verdict("-A INPUT -p tcp -m multiport --dports 80,170:180 -j REJECT --reject-with tcp-reset")
                .unwrap()
                .rejects
        );
    }

    #[test]
    fn a_rule_for_everything_is_not_taken_away() {
        let blocked = verdict("-A INPUT -j REJECT --reject-with icmp-host-prohibited").unwrap();
        assert_eq!(
            blocked.undo,
            "iptables-nft -I INPUT -s 192.168.80.24 -p tcp --dport 179 -j ACCEPT"
        );
    }

    #[test]
    fn rules_for_other_traffic_do_not_count() {
        for rule in [
            "-A INPUT -p udp -m udp --dport 179 -j DROP",
            "-A INPUT -p tcp -m tcp --dport 22 -j DROP",
            "-A INPUT ! -i eth0 -j DROP",
            "-A INPUT -i cali+ -j DROP",
            "-A INPUT -s 10.0.0.0/8 -j DROP",
            "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP",
            "-A INPUT -j LOG --log-prefix \"-j DROP\"",
            "-A INPUT -s 192.168.80.0/24 -j ACCEPT\n-A INPUT -j DROP",
            "-A INPUT -j own\n-A own -p tcp -j RETURN\n-A own -j DROP",
        ] {
            assert_eq!(verdict(rule), None, "{rule}");
        }
    }

    #[test]
    fn jumps_gotos_and_policies_are_followed() {
        assert!(verdict("-A INPUT -j own\n-A own -p tcp -j DROP").is_some());
        assert_eq!(
            verdict("-A INPUT -g own\n-A INPUT -j DROP\n-A own -p udp -j DROP"),
            None
        );
        assert!(verdict("-A INPUT -j own\n-A own -j own").is_none());
        let policy = verdict(":INPUT DROP [0:0]");
        // A second declaration is another chain: the first holds.
        assert_eq!(policy, None);
    }

    #[test]
    fn a_match_that_is_not_understood_makes_it_uncertain() {
        let blocked = verdict("-A INPUT -m set --match-set allowed src -j ACCEPT\n-A INPUT -j DROP").unwrap();
        assert!(!blocked.certain);
        let blocked =
            verdict("-A INPUT -p udp -m set --match-set allowed src -j ACCEPT\n-A INPUT -j DROP").unwrap();
        assert!(blocked.certain);
    }
}
