//! Names of nodes → where ssh may find them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cli::Error;
use crate::fleet::Target;
use crate::state::{Fact, Objects};

/// The nodes asked for; with pods of Kubernetes, all are those with such a pod, too. A host that was given is the only one; else the name comes first, for ssh's own configuration
/// knows names, and addresses of the datastore may be what is wrong.
pub(super) fn targets(
    names: &[String],
    objects: &Fact<Objects>,
    pods: &[String],
    given: &BTreeMap<String, String>,
) -> Result<Vec<Target>, Error> {
    let stored = match objects {
        Fact::Known(objects) => stored(objects),
        Fact::Absent { .. } => BTreeMap::new(),
    };
    let mut all = BTreeSet::new();
    for name in names.iter().map(|name| name.trim()) {
        match name {
            "" => return Err(Error::new("--nodes: a name is empty")),
            "all" if !pods.is_empty() => all.extend(pods.iter().chain(stored.keys()).cloned()),
            "all" => match objects {
                Fact::Absent { why, .. } => {
                    let message = format!("--nodes all: the datastore's Nodes are not known: {why}");
                    return Err(Error::new(message).hint("name the nodes: --nodes node1,node2"));
                }
                Fact::Known(objects) if stored.is_empty() => {
                    let message = format!("--nodes all: no Node is in the datastore ({})", objects.store);
                    return Err(Error::new(message).hint("name the nodes: --nodes node1,node2"));
                }
                Fact::Known(_) => all.extend(stored.keys().cloned()),
            },
            name => {
                all.insert(name.to_owned());
            }
        }
    }
    if let Some(other) = given.keys().find(|name| !all.contains(*name)) {
        return Err(Error::new(format!(
            "--host {other}=…: {other} is none of --nodes"
        )));
    }
    let target = |node: String| {
        let stored = stored.get(&node).into_iter().flatten();
        let hosts = match given.get(&node) {
            Some(host) => vec![host.clone()],
            None => std::iter::once(&node).chain(stored).cloned().collect(),
        };
        Target { node, hosts }
    };
    Ok(all.into_iter().map(target).collect())
}

/// The Nodes of the datastore with their addresses, those of the host before BGP's.
fn stored(objects: &Objects) -> BTreeMap<String, Vec<String>> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let mut nodes = BTreeMap::new();
    for node in &objects.resources {
        let name = text(node, "/metadata/name").filter(|_| node["kind"] == "Node");
        let Some(name) = name else { continue };
        let listed = node.pointer("/spec/addresses").and_then(Value::as_array);
        let listed = listed.into_iter().flatten();
        let mut addresses: Vec<String> = listed
            .filter(|entry| entry["type"] == "InternalIP")
            .filter_map(|entry| text(entry, "/address"))
            .collect();
        let bgp = ["/spec/bgp/ipv4Address", "/spec/bgp/ipv6Address"];
        addresses.extend(bgp.iter().filter_map(|path| text(node, path)));
        // Stored with the length of the segment.
        let mut hosts: Vec<String> = Vec::new();
        for address in addresses {
            let bare = address.split_once('/').map_or(address.as_str(), |(bare, _)| bare);
            if !hosts.iter().any(|host| host == bare) {
                hosts.push(bare.to_owned());
            }
        }
        nodes.insert(name, hosts);
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn objects() -> Fact<Objects> {
        Fact::Known(Objects {
            resources: vec![
                json!({"kind": "Node", "metadata": {"name": "node2"}, "spec": {
                    "addresses": [{"address": "192.168.80.24/24", "type": "CalicoNodeIP"},
                        {"address": "10.0.0.2", "type": "InternalIP"}],
                    "bgp": {"ipv4Address": "192.168.80.24/24", "ipv6Address": "fd00::24/64"}}}),
                json!({"kind": "Node", "metadata": {"name": "node1"}, "spec": {}}),
                json!({"kind": "IPPool", "metadata": {"name": "pool"}}),
            ],
            ..Objects::default()
        })
    }

    fn hosts(names: &[&str], given: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let given = given
            .iter()
            .map(|(node, host)| (node.to_string(), host.to_string()));
        let found = targets(&names, &objects(), &[], &given.collect()).map_err(|error| error.message)?;
        let line = |target: Target| format!("{}: {}", target.node, target.hosts.join(" "));
        Ok(found.into_iter().map(line).collect())
    }

    #[test]
    fn a_name_comes_before_addresses_and_a_given_host_before_both() {
        assert_eq!(
            hosts(&["all", "node9"], &[]).unwrap(),
            [
                "node1: node1",
                "node2: node2 10.0.0.2 192.168.80.24 fd00::24",
                "node9: node9"
            ]
        );
        assert_eq!(hosts(&["node2"], &[("node2", "h")]).unwrap(), ["node2: h"]);
    }

    #[test]
    fn what_names_no_node_is_refused() {
        assert!(
            hosts(&["node1", ""], &[])
                .unwrap_err()
                .contains("a name is empty")
        );
        assert!(
            hosts(&["node1"], &[("node2", "h")])
                .unwrap_err()
                .contains("node2 is none of --nodes")
        );
        let none = targets(&["all".into()], &Fact::absent("no etcd"), &[], &BTreeMap::new()).unwrap_err();
        assert!(none.message.contains("no etcd"), "{none:?}");
    }

    #[test]
    fn pods_tell_of_nodes_that_no_datastore_tells_of() {
        let pods = ["node1".to_owned(), "node7".to_owned()];
        let found = targets(&["all".into()], &Fact::absent("no etcd"), &pods, &BTreeMap::new()).unwrap();
        let names: Vec<String> = found.into_iter().map(|target| target.node).collect();
        assert_eq!(names, pods);
    }
}
