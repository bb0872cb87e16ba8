//! HostEndpoints that would cut a node off: without a policy or a profile that allows it, everything is denied but for
//! the ports that Felix keeps open.

use std::net::IpAddr;

use super::{Kind, node_addresses, of_kind};
use crate::calico::resource::Resource;
use crate::policy::{Decision, Direction, Endpoint, Flow, Policies, Stage};
use crate::state::Objects;

const TCP: u8 = 6;
/// Ports of Linux's clients.
const CLIENT: u16 = 40_000;
/// What keeps a node in reach, and in its cluster.
const NEEDED: [(&str, u16, Direction); 5] = [
    ("ssh", 22, Direction::Ingress),
    ("etcd", 2379, Direction::Egress),
    ("the API server", 6443, Direction::Egress),
    ("BGP", 179, Direction::Ingress),
    ("BGP", 179, Direction::Egress),
];

pub(super) fn off(before: &Objects, after: &Objects, resource: &Resource, harms: &mut Vec<String>) {
    let node = resource.text(&["spec", "node"]).unwrap_or_default();
    let addresses = |own: bool| -> Vec<IpAddr> {
        let nodes = of_kind(after, Kind::Node).filter(|found| (found.name() == node) == own);
        nodes.flat_map(|node| node_addresses(&node)).collect()
    };
    // Documentation's, where no node is known (RFC 5737).
    let unknown = IpAddr::from([203, 0, 113, 1]);
    let own = addresses(true).first().copied().unwrap_or(unknown);
    let other = addresses(false)
        .into_iter()
        .find(|other| other.is_ipv4() == own.is_ipv4())
        .unwrap_or(unknown);
    let (was, is) = (Policies::new(before), Policies::new(after));
    let mut lost: Vec<(String, Decision)> = Vec::new();
    for (what, port, direction) in NEEDED {
        let (src, dst) = match direction {
            Direction::Ingress => (other, own),
            Direction::Egress => (own, other),
        };
        let flow = Flow {
            src,
            dst,
            protocol: TCP,
            ports: Some((CLIENT, port)),
            icmp: None,
        };
        let verdict = |policies: &Policies| {
            let endpoint = policies.hosts.iter().find(|host| host.name == resource.name())?;
            Some(judge(policies, endpoint, direction, &flow))
        };
        let denied_before = verdict(&was).is_some_and(|decision| decision.is_denied());
        if let Some(decision) = verdict(&is).filter(Decision::is_denied)
            && !denied_before
        {
            let way = match direction {
                Direction::Ingress => "to",
                Direction::Egress => "from",
            };
            lost.push((format!("{what} (TCP {port}, {way} the node)"), decision));
        }
    }
    let Some((_, why)) = lost.first() else { return };
    let names: Vec<&str> = lost.iter().map(|(name, _)| name.as_str()).collect();
    harms.push(format!(
        "HostEndpoint {}: node {node} would be cut off from {}: {why}",
        resource.name(),
        names.join(", ")
    ));
}

/// The verdict on the whole way of a packet that begins or ends at the host.
fn judge(policies: &Policies, endpoint: &Endpoint, direction: Direction, flow: &Flow) -> Decision {
    let untracked = policies.decide(endpoint, direction, Stage::Untracked, flow);
    if untracked.allowed == Some(false) {
        return untracked;
    }
    policies.decide(endpoint, direction, Stage::Normal, flow)
}
