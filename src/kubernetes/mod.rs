//! Kubernetes' own objects: the fields that addresses, services and policies depend on, and no others. Pure.
//!
//! What is read is what is kept: environments, commands, volumes and most annotations have no field here, so they
//! never come into a snapshot.

pub mod endpoints;
pub mod meta;
pub mod network_policy;
pub mod node;
pub mod object;
pub mod pod;
pub mod selector;
pub mod service;

pub use object::{Inventory, Object};
