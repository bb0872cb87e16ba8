//! The tunnel links of hosts that were seen, for `--summary`.

use crate::forward::topology::{PlaceId, Topology};
use crate::packet::flow::{TunnelLink, Vtep, Vteps};
use crate::state::kind::LinkData;
use crate::state::link::{Link, Scope};

/// Of each host whose namespaces were all seen, and that has no switch with tunnels of its own.
pub(super) fn vteps(topology: &Topology) -> Vteps {
    let mut vteps = Vteps::default();
    for (id, place) in topology.hosts() {
        let node = place.node;
        let hidden = node.namespaces.known().is_none() || node.namespaces_incomplete.is_some();
        if hidden || place.net.links.known().is_none() || topology.switches().of(id).is_some() {
            continue;
        }
        let links = tunnels(topology, id);
        for address in place.net.addresses.items() {
            let Some(below) = place.fib.link(address.link).filter(|below| may_carry(below)) else {
                continue;
            };
            if address.scope == Scope::GLOBAL && !address.ip.is_loopback() {
                let vtep = Vtep {
                    host: node.name.clone(),
                    links: links.clone(),
                    outer_mtu: below.mtu,
                };
                vteps.add(address.ip, vtep);
            }
        }
    }
    vteps
}

/// Outer packets don't go to the address of a tunnel or of a bridge for containers.
fn may_carry(link: &Link) -> bool {
    !link.is_bridge() && !matches!(link.data, Some(LinkData::Vxlan(_)))
}

/// The VXLAN links of all namespaces of a host: Docker keeps some elsewhere, and their sockets are the host's.
fn tunnels(topology: &Topology, host: PlaceId) -> Vec<TunnelLink> {
    let places = topology.places_of(topology.place(host).node);
    let links = places.flat_map(|(_, place)| place.net.links.items());
    let tunnel = |link: &Link| match &link.data {
        Some(LinkData::Vxlan(vxlan)) => Some(TunnelLink {
            name: link.name.clone(),
            vni: vxlan.vni.filter(|_| !vxlan.external),
            port: vxlan.port,
            mtu: link.mtu,
        }),
        _ => None,
    };
    links.filter_map(tunnel).collect()
}
