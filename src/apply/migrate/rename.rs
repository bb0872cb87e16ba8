//! Nodes of etcd, by the names that Kubernetes has for them.

use std::collections::HashMap;

use serde_json::Value;

use super::{Contents, Pair};
use crate::calico::resource::{Kind, Resource};
use crate::datastore::List;
use crate::ipam::stock::{HANDLES, HOSTS};

/// Handles of a node's own tunnels begin with these (calicoctl renames the first three only).
const TUNNELS: [&str; 5] = [
    "ipip-tunnel-addr-",
    "vxlan-tunnel-addr-",
    "wireguard-tunnel-addr-",
    "vxlan-v6-tunnel-addr-",
    "wireguard-v6-tunnel-addr-",
];

type Names = HashMap<String, String>;

pub(super) fn to_kubernetes(contents: &mut Contents) {
    let names = names(contents);
    if names.iter().all(|(old, new)| old == new) {
        return;
    }
    for (kind, List { items, .. }) in &mut contents.lists {
        for item in items {
            resource(*kind, item, &names);
        }
    }
    for pair in &mut contents.ipam.block_affinities {
        let rest = pair.key.strip_prefix(HOSTS).and_then(|rest| rest.split_once('/'));
        if let Some((host, block)) = rest
            && let Some(new) = names.get(host)
        {
            pair.key = format!("{HOSTS}{new}/{block}");
        }
    }
    for pair in &mut contents.ipam.handles {
        let id = pair.key.strip_prefix(HANDLES).unwrap_or_default();
        if let Some(new) = handle(id, &names) {
            pair.key = format!("{HANDLES}{new}");
        }
    }
    for pair in &mut contents.ipam.blocks {
        block(pair, &names);
    }
}

/// What Kubernetes calls each node; notes of those that it doesn't know.
fn names(contents: &mut Contents) -> Names {
    let mut names = Names::new();
    let nodes = contents.lists.iter().filter(|(kind, _)| *kind == Kind::Node);
    for node in nodes.flat_map(|(_, list)| &list.items) {
        let references = node.field(&["spec", "orchRefs"]).and_then(Value::as_array);
        let of_kubernetes = references
            .into_iter()
            .flatten()
            .find(|reference| reference.get("orchestrator").and_then(Value::as_str) == Some("k8s"));
        let name = of_kubernetes.and_then(|reference| reference.get("nodeName")?.as_str());
        match name {
            Some(name) => {
                names.insert(node.name().to_owned(), name.to_owned());
            }
            None => contents.notes.push(format!(
                "node {} has no orchRefs entry of k8s: Kubernetes won't take it in unless it has a node of that name",
                node.name()
            )),
        }
    }
    names
}

fn resource(kind: Kind, item: &mut Resource, names: &Names) {
    match kind {
        Kind::Node => {
            if let Some(new) = names.get(item.name()) {
                item.set(&["metadata", "name"], Some(new.clone().into()));
            }
        }
        Kind::BgpConfiguration | Kind::FelixConfiguration => {
            let node = item.name().strip_prefix("node.");
            if let Some(new) = node.and_then(|node| names.get(node)) {
                item.set(&["metadata", "name"], Some(format!("node.{new}").into()));
            }
        }
        Kind::BgpPeer | Kind::HostEndpoint => {
            let path = ["spec", "node"];
            if let Some(new) = item.text(&path).and_then(|node| names.get(node)) {
                item.set(&path, Some(new.clone().into()));
            }
        }
        _ => {}
    }
}

/// The id of a tunnel's handle on a node that has another name now.
fn handle(id: &str, names: &Names) -> Option<String> {
    TUNNELS.iter().find_map(|prefix| {
        let new = names.get(id.strip_prefix(prefix)?)?;
        Some(format!("{prefix}{new}"))
    })
}

fn block(pair: &mut Pair, names: &Names) {
    let value = &mut pair.value;
    for (key, prefix) in [("affinity", "host:"), ("hostAffinity", "")] {
        let host = value.get(key).and_then(Value::as_str);
        if let Some(new) = host.and_then(|host| names.get(host.strip_prefix(prefix)?)) {
            value[key] = format!("{prefix}{new}").into();
        }
    }
    let attributes = value.get_mut("attributes").and_then(Value::as_array_mut);
    for attribute in attributes.into_iter().flatten() {
        let id = attribute.get("handle_id").and_then(Value::as_str);
        if let Some(new) = id.and_then(|id| handle(id, names)) {
            attribute["handle_id"] = new.into();
        }
        for owner in ["secondary", "alternateOwnerAttrs"] {
            let node = attribute.get(owner).and_then(|owner| owner.get("node")?.as_str());
            if let Some(new) = node.and_then(|node| names.get(node)) {
                attribute[owner]["node"] = new.clone().into();
            }
        }
    }
}
