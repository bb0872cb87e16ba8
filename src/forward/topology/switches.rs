//! Open vSwitch's ports, and the links that they are.

use std::collections::HashMap;

use super::super::openflow::{LOCAL, Switch};
use super::{At, PlaceId, Topology};
use crate::state::kind::LinkData;
use crate::state::link::Link;
use crate::state::ovs::Interface;
use crate::state::{Absence, Fact};

/// The switches of all nodes.
#[derive(Debug, Default)]
pub struct Switches<'a> {
    switches: Vec<(PlaceId, Switch<'a>)>,
    by_link: HashMap<At, SwitchPort>,
    by_port: HashMap<(usize, usize, u32), At>,
}

/// A port of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SwitchPort {
    /// For [`Switches::get`].
    pub switch: usize,
    pub bridge: usize,
    pub number: u32,
    /// The host sends by it into the bridge, and gets what the bridge sends by it.
    pub internal: bool,
}

impl<'a> Switches<'a> {
    pub(super) fn new(topology: &Topology<'a>) -> Self {
        let mut found = Self::default();
        for (host, place) in topology.hosts() {
            let Fact::Known(ovs) = &place.node.ovs else {
                continue;
            };
            found.add(topology, host, Switch::new(ovs));
        }
        found
    }

    fn add(&mut self, topology: &Topology<'a>, host: PlaceId, switch: Switch<'a>) {
        let number = self.switches.len();
        for (index, bridge) in switch.bridges.iter().enumerate() {
            for (port, seen) in &bridge.ports {
                let Some(at) = link_of(topology, host, seen.interface) else {
                    continue;
                };
                let internal = *port == LOCAL || seen.interface.kind == "internal";
                self.by_port.insert((number, index, *port), at);
                let entry = SwitchPort {
                    switch: number,
                    bridge: index,
                    number: *port,
                    internal,
                };
                self.by_link.insert(at, entry);
            }
        }
        self.switches.push((host, switch));
    }

    /// The namespace of a switch's daemon, and the switch.
    pub fn get(&self, number: usize) -> Option<&(PlaceId, Switch<'a>)> {
        self.switches.get(number)
    }

    /// The port that a link is.
    pub fn port(&self, at: At) -> Option<SwitchPort> {
        self.by_link.get(&at).copied()
    }

    /// The link of a port.
    pub fn link(&self, switch: usize, bridge: usize, number: u32) -> Option<At> {
        self.by_port.get(&(switch, bridge, number)).copied()
    }

    /// The switch of a host.
    pub fn of(&self, host: PlaceId) -> Option<(usize, &Switch<'a>)> {
        let found = self.switches.iter().enumerate();
        found
            .filter(|(_, (place, _))| *place == host)
            .map(|(number, (_, switch))| (number, switch))
            .next()
    }
}

/// A port's link: beside the daemon, or, when a pod got an internal one, in the pod.
fn link_of(topology: &Topology, host: PlaceId, interface: &Interface) -> Option<At> {
    if ["patch", "vxlan", "gre", "geneve", "stt", "lisp", "erspan", "gtpu"].contains(&interface.kind.as_str())
    {
        return None;
    }
    let mut places = topology.places_of(topology.place(host).node);
    places.find_map(|(place, seen)| {
        let link = seen.net.links.items().iter().find(|link| {
            link.name == interface.name && (place == host || link.mac == interface.mac_in_use)
        })?;
        let at = At {
            place,
            link: link.index,
        };
        Some(at)
    })
}

impl Topology<'_> {
    /// Why a link that a switch had as its port leads nowhere now: the database of a switch in user space is gone, and
    /// without it the daemon stands still.
    pub fn dead_port(&self, at: At) -> Option<Dead> {
        let place = self.place(at.place);
        let link = self.link(at)?;
        if place.namespace.is_some() || !is_lost_port(link) {
            return None;
        }
        let datapath = place
            .net
            .links
            .items()
            .iter()
            .any(|link| link.name == "ovs-netdev");
        if !datapath {
            return None;
        }
        let ovs = &place.node.ovs;
        let why = ovs.why()?.to_owned();
        Some(if ovs.absence() == Some(Absence::Unknown) {
            Dead::Unknown(why)
        } else {
            Dead::Gone(why)
        })
    }
}

/// Whether a port of Open vSwitch stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dead {
    Gone(String),
    /// Nobody asked for the database.
    Unknown(String),
}

/// A tap of a bridge, or a link that somebody listens to without being a host.
fn is_lost_port(link: &Link) -> bool {
    use crate::state::link::LinkFlags;
    let tap = matches!(&link.data, Some(LinkData::Tun(_))) || link.kind.as_deref() == Some("tun");
    (tap || link.flags.has(LinkFlags::PROMISC)) && link.master.is_none()
}
