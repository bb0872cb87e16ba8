//! Pods: Calico's, each behind a veth of its own that answers for 169.254.1.1, and those on flannel's bridge.

use std::net::Ipv4Addr;

use netdiag::state::kind::{Bridge, BridgePort, LinkData, PortState};
use netdiag::state::link::{IfIndex, Link, LowerLink};
use netdiag::state::neighbor::{FdbEntry, NeighborFlags, NeighborState};
use netdiag::state::netns::{NsId, Peer};
use netdiag::state::{Namespace, Netns};

use super::names::{mac, pod_ip, pod_link};
use super::{Cluster, Host, ethernet, identity, namespace, routes};

/// Felix gives it to all of its links.
const EES: &str = "ee:ee:ee:ee:ee:ee";
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
const CNI0: IfIndex = IfIndex(5);

/// The link of a pod in its namespace, and the node's end.
const INSIDE: IfIndex = IfIndex(3);

fn outside(pod: usize) -> IfIndex {
    IfIndex(u32::try_from(10 + pod).unwrap_or(0))
}

pub(super) fn pods(cluster: &Cluster, node: usize, host: &mut Host) -> Vec<Namespace> {
    if !cluster.flavour.is_calico() {
        bridge(cluster, node, host);
    }
    (0..cluster.pods)
        .map(|pod| one(cluster, node, pod, host))
        .collect()
}

fn one(cluster: &Cluster, node: usize, pod: usize, host: &mut Host) -> Namespace {
    let calico = cluster.flavour.is_calico();
    let (ip, own) = (pod_ip(cluster, node, pod), mac(0x0a, node, pod));
    let id = NsId(i32::try_from(pod).unwrap_or(0));
    host.peers.push(Peer {
        id,
        namespace: Some(identity(node, pod + 1)),
    });
    let name = pod_link(node, pod);
    let end = Link {
        kind: Some("veth".to_owned()),
        lower: Some(LowerLink {
            index: INSIDE,
            netns: Some(id),
        }),
        mtu: cluster.flavour.mtu(),
        ..ethernet(outside(pod), &name, if calico { EES } else { &own })
    };
    if calico {
        host.set(&name, &[("rp_filter", 1), ("forwarding", 1), ("proxy_arp", 1)]);
        host.routes.push(routes::on_link(end.index, ip));
        host.neighbors.push(routes::neighbor(end.index, ip, own));
        host.links.push(end);
    } else {
        host.set(&name, &[("rp_filter", 1), ("forwarding", 1), ("proxy_arp", 0)]);
        host.neighbors.push(routes::neighbor(CNI0, ip, own.clone()));
        host.fdb.push(FdbEntry {
            master: Some(CNI0),
            flags: NeighborFlags::MASTER,
            state: NeighborState::Reachable,
            ..routes::fdb(&own, end.index)
        });
        host.links.push(on_bridge(end, node, pod));
    }
    namespace(node, pod, within(cluster, node, pod))
}

fn on_bridge(end: Link, node: usize, pod: usize) -> Link {
    Link {
        mac: Some(mac(0x0e, node, pod)),
        master: Some(CNI0),
        port: Some(BridgePort {
            state: PortState::Forwarding,
            hairpin: true,
            learning: true,
            flood: true,
            mcast_flood: true,
            bcast_flood: true,
            ..BridgePort::default()
        }),
        ..end
    }
}

/// The pod's own tables.
fn within(cluster: &Cluster, node: usize, pod: usize) -> Netns {
    let (ip, own) = (pod_ip(cluster, node, pod), mac(0x0a, node, pod));
    let mut host = Host::new();
    host.links.push(Link {
        kind: Some("veth".to_owned()),
        lower: Some(LowerLink {
            index: outside(pod),
            netns: Some(NsId(0)),
        }),
        mtu: cluster.flavour.mtu(),
        ..ethernet(INSIDE, "eth0", &own)
    });
    host.peers.push(Peer {
        id: NsId(0),
        namespace: Some(identity(node, 0)),
    });
    host.set("all", &[("rp_filter", 0), ("forwarding", 0), ("proxy_arp", 0)]);
    host.set("eth0", &[("rp_filter", 1), ("forwarding", 0), ("proxy_arp", 0)]);
    let (gateway, mac) = if cluster.flavour.is_calico() {
        host.own(INSIDE, ip, 32);
        host.routes.push(routes::on_link(INSIDE, GATEWAY));
        (GATEWAY, EES.to_owned())
    } else {
        host.own(INSIDE, ip, 24);
        (bridge_ip(cluster, node), mac_of_bridge(node))
    };
    host.routes
        .push(routes::via(routes::everything(), gateway, INSIDE));
    host.neighbors.push(routes::neighbor(INSIDE, gateway, mac));
    host.into_net(Vec::new())
}

fn bridge_ip(cluster: &Cluster, node: usize) -> Ipv4Addr {
    super::names::address(super::names::block(cluster, node, 0).network(), 1)
}

fn mac_of_bridge(node: usize) -> String {
    mac(0x0c, node, 0)
}

/// `cni0`, with the node's address in its block.
fn bridge(cluster: &Cluster, node: usize, host: &mut Host) {
    host.links.push(Link {
        kind: Some("bridge".to_owned()),
        data: Some(LinkData::Bridge(Bridge::default())),
        mtu: cluster.flavour.mtu(),
        ..ethernet(CNI0, "cni0", &mac_of_bridge(node))
    });
    host.own(CNI0, bridge_ip(cluster, node), 24);
    host.set("cni0", &[("rp_filter", 1), ("forwarding", 1), ("proxy_arp", 0)]);
}
