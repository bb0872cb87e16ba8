//! What is *meant*: the datastore's objects, turned into what each node should have. Pure.

pub mod autodetect;
pub mod cluster;
pub mod documents;

pub use cluster::Cluster;
