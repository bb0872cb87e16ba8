//! Decoding against tshark: the same layers, addresses, ports and numbers at every depth, on packets of every kind, whole,
//! cut and damaged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says why it is skipped"
)]

mod any_bytes;
mod fuzz;
mod oracle;
#[cfg(feature = "capture")]
mod reader;
mod tshark;

/// Says why a test does nothing here; where everything has to run (`CI=true`), that is a failure.
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "skipped: {reason}"
    );
    eprintln!("skipped: {reason}");
}
