//! Packets as lines, as JSON and as bytes. Written into one reused buffer: no allocation per packet.

pub mod application;
pub mod hex;
pub mod json;
mod json_fields;
pub mod line;
pub mod names;
mod payload;
pub mod tcpdump;
pub mod text;
pub mod time;
mod tunnel;
mod zone;

pub use json::Json;
pub use line::{Layout, Lines};
pub use names::Names;
pub use tcpdump::Tcpdump;
pub use text::Text;
pub use time::{Clock, Stamp};
pub use zone::Zone;

use super::file::{Interface, Packet};
use super::layer::Stack;

/// A packet that was decoded, to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// From 1, counted in the file.
    pub number: u64,
    pub packet: Packet<'a>,
    pub stack: &'a Stack,
    /// What it was captured on.
    pub interface: Option<&'a Interface>,
}
