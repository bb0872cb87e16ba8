//! Calico's own language. Pure: no I/O, no clock, no environment.

pub mod as_number;
pub mod autodetect;
pub mod node;
pub mod release;
pub mod resource;
