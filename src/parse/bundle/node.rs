//! A folder of outputs → a node.

use std::collections::BTreeSet;

use super::readers::{Item, OfBridge, READERS, Reading, Row, of_bridge};
use super::{Content, Folder, namespaces};
use crate::parse::{ParseError, ovs_flows, ovsdb};
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
    if leaves_out_the_empty(folder) && seen.insert(Item::Sockets) {
        reading.node.net.tcp = Fact::Known(Vec::new());
        reading.node.net.udp = Fact::Known(Vec::new());
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
    bridges(&mut reading, folder, path);
    reading
}

/// What a recorder of whole nodes prints of each, whatever state it is in.
const OF_ANY_NODE: [&str; 8] = [
    "link.json",
    "addr.json",
    "route.json",
    "rule.json",
    "neigh.json",
    "fdb.json",
    "nft.json",
    "sysctl.txt",
];

/// Whether the folder is of a recorder that keeps no file of a command that printed nothing: all is there that any node
/// has something of, and no file is empty. `ss` prints nothing where there is no socket.
fn leaves_out_the_empty(folder: &Folder) -> bool {
    let empty = |content: &Content| matches!(content, Content::Text(text) if text.is_empty());
    OF_ANY_NODE.iter().all(|file| folder.files.contains_key(*file)) && !folder.files.values().any(empty)
}

/// Flows, groups and learned addresses of bridges, which have a file each.
fn bridges(reading: &mut Reading, folder: &Folder, path: &str) {
    let Fact::Known(ovs) = &mut reading.node.ovs else {
        return;
    };
    for bridge in &mut ovs.bridges {
        let why = || format!("not among the outputs ({path}ofctl-{}.txt)", bridge.name);
        bridge.flows = Fact::absent_as(Absence::Unknown, why());
        bridge.groups = Fact::absent_as(
            Absence::Unknown,
            format!("not among the outputs ({path}groups-{}.txt)", bridge.name),
        );
        bridge.fdb = Fact::absent_as(
            Absence::Unknown,
            format!("not among the outputs ({path}fdb-{}.txt)", bridge.name),
        );
    }
    for (file, content) in &folder.files {
        let Some((what, name)) = of_bridge(file) else {
            continue;
        };
        let Some(bridge) = ovs.bridges.iter_mut().find(|bridge| bridge.name == name) else {
            continue;
        };
        let text = match content {
            Content::Text(text) => text,
            Content::Unreadable(why) => {
                let why = format!("{path}{file}: {why}");
                match what {
                    OfBridge::Flows => bridge.flows = Fact::absent_as(Absence::Unreadable, why),
                    OfBridge::Groups => bridge.groups = Fact::absent_as(Absence::Unreadable, why),
                    OfBridge::Fdb => bridge.fdb = Fact::absent_as(Absence::Unreadable, why),
                }
                continue;
            }
        };
        match what {
            OfBridge::Flows => bridge.flows = answered(text, "FLOW", path, file, ovs_flows::flows),
            OfBridge::Groups => bridge.groups = answered(text, "GROUP", path, file, ovs_flows::groups),
            OfBridge::Fdb => bridge.fdb = answered(text, "MAC", path, file, ovs_flows::fdb),
        }
    }
}

/// What the switch daemon answered; without an answer's head there was none.
fn answered<T>(
    text: &str,
    head: &str,
    path: &str,
    file: &str,
    read: fn(&str) -> Result<Vec<T>, ParseError>,
) -> Fact<Vec<T>> {
    if !text.contains(head) && !text.contains("actions=") {
        let said = text.lines().next().unwrap_or("nothing was printed").trim();
        return Fact::absent_as(Absence::Missing, format!("no answer ({path}{file}: {said})"));
    }
    match read(text) {
        Ok(items) => Fact::Known(items),
        Err(ParseError { line, why }) => {
            Fact::absent_as(Absence::Unreadable, format!("{path}{file}:{line}: {why}"))
        }
    }
}

/// What several files say together.
fn finish(reading: &mut Reading) {
    if !reading.ovs.is_empty() {
        reading.node.ovs = Fact::Known(ovsdb::picture(&reading.ovs));
    } else if let Some(why) = reading.ovs_gone.take() {
        reading.node.ovs = Fact::absent_as(Absence::Missing, why);
    } else if let Some(ovs) = reading.ovs_shown.take() {
        reading.node.ovs = Fact::Known(ovs);
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
