//! Why BIRD did not learn a block: between whom a session is missing, and who does not pass routes on.

use ipnet::IpNet;

use super::case::Case;
use crate::forward::topology::Place;
use crate::state::bird::BgpSession;

/// What the sessions of all who were seen say; nothing where one of the two nodes' BIRD was not seen, or where the
/// session between them is down: that is a finding of its own.
pub(super) fn not_learned(case: &Case, owner: &Place, net: IpNet) -> Option<String> {
    let here = case.host_of(case.id).1;
    let (own, other) = (here.title(), owner.title());
    if !is_seen(here) || !is_seen(owner) {
        return None;
    }
    match (session(here, owner), session(owner, here)) {
        (Some(session), _) if is_up(session) => {
            return Some(format!(
                "the session of {own} with {other} is Established and brings no route to {net}: {other} does not announce it \
                 (the block is not its own, disableBGPExport of the pool, a BGPFilter), or {own} does not import it: \
                 birdc show route export PROTOCOL there, birdc show route protocol PROTOCOL here"
            ));
        }
        (Some(_), Some(_)) => return None,
        (Some(_), None) => {
            return Some(format!(
                "{other} has no BGP session with {own}, which has one with {other}"
            ));
        }
        (None, Some(_)) => {
            return Some(format!(
                "{own} has no BGP session with {other}, which has one with {own}"
            ));
        }
        (None, None) => {}
    }
    let topology = case.scene.topology;
    let mut between = topology
        .hosts()
        .map(|(_, place)| place)
        .filter(|place| is_seen(place));
    let common = between.find(|place| session(here, place).is_some_and(is_up));
    let Some(common) = common else {
        let any = sessions(here).next().is_some();
        return (!any).then(|| {
            format!("{own} has no BGP session at all: the node-to-node mesh is off, and no BGPPeer is for it")
        });
    };
    let middle = common.title();
    Some(if session(common, owner).is_some_and(is_up) {
        format!(
            "{own} and {other} have no BGP session with each other, and {middle}, which has one with both, does not reflect \
             routes: give the two a session (the mesh, or a BGPPeer), or make {middle} a reflector \
             (routeReflectorClusterID of its Node)"
        )
    } else {
        format!(
            "{own} and {other} have no BGP session with each other, and {middle}, from which {own} learns, has none with \
             {other}: a BGPPeer is missing between {middle} and {other}"
        )
    })
}

fn is_seen(place: &Place) -> bool {
    place.node.bird.known().is_some()
}

fn is_up(session: &BgpSession) -> bool {
    session.state == "Established"
}

fn sessions<'a>(place: &Place<'a>) -> impl Iterator<Item = &'a BgpSession> {
    let bird = place.node.bird.known();
    let protocols = bird.map_or(&[][..], |bird| bird.protocols.as_slice());
    protocols.iter().filter_map(|protocol| protocol.bgp.as_ref())
}

/// The one that a node has with another.
fn session<'a>(of: &Place<'a>, with: &Place) -> Option<&'a BgpSession> {
    sessions(of).find(|session| session.neighbor_address.is_some_and(|ip| with.has(ip)))
}
