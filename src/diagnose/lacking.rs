//! Routes that nodes lack because sessions are down: they are what those sessions bring about, and no findings.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::checks::shared::{destinations, names};
use super::finding::{Consequence, Finding};
use super::session::Cause;
use super::world::World;
use crate::calico::node::Node;
use crate::intent::Cluster;
use crate::intent::blocks::Block;
use crate::intent::pool::Pool;
use crate::intent::routes::{Intent, MeantRoute, Silent, Way};
use crate::state::{Absence, NodeState};

/// What keeps routes from nodes.
pub(super) struct Down<'w> {
    /// Nodes with a wrong address: nobody reaches them.
    wrong: HashSet<&'w str>,
    birdless: HashSet<&'w str>,
    /// What is meant where the sessions that are down are none; nothing where all are up.
    without: Option<Intent<'w>>,
}

impl<'w> Down<'w> {
    pub(super) fn new(world: &World<'w>, cluster: &'w Cluster, blocks: &[Block]) -> Self {
        let names = || cluster.nodes.iter().map(|node| node.name.as_str());
        let birdless: HashSet<&str> = names()
            .filter(|name| {
                let state = world.state(name);
                state.is_some_and(|state| state.bird.absence() == Some(Absence::Missing))
            })
            .collect();
        let wrong: HashSet<&str> = names()
            .filter(|name| world.wrong_address(name, false).is_some())
            .collect();
        let mut silent = Silent::new();
        let told = Intent::new(cluster, &[], false);
        for node in &cluster.nodes {
            // In a full mesh nobody needs them for routes of others.
            let is_dead = wrong.contains(node.name.as_str()) || birdless.contains(node.name.as_str());
            if !cluster.mesh && is_dead {
                let sessions = told.sessions(node);
                let peers = sessions.iter().filter_map(|session| session.peer.as_deref());
                pairs(node, peers, &mut silent);
            }
            pairs(node, down(world, cluster, node).into_iter(), &mut silent);
        }
        Self {
            wrong,
            birdless,
            without: (!silent.is_empty()).then(|| Intent::without(cluster, blocks, false, &silent)),
        }
    }

    /// Those of a node's meant routes that it lacks, each with whether sessions explain it.
    pub(super) fn lacking<'r>(
        &self,
        cluster: &Cluster,
        node: &NodeState,
        object: &Node,
        meant: &'r [MeantRoute<'w>],
    ) -> Vec<(&'r MeantRoute<'w>, bool)> {
        let there = destinations(node);
        let lacking = meant
            .iter()
            .filter(|route| route.way != Way::Blackhole && !there.contains(&route.dst));
        let lacking: Vec<&MeantRoute> = lacking.collect();
        if lacking.is_empty() {
            return Vec::new();
        }
        let told: Option<HashSet<ipnet::IpNet>> = self
            .without
            .as_ref()
            .map(|intent| intent.routes(object).iter().map(|route| route.dst).collect());
        let ends = |set: &HashSet<&str>, route: &MeantRoute| {
            set.contains(object.name.as_str()) || set.contains(route.owner)
        };
        let explained = |route: &MeantRoute| {
            let by_felix = cluster.pool_of(route.dst.addr()).is_some_and(Pool::is_of_felix);
            let unheard = || told.as_ref().is_some_and(|told| !told.contains(&route.dst));
            ends(&self.wrong, route) || (!by_felix && (ends(&self.birdless, route) || unheard()))
        };
        lacking
            .into_iter()
            .map(|route| (route, explained(route)))
            .collect()
    }
}

fn pairs<'n>(node: &Node, peers: impl Iterator<Item = &'n str>, silent: &mut Silent) {
    for peer in peers {
        silent.insert((node.name.clone(), peer.to_owned()));
        silent.insert((peer.to_owned(), node.name.clone()));
    }
}

