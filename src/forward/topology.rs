//! The namespaces of all nodes that were seen, and the cables between them.

use std::collections::HashMap;
use std::net::IpAddr;

use super::fib::Fib;
use super::packet::Mac;
use crate::state::link::{IfIndex, Link, LinkFlags};
use crate::state::netns::NsIdentity;
use crate::state::{Netns, NodeState};

/// One namespace among those of a [`Topology`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub usize);

/// One link among those of a [`Topology`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct At {
    pub place: PlaceId,
    pub link: IfIndex,
}

/// A network namespace of a node.
#[derive(Debug)]
pub struct Place<'a> {
    pub node: &'a NodeState,
    /// None for the host's own.
    pub namespace: Option<String>,
    pub net: &'a Netns,
    pub fib: Fib<'a>,
}

impl Place<'_> {
    /// `node1`, `node1/default/web`.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}/{namespace}", self.node.name),
            None => self.node.name.clone(),
        }
    }

    /// Whether an address is one of the namespace's own.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.net.addresses.items().iter().any(|address| address.ip == ip)
    }

    /// `net.ipv4.conf.LINK.NAME` as a number; none when it was not read.
    pub fn setting(&self, v6: bool, link: &str, name: &str) -> Option<i64> {
        self.net.link_setting(v6, link, name)
    }

    /// A switch that is on when the link's own or the one of `all` is (`IN_DEV_ORCONF`).
    pub fn either(&self, v6: bool, link: &str, name: &str) -> Option<bool> {
        let (own, all) = (self.setting(v6, link, name), self.setting(v6, "all", name));
        match (own, all) {
            (Some(own), all) => Some(own != 0 || all.unwrap_or(0) != 0),
            (None, Some(all)) if all != 0 => Some(true),
            _ => None,
        }
    }
}

/// All namespaces, with what joins them.
#[derive(Debug)]
pub struct Topology<'a> {
    places: Vec<Place<'a>>,
    /// Both directions of every veth pair whose ends were seen.
    veths: HashMap<At, At>,
    /// Links with a cable that leads out of what was seen, by their address.
    uplinks: Vec<(Mac, At)>,
}

impl<'a> Topology<'a> {
    pub fn new(nodes: &'a [NodeState]) -> Self {
        let mut places = Vec::new();
        for node in nodes {
            places.push(Place {
                node,
                namespace: None,
                net: &node.net,
                fib: Fib::new(&node.net),
            });
            for namespace in node.namespaces.items() {
                places.push(Place {
                    node,
                    namespace: Some(namespace.title()),
                    net: &namespace.net,
                    fib: Fib::new(&namespace.net),
                });
            }
        }
        let mut topology = Self {
            places,
            veths: HashMap::new(),
            uplinks: Vec::new(),
        };
        topology.veths = topology.pairs();
        topology.uplinks = topology.cables();
        topology
    }

    pub fn place(&self, id: PlaceId) -> &Place<'a> {
        &self.places[id.0]
    }

    pub fn places(&self) -> impl Iterator<Item = (PlaceId, &Place<'a>)> {
        self.places
            .iter()
            .enumerate()
            .map(|(index, place)| (PlaceId(index), place))
    }

    pub fn link(&self, at: At) -> Option<&'a Link> {
        self.place(at.place).fib.link(at.link)
    }

    /// The other end of a veth.
    pub fn veth_peer(&self, at: At) -> Option<At> {
        self.veths.get(&at).copied()
    }

    /// The links that a frame from this one can reach over cables that were not seen: all of those, as far as is known.
    pub fn beyond(&self, from: At) -> impl Iterator<Item = (Mac, At)> {
        self.uplinks
            .iter()
            .copied()
            .filter(move |(_, at)| at.place != from.place)
    }

    /// Whether the link leads out of what was seen.
    pub fn is_uplink(&self, at: At) -> bool {
        self.uplinks.iter().any(|(_, other)| *other == at)
    }

    fn all_links(&self) -> impl Iterator<Item = (At, &'a Link)> {
        self.places().flat_map(|(place, seen)| {
            seen.net.links.items().iter().map(move |link| {
                (
                    At {
                        place,
                        link: link.index,
                    },
                    link,
                )
            })
        })
    }

    /// The ends of veths that belong together: by the number and the namespace that each knows of the other; where the
    /// namespace's number says nothing (command outputs of another day), by the numbers alone, when only one fits.
    fn pairs(&self) -> HashMap<At, At> {
        let mut by_numbers: HashMap<(IfIndex, IfIndex), Vec<At>> = HashMap::new();
        for (at, link) in self.all_links() {
            if let (Some("veth"), Some(lower)) = (link.kind.as_deref(), link.lower) {
                by_numbers.entry((link.index, lower.index)).or_default().push(at);
            }
        }
        let (mut sure, mut likely) = (Vec::new(), HashMap::new());
        for (at, link) in self.all_links() {
            let (Some("veth"), Some(lower)) = (link.kind.as_deref(), link.lower) else {
                continue;
            };
            let Some(candidates) = by_numbers.get(&(lower.index, link.index)) else {
                continue;
            };
            let identity = lower.netns.and_then(|id| self.place(at.place).net.peer(id));
            let known = match (lower.netns, identity) {
                (None, _) => candidates.iter().find(|other| other.place == at.place),
                (Some(_), Some(identity)) => candidates
                    .iter()
                    .find(|other| self.is_namespace(at.place, other.place, identity)),
                (Some(_), None) => None,
            };
            if let Some(peer) = known {
                sure.push((at, *peer));
            } else if lower.netns.is_some() && identity.is_none() {
                likely.extend(self.only_one(at, candidates).map(|peer| (at, *peer)));
            }
        }
        // By numbers alone, both ends must mean each other.
        let mut pairs: HashMap<At, At> = likely
            .iter()
            .filter(|(at, peer)| likely.get(peer) == Some(at))
            .map(|(at, peer)| (*at, *peer))
            .collect();
        for (at, peer) in sure {
            pairs.insert(at, peer);
            pairs.insert(peer, at);
        }
        pairs
    }

    /// Whether the second place is the namespace that the first knows by this identity.
    fn is_namespace(&self, from: PlaceId, other: PlaceId, identity: NsIdentity) -> bool {
        self.place(from)
            .node
            .netns(identity)
            .is_some_and(|net| std::ptr::eq(net, self.place(other).net))
    }

    /// The one candidate of the same node, or, without any there, of all.
    fn only_one<'c>(&self, at: At, candidates: &'c [At]) -> Option<&'c At> {
        let same_node = |other: &&At| {
            std::ptr::eq(self.place(other.place).node, self.place(at.place).node) && other.place != at.place
        };
        let one = |mut found: Box<dyn Iterator<Item = &'c At> + '_>| {
            let first = found.next()?;
            found.next().is_none().then_some(first)
        };
        if candidates.iter().any(|other| same_node(&other)) {
            return one(Box::new(candidates.iter().filter(same_node)));
        }
        one(Box::new(
            candidates.iter().filter(|other| other.place != at.place),
        ))
    }

    /// Hardware, and veths whose other end was not seen.
    fn cables(&self) -> Vec<(Mac, At)> {
        let leads_out = |(at, link): &(At, &Link)| match link.kind.as_deref() {
            None => !link.flags.has(LinkFlags::LOOPBACK),
            Some("veth") => !self.veths.contains_key(at),
            _ => false,
        };
        self.all_links()
            .filter(leads_out)
            .filter_map(|(at, link)| Some((Mac::parse(link.mac.as_deref()?)?, at)))
            .collect()
    }
}
