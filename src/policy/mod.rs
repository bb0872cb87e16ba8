//! What the objects say about a packet: which policy allows or denies it, by which rule, and which backends a service
//! has. Pure.
//!
//! Kubernetes' NetworkPolicy and all of Calico's kinds become one model, in the way in which Calico itself turns the
//! former into the latter: policies in tiers, rules with selectors over labels, endpoints that inherit labels from
//! their namespace (`pcns.`) and service account (`pcsa.`).

pub mod alike;
pub mod calico;
pub mod decide;
pub mod endpoint;
pub mod felix;
pub mod flow;
pub mod frontend;
pub mod hidden;
pub mod identity;
pub mod kubernetes;
pub mod model;
mod near;
pub mod passage;
pub mod policies;
mod read;
pub mod rule;
pub mod selectors;
pub mod service;

pub use decide::{Cause, Decision, Stage};
pub use endpoint::Endpoint;
pub use flow::{Direction, Flow};
pub use policies::Policies;

#[cfg(test)]
mod tests;
