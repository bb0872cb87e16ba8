//! `--names`: what the addresses of a cluster are called.

use std::net::IpAddr;

use serde_json::Value;

use crate::forward::topology::Topology;
use crate::intent::Cluster;
use crate::packet::show::Names;
use crate::state::link::Scope;
use crate::state::{Objects, Snapshot};

/// Pods as `NAMESPACE/NAME`, services as `svc/NAMESPACE/NAME`, nodes and what else was seen by their own names.
pub(super) fn names(snapshot: &Snapshot, cluster: Option<&Cluster>) -> Names {
    let mut names = Names::default();
    if let Some(objects) = snapshot.objects.known() {
        of_objects(objects, &mut names);
    }
    let topology = Topology::new(&snapshot.nodes);
    for (_, place) in topology.places() {
        let title = match &place.namespace {
            // A pod of Kubernetes; what else there is on a node may be called the same on others.
            Some(name) if name.contains('/') => name.clone(),
            _ => place.title(),
        };
        for address in place.net.addresses.items() {
            // Bridges of several nodes may have the same one.
            if address.scope == Scope::GLOBAL && !address.ip.is_loopback() {
                names.add(address.ip, &title);
            }
        }
    }
    for node in cluster.map_or(&[][..], |cluster| &cluster.nodes) {
        let stored = [node.ipv4, node.ipv6]
            .into_iter()
            .flatten()
            .map(|stored| stored.ip);
        let more = node.addresses.iter().filter_map(|(text, _)| text.parse().ok());
        for address in stored.chain(more).chain(node.ipip_tunnel_addr.map(IpAddr::from)) {
            names.add(address, &node.name);
        }
    }
    names
}

fn of_objects(objects: &Objects, names: &mut Names) {
    for object in objects.kubernetes.items() {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (text("/kind"), text("/metadata/name")) else {
            continue;
        };
        let namespace = text("/metadata/namespace").unwrap_or("default");
        match kind {
            // A pod in the node's own namespace has the node's address.
            "Pod" if object.pointer("/spec/hostNetwork") != Some(&Value::Bool(true)) => {
                let all = list(object, "/status/podIPs", "ip").chain(text("/status/podIP"));
                add(all, &format!("{namespace}/{name}"), names);
            }
            "Service" => {
                let more = object.pointer("/spec/clusterIPs").and_then(Value::as_array);
                let more = more.into_iter().flatten().filter_map(Value::as_str);
                add(
                    more.chain(text("/spec/clusterIP")),
                    &format!("svc/{namespace}/{name}"),
                    names,
                );
            }
            "Node" => {
                let all = list(object, "/status/addresses", "address");
                add(all, name, names);
            }
            _ => {}
        }
    }
}

/// The texts of one field of the members of a list.
fn list<'a>(object: &'a Value, pointer: &str, field: &'a str) -> impl Iterator<Item = &'a str> {
    let members = object.pointer(pointer).and_then(Value::as_array);
    let members = members.into_iter().flatten();
    members.filter_map(move |member| member.get(field)?.as_str())
}

/// A headless service has the word `None` in place of an address; a node may have a host's name.
fn add<'a>(addresses: impl Iterator<Item = &'a str>, name: &str, names: &mut Names) {
    for address in addresses.filter_map(|text| text.parse::<IpAddr>().ok()) {
        names.add(address, name);
    }
}
