//! What Calico's address detection would find on a node of ours.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::calico::autodetect::Interface;
use crate::calico::node::Node;
use crate::state::NodeState;

/// The node's links as the detection sees them, in the kernel's order.
///
/// # Errors
/// Says what of the node is not known.
pub fn interfaces(node: &NodeState) -> Result<Vec<Interface>, String> {
    let (Some(links), Some(addresses)) = (node.links.known(), node.addresses.known()) else {
        let why = node.links.why().or_else(|| node.addresses.why());
        return Err(format!("links of {}: {}", node.name, why.unwrap_or_default()));
    };
    Ok(links
        .iter()
        .map(|link| Interface {
            name: link.name.clone(),
            addresses: addresses
                .iter()
                .filter(|address| address.link == link.index)
                .filter_map(|address| IpNet::new(address.ip, address.prefix_len).ok())
                .collect(),
        })
        .collect())
}

/// The `InternalIP`s of a Node object, as calico-node copied them from Kubernetes.
pub fn internal_ips(node: Option<&Node>) -> Result<Vec<IpAddr>, String> {
    let Some(node) = node else {
        return Err("the datastore has no Node object of this node".to_owned());
    };
    let ips: Vec<IpAddr> = node
        .addresses
        .iter()
        .filter(|(_, kind)| kind == "InternalIP")
        .filter_map(|(address, _)| address.split('/').next()?.parse().ok())
        .collect();
    if ips.is_empty() {
        return Err(format!("Node({}) has no InternalIP in spec.addresses", node.name));
    }
    Ok(ips)
}
