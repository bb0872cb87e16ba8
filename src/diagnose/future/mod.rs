//! What nodes will have when manifests are applied: sessions, routes and tunnels that follow from the objects, put in the
//! place of those that nodes have now. All else of their state stays as it is.

pub mod flows;
mod links;
mod nodes;
mod objects;
mod sessions;
mod sets;
mod turns;
mod warnings;

use ipnet::IpNet;
use serde_json::Value;

use self::flows::Flows;
use self::sessions::Ends;
use self::turns::Turns;
use crate::calico::manifest::Document;
use crate::calico::resource::{Kind, Resource};
use crate::diagnose::harm::{self, Host};
use crate::intent::Cluster;
use crate::intent::blocks::{blocks, lent};
use crate::intent::cluster::stored_address;
use crate::intent::routes::Intent;
use crate::state::{Fact, NodeState, Snapshot};

/// What is done to one object.
#[derive(Debug, Clone)]
pub enum Change {
    Apply(Box<Document>),
    Delete(Box<Resource>),
}

impl Change {
    const fn resource(&self) -> &Resource {
        match self {
            Self::Apply(document) => &document.resource,
            Self::Delete(resource) => resource,
        }
    }
}

/// One object that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    pub kind: Kind,
    /// `IPPool default`
    pub title: String,
    /// None for a new one.
    pub before: Option<Value>,
    /// Null for one that goes.
    pub after: Value,
}

/// What becomes of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFuture {
    pub node: String,
    /// Peers (or their addresses) with which sessions come up, and with which they end.
    pub sessions_up: Vec<String>,
    pub sessions_gone: Vec<String>,
    /// Those that end and come up again, otherwise.
    pub sessions_anew: Vec<String>,
    /// Those that are configured then and don't come up, and why.
    pub sessions_down: Vec<(String, String)>,
    /// With peers that are no nodes: whether they come up can't be told.
    pub sessions_unknown: Vec<String>,
    /// Routes that appear or change, as `ip route` writes them, and those that go.
    pub routes: Vec<String>,
    /// How many of these are to where there was none.
    pub routes_new: usize,
    pub routes_gone: Vec<IpNet>,
    /// What becomes of tunnels' links.
    pub links: Vec<String>,
}

impl NodeFuture {
    pub const fn is_quiet(&self) -> bool {
        self.sessions_up.is_empty()
            && self.sessions_gone.is_empty()
            && self.sessions_anew.is_empty()
            && self.sessions_down.is_empty()
            && self.sessions_unknown.is_empty()
            && self.routes.is_empty()
            && self.routes_gone.is_empty()
            && self.links.is_empty()
    }
}

/// The whole of it.
#[derive(Debug, Clone, Default)]
pub struct Future {
    pub changed: Vec<Changed>,
    /// Those that can be seen.
    pub nodes: Vec<NodeFuture>,
    /// What Felix's rules and sets become on all nodes.
    pub rules: Vec<String>,
    /// What policies allow, before and after.
    pub flows: Flows,
    /// The picture as it will be.
    pub snapshot: Snapshot,
    /// What happens on the way there, and what can't be told.
    pub warnings: Vec<String>,
}

/// Tells what changes bring about.
///
/// # Errors
/// Objects that aren't known, documents that can't be merged with what is stored, and what isn't there to be deleted.
pub fn future(snapshot: &Snapshot, changes: &[Change]) -> Result<Future, String> {
    let Some(objects) = snapshot.objects.known() else {
        return Err(format!(
            "the objects are not known: {}",
            snapshot.objects.why().unwrap_or_default()
        ));
    };
    let (after, changed) = objects::changed(objects, changes)?;
    let mut future = Future {
        warnings: warnings::warnings(&changed),
        flows: Flows::new([objects, &after], &changed),
        snapshot: snapshot.clone(),
        ..Future::default()
    };
    let [old, new] = [objects, &after].map(Cluster::new);
    let clusters = [&old, &new];
    future.nodes = snapshot
        .nodes
        .iter()
        .map(|state| NodeFuture {
            node: state.name.clone(),
            ..NodeFuture::default()
        })
        .collect();
    if changed.iter().any(|change| OF_NODES.contains(&change.kind)) {
        nodes_of(&mut future, clusters, snapshot);
    }
    future.rules = sets::lines(clusters);
    future.rules.extend(future.flows.rules());
    future.warnings.extend(future.flows.warnings());
    future.warnings.extend(harms(objects, &changed));
    unseen(&mut future.warnings, &new, snapshot);
    future.snapshot.objects = Fact::Known(after);
    future.changed = changed;
    Ok(future)
}

