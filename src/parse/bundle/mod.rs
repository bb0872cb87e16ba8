//! Outputs of plain commands, each in a file of its own, as nodes: what a node without netdiag can be looked at with.
//!
//! A folder with files of [`readers`] is a node, a folder within it a pod or another network namespace, and a folder
//! of such folders a cluster. Nodes and namespaces have the names of their folders; a file `hostname` names its node.

mod items;
mod namespaces;
mod node;
pub mod readers;

use std::collections::BTreeMap;

use crate::state::{Fact, NodeState, Snapshot, snapshot};

/// What a file holds, or why that isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// Too large, cut off, not to be opened.
    Unreadable(String),
}

/// Files and folders by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    pub files: BTreeMap<String, Content>,
    pub folders: BTreeMap<String, Folder>,
    /// Where what it was read from ends too early: then what isn't here may have been there.
    pub cut: Option<String>,
}

/// Folders within folders that are looked through: state, node, pod, and two that archives put around them.
const DEPTH: usize = 6;

impl Folder {
    /// Puts a file where its path says; `.` and empty parts count for nothing, and `..` is a name like any other.
    pub fn insert(&mut self, path: &str, content: Content) {
        let mut parts: Vec<&str> = path
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        let Some(file) = parts.pop() else {
            return;
        };
        let mut folder = self;
        for part in parts {
            folder = folder.folders.entry(part.to_owned()).or_default();
        }
        folder.files.insert(file.to_owned(), content);
    }

    /// Whether it holds a file that a reader knows.
    fn is_namespace(&self) -> bool {
        self.files.keys().any(|name| readers::is_known(name))
    }

    /// Whether it is a node, or has nodes within.
    pub fn is_bundle(&self) -> bool {
        !self.nodes("").is_empty()
    }

    /// The folders that are nodes, with their names and their paths, in the order of their names.
    fn nodes<'a>(&'a self, name: &'a str) -> Vec<(&'a str, String, &'a Self)> {
        let mut nodes = Vec::new();
        self.find(name, String::new(), DEPTH, &mut nodes);
        nodes
    }

    fn find<'a>(
        &'a self,
        name: &'a str,
        path: String,
        depth: usize,
        nodes: &mut Vec<(&'a str, String, &'a Self)>,
    ) {
        if self.is_namespace() {
            nodes.push((name, path, self));
        } else if depth > 0 {
            for (name, folder) in &self.folders {
                folder.find(name, format!("{path}{name}/"), depth - 1, nodes);
            }
        }
    }
}

/// Reads every node there is. `name` is what a lone node is called that says no name of its own.
///
/// # Errors
/// When there is no node.
pub fn snapshot(bundle: &Folder, name: &str) -> Result<Snapshot, String> {
    let nodes: Vec<NodeState> = bundle
        .nodes(name)
        .into_iter()
        .map(|(name, path, folder)| node::node(folder, name, &path, bundle.cut.as_deref()))
        .collect();
    if nodes.is_empty() {
        return Err("no output of a command that netdiag reads (link.json, route.txt, …)".to_owned());
    }
    Ok(Snapshot {
        netdiag_snapshot: snapshot::VERSION,
        nodes,
        objects: Fact::absent("outputs of commands hold no objects of the datastore"),
    })
}

#[cfg(test)]
mod tests;
