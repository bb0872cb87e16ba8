//! `bridge fdb` (iproute2 `bridge/fdb.c`: `print_fdb`).

use super::{Pairs, Words, each_line, unknown};
use crate::parse::ip_json::bridge::entry;
use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, excerpt};
use crate::state::neighbor::FdbEntry;

/// Reads entries as [`crate::parse::ip_json::fdb`] does.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn fdb(text: &str, names: &mut Names) -> Result<Vec<FdbEntry>, ParseError> {
    each_line(text, |line| entry(&pairs(line)?.item(), names).map(Some))
}

fn pairs(line: &str) -> Result<Pairs, String> {
    let mut words = Words::new(line);
    let mut pairs = Pairs::default();
    let first = words.next().unwrap_or_default();
    if iproute::mac(first).is_none() {
        return Err(format!("not an entry of an FDB: {:?}", excerpt(line)));
    }
    pairs.text("mac", first);
    let (mut flags, mut state) = (Vec::new(), "");
    while let Some(word) = words.next() {
        match word {
            "dev" => pairs.text("ifname", words.after(word)?),
            "dst" | "vlan" | "port" | "vni" | "nhid" => pairs.text(word, words.after(word)?),
            "via" => pairs.text("viaIf", words.after(word)?),
            "src_vni" | "link-netnsid" | "used" | "ifIndex" => {
                words.after(word)?;
            }
            // The bridge, or a flag without one.
            "master" => match words.peek().filter(|next| !is_word(next)) {
                Some(bridge) => {
                    words.next();
                    pairs.text("master", bridge);
                }
                None => flags.push(word),
            },
            "locked" | "activity_notify" | "inactive" => {}
            _ if iproute::neighbor_flag(word).is_some() => flags.push(word),
            _ if iproute::fdb_state(word).is_some() || word.starts_with("state=") => state = word,
            _ => return Err(unknown(word)),
        }
    }
    pairs.words("flags", flags);
    pairs.text("state", state);
    Ok(pairs)
}

/// What may follow a bare `master`.
fn is_word(word: &str) -> bool {
    iproute::neighbor_flag(word).is_some()
        || iproute::fdb_state(word).is_some()
        || matches!(word, "used" | "vlan" | "locked")
}
