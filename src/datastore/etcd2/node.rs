//! A Node as keys of etcd v2: which of them an update has to change. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::http::{Guard, Tree};
use super::map::{BGP_HOSTS, HOSTS, address, as_number};
use crate::calico::resource::Resource;

/// One key to write, or with `None` to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) guard: Guard,
}

/// Fields of a Node that etcd v2 has keys for.
const STORED: [&str; 5] = [
    "spec.bgp.ipv4Address",
    "spec.bgp.ipv6Address",
    "spec.bgp.asNumber",
    "spec.bgp.ipv4IPIPTunnelAddr",
    "spec.orchRefs",
];
/// Fields that a store keeps elsewhere, or that only v3 has and that mean nothing to a v1 cluster.
const IGNORED: [&str; 7] = [
    "kind",
    "apiVersion",
    "metadata.name",
    "metadata.uid",
    "metadata.creationTimestamp",
    "metadata.resourceVersion",
    "status",
];

/// The keys to write so that the store holds `new` where it held `old` (an empty Node when creating). Keys of fields
/// that don't change are left alone. The address comes first: it is the key that others change.
///
/// # Errors
/// Names a field that is not valid, or that etcd v2 has no key for.
pub(super) fn changes(tree: &Tree, old: &Resource, new: &Resource) -> Result<Vec<Change>, String> {
    let mut unstorable = Vec::new();
    for (key, value) in &new.body {
        leaves(key, value, &mut unstorable);
    }
    if !unstorable.is_empty() {
        return Err(format!("etcd v2 can't hold {}", unstorable.join(", ")));
    }
    let name = new.name();
    let mut writes: Vec<(String, Option<String>)> = Vec::new();
    for (field, suffix) in [("ipv4Address", "v4"), ("ipv6Address", "v6")] {
        let (changed, address) = compare(old, new, &["spec", "bgp", field], |text| network(text, suffix))?;
        if changed {
            writes.extend(address_keys(name, suffix, address));
        }
    }
    let (changed, number) = compare(old, new, &["spec", "bgp", "asNumber"], as_number)?;
    if changed {
        let number = number.map(|number| number.to_string());
        writes.push((format!("{BGP_HOSTS}/{name}/as_num"), number));
    }
    let (changed, tunnel) = compare(old, new, &["spec", "bgp", "ipv4IPIPTunnelAddr"], address)?;
    if changed {
        let tunnel = tunnel.map(|tunnel| tunnel.to_string());
        writes.push((format!("{HOSTS}/{name}/config/IpInIpTunnelAddr"), tunnel));
    }
    if references(old) != references(new) {
        let references = references(new).map(|list| Value::from(list.clone()).to_string());
        writes.push((format!("{HOSTS}/{name}/orchestrator_refs"), references));
    }
    Ok(writes
        .into_iter()
        .filter_map(|(key, value)| guarded(tree, key, value))
        .collect())
}

/// The orchestrators' names of a node; none when the list is empty.
fn references(resource: &Resource) -> Option<&Vec<Value>> {
    let list = resource.field(&["spec", "orchRefs"])?.as_array()?;
    (!list.is_empty()).then_some(list)
}

/// Address, network and, for IPv4, Felix's copy of the address.
fn address_keys(name: &str, suffix: &str, address: Option<IpNet>) -> Vec<(String, Option<String>)> {
    let text = address.map(|address| address.addr().to_string());
    let bgp = |leaf: &str| format!("{BGP_HOSTS}/{name}/{leaf}_{suffix}");
    let mut keys = vec![
        // The address key stays when there is no address: BIRD's templates want it, empty.
        (bgp("ip_addr"), Some(text.clone().unwrap_or_default())),
        (bgp("network"), address.map(|address| address.trunc().to_string())),
    ];
    if suffix == "v4" {
        keys.push((format!("{HOSTS}/{name}/bird_ip"), text));
    }
    keys
}

/// The change that takes a key from what the tree holds to this value, if one is needed.
pub(super) fn guarded(tree: &Tree, key: String, value: Option<String>) -> Option<Change> {
    let current = tree.get(&key);
    if current.map(|leaf| &leaf.value) == value.as_ref() {
        return None;
    }
    let guard = current.map_or(Guard::Absent, |leaf| Guard::Index(leaf.index));
    Some(Change { key, value, guard })
}

