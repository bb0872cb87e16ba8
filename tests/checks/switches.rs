//! Open vSwitch on one node.

use netdiag::state::namespace::Namespace;
use netdiag::state::ovs::{Bridge, Flow, Interface, Ovs, Port};
use netdiag::state::process::DaemonKind;
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;

use crate::made::{fires, known, made, runs};

fn port(name: &str, tag: Option<u16>) -> Port {
    Port {
        name: name.into(),
        tag,
        interfaces: vec![Interface {
            name: name.into(),
            ..Interface::default()
        }],
        ..Port::default()
    }
}

/// The node's containers are ports of a switch instead of the bridge.
fn switched(node: &mut NodeState) {
    let mut ends = Vec::new();
    let all = known(&mut node.net.links);
    for link in all.iter_mut().filter(|link| link.kind.as_deref() == Some("veth")) {
        link.name = format!("veth{}", ends.len());
        ends.push(link.name.clone());
        link.master = None;
        link.port = None;
    }
    known(&mut node.net.links).retain(|link| link.name != "cni0");
    for pod in known(&mut node.namespaces) {
        let Namespace { pod, .. } = pod;
        *pod = None;
    }
    let normal = Flow {
        text: "priority=0 actions=NORMAL".into(),
        actions: vec!["NORMAL".into()],
        ..Flow::default()
    };
    node.ovs = Fact::Known(Ovs {
        bridges: vec![Bridge {
            name: "br0".into(),
            ports: ends.iter().map(|end| port(end, Some(10))).collect(),
            flows: Fact::Known(vec![normal]),
            fdb: Fact::Known(Vec::new()),
            groups: Fact::Known(Vec::new()),
            ..Bridge::default()
        }],
        ..Ovs::default()
    });
    runs(
        node,
        &[
            (DaemonKind::OvsdbServer, "ovsdb-server"),
            (DaemonKind::OvsVswitchd, "ovs-vswitchd"),
        ],
    );
}

fn healthy() -> Snapshot {
    let mut cluster = made(Flavour::FlannelHostGw, 1, 4);
    switched(&mut cluster.nodes[0]);
    cluster
}

fn bridge(snapshot: &mut Snapshot) -> &mut Bridge {
    &mut known(&mut snapshot.nodes[0].ovs).bridges[0]
}

#[test]
fn switches_that_stand_still_or_let_nothing_pass_are_told() {
    fires("ovs-daemon-down", &healthy(), |broken| {
        runs(&mut broken.nodes[0], &[(DaemonKind::OvsdbServer, "ovsdb-server")]);
    });
    fires("ovs-port-refused", &healthy(), |broken| {
        let mut tunnel = port("vx1", None);
        tunnel.interfaces[0].kind = "vxlan".into();
        tunnel.interfaces[0].error =
            Some("could not add network device vx1 to ofproto (Address family not supported)".into());
        bridge(broken).ports.push(tunnel);
    });
    fires("ovs-without-rules", &healthy(), |broken| {
        let bridge = bridge(broken);
        bridge.fail_mode = Some("secure".into());
        bridge.flows = Fact::Known(Vec::new());
    });
}

#[test]
fn a_container_in_another_vlan_than_its_subnet_is_told() {
    fires("ovs-vlan-differs", &healthy(), |broken| {
        bridge(broken).ports[1].tag = Some(20);
    });
}
