//! Networks with links that this machine's kernel may lack, walked against packets that are really sent, in a guest.

use std::time::Duration;

use netdiag_lab::kinds::{Draft, link_labs};
use netdiag_lab::{guest, or_skip};

use super::networks::all;

/// The one that runs those below.
#[test]
fn in_a_guest_packets_are_walked_as_they_go() {
    or_skip(guest::tests(&["guest::"], Duration::from_secs(900)));
}

/// The networks whose name has this word (`NETDIAG_LAB`): all without it.
fn chosen(name: &str) -> bool {
    std::env::var("NETDIAG_LAB").map_or(true, |word| name.contains(&word))
}

#[test]
#[ignore = "runs in a guest"]
fn whole_networks() {
    let labs = link_labs().into_iter();
    let drafts: Vec<(String, Draft)> = labs
        .map(|lab| (lab.name.to_owned(), lab.whole))
        .filter(|(name, _)| chosen(name))
        .collect();
    all(drafts, true, 3, 0);
}

#[test]
#[ignore = "runs in a guest"]
fn broken_networks() {
    let mut drafts: Vec<(String, Draft)> = Vec::new();
    for lab in link_labs() {
        for broken in lab.broken {
            drafts.push((
                format!("{}: {} on {}", lab.name, broken.what, broken.node),
                broken.draft,
            ));
        }
    }
    drafts.retain(|(name, _)| chosen(name));
    all(drafts, false, 3, 2);
}
