//! Which endpoints are alike.

use std::net::IpAddr;

use super::super::topology::{PlaceId, Topology};
use super::{Class, Endpoint};

/// All hosts, each for itself: no two have the same neighbors.
pub fn nodes(topology: &Topology) -> Vec<Class> {
    let hosts = topology.hosts();
    alone(topology, hosts.map(|(id, _)| id))
}

/// All namespaces that aren't hosts, each for itself.
pub fn pods(topology: &Topology) -> Vec<Class> {
    let pods = topology.places().filter(|(_, place)| place.namespace.is_some());
    alone(topology, pods.map(|(id, _)| id))
}

fn alone(topology: &Topology, places: impl Iterator<Item = PlaceId>) -> Vec<Class> {
    places
        .filter_map(|place| {
            let ip: IpAddr = topology.place(place).address(true)?;
            Some(Class {
                members: vec![Endpoint { place, ip }],
            })
        })
        .collect()
}
