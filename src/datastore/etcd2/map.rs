//! The tree of Calico v1 and v2 in etcd v2, as v3 resources. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::http::{Leaf, Tree};
use crate::calico::names;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{List, Unreadable};

pub(super) const BGP_HOSTS: &str = "/calico/bgp/v1/host";
pub(super) const HOSTS: &str = "/calico/v1/host";
pub(super) const BGP_GLOBAL: &str = "/calico/bgp/v1/global";
pub(super) const POOLS: &str = "/calico/v1/ipam";

/// Leaves of a host below [`BGP_HOSTS`] and [`HOSTS`] that make up its Node.
const BGP_LEAVES: [&str; 5] = ["ip_addr_v4", "network_v4", "ip_addr_v6", "network_v6", "as_num"];
const HOST_LEAVES: [&str; 4] = [
    "metadata",
    "bird_ip",
    "orchestrator_refs",
    "config/IpInIpTunnelAddr",
];

/// A resource while it is being put together, with what could not be read.
struct Draft<'a> {
    tree: &'a Tree,
    spec: Map<String, Value>,
    index: u64,
    unreadable: Vec<Unreadable>,
}

impl<'a> Draft<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            spec: Map::new(),
            index: 0,
            unreadable: Vec::new(),
        }
    }

    /// Reads a key's value; an empty one counts as absent. A value that doesn't parse is reported.
    fn read<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let Leaf { value, index } = self.tree.get(key)?;
        self.index = self.index.max(*index);
        if value.is_empty() {
            return None;
        }
        match parse(value) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                let key = key.to_owned();
                self.unreadable.push(Unreadable { key, why });
                None
            }
        }
    }

    fn finish(self, kind: Kind, name: &str, list: &mut List) {
        let mut resource = Resource::new(kind, name);
        resource.body.insert("spec".into(), Value::Object(self.spec));
        resource.set_resource_version(Some(self.index.to_string()));
        list.items.push(resource);
        list.unreadable.extend(self.unreadable);
    }
}

/// All nodes of a tree that holds what is below [`BGP_HOSTS`] and [`HOSTS`].
pub(super) fn nodes(tree: &Tree) -> List {
    let mut names = BTreeSet::new();
    for (root, leaves) in [
        (BGP_HOSTS, BGP_LEAVES.as_slice()),
        (HOSTS, HOST_LEAVES.as_slice()),
    ] {
        for key in tree.keys() {
            let host = key.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
            if let Some((name, leaf)) = host.and_then(|host| host.split_once('/'))
                && leaves.contains(&leaf)
            {
                names.insert(name);
            }
        }
    }
    let mut list = List::default();
    for name in names {
        node(tree, name, &mut list);
    }
    list
}

/// The node of this name, and what of it could not be read.
fn node(tree: &Tree, name: &str, list: &mut List) {
    let mut draft = Draft::new(tree);
    let mut bgp = Map::new();
    for (field, suffix) in [("ipv4Address", "v4"), ("ipv6Address", "v6")] {
        let leaf = |leaf: &str| format!("{BGP_HOSTS}/{name}/{leaf}_{suffix}");
        let network = draft.read(&leaf("network"), network);
        if let Some(address) = draft.read(&leaf("ip_addr"), address) {
            bgp.insert(field.into(), with_length(address, network).into());
        }
    }
    if let Some(number) = draft.read(&format!("{BGP_HOSTS}/{name}/as_num"), as_number) {
        bgp.insert("asNumber".into(), number.into());
    }
    let host = |leaf: &str| format!("{HOSTS}/{name}/{leaf}");
    if let Some(tunnel) = draft.read(&host("config/IpInIpTunnelAddr"), address) {
        bgp.insert("ipv4IPIPTunnelAddr".into(), tunnel.to_string().into());
    }
    if !bgp.is_empty() {
        draft.spec.insert("bgp".into(), Value::Object(bgp));
    }
    let references = draft.read(&host("orchestrator_refs"), |text| match json(text)? {
        Value::Array(list) => Ok(list),
        _ => Err("not a JSON list".into()),
    });
    if let Some(references) = references.filter(|references| !references.is_empty()) {
        draft.spec.insert("orchRefs".into(), references.into());
    }
    for leaf in ["metadata", "bird_ip"] {
        draft.read(&host(leaf), |_| Ok(()));
    }
    draft.finish(Kind::Node, name, list);
}

/// The address with the length of the network it lies in; a full length when that is missing or another's.
fn with_length(address: IpAddr, network: Option<IpNet>) -> String {
    let length = network
        .filter(|network| network.contains(&address))
        .map_or(IpNet::from(address).prefix_len(), |network| network.prefix_len());
    format!("{address}/{length}")
}

/// BGPConfiguration `default`, when one of its keys exists. The tree holds what is below [`BGP_GLOBAL`].
pub(super) fn bgp_configuration(tree: &Tree) -> List {
    let mut list = List::default();
    let key = |leaf: &str| format!("{BGP_GLOBAL}/{leaf}");
    if !["as_num", "node_mesh", "loglevel"]
        .iter()
        .any(|leaf| tree.contains_key(&key(leaf)))
    {
        return list;
    }
    let mut draft = Draft::new(tree);
    if let Some(number) = draft.read(&key("as_num"), as_number) {
        draft.spec.insert("asNumber".into(), number.into());
    }
    let mesh = draft.read(&key("node_mesh"), |text| {
        json(text)?
            .get("enabled")
            .and_then(Value::as_bool)
            .ok_or_else(|| "\"enabled\" is not true or false".into())
    });
    if let Some(enabled) = mesh {
        draft.spec.insert("nodeToNodeMeshEnabled".into(), enabled.into());
    }
    if let Some(level) = draft.read(&key("loglevel"), log_level) {
        draft.spec.insert("logSeverityScreen".into(), level.into());
    }
    draft.finish(Kind::BgpConfiguration, "default", &mut list);
    list
}

