//! Names of any kind: which namespace a word means, and by which address it is reached.

use std::net::IpAddr;

use crate::cli::Error;
use crate::forward::topology::{PlaceId, Topology};

/// The namespace that a word means, and the address, if it is one.
pub(super) fn place(topology: &Topology, word: &str) -> Result<(Option<PlaceId>, Option<IpAddr>), Error> {
    let ip: Option<IpAddr> = word.parse().ok();
    let found: Vec<PlaceId> = topology
        .places()
        .filter(|(_, place)| match ip {
            Some(ip) => place.has(ip),
            None => {
                place.title() == word
                    || place
                        .namespace
                        .as_deref()
                        .is_some_and(|name| name == word || name.rsplit('/').next() == Some(word))
            }
        })
        .map(|(id, _)| id)
        .collect();
    if let [_, _, ..] = found[..] {
        let titles: Vec<String> = found.iter().map(|id| topology.place(*id).title()).collect();
        let message = format!("{word} is several: {}", titles.join(", "));
        return Err(Error::new(message).hint("name one as NODE/POD"));
    }
    Ok((found.first().copied(), ip))
}

/// The names that can be used, the first dozen.
pub(super) fn seen(topology: &Topology) -> String {
    let titles: Vec<String> = topology
        .places()
        .take(12)
        .map(|(_, place)| place.title())
        .collect();
    let more = topology.places().count().saturating_sub(titles.len());
    if more == 0 {
        titles.join(", ")
    } else {
        format!("{}, and {more} more", titles.join(", "))
    }
}
