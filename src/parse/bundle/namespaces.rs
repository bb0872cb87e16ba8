//! Which namespace is which: outputs of commands number them (`link-netnsid 1`), and don't say what the numbers mean.

use crate::state::link::Link;
use crate::state::netns::{NsId, NsIdentity, Peer};
use crate::state::{Fact, NodeState};

/// Inode numbers that stand in: the host's is 1, and the kernel's own are far above. No device has number 0.
const fn stand_in(inode: u64) -> NsIdentity {
    NsIdentity { device: 0, inode }
}

/// Gives each namespace an identity, and pairs the two ends of veths: these name each other's number, and a number
/// that one other namespace alone can mean is known.
pub(super) fn number(node: &mut NodeState) {
    let host = stand_in(1);
    node.net_id = Some(host);
    let Fact::Known(namespaces) = &mut node.namespaces else {
        return;
    };
    for (namespace, inode) in namespaces.iter_mut().zip(2..) {
        namespace.id = stand_in(inode);
    }
    let mut nets: Vec<(NsIdentity, Vec<Link>)> = vec![(host, node.net.links.items().to_vec())];
    nets.extend(
        namespaces
            .iter()
            .map(|namespace| (namespace.id, namespace.net.links.items().to_vec())),
    );
    node.net.peers = peers(host, &nets);
    for namespace in namespaces {
        namespace.net.peers = peers(namespace.id, &nets);
        namespace.id_of_host = number_of(&namespace.net.peers, host);
        namespace.host_id = number_of(&node.net.peers, namespace.id);
    }
}

fn number_of(peers: &Fact<Vec<Peer>>, identity: NsIdentity) -> Option<NsId> {
    let peer = peers
        .items()
        .iter()
        .find(|peer| peer.namespace == Some(identity))?;
    Some(peer.id)
}

/// The namespaces that the links of one refer to by number.
fn peers(of: NsIdentity, nets: &[(NsIdentity, Vec<Link>)]) -> Fact<Vec<Peer>> {
    let mut peers: Vec<Peer> = Vec::new();
    let links = nets
        .iter()
        .filter(|(id, _)| *id == of)
        .flat_map(|(_, links)| links);
    for link in links {
        let Some(lower) = link.lower else { continue };
        // Negative: the kernel has no number for it.
        let Some(id) = lower.netns.filter(|id| id.0 >= 0) else {
            continue;
        };
        let mut others = nets
            .iter()
            .filter(|(other, links)| *other != of && links.iter().any(|far| is_pair(link, far)));
        let namespace = match (others.next(), others.next()) {
            (Some((other, _)), None) => Some(*other),
            _ => None,
        };
        match peers.iter_mut().find(|peer| peer.id == id) {
            Some(peer) => peer.namespace = peer.namespace.or(namespace),
            None => peers.push(Peer { id, namespace }),
        }
    }
    Fact::Known(peers)
}

/// Whether two links of different namespaces name each other.
fn is_pair(one: &Link, other: &Link) -> bool {
    let names = |one: &Link, other: &Link| {
        one.lower
            .is_some_and(|lower| lower.netns.is_some() && lower.index == other.index)
    };
    // Without -d text has no kinds.
    one.kind == other.kind && names(one, other) && names(other, one)
}