/// The nodes with which a node has a session that is not up, or that it should have one with.
fn down<'w>(world: &World<'w>, cluster: &'w Cluster, node: &Node) -> Vec<&'w str> {
    let Some(bird) = world.state(&node.name).and_then(|state| state.bird.known()) else {
        return Vec::new();
    };
    let mut all: HashMap<IpAddr, bool> = HashMap::new();
    for (_, session) in bird.sessions() {
        if let Some(ip) = session.neighbor_address {
            *all.entry(ip).or_default() |= session.state == "Established";
        }
    }
    let at = |ip: IpAddr| cluster.nodes_at(ip).find(|other| other.name != node.name);
    let mut peers: Vec<&str> = all
        .iter()
        .filter(|(_, is_up)| !**is_up)
        .filter_map(|(ip, _)| Some(at(*ip)?.name.as_str()))
        .collect();
    // Whoever has as many sessions as there are other nodes lacks none.
    if all.len() + 1 < cluster.nodes.len() || !cluster.mesh {
        let meant = crate::intent::sessions::sessions(cluster, node, false);
        let missing = meant.iter().filter(|session| !all.contains_key(&session.remote));
        peers.extend(missing.filter_map(|session| Some(at(session.remote)?.name.as_str())));
    }
    peers
}

/// Adds to the findings of sessions, addresses and daemons which routes are missing because of them.
pub(super) fn find(world: &World, found: &mut [Finding]) {
    let Ok(cluster) = world.cluster else { return };
    let leads = Leads::new(found);
    if leads.is_empty() {
        return;
    }
    let (Some(intent), Some(down)) = (world.intent(), world.down()) else {
        return;
    };
    let mut lost: BTreeMap<(usize, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for node in world
        .nodes
        .iter()
        .filter(|node| node.net.routes.known().is_some())
    {
        let Some(object) = cluster.node(&node.name) else {
            continue;
        };
        let meant = intent.routes(object);
        for (route, _) in down
            .lacking(cluster, node, object, &meant)
            .into_iter()
            .filter(|(_, explained)| *explained)
        {
            if let Some(lead) = leads.of(&node.name, route.owner) {
                *lost
                    .entry((lead, &node.name))
                    .or_default()
                    .entry(route.owner)
                    .or_default() += 1;
            }
        }
    }
    for ((lead, node), owners) in lost {
        let Some(lead) = found.get_mut(lead) else { continue };
        let of: Vec<&str> = owners.keys().copied().collect();
        let count: usize = owners.values().sum();
        let what = if count == 1 {
            "the block".to_owned()
        } else {
            format!("{count} blocks")
        };
        lead.consequences.push(Consequence {
            id: "bgp-routes-missing",
            node: node.to_owned(),
            title: format!("{node} has no route to {what} of {}", names(&of)),
        });
    }
}

/// Findings that routes can be missing by.
struct Leads<'f> {
    /// By a session, its nodes in order.
    sessions: BTreeMap<[&'f str; 2], usize>,
    /// By a node with a wrong address, or without BIRD.
    nodes: BTreeMap<&'f str, usize>,
}

impl Leads<'_> {
    fn new(found: &[Finding]) -> Leads<'_> {
        let mut leads = Leads {
            sessions: BTreeMap::new(),
            nodes: BTreeMap::new(),
        };
        for (at, finding) in found.iter().enumerate() {
            for pair in &finding.sessions {
                leads.sessions.entry(ordered(&pair[0], &pair[1])).or_insert(at);
            }
            if finding.cause == Some(Cause::NodeAddress) || finding.id == "bird-not-running" {
                leads.nodes.entry(&finding.node).or_insert(at);
            }
        }
        leads
    }

    fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.nodes.is_empty()
    }

    /// What keeps the owner's routes from a node: the session between both, what one of them is wrong in; where routes
    /// come by reflectors, a session of one of them, or any.
    fn of(&self, node: &str, owner: &str) -> Option<usize> {
        let direct = self.sessions.get(&ordered(node, owner)).copied();
        let wrong = || {
            [node, owner]
                .iter()
                .find_map(|name| self.nodes.get(name).copied())
        };
        let with = |name: &str| {
            let mut sessions = self.sessions.iter();
            sessions.find(|(pair, _)| pair.contains(&name)).map(|(_, at)| *at)
        };
        let any = || self.sessions.values().chain(self.nodes.values()).next().copied();
        direct
            .or_else(wrong)
            .or_else(|| with(node))
            .or_else(|| with(owner))
            .or_else(any)
    }
}

fn ordered<'n>(one: &'n str, other: &'n str) -> [&'n str; 2] {
    if one < other { [one, other] } else { [other, one] }
}
