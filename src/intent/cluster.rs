//! The cluster as its objects describe it, and who should peer with whom.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::Value;

use super::blocks::Ipam;
use super::pool::Pool;
use crate::calico::as_number::AsNumber;
use crate::calico::node::{Node, NodeAddress};
use crate::calico::release::Release;
use crate::calico::resource::{Kind, Resource};
use crate::calico::selector::{Selector, SelectorError};
use crate::kubernetes::Inventory;
use crate::state::Objects;
use crate::state::cni::FlannelNetwork;

/// The objects that decide addresses and BGP sessions.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Which datastore, for people.
    pub store: String,
    /// Sorted by name.
    pub nodes: Vec<Node>,
    /// AS of nodes that have none of their own (BGPConfiguration `default`).
    pub default_as: u32,
    /// Whether every node peers with every other (`nodeToNodeMeshEnabled`).
    pub mesh: bool,
    pub peers: Vec<BgpPeer>,
    pub pools: Vec<Pool>,
    /// Settings of Felix, by the object's name (`default`, `node.NAME`).
    pub felix: Vec<(String, Value)>,
    pub host_endpoints: Vec<HostEndpoint>,
    pub workloads: Vec<Workload>,
    /// Names of the profiles.
    pub profiles: Vec<String>,
    /// The kinds that were asked for; empty: nobody knows.
    pub kinds: Vec<String>,
    /// Objects of Kubernetes, where they are known.
    pub kubernetes: Option<Inventory>,
    pub flannel: Option<FlannelNetwork>,
    /// Raw entries of Calico's IPAM: blocks and affinities.
    pub ipam: Ipam,
    /// ClusterInformation's `calicoVersion`.
    pub release: Option<Release>,
    /// Objects that could not be understood, each with its reason.
    pub unreadable: Vec<String>,
    /// Where in `nodes` a name is, and a stored address.
    by_name: HashMap<String, usize>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    /// Where in `peers` an address is.
    by_peer_ip: HashMap<IpAddr, Vec<usize>>,
}

/// A BGPPeer: which nodes peer, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BgpPeer {
    pub name: String,
    /// The one node it is for; none for all.
    pub node: Option<String>,
    /// The nodes it is for, by their labels (`nodeSelector`).
    pub node_selector: Option<Selector>,
    /// Whether who the peers are can't be said: a selector that can't be read, or one of workloads
    /// (`localWorkloadSelector`). Peers by `peerSelector` are nodes, and found at their own addresses.
    pub undecided: bool,
    pub peer_ip: Option<IpAddr>,
    /// Of `peerIP`, where it names one.
    pub port: Option<u16>,
    /// The nodes that are its peers, by their labels.
    pub peer_selector: Option<Selector>,
    pub as_number: Option<u32>,
    /// Whether a password is set.
    pub password: bool,
    /// Whether nodes that `peerSelector` chooses get the session back by themselves (`reversePeering`).
    pub reverse: bool,
}

impl BgpPeer {
    /// Whether it is for all nodes.
    pub const fn is_global(&self) -> bool {
        self.node.is_none() && self.node_selector.is_none() && !self.undecided
    }
}

/// A HostEndpoint, as far as checks need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEndpoint {
    pub name: String,
    pub node: String,
    pub interface: String,
    pub profiles: Vec<String>,
}

/// A WorkloadEndpoint: a pod's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// `namespace/pod`, or the endpoint's own name.
    pub title: String,
    pub node: String,
    /// On the node: `cali…`.
    pub interface: String,
    pub ips: Vec<IpAddr>,
    pub profiles: Vec<String>,
}

