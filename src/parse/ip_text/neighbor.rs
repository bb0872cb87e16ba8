//! `ip neigh`, `ip neigh show proxy` (iproute2 `ip/ipneigh.c`: `print_neigh`).

use super::{Pairs, Words, each_line, unknown};
use crate::parse::ip_json::neighbor::neighbor;
use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, excerpt};
use crate::state::neighbor::Neighbor;

/// Reads neighbors as [`crate::parse::ip_json::neighbors`] does.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn neighbors(text: &str, names: &mut Names) -> Result<Vec<Neighbor>, ParseError> {
    each_line(text, |line| neighbor(&pairs(line)?.item(), names).map(Some))
}

fn pairs(line: &str) -> Result<Pairs, String> {
    let mut words = Words::new(line);
    let mut pairs = Pairs::default();
    let first = words.next().unwrap_or_default();
    if first.parse::<std::net::IpAddr>().is_err() {
        return Err(format!("not a neighbor: {:?}", excerpt(line)));
    }
    pairs.text("dst", first);
    let mut states = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" | "lladdr" => pairs.text(word, words.after(word)?),
            // Used, confirmed, updated; `probes` follows without a blank.
            "used" => {
                let confirmed = words.after(word)?.split('/').nth(1).unwrap_or_default();
                pairs.text("confirmed", confirmed);
            }
            "ref" | "probes" | "protocol" | "nhid" | "vlan" | "vni" => {
                words.after(word)?;
            }
            "managed" | "externally_validated" | "extern_valid" => {}
            _ if iproute::neighbor_flag(word).is_some() => pairs.flag(word),
            _ if iproute::neighbor_state(word).is_some() => states.push(word),
            // What stands behind `used 0/60/0probes`.
            _ if word.bytes().all(|byte| byte.is_ascii_digit()) => {}
            _ => return Err(unknown(word)),
        }
    }
    pairs.words("state", states);
    Ok(pairs)
}
