//! Segments that reach other hosts by tunnels for frames (gretap, Geneve): why a question for an address doesn't come
//! through.

use super::Explained;
use super::case::{Case, typed_in};
use super::ends::{self, End};
use super::outer::Outer;
use crate::diagnose::finding::Sure;
use crate::forward::topology::{At, Place, PlaceId};
use crate::state::link::{IfIndex, Link};

/// What a link reaches others by: itself, or a bridge.
struct Segment<'c, 'a> {
    place: &'c Place<'a>,
    id: PlaceId,
    /// The bridge, or the tunnel itself.
    link: &'a Link,
}

impl<'c, 'a> Segment<'c, 'a> {
    fn of(case: &Case<'c, 'a>, at: At) -> Option<Self> {
        let topology = case.scene.topology;
        let own = topology.link(at)?;
        let here = |at: At, link| Self {
            place: topology.place(at.place),
            id: at.place,
            link,
        };
        if own.is_bridge() || ends::takes_frames(own) {
            return Some(here(at, own));
        }
        let port = topology.veth_peer(at)?;
        let bridge = topology
            .place(port.place)
            .net
            .link(topology.link(port)?.master?)?;
        bridge.is_bridge().then(|| here(port, bridge))
    }

    fn has(&self, link: IfIndex) -> bool {
        self.link.index == link
            || self
                .place
                .ports(self.link.index)
                .iter()
                .any(|port| port.index == link)
    }

    /// Its tunnels.
    fn tunnels(&self) -> impl Iterator<Item = End<'c, 'a>> {
        let place = self.place;
        let links = place.net.links.items().iter();
        let own = links.filter(|link| ends::takes_frames(link) && self.has(link.index));
        own.map(move |link| End { place, link })
    }
}

/// Why `asks` and `theirs` don't hear each other, where tunnels join or should join their segments.
pub(super) fn apart(case: &Case, explained: &Explained, asks: At, theirs: At) -> Option<Explained> {
    let (asks, theirs) = (Segment::of(case, asks)?, Segment::of(case, theirs)?);
    if asks.id == theirs.id {
        return None;
    }
    one_way(case, explained, &asks, &theirs).or_else(|| one_way(case, explained, &theirs, &asks))
}

fn one_way<'a>(
    case: &Case<'_, 'a>,
    explained: &Explained,
    from: &Segment<'_, 'a>,
    to: &Segment<'_, 'a>,
) -> Option<Explained> {
    from.tunnels().find_map(|sender| {
        let leads = ends::addresses(sender.link)?
            .0
            .is_some_and(|remote| to.place.has(remote));
        if !leads {
            return None;
        }
        if !sender.link.is_up() {
            return Some(ends::raised(explained.clone(), sender));
        }
        let outer = Outer::of_link(sender)?;
        let taker = ends::meant(case.scene.topology, to.place, &outer)?;
        ends::unlike(explained, Some(sender), taker, &outer)
            .or_else(|| (!to.has(taker.link.index)).then(|| no_port(explained, taker, to.link)))
    })
}

/// The tunnel's end is in no bridge, or in another one.
fn no_port(explained: &Explained, end: End, bridge: &Link) -> Explained {
    let (title, inside) = (end.place.title(), typed_in(end.place));
    let (name, bridge) = (&end.link.name, &bridge.name);
    let master = end.link.master.and_then(|master| end.place.net.link(master));
    let (is, back) = match master {
        Some(master) => (
            format!("master {}", master.name),
            format!("master {}", master.name),
        ),
        None => ("no master".to_owned(), "nomaster".to_owned()),
    };
    explained
        .clone()
        .sure(Sure::Likely)
        .because(format!(
            "{name} of {title}, the end of the tunnel between the two, is no port of {bridge}"
        ))
        .shown(format!("ip link show dev {name} on {title}"), is)
        .run(
            &end.place.node.name,
            format!("{inside}ip link set {name} master {bridge}"),
            format!("{inside}ip link set {name} {back}"),
        )
}
