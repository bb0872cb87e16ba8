//! How pods are connected: to a bridge, by a cable.

use super::PodSite;
use crate::{NodePlan, plan::hashed};

/// A bridge that pods are connected to, as CNI's bridge plugin and Docker do it.
#[derive(Debug, Clone)]
pub(super) struct PodBridge {
    pub(super) name: &'static str,
    /// its own address with a length: the pods' gateway; none without
    pub(super) address: String,
    pub(super) mtu: u32,
    /// whether a pod may be answered through the port it asked by
    pub(super) hairpin: bool,
}

/// What there is to know of a pod that is connected to a bridge of its node; the address has no length.
pub(super) fn on_bridge(node: &str, pod: &str, address: &str) -> PodSite {
    PodSite {
        node: node.into(),
        name: pod.into(),
        address: address.into(),
        own_link: Some("eth0".into()),
        host_link: Some(format!("veth{}", hashed(8, node, pod))),
    }
}

impl PodBridge {
    pub(super) fn new(name: &'static str, address: impl Into<String>) -> Self {
        Self {
            name,
            address: address.into(),
            mtu: 1500,
            hairpin: false,
        }
    }

    /// The bridge itself.
    pub(super) fn on(&self, node: NodePlan) -> NodePlan {
        let Self {
            name, address, mtu, ..
        } = self;
        let node = node
            .ip(&format!("link add {name} type bridge forward_delay 0"))
            .ip(&format!("link set {name} mtu {mtu} up"));
        if address.is_empty() {
            node
        } else {
            node.ip(&format!("address add {address} brd + dev {name}"))
        }
    }

    /// A pod on it; `mac` may be empty.
    pub(super) fn connect(&self, node: NodePlan, site: &PodSite, mac: &str) -> NodePlan {
        let Self {
            name: bridge,
            address,
            mtu,
            hairpin,
        } = self;
        let PodSite { name, host_link, .. } = site;
        let link = host_link.as_deref().unwrap_or_default();
        let mut node = node
            .ip(&format!("netns add {name}"))
            .ip(&format!(
                "link add {link} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {name}"
            ))
            .ip(&format!("link set {link} master {bridge} up"));
        if *hairpin {
            node = node.ip(&format!("link set {link} type bridge_slave hairpin on"));
        }
        let mut inside = vec!["link set lo up".to_owned()];
        if !mac.is_empty() {
            inside.push(format!("link set eth0 address {mac}"));
        }
        inside.push("link set eth0 up".into());
        let (gateway, length) = address.split_once('/').unwrap_or_default();
        let length = if length.is_empty() { "24" } else { length };
        inside.push(format!("address add {}/{length} brd + dev eth0", site.address));
        if !gateway.is_empty() {
            inside.push(format!("route add default via {gateway}"));
        }
        node.in_pod(name, &inside)
    }
}
