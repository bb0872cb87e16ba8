//! `arp -n`, `arp -an`, `/proc/net/arp` (net-tools `arp.c`).

use std::net::IpAddr;

use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, excerpt};
use crate::state::neighbor::{Neighbor, NeighborFlags, NeighborState};

/// Reads ARP entries. Whether a neighbor is still there isn't told: one with an Ethernet address is STALE, one without
/// is INCOMPLETE, though the kernel may have it as FAILED.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn arp(text: &str, names: &mut Names) -> Result<Vec<Neighbor>, ParseError> {
    let mut neighbors = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let read = match words.as_slice() {
            // `arp: in 3 entries no match found.` is one of them.
            [] | ["Address" | "Entries:" | "arp:", ..] | ["IP", "address", ..] => continue,
            [_, ip, "at", rest @ ..] if ip.starts_with('(') => bsd(ip, rest, names),
            [ip, hardware, flags, mac, "*", link] if hardware.starts_with("0x") => {
                proc(ip, flags, mac, link, names)
            }
            [ip, rest @ ..] => linux(ip, rest, names),
        };
        let bad = || ParseError::new(index + 1, format!("not an ARP entry: {:?}", excerpt(line)));
        neighbors.push(read.ok_or_else(bad)?);
    }
    Ok(neighbors)
}

fn neighbor(
    ip: &str,
    mac: &str,
    permanent: bool,
    proxy: bool,
    link: &str,
    names: &mut Names,
) -> Option<Neighbor> {
    let ip: IpAddr = ip.parse().ok()?;
    let mac = iproute::mac(mac).filter(|_| !proxy);
    Some(Neighbor {
        link: names.link(link),
        ip,
        state: match (&mac, permanent) {
            _ if proxy => NeighborState::None,
            (Some(_), true) => NeighborState::Permanent,
            (Some(_), false) => NeighborState::Stale,
            (None, _) => NeighborState::Incomplete,
        },
        mac,
        flags: if proxy {
            NeighborFlags::PROXY
        } else {
            NeighborFlags::default()
        },
        confirmed_seconds: None,
    })
}

/// `10.0.0.1 ether 02:00:00:00:00:01 CM eth0`, `10.0.0.2 (incomplete) eth0`
fn linux(ip: &str, rest: &[&str], names: &mut Names) -> Option<Neighbor> {
    let (link, words) = rest.split_last()?;
    match words {
        ["(incomplete)"] => neighbor(ip, "", false, false, link, names),
        // A mask may stand between.
        [_, mac, flags, ..] => neighbor(ip, mac, flags.contains('M'), flags.contains('P'), link, names),
        _ => None,
    }
}

/// `? (10.0.0.1) at 02:00:00:00:00:01 [ether] PERM on eth0`
fn bsd(ip: &str, rest: &[&str], names: &mut Names) -> Option<Neighbor> {
    let ip = ip.strip_prefix('(')?.strip_suffix(')')?;
    let [mac, words @ .., "on", link] = rest else {
        return None;
    };
    let has = |word: &str| words.contains(&word);
    neighbor(ip, mac, has("PERM"), has("PUB"), link, names)
}

/// A line of `/proc/net/arp`: ATF_COM is 2, ATF_PERM 4, ATF_PUBL 8.
fn proc(ip: &str, flags: &str, mac: &str, link: &str, names: &mut Names) -> Option<Neighbor> {
    let flags: u32 = iproute::number(flags)?;
    let mac = if flags & 2 == 0 { "" } else { mac };
    neighbor(ip, mac, flags & 4 != 0, flags & 8 != 0, link, names)
}
