//! Packets as they pass: links that are captured by libpcap, each drained by a thread of its own, and put in order.
//!
//! A thread does nothing but copy packets from the kernel's ring into batches, so that neither decoding nor a terminal
//! that stands still makes the ring run over. Everything that needs rights happens in [`Tap::open`].

mod batch;
mod merge;
mod rights;
mod tap;

pub use batch::Counters;
pub use merge::{Look, Taps};
pub use rights::give_up;
pub use tap::{Options, Tap};

/// Why a link can't be captured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{link}: no such link")]
    NoLink { link: String },
    #[error("{link}: may not be captured: {why}")]
    Denied { link: String, why: String },
    /// libpcap's words about the expression.
    #[error("{0}")]
    Expression(String),
    #[error("{link}: {why}")]
    Failed { link: String, why: String },
}
