//! What belongs to one pod alone: addresses, MAC addresses, and the node's ends of its links.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use super::super::packet::Mac;
use super::super::topology::{At, PlaceId, Topology};
use crate::state::link::IfIndex;

/// Whose is what. What two pods have belongs to none.
#[derive(Debug, Default)]
pub(super) struct Owners<'a> {
    ips: HashMap<IpAddr, Option<Owner>>,
    macs: HashMap<Mac, Option<Owner>>,
    links: HashMap<At, Owner>,
    names: HashMap<(PlaceId, &'a str), Owner>,
}

/// A pod, and which of its addresses or links it is.
type Owner = (PlaceId, usize);

impl<'a> Owners<'a> {
    pub(super) fn new(topology: &Topology<'a>) -> Self {
        let mut owners = Self::default();
        for (id, place) in topology.places() {
            if place.namespace.is_none() {
                continue;
            }
            for (rank, address) in place.net.addresses.items().iter().enumerate() {
                if !address.ip.is_loopback() {
                    own(&mut owners.ips, address.ip, (id, rank));
                }
            }
            for (rank, link) in place.net.links.items().iter().enumerate() {
                let at = At {
                    place: id,
                    link: link.index,
                };
                if let Some(mac) = link.mac.as_deref().and_then(Mac::parse) {
                    own(&mut owners.macs, mac, (id, rank));
                }
                let Some(peer) = topology.veth_peer(at) else {
                    continue;
                };
                // Two pods may be joined by one cable: no end of it is the node's.
                if topology.place(peer.place).namespace.is_none()
                    && let Some(end) = topology.link(peer)
                {
                    owners.links.insert(peer, (id, rank));
                    owners.names.insert((peer.place, end.name.as_str()), (id, rank));
                }
            }
        }
        owners
    }

    pub(super) fn of_ip(&self, ip: IpAddr) -> Option<Owner> {
        self.ips.get(&ip).copied().flatten()
    }

    pub(super) fn of_mac(&self, mac: Mac) -> Option<Owner> {
        self.macs.get(&mac).copied().flatten()
    }

    /// Of a link of a node.
    pub(super) fn of_link(&self, at: At) -> Option<Owner> {
        self.links.get(&at).copied()
    }

    pub(super) fn of_name(&self, place: PlaceId, name: &str) -> Option<Owner> {
        self.names.get(&(place, name)).copied()
    }
}

fn own<K: Hash + Eq>(owners: &mut HashMap<K, Option<Owner>>, key: K, id: Owner) {
    owners
        .entry(key)
        .and_modify(|owner| *owner = owner.filter(|owner| *owner == id))
        .or_insert(Some(id));
}

/// Chains of one pod don't nest deeper.
const MAX_DEPTH: usize = 16;

/// Adds up what is said of one pod, with its own names and numbers left out.
#[derive(Debug)]
pub(super) struct Digest<'o, 'a> {
    pub(super) owners: &'o Owners<'a>,
    pub(super) pod: PlaceId,
    hasher: DefaultHasher,
    /// How many chains deep it is.
    depth: usize,
}

impl<'o, 'a> Digest<'o, 'a> {
    pub(super) fn new(owners: &'o Owners<'a>, pod: PlaceId) -> Self {
        Self {
            owners,
            pod,
            hasher: DefaultHasher::new(),
            depth: 0,
        }
    }

    pub(super) fn done(self) -> u64 {
        self.hasher.finish()
    }

    /// Into a chain; false when chains lead in circles.
    pub(super) fn enter(&mut self) -> bool {
        self.depth += usize::from(self.depth < MAX_DEPTH);
        self.depth < MAX_DEPTH
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn word(&mut self, word: impl Hash) -> &mut Self {
        word.hash(&mut self.hasher);
        self
    }

    /// What has no hash of its own.
    pub(super) fn debug(&mut self, thing: &dyn Debug) -> &mut Self {
        self.word(format!("{thing:?}"))
    }

    /// The pod's own are the same for all pods.
    fn own_or(&mut self, owner: Option<Owner>, what: &str, else_: impl Hash) -> &mut Self {
        match owner {
            Some((pod, rank)) if pod == self.pod => self.word(("its own", what, rank)),
            _ => self.word(else_),
        }
    }

    pub(super) fn ip(&mut self, ip: IpAddr) -> &mut Self {
        let owner = self.owners.of_ip(ip);
        self.own_or(owner, "address", ip)
    }

    pub(super) fn mac(&mut self, mac: Option<&str>) -> &mut Self {
        let owner = mac.and_then(Mac::parse).and_then(|mac| self.owners.of_mac(mac));
        self.own_or(owner, "MAC", mac)
    }

    /// A link of a node.
    pub(super) fn link(&mut self, place: PlaceId, link: Option<IfIndex>) -> &mut Self {
        let owner = link.and_then(|link| self.owners.of_link(At { place, link }));
        self.own_or(owner, "link", link)
    }

    pub(super) fn name(&mut self, place: PlaceId, name: &str) -> &mut Self {
        let owner = self.owners.of_name(place, name);
        self.own_or(owner, "link", name)
    }
}
