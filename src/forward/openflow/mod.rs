//! Open vSwitch: what its bridges do with a frame, as `ofproto/ofproto-dpif-xlate.c` translates it. Pure.
//!
//! A [`Switch`] is made of a node's state; [`Switch::translate`] says which ports a frame leaves by, and how it looks then.

mod action;
mod apply;
mod bridge;
mod choice;
pub mod field;
mod lookup;
mod matching;
mod normal;
mod translate;

pub use bridge::{Bridge, Port, Switch};
pub use choice::Alternative;
pub use translate::{Effect, Input, Learned, Translation};

/// The port of a bridge's own link (`OFPP_LOCAL`).
pub const LOCAL: u32 = 65_534;

/// A port by its number, or by its name, which may be quoted.
fn port_number(text: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<u32> {
    let text = text.trim_matches('"');
    if text.eq_ignore_ascii_case("LOCAL") {
        return Some(LOCAL);
    }
    text.parse().ok().or_else(|| port(text))
}