/// Kinds that sessions, routes, tunnels and sets of nodes are made from.
const OF_NODES: [Kind; 5] = [
    Kind::Node,
    Kind::IpPool,
    Kind::BgpPeer,
    Kind::BgpConfiguration,
    Kind::FelixConfiguration,
];

/// What becomes of all nodes that were seen, in both families.
fn nodes_of(future: &mut Future, clusters: [&Cluster; 2], snapshot: &Snapshot) {
    let [old, new] = clusters;
    // Blocks stay with their nodes, whatever becomes of the pools' other fields.
    let mut blocks = blocks(old, &snapshot.nodes);
    blocks.extend(lent(old, &snapshot.nodes, &blocks));
    for v6 in [false, true] {
        let speaks = |cluster: &Cluster| {
            cluster
                .nodes
                .iter()
                .any(|node| stored_address(node, v6).is_some())
        };
        if !speaks(old) && !speaks(new) {
            continue;
        }
        let ends = Ends::new(clusters, snapshot, v6);
        let intents = [
            Intent::without(old, &blocks, v6, &ends.silent_now(&snapshot.nodes, v6)),
            Intent::without(new, &blocks, v6, &ends.silent()),
        ];
        for (state, told) in future.snapshot.nodes.iter_mut().zip(&mut future.nodes) {
            node(state, clusters, (&ends, &intents, v6), told);
        }
    }
    let turned = links::Turned::new(clusters);
    for state in &mut future.snapshot.nodes {
        turned.write(state, new);
        sets::write(state, clusters);
    }
}

/// What becomes of a node in one family; its state is changed to that.
fn node(
    state: &mut NodeState,
    clusters: [&Cluster; 2],
    (ends, intents, v6): (&Ends, &[Intent; 2], bool),
    future: &mut NodeFuture,
) {
    let [before, after] = clusters;
    let known = [before, after].map(|cluster| cluster.node(&state.name));
    if known == [None, None] {
        return;
    }
    ends.tell(&state.name, future);
    future.sessions_gone.extend(ends.gone(state, v6));
    links::change(state, clusters, v6, future);
    let routes = |at: usize| {
        known[at]
            .map(|object| intents[at].routes(object))
            .unwrap_or_default()
    };
    let turns = Turns::new(clusters, routes(0), routes(1));
    let [_, object] = known;
    let own = object
        .and_then(|object| stored_address(object, v6))
        .map(|own| own.ip);
    let meant = nodes::Meant {
        clusters,
        v6,
        own,
        turns: &turns,
    };
    nodes::rebuild(state, &meant, future);
    ends.write(state, v6);
}

/// What `apply` and `delete` would warn of.
fn harms(before: &crate::state::Objects, changed: &[Changed]) -> Vec<String> {
    let resources: Vec<(&Changed, Option<Resource>)> = changed
        .iter()
        .map(|change| (change, Resource::from_value(change.after.clone()).ok()))
        .collect();
    let list: Vec<harm::Changed> = resources
        .iter()
        .map(|(change, resource)| harm::Changed {
            kind: change.kind,
            id: change.title.split_once(' ').unwrap_or_default().1.to_owned(),
            after: resource.as_ref(),
        })
        .collect();
    let mut lines = harm::harms(before, &list, &Host::default());
    lines.extend(harm::remarks(before, &list));
    lines
}

fn unseen(warnings: &mut Vec<String>, cluster: &Cluster, snapshot: &Snapshot) {
    let number = cluster
        .nodes
        .iter()
        .filter(|node| !snapshot.nodes.iter().any(|state| state.name == node.name))
        .count();
    if number > 0 {
        warnings.push(format!(
            "{number} of {} nodes were not seen: what becomes of them, and of packets to them, is not told",
            cluster.nodes.len()
        ));
    }
}
