//! The harness itself.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cleanup;
mod story;
