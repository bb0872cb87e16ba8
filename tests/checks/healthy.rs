//! What must stay silent.

use netdiag::state::Snapshot;
use netdiag::state::link::LinkFlags;
use netdiag::state::neighbor::NeighborState;
use netdiag::state::netfilter::{Base, Chain, Dialect, Policy, Ruleset, Table};
use netdiag_bench::cluster::Flavour;

use crate::made::{found, known, made, sysctl};

fn silent(what: &str, snapshot: &Snapshot) {
    let findings = found(snapshot);
    assert!(findings.is_empty(), "{what}: {findings:#?}");
}

#[test]
fn healthy_clusters_of_every_kind_give_no_finding() {
    for flavour in Flavour::ALL {
        silent(flavour.word(), &made(flavour, 5, 4));
    }
}

#[test]
fn false_alarms_of_others_stay_silent() {
    let healthy = made(Flavour::CalicoIpip, 3, 3);
    let cases: [(&str, fn(&mut Snapshot)); 7] = [
        ("jumbo frames", |snapshot| {
            for node in &mut snapshot.nodes {
                for link in known(&mut node.net.links)
                    .iter_mut()
                    .filter(|link| link.name == "eth0")
                {
                    link.mtu = 9000;
                }
            }
        }),
        ("neighbors that were not asked of late", |snapshot| {
            for node in &mut snapshot.nodes {
                for entry in known(&mut node.net.neighbors) {
                    if entry.state == NeighborState::Reachable {
                        entry.state = NeighborState::Stale;
                    }
                }
            }
        }),
        ("docker0 without containers, down", |snapshot| {
            let node = &mut snapshot.nodes[0];
            let mut bridge = node.net.link_named("eth0").unwrap().clone();
            bridge.index.0 = 900;
            bridge.name = "docker0".into();
            bridge.kind = Some("bridge".into());
            bridge.flags = LinkFlags(0);
            known(&mut node.net.links).push(bridge);
        }),
        ("rp_filter 1 where ways are the same", |snapshot| {
            for node in &mut snapshot.nodes {
                sysctl(node, "net.ipv4.conf.eth0.rp_filter", "1");
            }
        }),
        ("a second pool that nobody uses", |snapshot| {
            let spec = serde_json::json!({"cidr": "192.168.128.0/17", "natOutgoing": false});
            crate::made::stored(snapshot)
                .resources
                .push(crate::made::resource("IPPool", "spare", spec));
        }),
        ("a tunnel that nobody uses, down", |snapshot| {
            let node = &mut snapshot.nodes[0];
            let mut tunnel = node.net.link_named("tunl0").unwrap().clone();
            tunnel.index.0 = 901;
            tunnel.name = "flannel.1".into();
            tunnel.flags = LinkFlags(0);
            known(&mut node.net.links).push(tunnel);
        }),
        ("rules of a service mesh in a pod", |snapshot| {
            let namespaces = known(&mut snapshot.nodes[0].namespaces);
            let chain = Chain {
                name: "OUTPUT".into(),
                base: Base::of_iptables("nat", "OUTPUT", Policy::Accept),
                ..Chain::default()
            };
            namespaces[0].net.netfilter = netdiag::state::Fact::Known(vec![Ruleset {
                dialect: Dialect::IptablesNft,
                tables: vec![Table {
                    name: "nat".into(),
                    chains: vec![chain],
                    ..Table::default()
                }],
            }]);
        }),
    ];
    for (what, change) in cases {
        let mut snapshot = healthy.clone();
        change(&mut snapshot);
        silent(what, &snapshot);
    }
}
