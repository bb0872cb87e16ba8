//! BGP as the objects mean it, against itself and against what nodes have.

use std::collections::{BTreeMap, HashMap};

use super::shared::names;
use super::{astray, peerings};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::lacking::Down;
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::intent::routes::{Intent, Way};
use crate::intent::sessions::{By, Session, sessions};
use crate::state::NodeState;
use crate::state::route::{Route, TableId};

/// Routes named in one finding.
const NAMED: usize = 4;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Ok(cluster) = world.cluster else { return };
    if cluster.nodes.len() < 2 {
        return;
    }
    let uses_bgp = cluster
        .pools
        .iter()
        .any(|pool| !pool.disabled && !pool.is_of_felix());
    // A mesh needs no looking through: all have sessions with all.
    let plain = cluster.mesh && cluster.peers.is_empty();
    if !plain && cluster.peers.iter().all(|peer| !peer.undecided) {
        let all: HashMap<&str, Vec<Session>> = cluster
            .nodes
            .iter()
            .map(|node| (node.name.as_str(), sessions(cluster, node, false)))
            .collect();
        peerings::find(world, cluster, &all, found);
        if uses_bgp {
            alone(cluster, &all, found);
        }
        one_sided(cluster, &all, found);
        reflectors(cluster, &all, found);
    }
    let (Some(intent), Some(down)) = (world.intent(), world.down()) else {
        return;
    };
    for node in world.nodes {
        missing(world, cluster, (intent, down), node, found);
    }
}

/// The mesh is off, and no BGPPeer is for a node.
fn alone(cluster: &Cluster, all: &HashMap<&str, Vec<Session>>, found: &mut Vec<Finding>) {
    let alone: Vec<&str> = cluster
        .nodes
        .iter()
        .filter(|node| node.ipv4.is_some() && all.get(node.name.as_str()).is_none_or(Vec::is_empty))
        // One that its peers take for another AS's gets no session from them.
        .filter(|node| {
            !found
                .iter()
                .any(|known| known.id == "bgp-as-mismatch" && known.node == node.name)
        })
        .map(|node| node.name.as_str())
        .collect();
    let Some(first) = alone.first().filter(|_| !cluster.mesh) else {
        return;
    };
    let reflector = cluster
        .nodes
        .iter()
        .find(|node| node.route_reflector_cluster_id.is_some());
    let mut finding = Finding::of(
        "mesh-off-without-peers",
        *first,
        format!("the mesh is off, and no BGPPeer is for {}", names(&alone)),
    )
    .about("BGPConfiguration(default)")
    .shown("BGPConfiguration(default)", "spec.nodeToNodeMeshEnabled is false")
    .shown(
        "BGPPeer",
        format!("{} objects, none for {}", cluster.peers.len(), names(&alone)),
    );
    finding = match reflector {
        Some(node) => finding.step(format!(
            "{} is a reflector: add a BGPPeer with nodeSelector all() and a peerSelector that chooses it",
            node.name
        )),
        None => finding.set("BGPConfiguration", "default", "nodeToNodeMeshEnabled", true),
    };
    found.push(finding);
}

/// A session between two Nodes that one of them doesn't have.
fn one_sided(cluster: &Cluster, all: &HashMap<&str, Vec<Session>>, found: &mut Vec<Finding>) {
    let mut by_peer: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for node in &cluster.nodes {
        for session in all.get(node.name.as_str()).into_iter().flatten() {
            let (Some(peer), By::Peer(object)) = (session.peer.as_deref(), &session.by) else {
                continue;
            };
            let back = all
                .get(peer)
                .is_some_and(|theirs| theirs.iter().any(|back| back.remote == session.local));
            if !back {
                by_peer.entry(object).or_default().push((&node.name, peer));
            }
        }
    }
    for (object, pairs) in by_peer {
        let Some((node, peer)) = pairs.first().filter(|_| !peerings::is_named(found, object)) else {
            continue;
        };
        let by_hand = cluster
            .peers
            .iter()
            .any(|peer| peer.name == *object && !peer.reverse);
        let mut finding = Finding::of(
            "bgp-peering-one-sided",
            *peer,
            format!("BGPPeer({object}) gives {node} a session with {peer}, which has none with {node}"),
        )
        .about(format!("BGPPeer({object})"))
        .shown(
            format!("BGPPeer({object})"),
            format!("{} sessions that the other side doesn't have", pairs.len()),
        );
        finding = if by_hand {
            finding
                .shown(format!("BGPPeer({object})"), "spec.reversePeering is Manual")
                .step(format!("add a BGPPeer for {peer} with the address of {node}, or let Calico do it: reversePeering Auto"))
                .set("BGPPeer", object, "reversePeering", "Auto")
        } else {
            finding.step(format!("add a BGPPeer for {peer} with the address of {node}, or replace peerIP by a peerSelector, which configures both sides"))
        };
        finding.sessions = pairs
            .iter()
            .map(|(node, peer)| [(*node).to_owned(), (*peer).to_owned()])
            .collect();
        found.push(finding);
    }
}