fn log_level(text: &str) -> Result<&'static str, String> {
    Ok(match text.to_lowercase().as_str() {
        "debug" => "Debug",
        "info" => "Info",
        "warning" => "Warning",
        "error" => "Error",
        "critical" | "fatal" | "none" => "Fatal",
        _ => return Err(format!("{text:?} is not a log level")),
    })
}

/// All BGP peers of a tree that holds what is below [`BGP_GLOBAL`] and [`BGP_HOSTS`].
pub(super) fn bgp_peers(tree: &Tree) -> List {
    let mut list = List::default();
    for key in tree.keys() {
        let Some((node, ip)) = peer_key(key) else { continue };
        let mut draft = Draft::new(tree);
        let Some((address, number)) = draft.read(key, |text| peer(ip, text)) else {
            list.unreadable.extend(draft.unreadable);
            continue;
        };
        let mut name = names::of_address(address);
        if let Some(node) = node {
            name = format!("{}.{name}", node.to_lowercase());
            draft.spec.insert("node".into(), node.into());
        }
        draft.spec.insert("peerIP".into(), address.to_string().into());
        draft.spec.insert("asNumber".into(), number.into());
        draft.finish(Kind::BgpPeer, &name, &mut list);
    }
    sort(&mut list);
    list
}

/// Node (none for a global peer) and address of a peer's key.
fn peer_key(key: &str) -> Option<(Option<&str>, &str)> {
    let below = |root: &str| key.strip_prefix(root)?.strip_prefix('/');
    let (node, rest) = match below(BGP_GLOBAL) {
        Some(rest) => (None, rest),
        None => below(BGP_HOSTS)?
            .split_once('/')
            .map(|(node, rest)| (Some(node), rest))?,
    };
    let address = rest
        .strip_prefix("peer_v4/")
        .or_else(|| rest.strip_prefix("peer_v6/"))?;
    Some((node, address))
}

fn peer(ip: &str, text: &str) -> Result<(IpAddr, u32), String> {
    let value = json(text)?;
    let ip = value.get("ip").and_then(Value::as_str).unwrap_or(ip);
    let number = match value.get("as_num") {
        Some(Value::String(text)) => as_number(text),
        Some(Value::Number(number)) => as_number(&number.to_string()),
        _ => Err("\"as_num\" is missing".into()),
    }?;
    Ok((address(ip)?, number))
}

/// All pools of a tree that holds what is below [`POOLS`].
pub(super) fn ip_pools(tree: &Tree) -> List {
    let mut list = List::default();
    let pool_key = |key: &str| {
        let rest = key.strip_prefix(POOLS).unwrap_or_default();
        rest.starts_with("/v4/pool/") || rest.starts_with("/v6/pool/")
    };
    for key in tree.keys().filter(|key| pool_key(key)) {
        let mut draft = Draft::new(tree);
        let Some((cidr, spec)) = draft.read(key, pool) else {
            list.unreadable.extend(draft.unreadable);
            continue;
        };
        draft.spec = spec;
        let name = names::of_network(&cidr);
        draft.finish(Kind::IpPool, &name, &mut list);
    }
    sort(&mut list);
    list
}

fn pool(text: &str) -> Result<(IpNet, Map<String, Value>), String> {
    let value = json(text)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let set = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or_default();
    let cidr = network(text("cidr"))?;
    let ipip = match (text("ipip"), text("ipip_mode")) {
        ("", _) => "Never",
        (_, "cross-subnet") => "CrossSubnet",
        _ => "Always",
    };
    let mut spec = BTreeMap::from([
        ("cidr", json!(cidr.to_string())),
        ("ipipMode", json!(ipip)),
        ("vxlanMode", json!("Never")),
        ("blockSize", json!(if cidr.addr().is_ipv4() { 26 } else { 122 })),
        ("nodeSelector", json!("all()")),
        ("allowedUses", json!(["Workload", "Tunnel"])),
        ("assignmentMode", json!("Automatic")),
    ]);
    for (key, field) in [("masquerade", "natOutgoing"), ("disabled", "disabled")] {
        if set(key) {
            spec.insert(field, json!(true));
        }
    }
    Ok((
        cidr,
        spec.into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    ))
}

fn sort(list: &mut List) {
    list.items.sort_by(|a, b| a.name().cmp(b.name()));
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an IP address"))
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse().map_err(|_| format!("{text:?} is not a network"))
}

/// `64512`, or `1.10` for 65546.
pub(super) fn as_number(text: &str) -> Result<u32, String> {
    let dotted = text.split_once('.').and_then(|(high, low)| {
        let (high, low): (u16, u16) = (high.parse().ok()?, low.parse().ok()?);
        Some(u32::from(high) << 16 | u32::from(low))
    });
    dotted
        .or_else(|| text.parse().ok())
        .ok_or_else(|| format!("{text:?} is not an AS number"))
}

#[cfg(test)]
mod tests;
