//! Objects → the cluster as it is meant: who has which address, who peers with whom, which routes follow. Pure.

pub mod autodetect;
pub mod blocks;
pub mod cluster;
pub mod dispatch;
pub mod docker;
pub mod documents;
pub mod kernel;
pub mod ovs;
pub mod pool;
mod propagation;
pub mod proxy;
pub mod routes;
pub mod sessions;

pub use cluster::Cluster;
