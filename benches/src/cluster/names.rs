//! Names and numbers of nodes and pods.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::{Cluster, Flavour};

/// Pods that fit in a block of 64 addresses.
pub(super) const OF_A_BLOCK: usize = 62;

/// The nodes' segment is 172.16.0.0/16, with 250 nodes in each 256 addresses.
pub(super) fn node_ip(node: usize) -> Ipv4Addr {
    address(Ipv4Addr::new(172, 16, 0, 0), node / 250 * 256 + node % 250 + 1)
}

pub(super) fn node_name(node: usize) -> String {
    format!("node{:04}", node + 1)
}

pub(super) fn node_mac(node: usize) -> String {
    mac(0x02, node, 0)
}

pub(super) fn pod_name(node: usize, pod: usize) -> String {
    format!("pod-{}-{}", node + 1, pod + 1)
}

/// Kind, node and number make an address that nobody else has.
pub(super) fn mac(kind: u8, node: usize, number: usize) -> String {
    let [_, _, a, b] = u32::try_from(node).unwrap_or(0).to_be_bytes();
    let [_, _, c, d] = u32::try_from(number).unwrap_or(0).to_be_bytes();
    format!("{kind:02x}:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

pub(super) fn address(base: Ipv4Addr, offset: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(base).wrapping_add(u32::try_from(offset).unwrap_or(0)))
}

/// Where all blocks lie.
pub(super) fn pool() -> IpNet {
    IpNet::V4(Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), 8).unwrap_or_default())
}

/// A block of a node: /26 with Calico, /24 with flannel.
pub(super) fn block(cluster: &Cluster, node: usize, number: usize) -> Ipv4Net {
    let (size, length) = if cluster.flavour.is_calico() {
        (64, 26)
    } else {
        (256, 24)
    };
    let start = (node + number * cluster.nodes) * size;
    Ipv4Net::new(address(Ipv4Addr::new(10, 0, 0, 0), start), length).unwrap_or_default()
}

pub(super) fn pod_ip(cluster: &Cluster, node: usize, pod: usize) -> Ipv4Addr {
    let net = block(cluster, node, pod / OF_A_BLOCK);
    // flannel's bridge has the first.
    let first = if cluster.flavour.is_calico() { 1 } else { 2 };
    address(net.network(), pod % OF_A_BLOCK + first)
}

/// The address of the tunnel's link: it lies in the node's first block.
pub(super) fn tunnel_ip(cluster: &Cluster, node: usize) -> Ipv4Addr {
    let last = if cluster.flavour.is_calico() { 63 } else { 0 };
    address(block(cluster, node, 0).network(), last)
}

pub(super) fn tunnel_mac(node: usize) -> String {
    mac(0x66, node, 1)
}

pub(super) fn pod_link(node: usize, pod: usize) -> String {
    format!("cali{:011x}", node * 1_000 + pod)
}

pub(super) const fn tunnel_link(flavour: Flavour) -> Option<&'static str> {
    match flavour {
        Flavour::CalicoIpip => Some("tunl0"),
        Flavour::CalicoVxlan => Some("vxlan.calico"),
        Flavour::FlannelVxlan => Some("flannel.1"),
        Flavour::CalicoBgp | Flavour::FlannelHostGw => None,
    }
}
