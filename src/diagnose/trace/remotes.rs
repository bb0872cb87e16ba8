//! Outer packets that lead to nobody: a tunnel's remote or a route's, and who is meant.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, on_segment, typed_in};
use super::ends;
use crate::diagnose::finding::Sure;
use crate::forward::fib::Flow;
use crate::forward::packet::{Inner, Packet, Payload};
use crate::forward::topology::{Place, PlaceId};
use crate::forward::walk::What;
use crate::state::kind::LinkData;
use crate::state::link::{Link, is_link_local};
use crate::state::route::Route;

/// Nobody has the address that an outer packet is for.
pub(super) fn of_nobody(case: &Case, explained: &Explained, target: IpAddr) -> Option<Explained> {
    let packet = &case.outcome.state.packet;
    let inner = inner(packet).filter(|_| packet.dst == target)?;
    let step = case.last(What::Encap)?;
    let link = case.place.net.link(step.link?)?;
    if matches!(&link.data, Some(LinkData::Tunnel(tunnel)) if tunnel.external) {
        return by_route(case, explained, link, inner.src, inner.dst);
    }
    let (remote, local) = ends::addresses(link)?;
    if remote != Some(target) {
        return None;
    }
    let (who, name, inside) = (case.who(), &link.name, typed_in(case.place));
    let explained = explained
        .clone()
        .because(format!("the remote address of the tunnel {name} leads to nobody"))
        .shown(
            format!("ip -d link show dev {name} on {who}"),
            format!("remote {target}"),
        );
    // Whoever's tunnel leads here.
    let mut others = case.scene.topology.places().filter_map(|(id, place)| {
        let links = place
            .net
            .links
            .items()
            .iter()
            .filter(|other| other.kind == link.kind);
        let mut ends = links.filter_map(|other| Some((ends::addresses(other)?, other)));
        let ((_, theirs), other) = ends.find(|((remote, _), _)| {
            id != case.id
                && remote
                    .is_some_and(|remote| case.place.has(remote) && local.is_none_or(|own| own == remote))
        })?;
        let theirs = theirs.or_else(|| Some(on_segment(case.place, place, target.is_ipv6())?.0))?;
        Some((id, place, other, theirs))
    });
    let (Some((id, place, other, meant)), None) = (others.next(), others.next()) else {
        return Some(explained.step(format!(
            "set the remote of {name} to the address of the node that is meant"
        )));
    };
    if meant == target {
        return lacks_local(case, id, other);
    }
    let kind = link.kind.as_deref().unwrap_or_default();
    let kind = match &link.data {
        Some(LinkData::Geneve(geneve)) => format!("{kind} id {}", geneve.vni.unwrap_or(0)),
        _ => kind.to_owned(),
    };
    let set = |remote: IpAddr| format!("{inside}ip link set {name} type {kind} remote {remote}");
    Some(
        explained
            .because(format!(
                "the remote address of the tunnel {name} leads to nobody; {} of {}, whose own leads to {who}, is the other end",
                other.name,
                place.title()
            ))
            .shown(format!("ip -d link show dev {} on {}", other.name, place.title()), format!("local {meant}"))
            .run(&case.place.node.name, set(meant), set(target)),
    )
}

fn inner(packet: &Packet) -> Option<&Packet> {
    match packet.inner.as_deref()? {
        Inner::Packet { packet, .. } => Some(packet),
        Inner::Frame { frame, .. } => match &frame.payload {
            Payload::Ip(packet) => Some(packet),
            _ => None,
        },
    }
}

/// The route to an address, and what it says of a tunnel.
fn encap<'n>(place: &Place<'n>, ip: IpAddr) -> Option<(&'n Route, Option<&'n str>)> {
    let hit = place.fib.lookup(&Flow::to(ip)).ok()?;
    Some((hit.route, hit.hops.first()?.encap.as_deref()))
}

