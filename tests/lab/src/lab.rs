//! A lab that is up.

use std::sync::Arc;

use crate::Node;

/// The node that the segments' switches are in.
pub(crate) const FABRIC: &str = "fabric";

/// Nodes and what connects them; dropped, all of it is gone.
#[derive(Debug)]
pub struct Lab {
    nodes: Vec<Arc<Node>>,
}

impl Lab {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        Self {
            nodes: nodes.into_iter().map(Arc::new).collect(),
        }
    }

    /// The node of that name.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn node(&self, name: &str) -> &Node {
        self.shared(name)
    }

    pub(crate) fn all(&self) -> &Vec<Arc<Node>> {
        &self.nodes
    }

    #[expect(clippy::panic, reason = "a misspelt name in a test")]
    pub(crate) fn shared(&self, name: &str) -> &Arc<Node> {
        self.nodes
            .iter()
            .find(|node| node.name() == name)
            .unwrap_or_else(|| panic!("no node {name} in this lab"))
    }

    /// All nodes, without the fabric.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes
            .iter()
            .map(Arc::as_ref)
            .filter(|node| node.name() != FABRIC)
    }

    /// The node that the segments' switches are in.
    pub fn fabric(&self) -> &Node {
        self.node(FABRIC)
    }

    /// The switch port that a link's cable ends in.
    pub fn port(node: &str, link: &str) -> String {
        format!("{node}.{link}")
    }
}
