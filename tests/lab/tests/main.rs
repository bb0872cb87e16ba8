//! The harness itself.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cleanup;
mod faults;
mod guest;
mod kinds;
mod kubernetes;
mod plans;
mod story;
