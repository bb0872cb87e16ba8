//! The command line as its users meet it: the real binary, in an environment that holds nothing of the machine's owner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says why it is skipped"
)]

mod bird_socket;
mod capture;
mod capture_cluster;
mod fake_bird;
mod netdiag;
mod random;
mod real_bird;
mod story;
mod trace;
mod usage;

pub(crate) use fake_bird::FakeBird;
pub(crate) use netdiag::{Netdiag, Output, netdiag};

/// Says why a test does nothing here; where everything has to run (`CI=true`), that is a failure.
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "skipped: {reason}"
    );
    eprintln!("skipped: {reason}");
}

/// Whether the tests run as root, which some of them need.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