impl Cluster {
    /// Reads the objects; what can't be understood is listed, not dropped.
    pub fn new(objects: &Objects) -> Self {
        let mut cluster = Self {
            store: objects.store.clone(),
            nodes: Vec::new(),
            default_as: AsNumber::DEFAULT.get(),
            mesh: true,
            peers: Vec::new(),
            pools: Vec::new(),
            felix: Vec::new(),
            host_endpoints: Vec::new(),
            workloads: Vec::new(),
            profiles: Vec::new(),
            kinds: objects.kinds.clone(),
            kubernetes: objects.kubernetes.known().map(|values| Inventory::new(values)),
            flannel: objects.flannel.clone(),
            ipam: Ipam::new(&objects.ipam),
            // Calico left etcd v2 with its release 3.
            release: objects.v1_manifests.then_some(Release::LAST_ON_ETCD_V2),
            unreadable: Vec::new(),
            by_name: HashMap::new(),
            by_address: HashMap::new(),
            by_peer_ip: HashMap::new(),
        };
        for (key, why) in &objects.unreadable {
            cluster.unreadable.push(format!("{key}: {why}"));
        }
        for value in &objects.resources {
            match Resource::from_value(value.clone()) {
                Ok(resource) => cluster.add(&resource),
                Err(why) => cluster.unreadable.push(why),
            }
        }
        cluster.nodes.sort_by(|a, b| a.name.cmp(&b.name));
        cluster.index();
        cluster
    }

    fn index(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            self.by_name.insert(node.name.clone(), index);
            for address in [node.ipv4, node.ipv6].into_iter().flatten() {
                self.by_address.entry(address.ip).or_default().push(index);
            }
        }
        for (index, peer) in self.peers.iter().enumerate() {
            if let Some(ip) = peer.peer_ip {
                self.by_peer_ip.entry(ip).or_default().push(index);
            }
        }
    }

    fn add(&mut self, resource: &Resource) {
        match resource.kind {
            Kind::Node => match Node::from_resource(resource) {
                Ok(node) => self.nodes.push(node),
                Err(error) => self.unreadable.push(error.to_string()),
            },
            Kind::BgpConfiguration if resource.name() == "default" => {
                if let Some(mesh) = resource
                    .field(&["spec", "nodeToNodeMeshEnabled"])
                    .and_then(Value::as_bool)
                {
                    self.mesh = mesh;
                }
                if let Some(number) = as_number(resource) {
                    self.default_as = number;
                }
            }
            Kind::BgpPeer => self.peers.push(BgpPeer {
                name: resource.name().to_owned(),
                node: resource
                    .text(&["spec", "node"])
                    .filter(|node| !node.is_empty())
                    .map(str::to_owned),
                node_selector: selector(resource, "nodeSelector").and_then(Result::ok),
                undecided: selector(resource, "localWorkloadSelector").is_some()
                    || ["nodeSelector", "peerSelector"]
                        .iter()
                        .any(|field| selector(resource, field).is_some_and(|selector| selector.is_err())),
                peer_ip: resource.text(&["spec", "peerIP"]).and_then(peer_ip),
                port: resource.text(&["spec", "peerIP"]).and_then(peer_port),
                peer_selector: selector(resource, "peerSelector").and_then(Result::ok),
                as_number: as_number(resource),
                password: resource.field(&["spec", "password"]).is_some(),
                reverse: resource.text(&["spec", "reversePeering"]) != Some("Manual"),
            }),
            Kind::ClusterInformation => {
                self.release = resource
                    .text(&["spec", "calicoVersion"])
                    .and_then(|version| version.parse().ok());
            }
            Kind::IpPool => match Pool::read(resource) {
                Some(pool) => self.pools.push(pool),
                None => self
                    .unreadable
                    .push(format!("IPPool({}): spec.cidr is no CIDR", resource.name())),
            },
            Kind::FelixConfiguration => {
                let spec = resource.field(&["spec"]).cloned().unwrap_or_default();
                self.felix.push((resource.name().to_owned(), spec));
            }
            Kind::HostEndpoint => self.host_endpoints.push(HostEndpoint {
                name: resource.name().to_owned(),
                node: text(resource, "node"),
                interface: text(resource, "interfaceName"),
                profiles: texts(resource, "profiles"),
            }),
            Kind::WorkloadEndpoint => self.workloads.push(workload(resource)),
            Kind::Profile => self.profiles.push(resource.name().to_owned()),
            // No part in addresses and sessions.
            _ => {}
        }
    }

    /// The Node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(*self.by_name.get(name)?)
    }

    /// The Nodes that have this address stored: more than one is a fault of its own.
    pub fn nodes_at(&self, ip: IpAddr) -> impl Iterator<Item = &Node> {
        let indices = self.by_address.get(&ip).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| self.nodes.get(*index))
    }

    /// Whether objects of this kind were asked for.
    pub fn knows(&self, kind: Kind) -> bool {
        self.kinds.iter().any(|known| known == kind.name())
    }

    /// A setting of Felix for a node: its own, else the cluster's.
    pub fn felix_setting(&self, node: &str, field: &str) -> Option<&Value> {
        let own = format!("node.{node}");
        [own.as_str(), "default"].into_iter().find_map(|name| {
            let (_, spec) = self.felix.iter().find(|(known, _)| known == name)?;
            spec.get(field).filter(|value| !value.is_null())
        })
    }

    /// The pool that an address belongs to: the longest, where they overlap.
    pub fn pool_of(&self, ip: IpAddr) -> Option<&Pool> {
        let of = self.pools.iter().filter(|pool| pool.cidr.contains(&ip));
        of.max_by_key(|pool| pool.cidr.prefix_len())
    }

    /// The AS number of a node: its own, else the cluster's.
    pub fn as_of(&self, node: &Node) -> u32 {
        node.as_number.unwrap_or(self.default_as)
    }

    /// The BGPPeer objects that name this address, for this node or for all.
    pub fn peer_objects<'a>(&'a self, node: &'a str, ip: IpAddr) -> impl Iterator<Item = &'a BgpPeer> {
        let indices = self.by_peer_ip.get(&ip).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|index| self.peers.get(*index))
            .filter(move |peer| self.is_for(peer, node))
    }

    /// The BGPPeer objects that name this address, whomever they are for.
    pub fn peers_at(&self, ip: IpAddr) -> impl Iterator<Item = &BgpPeer> {
        let indices = self.by_peer_ip.get(&ip).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|index| self.peers.get(*index))
    }

    /// Whether a BGPPeer is for this node. One whose labels aren't known may be selected.
    fn is_for(&self, peer: &BgpPeer, node: &str) -> bool {
        let selected =
            |selector: &Selector| self.node(node).is_none_or(|node| selector.matches(&node.labels));
        peer.node.as_deref().is_none_or(|owner| owner == node)
            && peer.node_selector.as_ref().is_none_or(selected)
    }
}

