//! The harness itself.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cleanup;
mod faults;
mod plans;
mod story;
