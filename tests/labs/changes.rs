//! Kinds of change that `netdiag plan` is asked about, with real BIRD and kernels as its judges (`plan.rs`).

#![allow(
    clippy::needless_pass_by_value,
    reason = "objects read best where they are written"
)]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plan::{TOR, TOR_AS, mesh, node, peer, pool, reflector, resource};

/// What changes, the objects, and whether they go.
pub(crate) type Step = (&'static str, Vec<Value>, bool);

pub(crate) fn of_sessions() -> Vec<Step> {
    vec![
        (
            "a wrong address",
            vec![node(1, json!({"ipv4Address": "10.99.0.1/24"}))],
            false,
        ),
        ("the right one again", vec![node(1, json!({}))], false),
        (
            "AS number of one node",
            vec![node(2, json!({"asNumber": 65_001}))],
            false,
        ),
        ("AS number of one node, back", vec![node(2, json!({}))], false),
        (
            "a peer that the mesh has, too",
            vec![peer(
                "one",
                json!({"node": "n1", "peerIP": "10.40.1.2", "asNumber": 64_512}),
            )],
            false,
        ),
        ("that peer goes again", vec![peer("one", json!({}))], true),
        ("mesh off without reflectors", vec![mesh(false)], false),
        (
            "a peer for one node",
            vec![peer(
                "one",
                json!({"node": "n1", "peerIP": "10.40.1.2", "asNumber": 64_512}),
            )],
            false,
        ),
        (
            "that peer of a wrong AS",
            vec![peer(
                "one",
                json!({"node": "n1", "peerIP": "10.40.1.2", "asNumber": 65_009}),
            )],
            false,
        ),
        ("that peer goes", vec![peer("one", json!({}))], true),
        (
            "a reflector and peers by selectors",
            vec![reflector(3, "224.0.0.1"), to_reflectors()],
            false,
        ),
        ("another cluster id", vec![reflector(3, "224.0.0.9")], false),
        (
            "a second reflector of its own cluster",
            vec![reflector(1, "224.0.0.7")],
            false,
        ),
        (
            "the label goes",
            vec![node(3, json!({"routeReflectorClusterID": "224.0.0.9"}))],
            false,
        ),
        (
            "mesh again",
            vec![
                mesh(true),
                node(1, json!({})),
                node(3, json!({})),
                peer("rr", json!({"node": "n9", "peerSelector": "has(rr)"})),
            ],
            false,
        ),
        ("a node goes", vec![node(4, json!({}))], true),
        ("a node comes", vec![node(4, json!({}))], false),
    ]
}

fn to_reflectors() -> Value {
    peer("rr", json!({"nodeSelector": "all()", "peerSelector": "has(rr)"}))
}

/// Reflectors of one cluster hear each other's clients only where those speak with both.
pub(crate) fn of_reflectors() -> Vec<Step> {
    let to = |name: &str, from: &str, ip: &str| {
        peer(name, json!({"node": from, "peerIP": ip, "asNumber": 64_512}))
    };
    let among = peer(
        "among",
        json!({"nodeSelector": "has(rr)", "peerSelector": "has(rr)"}),
    );
    vec![
        (
            "two reflectors of one cluster",
            vec![
                reflector(2, "224.0.0.1"),
                reflector(3, "224.0.0.1"),
                to_reflectors(),
                mesh(false),
            ],
            false,
        ),
        (
            "each with a client of its own",
            vec![to("rr", "n4", "10.40.1.3"), to("other", "n1", "10.40.1.2"), among],
            false,
        ),
        ("clusters of their own", vec![reflector(3, "224.0.0.3")], false),
    ]
}

pub(crate) fn of_pools_and_tunnels() -> Vec<Step> {
    let felix = |spec: Value| resource("FelixConfiguration", "default", spec);
    vec![
        ("no export", vec![pool(json!({"disableBGPExport": true}))], false),
        ("export again", vec![pool(json!({}))], false),
        (
            "natOutgoing off",
            vec![pool(json!({"natOutgoing": false}))],
            false,
        ),
        ("a pool disabled", vec![pool(json!({"disabled": true}))], false),
        (
            "nodeSelector of a pool",
            vec![pool(json!({"nodeSelector": "has(zone)"}))],
            false,
        ),
        ("plain → VXLAN", vec![pool(json!({"vxlanMode": "Always"}))], false),
        ("MTU of VXLAN", vec![felix(json!({"vxlanMTU": 1400}))], false),
        (
            "port of VXLAN",
            vec![felix(json!({"vxlanMTU": 1400, "vxlanPort": 8472}))],
            false,
        ),
        (
            "VNI of VXLAN",
            vec![felix(
                json!({"vxlanMTU": 1400, "vxlanPort": 8472, "vxlanVNI": 4097}),
            )],
            false,
        ),
        (
            "VXLAN between subnets only",
            vec![pool(json!({"vxlanMode": "CrossSubnet"}))],
            false,
        ),
        ("VXLAN → plain", vec![pool(json!({}))], false),
        (
            "AS number of all",
            vec![resource(
                "BGPConfiguration",
                "default",
                json!({"nodeToNodeMeshEnabled": true, "asNumber": 64_600}),
            )],
            false,
        ),
        (
            "a global peer outside",
            vec![
                mesh(true),
                peer("tor", json!({"peerIP": TOR, "asNumber": TOR_AS})),
            ],
            false,
        ),
        (
            "a new pool",
            vec![resource("IPPool", "second", json!({"cidr": "10.49.0.0/16"}))],
            false,
        ),
        (
            "a reflector for both families",
            vec![mesh(false), reflector(2, "224.0.0.1"), to_reflectors()],
            false,
        ),
        (
            "a second one of the same cluster",
            vec![reflector(3, "224.0.0.1")],
            false,
        ),
        ("a pool goes", vec![pool(json!({}))], true),
    ]
}

#[test]
fn so_many_kinds_of_change_are_judged_by_kernels() {
    let on_nodes = [of_sessions(), of_reflectors(), of_pools_and_tunnels()].concat();
    let on_nodes: BTreeSet<&str> = on_nodes.iter().map(|(what, ..)| *what).collect();
    let of_policies = crate::policies::steps().len();
    assert_eq!((on_nodes.len(), of_policies), (37, 7));
}