/// The address Calico stores for the node in this family.
pub const fn stored_address(node: &Node, v6: bool) -> Option<NodeAddress> {
    if v6 { node.ipv6 } else { node.ipv4 }
}

fn as_number(resource: &Resource) -> Option<u32> {
    AsNumber::from_json(resource.field(&["spec", "asNumber"])?)
        .ok()
        .map(AsNumber::get)
}

fn text(resource: &Resource, field: &str) -> String {
    resource.text(&["spec", field]).unwrap_or_default().to_owned()
}

fn texts(resource: &Resource, field: &str) -> Vec<String> {
    let list = resource.field(&["spec", field]).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn workload(resource: &Resource) -> Workload {
    let pod = text(resource, "pod");
    let namespace = resource.text(&["metadata", "namespace"]).unwrap_or_default();
    let networks = texts(resource, "ipNetworks");
    let ips = networks
        .iter()
        .filter_map(|net| net.split('/').next()?.parse().ok());
    Workload {
        title: if pod.is_empty() {
            resource.name().to_owned()
        } else {
            format!("{namespace}/{pod}")
        },
        node: text(resource, "node"),
        interface: text(resource, "interfaceName"),
        ips: ips.collect(),
        profiles: texts(resource, "profiles"),
    }
}

/// The selector in this field of a BGPPeer's spec, if there is one.
fn selector(peer: &Resource, field: &str) -> Option<Result<Selector, SelectorError>> {
    let text = peer.text(&["spec", field]).filter(|text| !text.is_empty())?;
    Some(text.parse())
}

/// `10.0.0.1`, `10.0.0.1:1790` or `[fd00::1]:1790`.
fn peer_ip(text: &str) -> Option<IpAddr> {
    let with_port = || {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip())
    };
    text.parse().ok().or_else(with_port)
}

