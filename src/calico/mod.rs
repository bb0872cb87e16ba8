//! Calico's own language. Pure: no I/O, no clock, no environment.

pub mod autodetect;
pub mod release;
pub mod resource;
