//! Nodes that would be cut off: at a HostEndpoint, what no policy or profile allows is denied but for the ports that Felix
//! keeps open. A new HostEndpoint can do that, and so can a policy, a set, a profile, a tier or a setting for one that is
//! there.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::needs::CUTTING;
use super::{Changed, Kind, node_addresses, of_kind};
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
/// Nodes that are named.
const FEW: usize = 3;

/// The nodes that lose something, and why the first of them does.
#[derive(Default)]
struct Cut {
    nodes: Vec<String>,
    why: String,
}

pub(super) fn off(before: &Objects, after: &Objects, changed: &[Changed<'_>], harms: &mut Vec<String>) {
    if !changed.iter().any(|change| CUTTING.contains(&change.kind)) {
        return;
    }
    let (was, is) = (Policies::new(before), Policies::new(after));
    let (was, is) = (Hosts::of(&was), Hosts::of(&is));
    let nodes: Vec<Resource> = of_kind(after, Kind::Node).collect();
    // What of the change, and what is lost: to whom.
    let mut cuts: BTreeMap<(String, String), Cut> = BTreeMap::new();
    for endpoint in of_kind(after, Kind::HostEndpoint) {
        let Some((lost, why)) = lost(&was, &is, &nodes, &endpoint) else {
            continue;
        };
        let cut = cuts.entry((blame(changed, &endpoint), lost)).or_default();
        if cut.nodes.is_empty() {
            cut.why = why;
        }
        let node = endpoint.text(&["spec", "node"]).unwrap_or_default().to_owned();
        if !cut.nodes.contains(&node) {
            cut.nodes.push(node);
        }
    }
    let lines = cuts.into_iter().map(|((by, lost), Cut { nodes, why })| {
        let more = nodes.len().saturating_sub(FEW);
        let names = nodes[..nodes.len().min(FEW)].join(", ");
        let word = if nodes.len() == 1 { "node" } else { "nodes" };
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        format!("{by}: {word} {names}{more} would be cut off from {lost}: {why}")
    });
    harms.extend(lines);
}

/// The change that does it: the endpoint's own, or all that may.
fn blame(changed: &[Changed<'_>], endpoint: &Resource) -> String {
    let title = |change: &Changed<'_>| format!("{} {}", change.kind, change.id);
    let own = changed
        .iter()
        .find(|change| change.kind == Kind::HostEndpoint && change.id == endpoint.id());
    let all = changed.iter().filter(|change| CUTTING.contains(&change.kind));
    own.map_or_else(|| all.map(title).collect::<Vec<_>>().join(", "), title)
}

/// Policies, and the endpoints of hosts by name.
struct Hosts<'p> {
    policies: &'p Policies,
    by_name: HashMap<&'p str, &'p Endpoint>,
}

impl<'p> Hosts<'p> {
    fn of(policies: &'p Policies) -> Self {
        let by_name = policies.hosts.iter().map(|host| (host.name.as_str(), host));
        Self {
            policies,
            by_name: by_name.collect(),
        }
    }

    /// The verdict on the whole way of a packet that begins or ends at the host.
    fn judge(&self, name: &str, direction: Direction, flow: &Flow) -> Option<Decision> {
        let endpoint = self.by_name.get(name)?;
        let untracked = self.policies.decide(endpoint, direction, Stage::Untracked, flow);
        if untracked.allowed == Some(false) {
            return Some(untracked);
        }
        Some(self.policies.decide(endpoint, direction, Stage::Normal, flow))
    }
}

/// What is denied at an endpoint and wasn't before, and the verdict on the first of it.
fn lost(was: &Hosts, is: &Hosts, nodes: &[Resource], endpoint: &Resource) -> Option<(String, String)> {
    let node = endpoint.text(&["spec", "node"]).unwrap_or_default();
    let addresses = |own: bool| {
        let nodes = nodes.iter().filter(move |found| (found.name() == node) == own);
        nodes.flat_map(node_addresses)
    };
    // Documentation's, where no node is known (RFC 5737).
    let unknown = IpAddr::from([203, 0, 113, 1]);
    let own = addresses(true).next().unwrap_or(unknown);
    let other = addresses(false)
        .find(|other| other.is_ipv4() == own.is_ipv4())
        .unwrap_or(unknown);
    let (mut names, mut why) = (Vec::new(), None);
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
        let denied = |hosts: &Hosts| {
            hosts
                .judge(endpoint.name(), direction, &flow)
                .filter(Decision::is_denied)
        };
        if let Some(decision) = denied(is)
            && denied(was).is_none()
        {
            let way = match direction {
                Direction::Ingress => "to",
                Direction::Egress => "from",
            };
            names.push(format!("{what} (TCP {port}, {way} the node)"));
            why.get_or_insert_with(|| decision.to_string());
        }
    }
    Some((names.join(", "), why?))
}
