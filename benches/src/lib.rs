//! Packets made from numbers: of every kind that netdiag decodes, with right checksums, the same for the same seed.

pub mod build;
pub mod file;
pub mod kinds;
pub mod random;
pub mod traffic;

pub use random::Random;
