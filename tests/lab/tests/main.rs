//! The harness itself.

mod story;
