//! What nodes will have when manifests are applied: sessions, routes and tunnels that follow from the objects, put in the
//! place of those that nodes have now. All else of their state stays as it is.

mod nodes;
mod warnings;

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::calico::manifest::Document;
use crate::calico::merge::merge;
use crate::calico::resource::Resource;
use crate::intent::Cluster;
use crate::intent::blocks::blocks;
use crate::intent::cluster::stored_address;
use crate::intent::routes::Intent;
use crate::intent::sessions::Session;
use crate::state::{Fact, NodeState, Objects, Snapshot};

/// One object that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// `IPPool default`
    pub title: String,
    /// None for a new one.
    pub before: Option<Value>,
    pub after: Value,
}

/// What becomes of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFuture {
    pub node: String,
    /// Peers (or their addresses) with which sessions come up, and with which they end.
    pub sessions_up: Vec<String>,
    pub sessions_gone: Vec<String>,
    /// Routes that appear or change, as `ip route` writes them, and those that go.
    pub routes: Vec<String>,
    pub routes_gone: Vec<IpNet>,
}

impl NodeFuture {
    pub const fn is_quiet(&self) -> bool {
        self.sessions_up.is_empty()
            && self.sessions_gone.is_empty()
            && self.routes.is_empty()
            && self.routes_gone.is_empty()
    }
}

/// The whole of it.
#[derive(Debug, Clone, Default)]
pub struct Future {
    pub changed: Vec<Changed>,
    /// Those that can be seen.
    pub nodes: Vec<NodeFuture>,
    /// The picture as it will be.
    pub snapshot: Snapshot,
    /// What happens on the way there, and what can't be told.
    pub warnings: Vec<String>,
}

/// Tells what documents bring about.
///
/// # Errors
/// Objects that aren't known, and documents that can't be merged with what is stored.
pub fn future(snapshot: &Snapshot, documents: &[Document]) -> Result<Future, String> {
    let Some(objects) = snapshot.objects.known() else {
        return Err(format!(
            "the objects are not known: {}",
            snapshot.objects.why().unwrap_or_default()
        ));
    };
    let (after, changed) = applied(objects, documents)?;
    let [before_cluster, after_cluster] = [objects, &after].map(Cluster::new);
    // Blocks stay with their nodes, whatever becomes of the pools' other fields.
    let blocks = blocks(&before_cluster, &snapshot.nodes);
    let mut future = Future {
        warnings: warnings::warnings(&changed),
        changed,
        snapshot: snapshot.clone(),
        ..Future::default()
    };
    let intents = [&before_cluster, &after_cluster].map(|cluster| Intent::new(cluster, &blocks, false));
    for state in &mut future.snapshot.nodes {
        future
            .nodes
            .push(node(state, [&before_cluster, &after_cluster], &intents, snapshot));
    }
    future.snapshot.objects = Fact::Known(after);
    let unseen = after_cluster
        .nodes
        .iter()
        .filter(|node| !snapshot.nodes.iter().any(|state| state.name == node.name))
        .count();
    if unseen > 0 {
        future.warnings.push(format!(
            "{unseen} of {} nodes were not seen: what becomes of them, and of packets to them, is not told",
            after_cluster.nodes.len()
        ));
    }
    Ok(future)
}

/// The objects with the documents applied to them, and what that changes.
fn applied(objects: &Objects, documents: &[Document]) -> Result<(Objects, Vec<Changed>), String> {
    let mut after = objects.clone();
    let mut changed = Vec::new();
    for document in documents {
        let same = |value: &Value| {
            Resource::from_value(value.clone()).is_ok_and(|stored| {
                stored.kind == document.resource.kind && stored.id() == document.resource.id()
            })
        };
        let at = after.resources.iter().position(same);
        let stored = at
            .and_then(|at| after.resources.get(at))
            .and_then(|value| Resource::from_value(value.clone()).ok());
        let merged = merge(stored.as_ref(), document).map_err(|error| error.to_string())?;
        if !merged.changed {
            continue;
        }
        let body = Value::Object(merged.resource.body.clone());
        changed.push(Changed {
            title: format!("{} {}", merged.resource.kind, merged.resource.id()),
            before: stored.map(|stored| Value::Object(stored.body)),
            after: body.clone(),
        });
        match at.and_then(|at| after.resources.get_mut(at)) {
            Some(place) => *place = body,
            None => after.resources.push(body),
        }
        let kind = merged.resource.kind.name().to_owned();
        if !after.kinds.is_empty() && !after.kinds.contains(&kind) {
            after.kinds.push(kind);
        }
    }
    Ok((after, changed))
}

/// What becomes of a node; its state is changed to that.
fn node(
    state: &mut NodeState,
    [before, after]: [&Cluster; 2],
    [then, meant]: &[Intent; 2],
    snapshot: &Snapshot,
) -> NodeFuture {
    let mut future = NodeFuture {
        node: state.name.clone(),
        ..NodeFuture::default()
    };
    let Some(object) = after.node(&state.name) else {
        return future;
    };
    let old = before
        .node(&state.name)
        .map(|object| then.sessions(object))
        .unwrap_or_default();
    let new = meant.sessions(object);
    let works = |session: &Session| can_work(session, snapshot);
    let up_now = |remote: IpAddr| {
        state.bird.known().is_some_and(|bird| {
            bird.sessions()
                .any(|(_, now)| now.neighbor_address == Some(remote) && now.state == "Established")
        })
    };
    // A session that stays as it is stays as it does; one that is new or has other ends comes up where these are there.
    let unchanged = |session: &Session| {
        old.iter().any(|old| {
            (old.local, old.remote, old.remote_as) == (session.local, session.remote, session.remote_as)
        })
    };
    let stays_down =
        |session: &Session| unchanged(session) && state.bird.known().is_some() && !up_now(session.remote);
    let label = |session: &Session| session.peer.clone().unwrap_or_else(|| session.remote.to_string());
    let comes = new
        .iter()
        .filter(|session| !unchanged(session) && !up_now(session.remote) && works(session));
    future.sessions_up = comes.map(label).collect();
    let goes = old.iter().filter(|old| {
        up_now(old.remote)
            && !new
                .iter()
                .any(|new| new.remote == old.remote && new.local == old.local)
    });
    future.sessions_gone = goes.map(label).collect();
    let dead: Vec<String> = new
        .iter()
        .filter(|session| stays_down(session) || (!unchanged(session) && !works(session)))
        .filter_map(|session| session.peer.clone())
        .collect();
    let routes: Vec<_> = meant
        .routes(object)
        .into_iter()
        .filter(|route| !dead.iter().any(|dead| dead == route.owner))
        .collect();
    let address = stored_address(object, false).map(|own| own.ip);
    nodes::rebuild(state, after, address, &routes, &dead, &mut future);
    nodes::sessions(state, &new, &dead);
    future
}

/// Whether both ends of a session are where they are said to be, as far as nodes were seen.
fn can_work(session: &Session, snapshot: &Snapshot) -> bool {
    let holder = |ip: IpAddr| {
        snapshot
            .nodes
            .iter()
            .any(|node| node.net.addresses.items().iter().any(|address| address.ip == ip))
    };
    let seen = |name: &Option<String>| {
        name.as_ref()
            .is_some_and(|name| snapshot.nodes.iter().any(|node| node.name == *name))
    };
    holder(session.local) && (holder(session.remote) || !seen(&session.peer))
}