/// The link leaves it to routes where its packets go, and the route of this one says nothing of that, or names nobody.
pub(super) fn by_route(
    case: &Case,
    explained: &Explained,
    link: &Link,
    src: IpAddr,
    dst: IpAddr,
) -> Option<Explained> {
    let (route, said) = encap(case.place, dst)?;
    let (owner, _) = case.owner(dst)?;
    let (_, host) = case.host_of(owner);
    // What this end says, or what the other one does, the other way round.
    let back = encap(host, src).and_then(|(_, said)| said);
    let (words, meant) = (said.or(back)?, meant(case, owner)?);
    let mut words = words.split(' ');
    let kind = words.next()?;
    let words: Vec<&str> = words.collect();
    let id = words
        .iter()
        .position(|word| *word == "id")
        .and_then(|at| words.get(at + 1))?;
    let mut options = String::new();
    for option in ["key", "csum", "seq"]
        .into_iter()
        .filter(|option| words.contains(option))
    {
        options += " ";
        options += option;
    }
    let (who, name, inside) = (case.who(), &link.name, typed_in(case.place));
    let to = |encap: &str| format!("{inside}ip route replace {}{encap} dev {name}", route.dst);
    let before = said.map_or_else(String::new, |said| format!(" encap {said}"));
    let explained = explained
        .clone()
        .sure(Sure::Likely)
        .because(format!(
            "{name} leaves it to each route where its packets go, and this one {}",
            if said.is_some() {
                "names nobody"
            } else {
                "says nothing of it"
            }
        ))
        .shown(
            format!("ip route get {dst} on {who}"),
            format!("{}{before} dev {name}", route.dst),
        );
    let explained = match back {
        Some(back) => explained.shown(
            format!("ip route get {src} on {}", host.title()),
            format!("encap {back}"),
        ),
        None => explained,
    };
    Some(explained.run(
        &case.place.node.name,
        to(&format!(" encap {kind} id {id} dst {meant}{options}")),
        to(&before),
    ))
}

/// The outer address of the node of a place.
fn meant(case: &Case, owner: PlaceId) -> Option<IpAddr> {
    let (_, host) = case.host_of(owner);
    Some(on_segment(case.place, host, false)?.0)
}

/// A tunnel's link whose local address is gone from its host: the other end still sends there.
pub(super) fn without_local(case: &Case) -> Option<Explained> {
    let step = case.last(What::Route)?;
    lacks_local(case, case.id, case.place.net.link(step.link?)?)
}

fn lacks_local(case: &Case, id: PlaceId, link: &Link) -> Option<Explained> {
    let place = case.scene.topology.place(id);
    let case = &Case { id, place, ..*case };
    let local = ends::addresses(link)?.1.filter(|local| !case.place.has(*local))?;
    let (who, name, inside) = (case.who(), &link.name, typed_in(case.place));
    let explained = Explained::new(
        "packet-lost",
        case,
        Sure::Proved,
        format!("{local}, the local address of {name}, is no address of {who}"),
    )
    .because("the address was taken away, or the tunnel was made with another host's")
    .shown(
        format!("ip -d link show dev {name} on {who}"),
        format!("local {local}"),
    )
    .shown(format!("ip address on {who}"), format!("none is {local}"));
    // The other end knows its length, and the segment.
    let found = case.scene.topology.places().find_map(|(_, place)| {
        let mut links = place.net.links.items().iter();
        let other =
            links.find(|other| ends::addresses(other).is_some_and(|(remote, _)| remote == Some(local)))?;
        let addresses = place.net.addresses.items();
        let beside = addresses
            .iter()
            .find(|address| address.network().is_some_and(|net| net.contains(&local)))?;
        let mut same = addresses.iter().filter(|address| address.link == beside.link);
        let own = case.place.net.addresses.items();
        let at = same.find_map(|theirs| {
            let net = theirs.network()?;
            own.iter().find(|own| {
                own.scope == theirs.scope
                    && net.contains(&own.ip)
                    && own.ip.is_ipv4() == theirs.ip.is_ipv4()
                    && !is_link_local(own.ip)
            })
        })?;
        Some((
            place.title(),
            &other.name,
            beside.prefix_len,
            case.place.net.link(at.link)?,
        ))
    });
    let Some((title, other, length, at)) = found else {
        return Some(explained.step(format!("give {who} the address again, or {name} one of its own: ip link set {name} type {} local ADDRESS", link.kind_name())));
    };
    let at = &at.name;
    Some(
        explained
            .shown(
                format!("ip -d link show dev {other} on {title}"),
                format!("remote {local}"),
            )
            .sure(Sure::Likely)
            .run(
                &case.place.node.name,
                format!("{inside}ip address add {local}/{length} dev {at}"),
                format!("{inside}ip address del {local}/{length} dev {at}"),
            ),
    )
}
