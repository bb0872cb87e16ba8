//! What `node status` tells, as JSON shows it.

use serde::Serialize;

use crate::calico::node::{Node, NodeAddress};
use crate::cli::Outcome;
use crate::cli::node::peers::{Row, rows};
use crate::diagnose::{World, own_address_fault};
use crate::state::bird::Bird;
use crate::state::{Absence, Fact, NodeState};

/// Everything `node status` tells of one node; this is its JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// Version of this format.
    pub netdiag_node_status: u32,
    pub node: Identity,
    pub process: &'static str,
    pub bird: [Daemon; 2],
    pub peers: Vec<Row>,
    pub established: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router_id: Option<String>,
    /// Why addresses and AS are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What is wrong with the stored addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// Whether and how a daemon answers, for one IP version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Daemon {
    pub family: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip)]
    pub running: bool,
}

impl Status {
    pub(super) fn new(world: &World, node: &NodeState) -> Self {
        let mut peers = Vec::new();
        for bird in [node.bird.known(), node.bird6.known()].into_iter().flatten() {
            peers.extend(rows(world, node, bird));
        }
        let one_for_both = node.bird.known().is_some_and(Bird::speaks_both_families);
        let v6 = if one_for_both { &node.bird } else { &node.bird6 };
        Self {
            netdiag_node_status: 1,
            node: Identity::new(world, node),
            process: process(node),
            bird: [
                Daemon::new("IPv4", &node.bird, node, "bird"),
                Daemon::new("IPv6", v6, node, "bird6"),
            ],
            established: peers.iter().filter(|row| row.is_up()).count(),
            peers,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let [v4, v6] = &self.bird;
        if v4.version.is_none() && v6.version.is_none() {
            // Running but silent, or not to be asked: nothing is known. Not running: that is the finding.
            let running = v4.running || v6.running || self.process == "not visible";
            return if running {
                Outcome::NotDecidable
            } else {
                Outcome::Findings
            };
        }
        // One of two daemons is gone, and the node has an address of its family.
        let lacks = |daemon: &Daemon, address: &Option<String>| daemon.version.is_none() && address.is_some();
        if lacks(v4, &self.node.ipv4_address) || lacks(v6, &self.node.ipv6_address) {
            return Outcome::Findings;
        }
        if self.established < self.peers.len() {
            Outcome::Findings
        } else {
            Outcome::Good
        }
    }
}

impl Identity {
    fn new(world: &World, node: &NodeState) -> Self {
        let object = world.object(&node.name);
        let text = |address: Option<NodeAddress>| address.map(|address| address.to_string());
        let local_as = || {
            let bird = node.bird.known()?;
            bird.sessions().find_map(|(_, session)| session.local_as)
        };
        Self {
            name: node.name.clone(),
            ipv4_address: object.and_then(|object| text(object.ipv4)),
            ipv6_address: object.and_then(|object| text(object.ipv6)),
            as_number: match (world.cluster, object) {
                (Ok(cluster), Some(object)) => Some(cluster.as_of(object)),
                _ => local_as().or_else(|| {
                    node.bird_config
                        .known()?
                        .peers
                        .iter()
                        .find_map(|peer| peer.local_as)
                }),
            },
            router_id: node
                .bird
                .known()
                .and_then(|bird| bird.router_id)
                .map(|id| id.to_string()),
            unknown: unknown(world, node, object),
            faults: own_address_fault(world, &node.name),
        }
    }
}

fn unknown(world: &World, node: &NodeState, object: Option<&Node>) -> Option<String> {
    match (world.cluster, object) {
        (Err(why), _) => Some(why.to_owned()),
        (Ok(cluster), None) => Some(format!("{} has no Node {}", cluster.store, node.name)),
        _ => None,
    }
}

impl Daemon {
    fn new(family: &'static str, bird: &Fact<Bird>, node: &NodeState, program: &str) -> Self {
        let known = bird.known();
        let seen = node
            .processes
            .known()
            .is_some_and(|processes| processes.runs(program));
        Self {
            family,
            version: known.map(|bird| bird.version.clone()),
            socket: known.map(|bird| bird.socket.clone()),
            why: bird.why().map(str::to_owned),
            running: seen || bird.absence() != Some(Absence::Missing),
        }
    }
}

/// Whether Felix runs, as far as can be seen.
fn process(node: &NodeState) -> &'static str {
    match node.processes.known() {
        Some(processes) if processes.felix.is_some() => "running",
        // Where BIRD's process shows, calico-node's would too.
        Some(processes) if processes.host_visible || !processes.bird.is_empty() => "not running",
        _ => "not visible",
    }
}
