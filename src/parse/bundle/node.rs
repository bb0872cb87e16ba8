//! A folder of outputs → a node.

use std::collections::BTreeSet;

use super::readers::{Item, READERS, Reading, Row};
use super::{Content, Folder, namespaces};
use crate::parse::{ParseError, ovsdb};
use crate::state::{Absence, Fact, Namespace, NodeState};

/// Reads a node, and the namespaces in the folders within.
pub(super) fn node(folder: &Folder, name: &str, path: &str, cut: Option<&str>) -> NodeState {
    let mut reading = read(folder, path, cut);
    if reading.node.name.is_empty() {
        name.clone_into(&mut reading.node.name);
    }
    let pods: Vec<Namespace> = folder
        .folders
        .iter()
        .filter(|(_, folder)| folder.is_namespace())
        .map(|(name, folder)| Namespace {
            names: vec![name.clone()],
            net: read(folder, &format!("{path}{name}/"), cut).node.net,
            ..Namespace::default()
        })
        .collect();
    reading.node.namespaces = if pods.is_empty() {
        Fact::absent_as(Absence::Missing, "no folder of a namespace within the node's")
    } else {
        Fact::Known(pods)
    };
    namespaces::number(&mut reading.node);
    reading.node
}

/// Reads the files of one namespace. What can't be read is absent with the file, the line and the reason.
fn read(folder: &Folder, path: &str, cut: Option<&str>) -> Reading {
    let mut reading = Reading::default();
    let mut seen: BTreeSet<Item> = BTreeSet::new();
    let mut failed: BTreeSet<Item> = BTreeSet::new();
    for Row {
        file,
        item,
        more,
        read,
    } in READERS
    {
        if failed.contains(item) || (!more && seen.contains(item)) {
            continue;
        }
        let Some(content) = folder.files.get(*file) else {
            continue;
        };
        seen.insert(*item);
        let result = match content {
            Content::Text(text) => read(&mut reading, text)
                .map_err(|ParseError { line, why }| format!("{path}{file}:{line}: {why}")),
            Content::Unreadable(why) => Err(format!("{path}{file}: {why}")),
        };
        if let Err(why) = result {
            failed.insert(*item);
            reading.lose(*item, Absence::Unreadable, &why);
        }
    }
    for Row { item, .. } in READERS {
        if seen.insert(*item) {
            let file = READERS
                .iter()
                .find(|row| row.item == *item)
                .map_or("", |row| row.file);
            let why = match cut {
                None => format!("not among the outputs ({path}{file})"),
                Some(cut) => format!("not among the outputs ({path}{file}): {cut}"),
            };
            reading.lose(*item, Absence::Unknown, &why);
        }
    }
    finish(&mut reading);
    reading
}

/// What several files say together.
fn finish(reading: &mut Reading) {
    if !reading.ovs.is_empty() {
        reading.node.ovs = Fact::Known(ovsdb::picture(&reading.ovs));
    }
    if let Fact::Known(links) = &mut reading.node.net.links {
        for (index, port) in &reading.ports {
            let link = links.iter_mut().find(|link| link.index == *index);
            if let Some(link) = link.filter(|link| link.port.is_none()) {
                link.port = Some(port.clone());
            }
        }
    }
}