/// Reflectors of one cluster id that don't have the same clients.
fn reflectors(cluster: &Cluster, all: &HashMap<&str, Vec<Session>>, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<std::net::Ipv4Addr, Vec<&str>> = BTreeMap::new();
    for node in &cluster.nodes {
        if let Some(id) = node.route_reflector_cluster_id {
            by.entry(id).or_default().push(&node.name);
        }
    }
    for (id, members) in by.into_iter().filter(|(_, members)| members.len() > 1) {
        let clients = |name: &str| {
            let mut clients: Vec<&str> = all
                .get(name)
                .into_iter()
                .flatten()
                .filter(|session| session.client)
                .filter_map(|session| session.peer.as_deref())
                .collect();
            clients.sort_unstable();
            clients
        };
        let Some(first) = members.first() else { continue };
        let Some(other) = members.iter().find(|other| clients(other) != clients(first)) else {
            continue;
        };
        found.push(
            Finding::of("reflectors-share-cluster-id", *first, format!("reflectors {first} and {other} have cluster id {id} and different clients: these don't learn of each other"))
                .about(id.to_string())
                .sure(Sure::Likely)
                .shown(format!("clients of {first}"), names(&clients(first)))
                .shown(format!("clients of {other}"), names(&clients(other)))
                .set("Node", other, "bgp.routeReflectorClusterID", next(id).to_string()),
        );
    }
}

fn next(id: std::net::Ipv4Addr) -> std::net::Ipv4Addr {
    u32::from(id).wrapping_add(1).into()
}

/// Routes that the objects mean and the node doesn't have, or has otherwise. Where a session is down or an address is
/// wrong, that is the finding.
fn missing(
    world: &World,
    cluster: &Cluster,
    (intent, down): (&Intent, &Down),
    node: &NodeState,
    found: &mut Vec<Finding>,
) {
    let (Some(object), Some(routes)) = (cluster.node(&node.name), node.net.routes.known()) else {
        return;
    };
    let meant = intent.routes(object);
    let main: HashMap<ipnet::IpNet, &Route> = routes
        .iter()
        .filter(|route| route.table == TableId::MAIN)
        .map(|route| (route.dst, route))
        .collect();
    for meant in &meant {
        if let Some(route) = main.get(&meant.dst) {
            found.extend(astray::otherwise(world, cluster, node, route, meant));
        }
    }
    let mut lacking: BTreeMap<&str, Vec<(&ipnet::IpNet, &Way)>> = BTreeMap::new();
    for (route, explained) in down.lacking(cluster, node, object, &meant) {
        if !explained {
            lacking
                .entry(route.owner)
                .or_default()
                .push((&route.dst, &route.way));
        }
    }
    if lacking.is_empty() {
        return;
    }
    if let Some((link, module)) = tunnel_missing(node, &lacking) {
        if node.kernel.known().and_then(|kernel| kernel.has(module)) != Some(false) {
            found.push(no_tunnel(node, link));
        }
        return;
    }
    // Routes through VXLAN are Felix's: `kernel-unlike-objects` tells of those that the objects say all about.
    let is_felix = |(_, way): &(&ipnet::IpNet, &Way)| matches!(way, Way::Vxlan(_));
    lacking.retain(|owner, routes| {
        let tells = cluster
            .node(owner)
            .is_some_and(|node| node.vxlan_tunnel_addr.is_some());
        !tells || !routes.iter().all(is_felix)
    });
    if lacking.is_empty() {
        return;
    }
    let name = &node.name;
    let of: Vec<&str> = lacking.keys().copied().collect();
    let count: usize = lacking.values().map(Vec::len).sum();
    let mut finding = Finding::of(
        "bgp-routes-missing",
        name,
        format!("{name} has no route to {count} of the blocks of {}", names(&of)),
    )
    .about(of.join(" "));
    for (owner, nets) in lacking.iter().take(NAMED) {
        let Some((net, way)) = nets.first() else {
            continue;
        };
        finding = finding.shown(
            format!("ip route on {name}"),
            format!("no route to {net} of {owner}; meant: {way}"),
        );
        if let (Way::Direct(ip), true) = (way, lacking.len() == 1) {
            finding = finding.run(
                format!("ip route replace {net} via {ip}"),
                format!("ip route del {net} via {ip}"),
            );
        }
    }
    found.push(finding.step(if lacking.values().flatten().all(is_felix) {
        format!("restart calico-node on {name}: Felix writes routes through VXLAN")
    } else {
        format!("see why BIRD doesn't learn them: netdiag node status   (on {name})")
    }));
}

/// The tunnel that the routes are meant to take, where the node doesn't have it, and its module.
fn tunnel_missing(
    node: &NodeState,
    lacking: &BTreeMap<&str, Vec<(&ipnet::IpNet, &Way)>>,
) -> Option<(&'static str, &'static str)> {
    let (_, way) = lacking.values().flatten().next()?;
    let (link, module) = match way {
        Way::Ipip(_) => ("tunl0", "ipip"),
        Way::Vxlan(_) => ("vxlan.calico", "vxlan"),
        Way::Direct(_) | Way::Blackhole => return None,
    };
    let links = node.net.links.known()?;
    links
        .iter()
        .all(|known| known.name != link)
        .then_some((link, module))
}

fn no_tunnel(node: &NodeState, link: &str) -> Finding {
    let name = &node.name;
    Finding::of(
        "tunnel-link-missing",
        name,
        format!("{name} has no {link}, by which it is meant to reach the other nodes' pods"),
    )
    .about(link)
    .shown(format!("ip link on {name}"), format!("no {link}"))
    .step(format!(
        "restart calico-node on {name}, and look at Felix's log: it makes the link"
    ))
}
