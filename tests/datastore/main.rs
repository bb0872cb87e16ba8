//! The stores on real etcd servers (`scripts/test-deps` brings the daemon), all on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says why it is skipped"
)]

mod certificates;
mod command;
mod compat;
mod concurrent;
mod convert;
mod diags;
mod failures;
mod harm;
mod ipam;
mod kinds;
mod kubernetes;
mod large;
mod migrate;
mod replay;
mod server;
mod several;
mod tls;
mod v2;
mod v2_objects;
mod v3;
mod watch;

use std::time::{Duration, Instant};

use netdiag::calico::apiconfig::ApiConfig;
use netdiag::datastore::{Datastore, Error, connect};

/// Generous for a busy machine; tests of failures use less.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A configuration made of environment variables.
pub(crate) fn config(variables: &[(&str, &str)]) -> ApiConfig {
    let lookup = |key: &str| {
        variables
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| (*value).to_owned())
    };
    ApiConfig::from_environment(&lookup).unwrap()
}

/// Runs a future on a runtime of its own.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

pub(crate) async fn open(variables: &[(&str, &str)]) -> Box<dyn Datastore> {
    Box::pin(connect(&config(variables), DEADLINE)).await.unwrap()
}

/// Connects where that must fail, and checks that it does so in time.
pub(crate) fn refusal(variables: &[(&str, &str)], deadline: Duration) -> Error {
    let start = Instant::now();
    let outcome = run(connect(&config(variables), deadline));
    let elapsed = start.elapsed();
    // Slack for a machine that has much else to do.
    assert!(elapsed < deadline + Duration::from_secs(3), "took {elapsed:?}");
    match outcome {
        Ok(store) => panic!("{} answers", store.describe()),
        Err(error) => error,
    }
}
