//! The JSON of iproute2, `ip -j` and `bridge -j`, releases 4.14 to 6.x.
//!
//! Keys that say more than `state` holds are passed over; a value that isn't understood is an error with its place.
//! Links are named in it, so each reader but that of links and addresses takes [`Names`](super::iproute::Names).

pub(super) mod address;
pub(super) mod bridge;
mod kind;
pub(super) mod link;
pub(super) mod neighbor;
pub(super) mod nexthop;
pub(super) mod route;
pub(super) mod rule;
pub(super) mod tree;

pub use address::addresses;
pub use bridge::{fdb, ports, vlans};
pub use link::links;
pub use neighbor::neighbors;
pub use nexthop::nexthops;
pub use route::routes;
pub use rule::rules;

#[cfg(test)]
mod tests;
