//! `bird.cfg` beside the objects: sessions that a node's BIRD should have and lacks, and those that nothing means any more.
//! confd, which writes it, may have stopped.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::daemon;
use super::facts::is_by_calico;
use super::finding::{Evidence, Finding};
use super::session::Cause;
use super::world::{View, World};
use crate::calico::node::Node;
use crate::intent::Cluster;
use crate::intent::cluster::stored_address;
use crate::intent::sessions::sessions;
use crate::state::NodeState;
use crate::state::bird::Bird;

/// How many peers of one finding are worth a line of evidence.
const EVIDENCE: usize = 5;

/// A session with another Node.
struct With<'w> {
    name: &'w str,
    ip: IpAddr,
    /// What BIRD calls it, if it has one.
    protocol: Option<&'w str>,
}

pub(super) fn finding(world: &World, cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let (bird, object, view) = (
        node.bird.known()?,
        cluster.node(&node.name)?,
        world.view(&node.name)?,
    );
    let without_bgp = node.processes.known().is_some_and(daemon::does_without_bgp);
    // A BIRD of the host's own has other business.
    if without_bgp || !bird.protocols.iter().any(|protocol| is_by_calico(&protocol.name)) {
        return None;
    }
    let lacking = lacking(world, cluster, object, view);
    let stray = stray(world, cluster, object, view);
    let first = lacking.first().or(stray.first())?;
    let (own, name, ip) = (&node.name, first.name, first.ip);
    let count = if lacking.is_empty() {
        stray.len()
    } else {
        lacking.len()
    };
    let others = match count - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let title = if !lacking.is_empty() && cluster.mesh {
        format!("{own}'s BIRD has no session with {name} ({ip}){others}, though the mesh is on")
    } else if !lacking.is_empty() {
        format!("{own}'s BIRD has no session with {name} ({ip}){others}, though the objects mean it")
    } else {
        format!("{own}'s BIRD has a session with {name} ({ip}){others}, and no object means it")
    };
    let evidence = lacking.iter().chain(&stray).take(EVIDENCE).map(|with| {
        let text = match with.protocol {
            None => format!(
                "its address is {}, and no protocol of {own} has that neighbor",
                with.ip
            ),
            Some(protocol) => format!(
                "its address is {}, and {own} has {protocol} for a session that isn't meant",
                with.ip
            ),
        };
        Evidence::new(format!("Node({})", with.name), text)
    });
    Some(Finding {
        cause: Some(Cause::NotConfigured),
        evidence: evidence.collect(),
        sessions: lacking
            .iter()
            .chain(&stray)
            .map(|with| [own.clone(), with.name.to_owned()])
            .collect(),
        ..Finding::of("bird-config-out-of-step", own, title).step(format!(
            "restart calico-node on {own}: its bird.cfg is out of step with {}",
            cluster.store
        ))
    })
}

/// Sessions of IPv4 that are meant and that BIRD doesn't have.
fn lacking<'w>(world: &World, cluster: &'w Cluster, object: &Node, view: &View) -> Vec<With<'w>> {
    let Some(own) = object.ipv4.map(|address| address.ip) else {
        return Vec::new();
    };
    let lacks = |name: &'w str, ip: IpAddr| {
        let lacks = ip != own && name != object.name && view.session(ip).is_none();
        lacks.then_some(With {
            name,
            ip,
            protocol: None,
        })
    };
    // A mesh needs no looking through: all have sessions with all. A reflector takes part in none.
    if cluster.peers.is_empty() {
        let is_of_mesh = |node: &&Node| cluster.mesh && node.route_reflector_cluster_id.is_none();
        let others = cluster
            .nodes
            .iter()
            .filter(is_of_mesh)
            .filter(|_| is_of_mesh(&object));
        return others
            .filter_map(|other| lacks(&other.name, other.ipv4?.ip))
            .collect();
    }
    if !world.knows_all_peers() {
        return Vec::new();
    }
    let mut lacking: Vec<With> = Vec::new();
    for session in sessions(cluster, object, false) {
        let other = session.peer.and_then(|name| cluster.node(&name));
        let with = other.and_then(|other| lacks(&other.name, session.remote));
        lacking.extend(with.filter(|with| lacking.iter().all(|known| known.ip != with.ip)));
    }
    lacking
}

/// Sessions with Nodes that BIRD has, that are down, and that no object means.
fn stray<'w>(world: &World, cluster: &'w Cluster, object: &Node, view: &View<'w>) -> Vec<With<'w>> {
    if !world.knows_all_peers() {
        return Vec::new();
    }
    let own = [false, true].map(|v6| stored_address(object, v6).map(|address| address.ip));
    let daemons = [view.state.bird.known(), view.state.bird6.known()];
    let down = daemons.into_iter().flatten().flat_map(Bird::sessions);
    let mut stray: Vec<With> = down
        .filter(|(protocol, session)| session.state != "Established" && is_by_calico(&protocol.name))
        .filter_map(|(protocol, session)| {
            let ip = session.neighbor_address.filter(|ip| !own.contains(&Some(*ip)))?;
            // Of two with one peer, one stays down.
            let (_, known) = view.session(ip)?;
            let other = cluster.nodes_at(ip).find(|other| other.name != object.name)?;
            let is_twin = known.state == "Established";
            (!is_twin).then_some(With {
                name: &other.name,
                ip,
                protocol: Some(&protocol.name),
            })
        })
        .collect();
    if !stray.is_empty() {
        let meant: BTreeSet<IpAddr> = [false, true]
            .into_iter()
            .flat_map(|v6| sessions(cluster, object, v6))
            .map(|session| session.remote)
            .collect();
        stray.retain(|with| !meant.contains(&with.ip));
    }
    stray
}
