//! netdiag compares what a container network is meant to be (cluster objects) with what it is (kernel state) and
//! with what it does (packets), names the first place where they part, proves it, and writes the manifest that
//! mends it. `ARCHITECTURE.md` is the map of the rooms below.

pub mod apply;
pub mod archive;
pub mod calico;
pub mod cli;
pub mod collect;
pub mod compare;
pub mod datastore;
pub mod diagnose;
pub mod fleet;
pub mod forward;
pub mod intent;
pub mod ipam;
pub mod kubernetes;
#[cfg(feature = "capture")]
pub mod live;
pub mod output;
pub mod packet;
pub mod parse;
pub mod policy;
#[cfg(feature = "capture")]
pub mod probe;
pub mod state;
