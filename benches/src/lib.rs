//! Packets and clusters made from numbers, the same for the same seed: packets of every kind that netdiag decodes, with
//! right checksums; nodes with all tables that it walks.

pub mod build;
pub mod cluster;
pub mod file;
pub mod kinds;
pub mod random;
pub mod traffic;

pub use random::Random;
