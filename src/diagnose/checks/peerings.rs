//! BGPPeer objects that name a node by its address, and name it wrongly.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::calico::nearest::distance;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::intent::cluster::{BgpPeer, stored_address};
use crate::intent::sessions::Session;

/// What is wrong with BGPPeers; gives the objects that it is wrong with.
pub(super) fn find(
    world: &World,
    cluster: &Cluster,
    all: &HashMap<&str, Vec<Session>>,
    found: &mut Vec<Finding>,
) {
    for peer in &cluster.peers {
        let Some(ip) = peer.peer_ip else { continue };
        let number = wrong_number(cluster, peer, ip);
        found.extend(number.or_else(|| wrong_address(world, cluster, all, peer, ip)));
    }
}

/// Whether something is wrong with this object already.
pub(super) fn is_named(found: &[Finding], object: &str) -> bool {
    let subject = format!("BGPPeer({object})");
    found.iter().any(|finding| finding.subject == subject)
}

/// The peer is a node, and of another AS than the object says.
fn wrong_number(cluster: &Cluster, peer: &BgpPeer, ip: IpAddr) -> Option<Finding> {
    let said = peer.as_number?;
    let node = cluster.nodes_at(ip).next()?;
    let meant = cluster.as_of(node);
    if said == meant {
        return None;
    }
    let name = &node.name;
    let finding = Finding::of(
        "bgp-as-mismatch",
        name,
        format!(
            "BGPPeer({}) says that {name} is of AS {said}, and it is of AS {meant}",
            peer.name
        ),
    )
    .about(format!("BGPPeer({})", peer.name))
    .shown(
        format!("BGPPeer({})", peer.name),
        format!("spec.peerIP is {ip}, spec.asNumber is {said}"),
    );
    let own = node.as_number.is_some();
    let finding = finding.shown(
        format!("Node({name})"),
        if own {
            format!("spec.bgp.asNumber is {meant}")
        } else {
            format!("it has no AS number of its own, and the cluster's is {meant}")
        },
    );
    // A node that alone has a number of its own, where the peer expects that of all others.
    let others = cluster.nodes.iter().filter(|other| other.name != *name);
    let alone = own && said == cluster.default_as && others.clone().all(|other| cluster.as_of(other) == said);
    Some(if alone {
        finding.set("Node", name, "bgp.asNumber", said)
    } else {
        finding.set("BGPPeer", &peer.name, "asNumber", meant)
    })
}

/// The session is down, no node has the address, and just one that lacks a session has one that is nearly the same.
fn wrong_address(
    world: &World,
    cluster: &Cluster,
    all: &HashMap<&str, Vec<Session>>,
    peer: &BgpPeer,
    ip: IpAddr,
) -> Option<Finding> {
    if cluster.nodes_at(ip).next().is_some()
        || peer.as_number.is_some_and(|number| !is_of_nodes(cluster, number))
    {
        return None;
    }
    let silent = cluster.nodes.iter().find_map(|node| {
        let (protocol, session) = world.view(&node.name)?.session(ip)?;
        (session.state != "Established").then_some((node, protocol))
    });
    let (node, protocol) = silent?;
    let has = |other: IpAddr| {
        let sessions = all.get(node.name.as_str());
        sessions.is_some_and(|sessions| sessions.iter().any(|session| session.remote == other))
    };
    let text = ip.to_string();
    let mut near = cluster
        .nodes
        .iter()
        .filter(|other| other.name != node.name)
        .filter_map(|other| Some((other, stored_address(other, ip.is_ipv6())?.ip)))
        .filter(|(_, other)| !has(*other) && distance(&text, &other.to_string()) == 1);
    let (other, right) = near.next()?;
    if near.next().is_some() {
        return None;
    }
    let value = match peer.port {
        None => right.to_string(),
        Some(port) => std::net::SocketAddr::new(right, port).to_string(),
    };
    Some(
        Finding::of(
            "bgp-peer-address-unknown",
            &node.name,
            format!(
                "BGPPeer({}) names {ip}, which no Node has; {} is at {right}",
                peer.name, other.name
            ),
        )
        .about(format!("BGPPeer({})", peer.name))
        .sure(Sure::Likely)
        .shown(format!("BGPPeer({})", peer.name), format!("spec.peerIP is {ip}"))
        .shown(
            format!("BIRD on {}", node.name),
            format!("{} is {}: {}", protocol.name, protocol.state, protocol.info),
        )
        .shown(
            format!("Node({})", other.name),
            format!("its address is {right}, and {} has no session with it", node.name),
        )
        .set("BGPPeer", &peer.name, "peerIP", value),
    )
}

fn is_of_nodes(cluster: &Cluster, number: u32) -> bool {
    cluster.nodes.iter().any(|node| cluster.as_of(node) == number)
}
