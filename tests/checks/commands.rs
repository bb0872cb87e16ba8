//! Faults of nodes with bridges of pods, on a real network: broken, found, and mended by the commands that are printed.

use netdiag::state::{Fact, Snapshot};
use netdiag_lab::kinds::{Backend, Flannel, Network};
use netdiag_lab::{Node, or_skip, ovs};

use crate::made::found;
use crate::mended::{collected, typed};

/// What breaks, on which node; the finding; from which pod of `n1` to what packets are lost.
struct Row {
    id: &'static str,
    at: &'static str,
    script: &'static str,
    from: &'static str,
    to: &'static str,
}

const ROWS: [Row; 3] = [
    Row {
        id: "bridge-without-address",
        at: "n1",
        script: "ip address flush dev cni0",
        from: "pod1",
        to: "10.244.2.2",
    },
    Row {
        id: "own-subnet-leaves-node",
        at: "n2",
        script: "ip route del 10.244.2.0/24 dev cni0; ip route add 10.244.2.0/24 dev cni0 metric 50
            ip route add 10.244.2.0/24 via 192.168.100.254 dev eth0",
        from: "pod1",
        to: "10.244.2.2",
    },
    Row {
        id: "arp-ignored",
        at: "n2",
        script: "sysctl -qw net.ipv4.conf.all.arp_ignore=8",
        from: "pod1",
        to: "10.244.2.2",
    },
];

fn state(network: &Network) -> Snapshot {
    Snapshot {
        nodes: network.lab().nodes().map(collected).collect(),
        objects: Fact::absent("no datastore"),
        ..Snapshot::default()
    }
}

/// Nothing is known of neighbors and of connections any more.
fn forget(node: &Node) {
    // What goes by itself meanwhile can't be flushed.
    ovs::sh(
        node,
        "ip neigh flush all || true; conntrack -F 2>/dev/null || true",
    )
    .unwrap();
}

fn arrives(network: &Network, row: &Row) -> bool {
    network.lab().nodes().for_each(forget);
    let ping = format!("ip netns exec {} ping -c1 -W1 {}", row.from, row.to);
    (0..3).any(|_| ovs::sh(network.lab().node("n1"), &ping).is_ok())
}

#[test]
fn commands_mend_bridges_of_pods_and_what_leads_to_them() {
    let Some(network) = or_skip(Flannel::new(Backend::Vxlan).draft().up()) else {
        return;
    };
    network.works().unwrap();
    for row in ROWS {
        let Row { id, at, script, .. } = row;
        assert!(arrives(&network, &row), "{id}: not even when it is whole");
        assert_eq!(found(&state(&network)), [], "{id}: the healthy twin");
        ovs::sh(network.lab().node(at), script).unwrap();
        assert!(!arrives(&network, &row), "{id}: it works, broken as it is");
        let findings = found(&state(&network));
        assert!(
            !findings.is_empty() && findings.iter().all(|one| one.id == id && one.node == at),
            "{id}: {findings:#?}"
        );
        for finding in &findings {
            assert_eq!(typed(&network, &finding.fix.commands), None, "{id}: {finding:#?}");
        }
        assert!(arrives(&network, &row), "{id}: {findings:#?}");
        assert_eq!(found(&state(&network)), [], "{id}: mended");
    }
}
