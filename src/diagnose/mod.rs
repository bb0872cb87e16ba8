//! Findings over what is known: pure functions, so that every diagnosis can be repeated from a snapshot.

mod addresses;
mod candidate;
mod check;
mod daemon;
mod facts;
mod finding;
pub mod manifests;
mod messages;
mod path;
mod refusal;
mod restart;
mod session;
mod silence;
pub mod trace;
pub mod verdicts;
mod world;

pub use addresses::own_address_fault;
pub use check::check;
pub use finding::{Change, Evidence, Finding, Fix, Report, Severity};
pub use session::{Cause, Explanation, explain};
pub use world::{Peer, World};

#[cfg(test)]
mod tests;
