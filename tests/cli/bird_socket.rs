//! `netdiag node status` on control sockets that answer in every way a daemon can, and in some that it should not.

mod answers;
mod documents;
mod faults;
mod many;

use crate::{FakeBird, Netdiag, Output, netdiag};

pub(crate) const HEALTHY_1: &str = include_str!("../../fixtures/bird/1.6.8-healthy.txt");
pub(crate) const BAD_AS_1: &str = include_str!("../../fixtures/bird/1.6.8-bad-as.txt");
pub(crate) const BIRD_DOWN_1: &str = include_str!("../../fixtures/bird/1.6.8-bird-down.txt");
pub(crate) const FIRST_FOUND_1: &str = include_str!("../../fixtures/bird/1.6.8-first-found.txt");
pub(crate) const MIXED_1: &str = include_str!("../../fixtures/bird/1.6.8-protocols-all.txt");
pub(crate) const HEALTHY_2: &str = include_str!("../../fixtures/bird/2.0.12-healthy.txt");
pub(crate) const DROP_2: &str = include_str!("../../fixtures/bird/2.0.12-drop.txt");
pub(crate) const MIXED_2: &str = include_str!("../../fixtures/bird/2.0.12-protocols-all.txt");

/// `netdiag node status` with this daemon, and more arguments.
pub(crate) fn status<const N: usize>(bird: &FakeBird, more: [&str; N]) -> Netdiag {
    netdiag(["node", "status"]).bird(bird.socket()).args(more)
}

/// The table of a recorded daemon.
fn recorded(text: &str) -> Output {
    status(&FakeBird::recorded(text), []).run()
}