fn peer_port(text: &str) -> Option<u16> {
    let address: std::net::SocketAddr = text.parse().ok()?;
    Some(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(values: &[Value]) -> Objects {
        Objects {
            store: "test".into(),
            resources: values.to_vec(),
            ..Objects::default()
        }
    }

    fn resource(kind: &str, name: &str, spec: &Value) -> Value {
        serde_json::json!({"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": {"name": name}, "spec": spec})
    }

    #[test]
    fn defaults_hold_until_an_object_says_otherwise() {
        let cluster = Cluster::new(&objects(&[]));
        assert!(cluster.mesh);
        assert_eq!(cluster.default_as, 64512);
        let cluster = Cluster::new(&objects(&[
            resource(
                "BGPConfiguration",
                "default",
                &serde_json::json!({"nodeToNodeMeshEnabled": false, "asNumber": "1.10"}),
            ),
            resource("BGPConfiguration", "node.a", &serde_json::json!({"asNumber": 3})),
            resource(
                "ClusterInformation",
                "default",
                &serde_json::json!({"calicoVersion": "v3.14.2"}),
            ),
        ]));
        assert!(!cluster.mesh);
        assert_eq!(cluster.default_as, 65546);
        assert_eq!(cluster.release, Some(Release::new(3, 14, 2)));
    }

    #[test]
    fn what_can_not_be_understood_is_listed() {
        let cluster = Cluster::new(&objects(&[
            resource(
                "Node",
                "a",
                &serde_json::json!({"bgp": {"ipv4Address": "10.0.0.300/24"}}),
            ),
            resource("Nod", "b", &serde_json::json!({})),
            resource("IPPool", "p", &serde_json::json!({"cidr": "x"})),
        ]));
        assert!(cluster.nodes.is_empty());
        assert_eq!(cluster.unreadable.len(), 3, "{:?}", cluster.unreadable);
    }

    #[test]
    fn a_peer_object_with_a_port_is_found_by_its_address() {
        let cluster = Cluster::new(&objects(&[
            resource(
                "BGPPeer",
                "tor",
                &serde_json::json!({"node": "a", "peerIP": "[fd00::1]:1790", "asNumber": 1}),
            ),
            resource(
                "BGPPeer",
                "all",
                &serde_json::json!({"peerIP": "fd00::1", "asNumber": 2}),
            ),
        ]));
        let ip = "fd00::1".parse().unwrap();
        let names = |node: &'static str| {
            cluster
                .peer_objects(node, ip)
                .map(|peer| peer.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("a"), ["tor", "all"]);
        assert_eq!(names("b"), ["all"]);
    }

    #[test]
    fn selectors_of_a_peer_object_choose_nodes_by_their_labels() {
        let node = |name: &str, labels: &Value| {
            serde_json::json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "spec": {},
                "metadata": {"name": name, "labels": labels}})
        };
        let cluster = Cluster::new(&objects(&[
            node("a", &serde_json::json!({"rack": "r1"})),
            node("b", &serde_json::json!({"rack": "r2", "rr": "yes"})),
            node("c", &serde_json::json!({})),
            resource(
                "BGPPeer",
                "tor",
                &serde_json::json!({"nodeSelector": "rack == 'r1'", "peerIP": "10.0.0.1"}),
            ),
            resource(
                "BGPPeer",
                "rr",
                &serde_json::json!({"nodeSelector": "has(rack)", "peerSelector": "rr == 'yes'"}),
            ),
            resource("BGPPeer", "bad", &serde_json::json!({"nodeSelector": "rack ="})),
            resource(
                "BGPPeer",
                "pods",
                &serde_json::json!({"localWorkloadSelector": "all()", "asNumber": 1}),
            ),
        ]));
        let ip = "10.0.0.1".parse().unwrap();
        let at = |node: &'static str| cluster.peer_objects(node, ip).count();
        assert_eq!([at("a"), at("b"), at("c"), at("unknown")], [1, 0, 0, 1]);
        let undecided = cluster
            .peers
            .iter()
            .filter(|peer| peer.undecided)
            .map(|peer| peer.name.as_str());
        assert_eq!(undecided.collect::<Vec<_>>(), ["bad", "pods"]);
    }
}
