//! The answer as a document.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::pairs::Pairs;
use crate::diagnose::Finding;
use crate::diagnose::future::flows::Flows;
use crate::diagnose::future::{Changed, Future, NodeFuture};
use crate::output::diff;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    /// Version of this format.
    netdiag_plan: u32,
    objects: Vec<Object<'a>>,
    pub(super) sessions_up: usize,
    pub(super) sessions_gone: usize,
    pub(super) nodes: Vec<Node<'a>>,
    /// Of Felix, on all nodes.
    rules: &'a [String],
    pub(super) pairs: &'a Pairs,
    pub(super) flows: AllFlows<'a>,
    pub(super) checks: Checks<'a>,
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    title: &'a str,
    new: bool,
    deleted: bool,
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    path: String,
    from: Value,
    to: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node<'a> {
    pub(super) node: &'a str,
    pub(super) sessions_up: &'a [String],
    pub(super) sessions_gone: &'a [String],
    pub(super) sessions_anew: &'a [String],
    pub(super) sessions_down: Vec<Down<'a>>,
    pub(super) sessions_unknown: &'a [String],
    pub(super) routes: &'a [String],
    pub(super) routes_gone: Vec<String>,
    pub(super) links: &'a [String],
}

/// A session that is configured and doesn't come up.
#[derive(Debug, Serialize)]
pub(super) struct Down<'a> {
    pub(super) peer: &'a str,
    pub(super) why: &'a str,
}

/// What policies allow.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AllFlows<'a> {
    /// Ordered pairs that get or lose some kind of packet.
    pub(super) gained: usize,
    pub(super) lost: usize,
    #[serde(flatten)]
    matrix: &'a Flows,
}

/// Ids and titles.
#[derive(Debug, Serialize)]
pub(super) struct Checks<'a> {
    pub(super) appear: Vec<[&'a str; 2]>,
    pub(super) vanish: Vec<[&'a str; 2]>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(future: &'a Future, [before, after]: &'a [Vec<Finding>; 2], pairs: &'a Pairs) -> Self {
        let busy = future.nodes.iter().filter(|node| !node.is_quiet());
        let sum = |count: fn(&NodeFuture) -> usize| future.nodes.iter().map(count).sum();
        Self {
            netdiag_plan: 1,
            objects: future.changed.iter().map(Object::new).collect(),
            sessions_up: sum(|node| node.sessions_up.len()),
            sessions_gone: sum(|node| node.sessions_gone.len()),
            nodes: busy.map(Node::new).collect(),
            rules: &future.rules,
            pairs,
            flows: AllFlows {
                gained: future.flows.pairs(true),
                lost: future.flows.pairs(false),
                matrix: &future.flows,
            },
            checks: Checks {
                appear: beyond(after, before),
                vanish: beyond(before, after),
            },
            warnings: &future.warnings,
        }
    }

    /// Something is lost.
    pub(super) fn is_worse(&self) -> bool {
        !self.checks.appear.is_empty() || self.pairs.lost > 0 || self.flows.lost > 0
    }
}

/// Findings of one list that the other doesn't have.
fn beyond<'a>(these: &'a [Finding], those: &[Finding]) -> Vec<[&'a str; 2]> {
    let same = |one: &Finding, other: &Finding| {
        (one.id, &one.node, &one.subject) == (other.id, &other.node, &other.subject)
    };
    these
        .iter()
        .filter(|one| !those.iter().any(|other| same(one, other)))
        .map(|finding| [finding.id, finding.title.as_str()])
        .collect()
}

/// The fields that change; of a new object all but those that its title says.
pub(super) fn fields(changed: &Changed) -> Vec<diff::Change> {
    let after = &changed.after;
    let frame = || {
        let metadata = &after["metadata"];
        let own = ["name", "namespace"].map(|key| (key, metadata.get(key)));
        let own = own
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
        json!({
            "apiVersion": after["apiVersion"],
            "kind": after["kind"],
            "metadata": own.collect::<Map<_, _>>(),
        })
    };
    match &changed.before {
        Some(before) => diff::changes(before, after),
        None => diff::changes(&frame(), after),
    }
}

impl<'a> Object<'a> {
    fn new(changed: &'a Changed) -> Self {
        Self {
            title: &changed.title,
            new: changed.before.is_none(),
            deleted: changed.after.is_null(),
            fields: fields(changed)
                .into_iter()
                .map(|change| Field {
                    path: change.path,
                    from: change.before.unwrap_or_default(),
                    to: change.after.unwrap_or_default(),
                })
                .collect(),
        }
    }
}

impl<'a> Node<'a> {
    fn new(node: &'a NodeFuture) -> Self {
        Self {
            node: &node.node,
            sessions_up: &node.sessions_up,
            sessions_gone: &node.sessions_gone,
            sessions_anew: &node.sessions_anew,
            sessions_down: node
                .sessions_down
                .iter()
                .map(|(peer, why)| Down { peer, why })
                .collect(),
            sessions_unknown: &node.sessions_unknown,
            routes: &node.routes,
            routes_gone: node.routes_gone.iter().map(ToString::to_string).collect(),
            links: &node.links,
        }
    }
}
