//! Pools, peers and the settings of BGP.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Object, Writes, updated};
use crate::calico::as_number::AsNumber;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::etcd2::http::Tree;
use crate::datastore::etcd2::map::{self, BGP_GLOBAL, BGP_HOSTS, POOLS};

/// The keys of BGP's settings, and the fields that they are.
const SETTINGS: [(&str, &str); 3] = [
    ("as_num", "asNumber"),
    ("node_mesh", "nodeToNodeMeshEnabled"),
    ("loglevel", "logSeverityScreen"),
];

pub(super) fn read(kind: Kind, tree: &Tree) -> Vec<Object> {
    match kind {
        Kind::BgpConfiguration => {
            let list = map::bgp_configuration(tree);
            let keys: Vec<String> = SETTINGS
                .iter()
                .map(|(leaf, _)| format!("{BGP_GLOBAL}/{leaf}"))
                .filter(|key| tree.contains_key(key))
                .collect();
            let made = list.items.into_iter().map(|resource| Object {
                keys: keys.clone(),
                made: Ok(resource),
            });
            made.chain(unreadable(list.unreadable)).collect()
        }
        Kind::BgpPeer => one_a_key(tree, map::bgp_peers),
        _ => one_a_key(tree, map::ip_pools),
    }
}

fn unreadable(list: Vec<crate::datastore::Unreadable>) -> impl Iterator<Item = Object> {
    list.into_iter().map(|unreadable| Object {
        keys: vec![unreadable.key],
        made: Err(unreadable.why),
    })
}

/// Objects of which each is one key.
fn one_a_key(tree: &Tree, read: fn(&Tree) -> crate::datastore::List) -> Vec<Object> {
    let mut objects = Vec::new();
    for (key, leaf) in tree {
        let list = read(&Tree::from([(key.clone(), leaf.clone())]));
        objects.extend(list.items.into_iter().map(|resource| Object {
            keys: vec![key.clone()],
            made: Ok(resource),
        }));
        objects.extend(unreadable(list.unreadable));
    }
    objects
}

pub(super) fn write(tree: &Tree, keys: &[String], new: &Resource) -> Result<Writes, String> {
    match new.kind {
        Kind::BgpConfiguration => configuration(new),
        Kind::BgpPeer => peer(tree, keys, new),
        _ => pool(tree, keys, new),
    }
}

fn configuration(new: &Resource) -> Result<Writes, String> {
    if new.name() != "default" {
        return Err("etcd v2 has one BGPConfiguration, default".into());
    }
    let mut writes = Writes::new();
    for (leaf, field) in SETTINGS {
        let value = new.field(&["spec", field]).map(|value| match leaf {
            "as_num" => {
                AsNumber::from_json(value).map_or_else(|_| value.to_string(), |number| number.to_string())
            }
            "node_mesh" => json!({ "enabled": value }).to_string(),
            _ => value.as_str().unwrap_or_default().to_lowercase(),
        });
        writes.push((format!("{BGP_GLOBAL}/{leaf}"), value));
    }
    Ok(writes)
}

fn peer(tree: &Tree, keys: &[String], new: &Resource) -> Result<Writes, String> {
    let text = |field: &str| new.text(&["spec", field]).unwrap_or_default();
    let address: IpAddr = text("peerIP")
        .parse()
        .map_err(|_| "spec.peerIP: etcd v2 wants an address without a port")?;
    let number = new
        .field(&["spec", "asNumber"])
        .and_then(|number| AsNumber::from_json(number).ok());
    let number = number.ok_or("spec.asNumber is needed in etcd v2")?;
    let root = match text("node") {
        "" => BGP_GLOBAL.to_owned(),
        node => format!("{BGP_HOSTS}/{node}"),
    };
    let family = if address.is_ipv4() { 4 } else { 6 };
    let key = format!("{root}/peer_v{family}/{address}");
    let value = updated(
        tree,
        &key,
        vec![
            ("ip", Some(address.to_string().into())),
            ("as_num", Some(number.to_string().into())),
        ],
    );
    Ok(moved(keys, key, value))
}

fn pool(tree: &Tree, keys: &[String], new: &Resource) -> Result<Writes, String> {
    let text = |field: &str| new.text(&["spec", field]).unwrap_or_default();
    let cidr: IpNet = text("cidr").parse().map_err(|_| "spec.cidr is no network")?;
    let family = if cidr.addr().is_ipv4() { 4 } else { 6 };
    let key = format!("{POOLS}/v{family}/pool/{}-{}", cidr.addr(), cidr.prefix_len());
    let flag = |field: &str| new.field(&["spec", field]) == Some(&Value::Bool(true));
    let (ipip, mode) = match text("ipipMode") {
        "Always" => ("tunl0", "always"),
        "CrossSubnet" => ("tunl0", "cross-subnet"),
        _ => ("", ""),
    };
    let value = updated(
        tree,
        &key,
        vec![
            ("cidr", Some(cidr.to_string().into())),
            ("ipip", Some(ipip.into())),
            ("ipip_mode", Some(mode.into())),
            ("masquerade", Some(flag("natOutgoing").into())),
            ("ipam", Some((!flag("disabled")).into())),
            ("disabled", Some(flag("disabled").into())),
        ],
    );
    Ok(moved(keys, key, value))
}

/// A value under a key that may differ from the one it has.
fn moved(keys: &[String], key: String, value: String) -> Writes {
    let old = keys.iter().filter(|old| **old != key);
    let mut writes: Writes = old.map(|old| (old.clone(), None)).collect();
    writes.push((key, Some(value)));
    writes
}
