//! netdiag against real networks: what it says is held against what really works.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod capture;
mod changes;
mod faults;
mod fleet;
mod intent;
mod ipip;
mod kernel;
mod kubernetes;
mod live;
mod manifests;
mod mended;
mod netdiag;
mod plan;
mod policies;
mod probes;
mod scenes;
mod secrets;
mod story;
mod tiers;
mod twins;
