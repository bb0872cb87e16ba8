//! Several snapshots as one.

use std::collections::HashMap;

use crate::state::{Fact, NodeState, Objects, Snapshot, machine, snapshot};

/// What became of several snapshots.
#[derive(Debug, Default, PartialEq)]
pub struct Merged {
    pub snapshot: Snapshot,
    /// What people should know of it.
    pub warnings: Vec<String>,
}

/// A node that two files have, as one machine or maybe so.
#[derive(Debug, PartialEq, Eq)]
pub struct Twice {
    pub node: String,
    pub first: String,
    pub second: String,
}

/// One picture of several files, added one by one. The objects of the first that has them hold.
#[derive(Debug)]
pub struct Merge {
    keep_newest: bool,
    merged: Merged,
    /// Of each name, the places of its machines, and the files that had them.
    places: HashMap<String, Vec<(usize, String)>>,
    objects_from: Option<String>,
    /// Files whose objects are others.
    others: Vec<String>,
}

impl Merge {
    pub fn new(keep_newest: bool) -> Self {
        let mut merged = Merged::default();
        merged.snapshot.netdiag_snapshot = snapshot::VERSION;
        Self {
            keep_newest,
            merged,
            places: HashMap::new(),
            objects_from: None,
            others: Vec::new(),
        }
    }

    /// Adds the nodes and objects of one file.
    ///
    /// # Errors
    /// One of its nodes is there already.
    pub fn add(&mut self, file: String, part: Snapshot) -> Result<(), Twice> {
        for node in part.nodes {
            self.node(&file, node)?;
        }
        self.objects(file, part.objects);
        Ok(())
    }

    pub fn done(mut self) -> Merged {
        machine::tell_apart(self.merged.snapshot.nodes.iter_mut());
        if let (Some(from), Some((first, more))) = (&self.objects_from, self.others.split_first()) {
            let more = match more.len() {
                0 => String::new(),
                number => format!(" and {number} more"),
            };
            self.merged.warnings.push(format!(
                "the datastore's objects differ between {from} and {first}{more}: those of {from} are kept"
            ));
        }
        self.merged
    }

    fn node(&mut self, file: &str, mut node: NodeState) -> Result<(), Twice> {
        // What it was called in the file's picture depended on the others there.
        if let Some(own) = node.name_in_use.take() {
            node.name = own;
        }
        let nodes = &mut self.merged.snapshot.nodes;
        let places = self.places.entry(node.name.clone()).or_default();
        let is_there = |(place, _): &&mut (usize, String)| {
            nodes
                .get(*place)
                .is_some_and(|there| !node.is_other_machine(there))
        };
        let Some((place, first)) = places.iter_mut().find(is_there) else {
            places.push((nodes.len(), file.to_owned()));
            nodes.push(node);
            return Ok(());
        };
        let Some(there) = nodes.get_mut(*place).filter(|_| self.keep_newest) else {
            return Err(Twice {
                node: node.name,
                first: first.clone(),
                second: file.to_owned(),
            });
        };
        // RFC 3339 in UTC sorts as text.
        let older = if node.taken > there.taken {
            *there = node;
            std::mem::replace(first, file.to_owned())
        } else {
            file.to_owned()
        };
        let warning = format!(
            "node {}: the one of {older} is older and was left out",
            there.name
        );
        self.merged.warnings.push(warning);
        Ok(())
    }

    fn objects(&mut self, file: String, objects: Fact<Objects>) {
        let held = &mut self.merged.snapshot.objects;
        match (held.known(), objects.known()) {
            (None, Some(_)) => {
                *held = objects;
                self.objects_from = Some(file);
            }
            (Some(first), Some(second))
                if first.resources != second.resources
                    || first.unreadable != second.unreadable
                    || first.kubernetes != second.kubernetes =>
            {
                self.others.push(file);
            }
            // The first reason is as good as any, but better than none.
            (None, None) if held.why() == Fact::<()>::default().why() => *held = objects,
            _ => {}
        }
    }
}
