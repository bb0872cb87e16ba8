//! Networks with links that this machine's kernel may lack, walked against packets that are really sent, in guests.
//!
//! `NETDIAG_LAB=vrf,ipvs` chooses networks by words of their names; `NETDIAG_ALL=1` takes every network
//! and every broken state.

use std::time::Duration;

use netdiag_lab::kinds::link_labs;
use netdiag_lab::{guest, or_skip};

use super::networks::{State, all};

/// Broken states of each network in a usual run: all of them take many minutes.
const BROKEN: usize = 1;

/// Not in a usual run, so that it takes two minutes: each has a sibling that goes the same way through the walk.
const LEFT_OUT: [&str; 8] = [
    "calico ipip never",
    "calico ipip cross subnet",
    "sit without a remote",
    "geneve with an address",
    "ipvlan l3s",
    "sizes in gre without PMTU discovery",
    "sizes in geneve",
    "sizes in sit",
];

/// How many networks are up at once.
const AT_ONCE: usize = 2;

const WITHIN: Duration = Duration::from_secs(1500);

#[test]
fn in_a_guest_whole_networks_are_walked_as_packets_go() {
    or_skip(guest::tests(&["guest::whole_networks"], WITHIN));
}

#[test]
fn in_a_guest_broken_networks_are_walked_as_packets_go() {
    or_skip(guest::tests(&["guest::broken_networks"], WITHIN));
}

fn chosen(name: &str) -> bool {
    let lab = name.split(':').next().unwrap_or(name);
    match std::env::var("NETDIAG_LAB") {
        Ok(words) => words.split(',').any(|word| name.contains(word)),
        Err(_) => std::env::var_os("NETDIAG_ALL").is_some() || !LEFT_OUT.contains(&lab),
    }
}

#[test]
#[ignore = "runs in a guest"]
fn whole_networks() {
    let labs = link_labs().into_iter();
    let states: Vec<State> = labs
        .map(|lab| State::whole(lab.name, lab.whole))
        .filter(|state| chosen(&state.name))
        .collect();
    all(states, AT_ONCE, 0);
}

#[test]
#[ignore = "runs in a guest"]
fn broken_networks() {
    let of_each = std::env::var("NETDIAG_ALL").map_or(BROKEN, |_| usize::MAX);
    let mut states: Vec<State> = Vec::new();
    for lab in link_labs() {
        for broken in lab.broken.into_iter().take(of_each) {
            states.push(State::broken(lab.name, broken));
        }
    }
    states.retain(|state| chosen(&state.name));
    all(states, AT_ONCE, 2);
}
