//! Findings over what is known: pure functions, so that every diagnosis can be repeated from a snapshot.

mod addresses;
mod blame;
mod candidate;
pub mod catalogue;
mod check;
mod checks;
mod connected;
mod crossings;
mod daemon;
mod facts;
mod finding;
pub mod future;
mod groups;
pub mod harm;
mod lacking;
pub mod manifests;
mod meshes;
mod messages;
mod out_of_step;
mod path;
mod refusal;
mod restart;
mod session;
mod sessions;
pub mod shell;
mod silence;
pub mod system;
pub mod trace;
pub mod verdicts;
mod walks;
mod world;

pub use addresses::own_address_fault;
pub use check::check;
pub use finding::{
    Affected, Change, Command, Consequence, Evidence, Finding, Fix, Manifest, Report, Severity, Sure,
};
pub use session::{Cause, Explanation, explain};
pub use world::{Peer, World};

#[cfg(test)]
mod tests;
