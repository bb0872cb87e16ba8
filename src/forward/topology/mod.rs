//! The namespaces of all nodes that were seen, and the cables between them.

mod cables;
mod place;
mod stacks;
mod switches;
mod veths;

use std::collections::HashMap;
use std::ops::Range;

use super::packet::Mac;
use crate::state::link::{IfIndex, Link};
use crate::state::netns::NsIdentity;
use crate::state::{Netns, NodeState};
use cables::Cables;
pub use place::Place;
pub use switches::{Dead, SwitchPort, Switches};

/// One namespace among those of a [`Topology`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub usize);

/// One link among those of a [`Topology`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    pub place: PlaceId,
    pub link: IfIndex,
}

/// All namespaces, with what joins them.
#[derive(Debug)]
pub struct Topology<'a> {
    /// Those of a node stand together, the host's own first.
    places: Vec<Place<'a>>,
    hosts: Vec<PlaceId>,
    /// By where the state of a namespace, or of a node, lies in memory.
    nets: HashMap<usize, PlaceId>,
    nodes: HashMap<usize, Range<usize>>,
    /// Both directions of every veth pair whose ends were seen.
    veths: HashMap<At, At>,
    /// Macvlans by the link that they are on.
    macvlans: HashMap<At, Vec<(At, Mac)>>,
    /// ipvlans by the link that they are on.
    ipvlans: HashMap<At, Vec<At>>,
    switches: Switches<'a>,
    cables: Cables,
}

impl<'a> Topology<'a> {
    pub fn new(nodes: &'a [NodeState]) -> Self {
        let mut topology = Self {
            places: Vec::new(),
            hosts: Vec::new(),
            nets: HashMap::new(),
            nodes: HashMap::new(),
            veths: HashMap::new(),
            macvlans: HashMap::new(),
            ipvlans: HashMap::new(),
            switches: Switches::default(),
            cables: Cables::default(),
        };
        for node in nodes {
            let first = topology.places.len();
            topology.hosts.push(PlaceId(first));
            topology.places.push(Place::new(node, None, &node.net));
            for namespace in node.namespaces.items() {
                let title = Some(namespace.title());
                topology.places.push(Place::new(node, title, &namespace.net));
            }
            topology.nodes.insert(lies(node), first..topology.places.len());
        }
        for (id, place) in topology.places.iter().enumerate() {
            topology.nets.insert(lies(place.net), PlaceId(id));
        }
        topology.veths = topology.pairs();
        topology.macvlans = topology.stacks();
        topology.ipvlans = topology.shared();
        topology.switches = Switches::new(&topology);
        topology.cables = Cables::new(&topology);
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

    /// The hosts' own namespaces.
    pub fn hosts(&self) -> impl Iterator<Item = (PlaceId, &Place<'a>)> {
        self.hosts.iter().map(|id| (*id, self.place(*id)))
    }

    /// The place of a namespace's state.
    pub fn place_of(&self, net: &Netns) -> Option<PlaceId> {
        self.nets.get(&lies(net)).copied()
    }

    /// The places of a node, the host's own first.
    pub fn places_of(&self, node: &NodeState) -> impl Iterator<Item = (PlaceId, &Place<'a>)> {
        let range = self.nodes.get(&lies(node)).cloned().unwrap_or_default();
        range.map(|index| (PlaceId(index), &self.places[index]))
    }

    pub fn link(&self, at: At) -> Option<&'a Link> {
        self.place(at.place).fib.link(at.link)
    }

    /// The other end of a veth.
    pub fn veth_peer(&self, at: At) -> Option<At> {
        self.veths.get(&at).copied()
    }

    /// Every macvlan on top of a link, in all namespaces of its node.
    pub fn macvlans(&self, lower: At) -> &[(At, Mac)] {
        self.macvlans.get(&lower).map_or(&[], Vec::as_slice)
    }

    /// Every ipvlan on top of a link, in all namespaces of its node.
    pub fn ipvlans(&self, lower: At) -> &[At] {
        self.ipvlans.get(&lower).map_or(&[], Vec::as_slice)
    }

    /// Cables whose other end was not seen.
    pub const fn cables(&self) -> &Cables {
        &self.cables
    }

    /// Open vSwitch's bridges.
    pub const fn switches(&self) -> &Switches<'a> {
        &self.switches
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

    /// The place that another one knows by this identity.
    fn namespace(&self, from: PlaceId, identity: NsIdentity) -> Option<PlaceId> {
        self.place_of(self.place(from).node.netns(identity)?)
    }
}

/// Where something lies in memory: which one of equal ones it is.
fn lies<T>(thing: &T) -> usize {
    std::ptr::from_ref(thing).addr()
}
