//! What netdiag collects, held against the tools and daemons that own the truth: every case runs in network
//! namespaces of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod crowd;
mod daemons;
mod kinds;
mod namespaces;
mod netfilter;
mod tables;
mod texts;
