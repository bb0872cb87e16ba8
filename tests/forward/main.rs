//! The packet walker, held against the kernel: random tables in network namespaces of their own, and what the kernel
//! says of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod clusters;
mod felix;
mod fib;
mod fib_input;
mod guest;
mod networks;
mod ovs;
mod properties;
mod recorded;
mod scenes;
mod seeds;
mod verdicts;
mod whole;
