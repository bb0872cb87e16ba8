//! BGP as the objects mean it.

use netdiag::state::Fact;
use netdiag::state::bird::Bird;
use netdiag::state::socket::{SocketOwner, TcpSocket, TcpState};
use netdiag_bench::cluster::Flavour;
use serde_json::json;

use crate::made::{fires, found, ids, made, resource, stored};

#[test]
fn a_mesh_that_is_off_without_peers_is_told() {
    let healthy = made(Flavour::CalicoBgp, 3, 2);
    fires("mesh-off-without-peers", &healthy, |broken| {
        let spec = json!({"nodeToNodeMeshEnabled": false});
        stored(broken)
            .resources
            .push(resource("BGPConfiguration", "default", spec));
    });
}

#[test]
fn reflectors_that_all_peer_with_are_fine() {
    let mut cluster = made(Flavour::CalicoBgp, 4, 2);
    let objects = stored(&mut cluster);
    objects.resources[0]["metadata"]["labels"] = json!({"rr": "yes"});
    objects.resources[0]["spec"]["bgp"]["routeReflectorClusterID"] = json!("244.0.0.1");
    let off = json!({"nodeToNodeMeshEnabled": false});
    objects
        .resources
        .push(resource("BGPConfiguration", "default", off));
    let peer = json!({"nodeSelector": "all()", "peerSelector": "rr == 'yes'"});
    objects.resources.push(resource("BGPPeer", "reflectors", peer));
    let findings = found(&cluster);
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn reflectors_of_one_cluster_with_different_clients_are_told() {
    let mut cluster = made(Flavour::CalicoBgp, 4, 2);
    let objects = stored(&mut cluster);
    for (at, label) in [(0, "a"), (1, "b")] {
        objects.resources[at]["metadata"]["labels"] = json!({"rr": label});
        objects.resources[at]["spec"]["bgp"]["routeReflectorClusterID"] = json!("244.0.0.1");
    }
    for (at, label) in [(2, "a"), (3, "b")] {
        objects.resources[at]["metadata"]["labels"] = json!({"client": label});
    }
    let off = json!({"nodeToNodeMeshEnabled": false});
    objects
        .resources
        .push(resource("BGPConfiguration", "default", off));
    for label in ["a", "b"] {
        let peer = json!({"nodeSelector": format!("client == '{label}'"), "peerSelector": format!("rr == '{label}'")});
        objects
            .resources
            .push(resource("BGPPeer", &format!("peers-{label}"), peer));
    }
    let ids = ids(&found(&cluster));
    assert!(ids.contains_key("reflectors-share-cluster-id"), "{ids:?}");
}

#[test]
fn a_peering_that_one_side_has_is_told() {
    let healthy = made(Flavour::CalicoBgp, 3, 1);
    let mut broken = healthy.clone();
    let objects = stored(&mut broken);
    let address = objects.resources[1]["spec"]["bgp"]["ipv4Address"]
        .as_str()
        .unwrap()
        .to_owned();
    let ip = address.split('/').next().unwrap();
    let name = objects.resources[0]["metadata"]["name"].clone();
    let off = json!({"nodeToNodeMeshEnabled": false});
    objects
        .resources
        .push(resource("BGPConfiguration", "default", off));
    let peer = json!({"node": name, "peerIP": ip, "asNumber": 64512});
    objects.resources.push(resource("BGPPeer", "lonely", peer));
    let ids = ids(&found(&broken));
    assert!(ids.contains_key("bgp-peering-one-sided"), "{ids:?}");
}

#[test]
fn another_program_on_bgps_port_is_told() {
    fires("bgp-port-taken", &made(Flavour::CalicoBgp, 2, 1), |broken| {
        let node = &mut broken.nodes[0];
        node.bird = Fact::Known(Bird {
            version: "2.0.12".into(),
            ..Bird::default()
        });
        node.net.tcp = Fact::Known(vec![TcpSocket {
            local: "0.0.0.0:179".parse().unwrap(),
            remote: "0.0.0.0:0".parse().unwrap(),
            state: TcpState::Listen,
            tx_queue: 0,
            rx_queue: 0,
            inode: 0,
            uid: 0,
            owner: Some(SocketOwner {
                pid: 9,
                program: "bgpd".into(),
            }),
        }]);
    });
}
