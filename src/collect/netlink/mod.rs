//! The tables of a network namespace over netlink(7): links, addresses, routes, nexthop objects, rules, neighbors,
//! forwarding databases, VLANs.
//!
//! Messages are read straight from their bytes: attributes that are new, missing or longer than today's are no error,
//! and nothing the kernel says has to fit a library's picture of it.

mod addresses;
mod attr;
pub(super) mod ctnetlink;
pub(super) mod devconf;
mod encap;
mod features;
pub(super) mod inet_diag;
mod ipset;
mod kinds;
mod links;
mod may_ask;
mod neighbors;
mod nexthops;
mod nf_tables;
mod nfnetlink;
pub(super) mod nsid;
mod ports;
mod routes;
mod rules;
pub(super) mod socket;
#[cfg(test)]
mod tests;
mod tunnels;
mod uapi;
mod vlans;

use std::collections::BTreeMap;

use socket::{Error, Socket};

use crate::state::ipset::IpSet;
use crate::state::link::Link;
use crate::state::netfilter::Family;
use crate::state::{Absence, Fact, Netns};

/// Fills in what netlink tells of the network namespace that the calling thread is in. What can't be read is absent, by
/// itself and with the reason. No privileges are needed, and nothing is changed: no module is loaded.
pub fn netns_tables(net: &mut Netns) {
    let mut socket = match Socket::route() {
        Ok(socket) => socket,
        Err(error) => return nothing(net, &error.to_string()),
    };
    let socket = &mut socket;
    let taken = &mut net.taken;
    net.links = item(taken, "links", || links(socket));
    net.addresses = item(taken, "addresses", || addresses::read(socket));
    net.routes = item(taken, "routes", || routes::read(socket));
    net.nexthops = item(taken, "nexthops", || nexthops::read(socket));
    net.rules = item(taken, "rules", || rules::read(socket));
    net.neighbors = item(taken, "neighbors", || neighbors::read(socket));
    net.fdb = item(taken, "fdb", || neighbors::fdb(socket));
    net.vlans = item(taken, "vlans", || vlans::read(socket));
}

/// The sets of ipset(8). The kernel is asked only when it has them: a question would load their module.
/// CAP_NET_ADMIN is needed.
pub(super) fn ipsets() -> Fact<Vec<IpSet>> {
    match may_ask::may_ask("ip_set") {
        Ok(()) => unless_missing(ipset::read(), "ip_set"),
        Err(absent) => absent.into_fact(),
    }
}

/// Family and name of nftables' tables, with the same care. CAP_NET_ADMIN is needed.
pub(super) fn nf_tables() -> Fact<Vec<(Family, String)>> {
    match may_ask::may_ask("nf_tables") {
        Ok(()) => unless_missing(nf_tables::read(), "nf_tables"),
        Err(absent) => absent.into_fact(),
    }
}

/// To a message for a subsystem that it lacks, the kernel says that the argument is invalid.
fn unless_missing<T>(read: Result<T, Error>, module: &str) -> Fact<T> {
    match read {
        Ok(item) => Fact::Known(item),
        Err(Error::Refused { errno, .. }) if errno == nix::errno::Errno::EINVAL as i32 => {
            Fact::absent_as(Absence::Missing, format!("the kernel has no {module}"))
        }
        Err(error) => error.into_fact(),
    }
}

fn nothing(net: &mut Netns, why: &str) {
    fn absent<T>(why: &str) -> Fact<T> {
        Fact::absent_as(Absence::Unreadable, why)
    }
    net.links = absent(why);
    net.addresses = absent(why);
    net.routes = absent(why);
    net.nexthops = absent(why);
    net.rules = absent(why);
    net.neighbors = absent(why);
    net.fdb = absent(why);
    net.vlans = absent(why);
}

/// Reads one item, and notes when.
fn item<T>(
    taken: &mut BTreeMap<String, String>,
    name: &str,
    read: impl FnOnce() -> Result<T, Error>,
) -> Fact<T> {
    taken.insert(name.to_owned(), super::now_to_the_millisecond());
    match read() {
        Ok(item) => Fact::Known(item),
        Err(error) => error.into_fact(),
    }
}

/// The links, with their features where the kernel tells them.
fn links(socket: &mut Socket) -> Result<Vec<Link>, Error> {
    let mut links = links::read(socket)?;
    if let Ok(mut features) = features::read() {
        for link in &mut links {
            link.features = features.remove(&link.index);
        }
    }
    Ok(links)
}

/// What there is of IPv4, then of IPv6. A kernel without one of them has nothing of it.
fn both_families<T>(mut read: impl FnMut(u8) -> Result<Vec<T>, Error>) -> Result<Vec<T>, Error> {
    let (v4, v6) = (read(uapi::AF_INET), read(uapi::AF_INET6));
    match (v4, v6) {
        (Ok(mut v4), Ok(v6)) => {
            v4.extend(v6);
            Ok(v4)
        }
        (Ok(items), Err(error)) | (Err(error), Ok(items)) if error.is_unsupported() => Ok(items),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Whether a message is of the family that was asked for: a kernel without it answers with all the others.
fn is_family(message: &[u8], family: u8) -> bool {
    message.first() == Some(&family)
}
