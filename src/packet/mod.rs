//! Packets: reading capture files, decoding frames down to the packet inside all encapsulations, showing and counting
//! them. Knows nothing of clusters.

pub(crate) mod bytes;
pub mod checksum;
pub mod decap;
pub mod decode;
pub mod file;
pub mod filter;
pub mod flow;
pub mod join;
pub mod layer;
pub mod link_type;
pub mod ports;
pub mod show;
pub mod wire;

pub use decode::Decoder;
pub use layer::{Kind, Layer, MOST, Stack, Stop, Why};
pub use link_type::LinkType;
pub use ports::{Ports, Tunnel};
