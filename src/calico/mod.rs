//! Calico's own language. Pure: no I/O, no clock, no environment.

mod address;
pub mod apiconfig;
pub mod as_number;
pub mod autodetect;
pub mod block;
pub(crate) mod checks;
pub mod crd;
pub(crate) mod hash;
pub mod kind;
pub mod kinds;
pub mod manifest;
pub mod merge;
pub mod names;
pub mod nearest;
pub mod network_policy;
pub mod node;
pub mod patch;
pub mod release;
pub mod resource;
mod scalar;
pub mod schema;
pub mod secret;
pub mod selector;
pub mod stored;
pub mod tree;
pub mod v1;
