//! Names of any kind: which namespace a word means, and by which address it is reached.

use std::net::IpAddr;

use crate::cli::Error;
use crate::forward::topology::{PlaceId, Topology};
use crate::state::link::{LinkFlags, Scope};

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

/// An address by which a namespace is reached: global, not on `lo`.
pub(super) fn address(topology: &Topology, id: PlaceId, v4: bool) -> Option<IpAddr> {
    let place = topology.place(id);
    let outside = |index| {
        let link = place.net.link(index);
        link.is_none_or(|link| !link.flags.has(LinkFlags::LOOPBACK) && !link.is_bridge())
    };
    let addresses = place.net.addresses.items();
    let fits = |wanted: bool| {
        addresses
            .iter()
            .filter(move |address| address.ip.is_ipv4() == wanted && address.scope == Scope::GLOBAL)
            .find(|address| outside(address.link))
            .map(|address| address.ip)
    };
    fits(v4).or_else(|| fits(!v4))
}
