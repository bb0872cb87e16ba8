//! Which endpoints are alike.
//!
//! Hosts never are: each has neighbors and routes of its own. Two pods of a node are of one class when all tables of all
//! nodes say the same of both, their own names, numbers and addresses left out: what is in their namespaces; the node's
//! ends of their links; every route, neighbor, FDB entry, policy rule, member of a set and netfilter rule that names
//! them, where it stands, and the chains that it leads to; and the networks and ranges that their addresses are in. Chains
//! that no packet of the matrix can come to don't count.
//!
//! With Open vSwitch, every pod is a class. What only looks different makes two classes of one, and costs a walk.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::packet::Transport;
use super::super::topology::{PlaceId, Topology};
use super::identity::Owners;
use super::rules::{self, World};
use super::tables::Said;
use super::{Class, Endpoint};

/// All hosts, each for itself.
pub fn nodes(topology: &Topology) -> Vec<Class> {
    let hosts = topology.hosts().filter_map(|(id, _)| endpoint(topology, id));
    hosts.map(|end| Class { members: vec![end] }).collect()
}

/// All namespaces that aren't hosts, as one kind of packet can tell them apart.
pub fn pods(topology: &Topology, transport: Transport) -> Vec<Class> {
    let owners = Owners::new(topology);
    let mut said = Said::new(topology, &owners);
    rules::say(&mut said, topology, &World::new(topology, transport));
    // Flows of Open vSwitch may ask for anything of a packet.
    let switches = topology.hosts().any(|(_, host)| host.node.ovs.known().is_some());
    let mut classes: BTreeMap<_, Vec<Endpoint>> = BTreeMap::new();
    for (id, place) in topology.places() {
        let Some(end) = endpoint(topology, id).filter(|_| place.namespace.is_some()) else {
            continue;
        };
        let addresses = place.net.addresses.items().iter();
        let ips: Vec<IpAddr> = addresses
            .map(|address| address.ip)
            .filter(|ip| !ip.is_loopback())
            .collect();
        // What is another's, too, can't stand for anything.
        let own = ips.iter().all(|ip| owners.of_ip(*ip).is_some());
        let alone = (!own || switches).then_some(id);
        let node = topology.place_of(&place.node.net);
        let key = (node, alone, said.whole(id, &ips));
        classes.entry(key).or_default().push(end);
    }
    let mut classes: Vec<Class> = classes.into_values().map(|members| Class { members }).collect();
    classes.sort_by_key(|class| class.members.first().copied());
    classes
}

fn endpoint(topology: &Topology, place: PlaceId) -> Option<Endpoint> {
    let ip = topology.place(place).address(true)?;
    Some(Endpoint { place, ip })
}
