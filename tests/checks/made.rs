//! Clusters as the bench makes them, with the objects that belong to them.

use std::net::IpAddr;

use netdiag::diagnose::{Finding, World, check};
use netdiag::intent::Cluster;
use netdiag::parse::iptables::iptables_save;
use netdiag::state::cni::{CniDirectory, CniFile, CniNetwork, CniPlugin, FlannelSubnet};
use netdiag::state::conntrack::{Conntrack, Flow, FlowStatus, Tuple};
use netdiag::state::link::{IfIndex, Link, LinkFlags};
use netdiag::state::netfilter::Dialect;
use netdiag::state::process::{CalicoProcesses, Daemon, DaemonKind, Process};
use netdiag::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_bench::cluster::{Cluster as Plan, Flavour};
use serde_json::{Value, json};

/// A resource of Calico's.
pub(crate) fn resource(kind: &str, name: &str, spec: Value) -> Value {
    json!({"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": {"name": name}, "spec": spec})
}

/// flannel's two nodes, whose ranges both know.
pub(crate) fn flannel(flavour: Flavour) -> Snapshot {
    let mut cluster = made(flavour, 2, 2);
    for node in &mut cluster.nodes {
        node.flannel.subnet = Fact::Known(FlannelSubnet {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..FlannelSubnet::default()
        });
    }
    cluster
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

/// This finding is among those of a state in which others may follow from it.
pub(crate) fn told(id: &str, snapshot: &Snapshot) {
    let findings = found(snapshot);
    assert!(
        findings.iter().any(|finding| finding.id == id),
        "{id}: {findings:#?}"
    );
}

/// A link like `eth0`, of this kind.
pub(crate) fn linked(node: &mut NodeState, index: u32, name: &str, kind: &str) {
    let template = link(node, "eth0").clone();
    known(&mut node.net.links).push(Link {
        index: IfIndex(index),
        name: name.into(),
        kind: (!kind.is_empty()).then(|| kind.into()),
        mac: Some(format!("0e:ff:00:01:{:02x}:{:02x}", index / 256, index % 256)),
        ..template
    });
}

/// Rules as iptables-save prints them, in front of the others.
pub(crate) fn rules(node: &mut NodeState, dialect: Dialect, text: &str) {
    known(&mut node.net.netfilter).insert(0, iptables_save(text, dialect).unwrap());
}

/// A connection that conntrack knows of: protocol, who asks whom, who answers whom.
pub(crate) fn connection(
    proto: u8,
    original: (&str, &str, u16),
    reply: (&str, &str),
    status: FlowStatus,
) -> Flow {
    let tuple = |src: &str, dst: &str, sport, dport| Tuple {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        sport: Some(sport),
        dport: Some(dport),
        icmp: None,
        packets: None,
        bytes: None,
        zone: None,
    };
    Flow {
        proto,
        state: None,
        original: tuple(original.0, original.1, 40_000, original.2),
        reply: tuple(reply.0, reply.1, original.2, 40_000),
        status,
        timeout: None,
        mark: 0,
        zone: 0,
    }
}

/// Nothing else is tracked.
pub(crate) fn tracked(node: &mut NodeState, entries: Vec<Flow>) {
    node.net.conntrack = Fact::Known(Conntrack {
        count: 1,
        max: Some(1_000),
        entries: Fact::Known(entries),
        omitted: 0,
    });
}

/// Daemons that run, with their command lines.
pub(crate) fn runs(node: &mut NodeState, daemons: &[(DaemonKind, &str)]) {
    let processes = CalicoProcesses {
        host_visible: true,
        daemons: daemons
            .iter()
            .enumerate()
            .map(|(at, (kind, command))| Daemon {
                kind: *kind,
                process: Process {
                    pid: u32::try_from(at).unwrap() + 100,
                    command: (*command).into(),
                    state: None,
                    netns: None,
                    started: None,
                },
            })
            .collect(),
        ..CalicoProcesses::default()
    };
    node.processes = Fact::Known(processes);
}

/// A configuration of CNI's, the first that the runtime takes.
pub(crate) fn cni(files: &[(&str, &[CniPlugin])]) -> Fact<Vec<CniDirectory>> {
    let file = |(path, plugins): &(&str, &[CniPlugin])| CniFile {
        path: format!("/etc/cni/net.d/{path}"),
        network: Fact::Known(CniNetwork {
            plugins: plugins.to_vec(),
            ..CniNetwork::default()
        }),
    };
    Fact::Known(vec![CniDirectory {
        path: "/etc/cni/net.d".into(),
        files: files.iter().map(file).collect(),
    }])
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
