//! `ip -j neigh`, `ip -j neigh show proxy` (iproute2 `ip/ipneigh.c`: `print_neigh`).

use super::tree::{Item, each};
use crate::parse::ParseError;
use crate::parse::iproute::{self, Names};
use crate::state::link::IfIndex;
use crate::state::neighbor::{Neighbor, NeighborFlags, NeighborState};

/// Reads the neighbors, or the proxy entries, in the kernel's order.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn neighbors(text: &str, names: &mut Names) -> Result<Vec<Neighbor>, ParseError> {
    each(text, |item| neighbor(item, names).map(Some))
}

/// One neighbor, of either form.
pub(in crate::parse) fn neighbor(item: &Item, names: &mut Names) -> Result<Neighbor, String> {
    let mut flags = NeighborFlags::default();
    for name in ["router", "proxy", "extern_learn", "offload", "use", "sticky"] {
        if item.flag(name) {
            flags.0 |= iproute::neighbor_flag(name).unwrap_or_default().0;
        }
    }
    Ok(Neighbor {
        link: item.text("dev")?.map_or(IfIndex(0), |name| names.link(&name)),
        ip: item.need("dst", item.ip("dst")?)?,
        mac: item.text("lladdr")?.and_then(|address| iproute::mac(&address)),
        state: item
            .words("state")
            .find_map(iproute::neighbor_state)
            .unwrap_or(NeighborState::None),
        flags,
        confirmed_seconds: item.number("confirmed")?,
    })
}