/// Whether a field differs between two Nodes, and its value in the new one.
fn compare<T: PartialEq>(
    old: &Resource,
    new: &Resource,
    path: &[&str],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(bool, Option<T>), String> {
    let read = |resource: &Resource| {
        let text = match resource.field(path) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        parse(&text).map(Some)
    };
    let wanted = read(new).map_err(|why| format!("{}: {why}", path.join(".")))?;
    // An old value that doesn't parse is there to be replaced.
    Ok((read(old).ok().flatten() != wanted, wanted))
}

/// Reads an address with or without a length, of the family `v4` or `v6`.
fn network(text: &str, suffix: &str) -> Result<IpNet, String> {
    let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed
        .ok()
        .filter(|network: &IpNet| network.addr().is_ipv4() == (suffix == "v4"))
        .ok_or_else(|| format!("{text:?} is not an IP{suffix} address"))
}

/// Collects the paths of values that [`STORED`] and [`IGNORED`] don't cover.
fn leaves(path: &str, value: &Value, unstorable: &mut Vec<String>) {
    if STORED.contains(&path) || IGNORED.contains(&path) {
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                leaves(&format!("{path}.{key}"), value, unstorable);
            }
        }
        _ => unstorable.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calico::resource::Kind;
    use crate::datastore::etcd2::http::Leaf;
    use crate::datastore::etcd2::map;
    use serde_json::json;

    fn tree(pairs: &[(&str, &str)]) -> Tree {
        let leaf = |(index, (key, value)): (usize, &(&str, &str))| {
            let value = (*value).to_owned();
            (
                (*key).to_owned(),
                Leaf {
                    value,
                    index: index as u64 + 1,
                },
            )
        };
        pairs.iter().enumerate().map(leaf).collect()
    }

    fn with(mut node: Resource, spec: Value) -> Resource {
        node.body.insert("spec".into(), spec);
        node
    }

    #[test]
    fn a_new_address_moves_address_network_and_felix_copy_and_nothing_else() {
        let tree = tree(&[
            ("/calico/bgp/v1/host/n/ip_addr_v4", "10.244.1.1"),
            ("/calico/bgp/v1/host/n/network_v4", "10.244.1.0/24"),
            ("/calico/bgp/v1/host/n/ip_addr_v6", ""),
            ("/calico/bgp/v1/host/n/as_num", "64512"),
            ("/calico/v1/host/n/bird_ip", "10.244.1.1"),
        ]);
        let old = map::nodes(&tree).items.remove(0);
        let spec = json!({"bgp": {"ipv4Address": "192.168.80.23/24", "asNumber": 64512}});
        let found = changes(&tree, &old, &with(old.clone(), spec)).unwrap();
        let change = |key: &str, value: &str, index| Change {
            key: key.into(),
            value: Some(value.into()),
            guard: Guard::Index(index),
        };
        assert_eq!(
            found,
            [
                change("/calico/bgp/v1/host/n/ip_addr_v4", "192.168.80.23", 1),
                change("/calico/bgp/v1/host/n/network_v4", "192.168.80.0/24", 2),
                change("/calico/v1/host/n/bird_ip", "192.168.80.23", 5),
            ]
        );
    }

    #[test]
    fn an_unchanged_node_changes_no_key_even_when_its_network_is_another_one() {
        let tree = tree(&[
            ("/calico/bgp/v1/host/n/ip_addr_v4", "10.244.1.1"),
            ("/calico/bgp/v1/host/n/network_v4", "192.168.0.0/16"),
        ]);
        let old = map::nodes(&tree).items.remove(0);
        assert_eq!(old.text(&["spec", "bgp", "ipv4Address"]), Some("10.244.1.1/32"));
        assert_eq!(changes(&tree, &old, &old).unwrap(), []);
        let bare = with(old.clone(), json!({"bgp": {"ipv4Address": "10.244.1.1"}}));
        assert_eq!(changes(&tree, &old, &bare).unwrap(), []);
    }

    #[test]
    fn a_removed_address_empties_its_key_and_deletes_the_others() {
        let tree = tree(&[
            ("/calico/bgp/v1/host/n/ip_addr_v4", "10.0.0.1"),
            ("/calico/bgp/v1/host/n/network_v4", "10.0.0.0/24"),
            ("/calico/bgp/v1/host/n/as_num", "1.10"),
        ]);
        let old = map::nodes(&tree).items.remove(0);
        assert_eq!(old.field(&["spec", "bgp", "asNumber"]), Some(&json!(65546)));
        let found = changes(&tree, &old, &with(old.clone(), json!({}))).unwrap();
        let values: Vec<_> = found.iter().map(|change| change.value.as_deref()).collect();
        assert_eq!(values, [Some(""), None, None]);
    }

    #[test]
    fn fields_that_etcd_v2_has_no_key_for_are_refused_by_name() {
        let mut node = with(
            Resource::new(Kind::Node, "n"),
            json!({"bgp": {"routeReflectorClusterID": "1.0.0.1"}}),
        );
        node.body
            .insert("metadata".into(), json!({"name": "n", "labels": {"rack": "r1"}}));
        let error = changes(&Tree::new(), &Resource::new(Kind::Node, "n"), &node).unwrap_err();
        assert_eq!(
            error,
            "etcd v2 can't hold metadata.labels.rack, spec.bgp.routeReflectorClusterID"
        );
    }

    #[test]
    fn a_bad_address_is_refused_with_its_field() {
        let node = with(
            Resource::new(Kind::Node, "n"),
            json!({"bgp": {"ipv4Address": "fd00::1/64"}}),
        );
        let error = changes(&Tree::new(), &Resource::new(Kind::Node, "n"), &node).unwrap_err();
        assert_eq!(
            error,
            "spec.bgp.ipv4Address: \"fd00::1/64\" is not an IPv4 address"
        );
    }
}
