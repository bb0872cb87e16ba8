//! Clusters as the bench makes them, with the objects that belong to them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netdiag::diagnose::{Finding, World, check};
use netdiag::intent::Cluster;
use netdiag::state::link::{Link, LinkFlags};
use netdiag::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_bench::cluster::{Cluster as Plan, Flavour};
use serde_json::{Value, json};

/// A resource of Calico's.
pub(crate) fn resource(kind: &str, name: &str, spec: Value) -> Value {
    json!({"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": {"name": name}, "spec": spec})
}

/// A cluster of this flavour, healthy.
pub(crate) fn made(flavour: Flavour, nodes: usize, pods: usize) -> Snapshot {
    let mut nodes = Plan::new(flavour, nodes, pods).states();
    nodes.iter_mut().for_each(with_default_route);
    let objects = objects(flavour, &nodes);
    Snapshot {
        nodes,
        objects: Fact::Known(objects),
        ..Snapshot::default()
    }
}

/// The bench's hosts have no way out of their segment.
pub(crate) fn with_default_route(node: &mut NodeState) {
    let uplink = node.net.link_named("eth0").unwrap().index;
    known(&mut node.net.routes).push(Route {
        next_hops: vec![NextHop::by(uplink, Some("172.16.255.254".parse().unwrap()))],
        ..Route::new(
            "0.0.0.0/0".parse().unwrap(),
            TableId::MAIN,
            RouteType::Unicast,
            RouteProtocol::STATIC,
        )
    });
}

/// The Nodes and the pool that the cluster is made by; flannel's nodes are none of Calico's.
pub(crate) fn objects(flavour: Flavour, nodes: &[NodeState]) -> Objects {
    let calico = !matches!(flavour, Flavour::FlannelVxlan | Flavour::FlannelHostGw);
    let mut resources = Vec::new();
    if calico {
        for node in nodes {
            let address = node
                .net
                .addresses
                .items()
                .iter()
                .find(|address| {
                    node.net
                        .link(address.link)
                        .is_some_and(|link| link.name == "eth0")
                })
                .unwrap();
            let spec = json!({"bgp": {"ipv4Address": address.to_string()}});
            resources.push(resource("Node", &node.name, spec));
        }
        let (ipip, vxlan) = match flavour {
            Flavour::CalicoIpip => ("Always", "Never"),
            Flavour::CalicoVxlan => ("Never", "Always"),
            _ => ("Never", "Never"),
        };
        let spec = json!({"cidr": "10.0.0.0/8", "ipipMode": ipip, "vxlanMode": vxlan, "natOutgoing": true});
        resources.push(resource("IPPool", "default-ipv4-ippool", spec));
    }
    Objects {
        store: "a made cluster".into(),
        resources,
        kinds: ["Node", "IPPool", "BGPPeer", "BGPConfiguration"]
            .map(String::from)
            .into(),
        ..Objects::default()
    }
}

/// What is found in a snapshot.
pub(crate) fn found(snapshot: &Snapshot) -> Vec<Finding> {
    let cluster = match &snapshot.objects {
        Fact::Known(objects) => Ok(Cluster::new(objects)),
        Fact::Absent { why, .. } => Err(why.clone()),
    };
    let world = World::new(&snapshot.nodes, cluster.as_ref().map_err(String::as_str));
    check(&world.with_objects(snapshot.objects.known())).findings
}

/// Ids, each once, with how often.
pub(crate) fn ids(findings: &[Finding]) -> BTreeMap<&'static str, usize> {
    let mut ids = BTreeMap::new();
    for finding in findings {
        *ids.entry(finding.id).or_default() += 1;
    }
    ids
}

/// Breaks a healthy cluster, and wants this finding, and no other.
pub(crate) fn fires(id: &str, healthy: &Snapshot, harm: impl FnOnce(&mut Snapshot)) {
    let before = found(healthy);
    assert!(before.is_empty(), "{id}: the healthy twin: {before:#?}");
    let mut broken = healthy.clone();
    harm(&mut broken);
    let findings = found(&broken);
    assert!(
        !findings.is_empty() && findings.iter().all(|finding| finding.id == id),
        "{id}: {findings:#?}"
    );
    for finding in &findings {
        assert!(!finding.evidence.is_empty(), "{id}: no evidence: {finding:#?}");
        let fix = &finding.fix;
        assert!(
            !fix.steps.is_empty()
                || !fix.commands.is_empty()
                || fix.manifest.is_some()
                || fix.change.is_some(),
            "{id}: nothing mends it: {finding:#?}"
        );
    }
}

pub(crate) fn known<T>(fact: &mut Fact<T>) -> &mut T {
    match fact {
        Fact::Known(value) => value,
        Fact::Absent { why, .. } => panic!("not known: {why}"),
    }
}

pub(crate) fn sysctl(node: &mut NodeState, key: &str, value: &str) {
    known(&mut node.net.sysctls).insert(key.to_owned(), value.to_owned());
}

pub(crate) fn link<'n>(node: &'n mut NodeState, name: &str) -> &'n mut Link {
    let links = known(&mut node.net.links);
    links.iter_mut().find(|link| link.name == name).unwrap()
}

pub(crate) fn down(link: &mut Link) {
    link.flags = LinkFlags(link.flags.0 & !LinkFlags::UP.0);
}

/// The first pod's address.
pub(crate) fn pod_ip(node: &NodeState, pod: usize) -> IpAddr {
    let namespace = &node.namespaces.items()[pod];
    let addresses = namespace.net.addresses.items();
    addresses
        .iter()
        .find(|address| !address.ip.is_loopback())
        .unwrap()
        .ip
}

/// Objects of a made cluster, to be changed.
pub(crate) fn stored(snapshot: &mut Snapshot) -> &mut Objects {
    known(&mut snapshot.objects)
}
