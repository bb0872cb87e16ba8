//! Calico's IPAM: who has which address, what doesn't fit together, and what gives addresses back (libcalico-go
//! `lib/ipam`). [`check`] and [`stock`] are pure; what is read and written goes through the datastore.

pub mod block;
pub mod check;
pub mod facts;
mod light;
pub mod report;
pub mod stock;
pub mod store;

use crate::datastore;

/// Why something of IPAM could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Datastore(#[from] datastore::Error),
    /// IPAM doesn't allow it.
    #[error("{0}")]
    Refused(String),
}
