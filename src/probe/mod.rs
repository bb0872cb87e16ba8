//! Real packets, sent from a namespace of this host and watched on the links that they pass. The only room that sends
//! anything, and only when a command was asked to.

mod counters;
mod door;
mod send;
mod sighting;
mod watch;

pub use counters::{Counters, Moved};
pub use door::Door;
pub use send::{Answer, Probes, Sent, Transport};
pub use sighting::{Course, Sighting};
pub use watch::{Point, Watch};
