//! Calico's own language. Pure: no I/O, no clock, no environment.

pub mod apiconfig;
pub mod resource;
pub mod secret;
