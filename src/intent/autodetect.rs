//! What Calico's address detection would find on a node of ours.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::calico::autodetect::{Interface, PEERS_ARE_HOSTS};
use crate::calico::node::Node;
use crate::calico::release::Release;
use crate::state::NodeState;
use crate::state::link::Address;

/// The node's links as the release's detection sees them, in the kernel's order.
///
/// # Errors
/// Says what of the node is not known.
pub fn interfaces(node: &NodeState, release: Release) -> Result<Vec<Interface>, String> {
    let (Some(links), Some(addresses)) = (node.net.links.known(), node.net.addresses.known()) else {
        let why = node.net.links.why().or_else(|| node.net.addresses.why());
        return Err(format!("links of {}: {}", node.name, why.unwrap_or_default()));
    };
    Ok(links
        .iter()
        .map(|link| Interface {
            name: link.name.clone(),
            addresses: addresses
                .iter()
                .filter(|address| address.link == link.index)
                .filter_map(|address| seen(address, release))
                .collect(),
        })
        .collect())
}

/// An address with the prefix length that the release gives it.
fn seen(address: &Address, release: Release) -> Option<IpNet> {
    if address.peer.is_some() && release >= PEERS_ARE_HOSTS {
        Some(address.ip.into())
    } else {
        IpNet::new(address.ip, address.prefix_len).ok()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::link::{IfIndex, Link, LinkFlags};
    use crate::state::{Fact, Netns};

    fn lengths(release: &str) -> Vec<String> {
        let address = |ip: &str, prefix_len, peer: Option<&str>| Address {
            peer: peer.map(|peer| peer.parse().unwrap()),
            ..Address::new(IfIndex(2), ip.parse().unwrap(), prefix_len)
        };
        let net = Netns {
            links: Fact::Known(vec![Link {
                index: IfIndex(2),
                name: "wg0".into(),
                flags: LinkFlags::UP,
                operstate: "up".into(),
                ..Link::default()
            }]),
            addresses: Fact::Known(vec![
                address("10.9.0.1", 30, Some("10.9.0.2")),
                address("fd00::1", 64, Some("fd00::2")),
                address("192.168.80.23", 24, None),
            ]),
            ..Netns::default()
        };
        let node = NodeState {
            net,
            ..NodeState::default()
        };
        let interfaces = interfaces(&node, release.parse().unwrap()).unwrap();
        interfaces[0].addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_with_a_peer_is_a_host_address_since_3_32() {
        assert_eq!(
            lengths("v3.31.7"),
            ["10.9.0.1/30", "fd00::1/64", "192.168.80.23/24"]
        );
        assert_eq!(
            lengths("v3.32.0"),
            ["10.9.0.1/32", "fd00::1/128", "192.168.80.23/24"]
        );
    }
}
