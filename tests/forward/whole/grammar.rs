//! Rulesets: iptables of both back ends with ipsets, and native nftables, at random and as Docker, kube-proxy and Calico
//! shape them.

mod ipsets;
mod iptables;
mod nft;

use std::net::IpAddr;

use netdiag_lab::Random;

use super::draft::{Draft, ip};
use super::mutate::{prefix, someone};

/// Addresses that nobody has: rules may translate them.
pub(crate) fn service(random: &mut Random, v6: bool) -> IpAddr {
    ip(v6, 96, 0, u8::try_from(random.below(3)).unwrap() + 1)
}

/// Rules in some of the namespaces.
pub(crate) fn all(random: &mut Random, draft: &mut Draft) {
    if random.percent(30) {
        return;
    }
    let seen: Vec<usize> = (0..draft.spaces.len())
        .filter(|space| draft.spaces[*space].node.is_some())
        .collect();
    for _ in 0..=random.below(3) {
        let hosts: Vec<usize> = seen
            .iter()
            .copied()
            .filter(|space| draft.spaces[*space].host)
            .collect();
        let space = if random.percent(70) {
            *random.pick(&hosts)
        } else {
            *random.pick(&seen)
        };
        if !draft.spaces[space].rules.is_empty() {
            continue;
        }
        if random.percent(30) {
            ipsets::sets(random, draft, space);
        }
        match random.below(10) {
            0..=3 => iptables::tables(random, draft, space, "legacy"),
            4..=5 => iptables::tables(random, draft, space, "nft"),
            6..=7 => nft::table(random, draft, space),
            8 => {
                iptables::tables(random, draft, space, "nft");
                nft::table(random, draft, space);
            }
            _ => {
                iptables::tables(random, draft, space, "legacy");
                iptables::tables(random, draft, space, "nft");
                nft::table(random, draft, space);
            }
        }
    }
}

fn feed(draft: &mut Draft, space: usize, command: &[&str], input: String) {
    let words = command.iter().map(|word| (*word).to_owned()).collect();
    draft.spaces[space].rules.push((words, input));
}

fn port(random: &mut Random) -> u16 {
    *random.pick(&[53, 80, 80, 8080, 81])
}

fn links(draft: &Draft, space: usize) -> Vec<String> {
    let mut links: Vec<String> = draft.spaces[space]
        .ends
        .iter()
        .map(|end| end.link.clone())
        .collect();
    links.push("lo".into());
    links
}

fn ip_other(random: &mut Random, draft: &Draft, ip: IpAddr) -> IpAddr {
    let other = someone(random, draft);
    if other == ip {
        service(random, draft.v6)
    } else {
        other
    }
}

fn prefix_or(random: &mut Random, draft: &Draft) -> String {
    let net = prefix(random, draft);
    if net.ends_with("/0") {
        someone(random, draft).to_string()
    } else {
        net
    }
}
