//! VLANs: bridges that filter by them, ports that are in none or in another one, links of different numbers.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, link_named, typed_in};
use super::remade::remade;
use super::segment::{Port, port_of};
use crate::diagnose::finding::Sure;
use crate::forward::topology::{At, Place, PlaceId};
use crate::state::kind::{Bridge, LinkData, PortVlan, Vlan};
use crate::state::link::{IfIndex, Link};

fn of_port<'n>(place: &Place<'n>, port: IfIndex) -> impl Iterator<Item = &'n PortVlan> {
    place
        .net
        .vlans
        .items()
        .iter()
        .filter(move |vlan| vlan.link == port)
}

/// The VLAN that untagged frames of a port are in.
fn pvid(place: &Place, port: IfIndex) -> Option<u16> {
    of_port(place, port).find(|vlan| vlan.pvid).map(|vlan| vlan.vid)
}

fn bridge(link: &Link) -> Option<&Bridge> {
    match &link.data {
        Some(LinkData::Bridge(bridge)) => Some(bridge),
        _ => None,
    }
}

fn vlan(link: &Link) -> Option<&Vlan> {
    match &link.data {
        Some(LinkData::Vlan(vlan)) => Some(vlan),
        _ => None,
    }
}

/// The VLAN that a link's frames are in: its own, or that of its port.
fn number(case: &Case, at: At) -> Option<u16> {
    let link = case.scene.topology.link(at)?;
    vlan(link).map(|vlan| vlan.id).or_else(|| {
        let port = port_of(case, at)?;
        bridge(port.bridge).filter(|bridge| bridge.vlan_filtering)?;
        pvid(case.scene.topology.place(port.at.place), port.link.index)
    })
}

/// A bridge's port, or the bridge itself, doesn't take what `asks` sends.
pub(super) fn stopped(
    case: &Case,
    explained: &Explained,
    (asks, target): (&str, IpAddr),
    place: PlaceId,
    (port, vid): (&str, Option<u16>),
) -> Option<Explained> {
    let asks = case.at_named(case.id, asks)?;
    let found = case.scene.topology.place(place);
    let (title, inside, link) = (found.title(), typed_in(found), link_named(found, port)?);
    let member = |vid: u16| of_port(found, link.index).find(|vlan| vlan.vid == vid);
    let own = port_of(case, asks).is_some_and(|own| own.at.place == place && own.link.index == link.index);
    let explained = explained.clone().shown(
        format!("bridge vlan show dev {port} on {title}"),
        of_port(found, link.index)
            .copied()
            .map(text)
            .collect::<Vec<_>>()
            .join(", "),
    );
    let run = |explained: Explained, set: String, back: String| {
        let line = |words: &str| format!("{inside}bridge vlan {words}");
        explained.run(&found.node.name, line(&set), line(&back))
    };
    if own && number(case, asks).is_none() {
        let mut untagged = of_port(found, link.index).filter(|vlan| vlan.untagged);
        let (Some(meant), None) = (untagged.next(), untagged.next()) else {
            return None;
        };
        let why = format!(
            "{port} of {title} has no VLAN for frames without a tag; those of {} leave there without one",
            meant.vid
        );
        let line = format!("add dev {port} vid {}", meant.vid);
        return Some(run(
            explained.because(why),
            format!("{line} pvid untagged"),
            format!("{line} untagged"),
        ));
    }
    let vid = vid
        .or_else(|| number(case, asks))
        .filter(|vid| member(*vid).is_none())?;
    let theirs = case.held(target);
    if let Some(theirs) = theirs.filter(|theirs| number(case, *theirs).is_some_and(|own| own != vid)) {
        return other(case, &explained, vid, port_of(case, theirs)?);
    }
    let whose = if link.is_bridge() { " self" } else { "" };
    let explained = explained.because(format!(
        "{port} of {title} is not in VLAN {vid}, which the question is in"
    ));
    let line = |word: &str| format!("{word} dev {port} vid {vid}{whose}");
    Some(run(explained, line("add"), line("del")))
}

fn text(vlan: PortVlan) -> String {
    let pvid = if vlan.pvid { " PVID" } else { "" };
    let untagged = if vlan.untagged { " untagged" } else { "" };
    format!("{}{pvid}{untagged}", vlan.vid)
}

/// Two that should hear each other are in different VLANs, or a bridge doesn't heed theirs.
pub(super) fn apart(case: &Case, explained: &Explained, asks: At, theirs: At) -> Option<Explained> {
    let topology = case.scene.topology;
    if let (Some(own), Some(other)) = (topology.link(asks), topology.link(theirs))
        && let (Some(mine), Some(of)) = (vlan(own), vlan(other))
    {
        return (mine.id != of.id)
            .then(|| numbers(case, explained, (asks, own, mine), (theirs, other, of)))?;
    }
    let ports = [port_of(case, asks), port_of(case, theirs)];
    let mut both = ports.iter().flatten();
    both.find_map(|port| forgotten(case, explained, *port).or_else(|| tagged(case, explained, *port)))
        .or_else(|| other(case, explained, number(case, asks)?, ports[1]?))
}

/// Two VLAN links whose numbers differ: the one whose name says another number is wrong, or the other end.
fn numbers(
    case: &Case,
    explained: &Explained,
    asks: (At, &Link, &Vlan),
    theirs: (At, &Link, &Vlan),
) -> Option<Explained> {
    let misnamed = |(_, link, vlan): (At, &Link, &Vlan)| {
        let named = link
            .name
            .rsplit_once('.')
            .and_then(|(_, number)| number.parse::<u16>().ok());
        named.is_some_and(|named| named != vlan.id)
    };
    let (wrong, right) = if misnamed(asks) && !misnamed(theirs) {
        (asks, theirs)
    } else {
        (theirs, asks)
    };
    let (at, link, own) = wrong;
    let place = case.scene.topology.place(at.place);
    let lower = link.lower.filter(|lower| lower.netns.is_none())?;
    let (lower, inside) = (&place.net.link(lower.index)?.name, typed_in(place));
    let words = |id: u16| {
        let proto = if own.protocol == "802.1ad" {
            " proto 802.1ad"
        } else {
            ""
        };
        remade(
            place,
            link,
            &inside,
            &format!("link {lower} type vlan{proto} id {id}"),
        )
    };
    let shown = |explained: Explained, (at, link, vlan): (At, &Link, &Vlan)| {
        let title = case.scene.topology.place(at.place).title();
        explained.shown(
            format!("ip -d link show dev {} on {title}", link.name),
            format!("vlan id {}", vlan.id),
        )
    };
    let explained = shown(shown(explained.clone(), asks), theirs);
    Some(
        explained
            .sure(Sure::Likely)
            .because(format!("the two VLAN links have different numbers, {} and {}", asks.2.id, theirs.2.id))
            .run(&place.node.name, words(right.2.id), words(own.id))
            .step("the kernel can't change the number of a link, so it is made anew; or the other one, if this one is right"),
    )
}

/// A bridge whose ports are in VLANs, and that doesn't filter by them: frames keep their tags.
fn forgotten(case: &Case, explained: &Explained, port: Port) -> Option<Explained> {
    let place = case.scene.topology.place(port.at.place);
    let own = bridge(port.bridge).filter(|bridge| !bridge.vlan_filtering)?;
    let listed = place
        .ports(port.bridge.index)
        .iter()
        .any(|port| of_port(place, port.index).any(|vlan| ![own.vlan_default_pvid, 1].contains(&vlan.vid)));
    let (title, inside, name) = (place.title(), typed_in(place), &port.bridge.name);
    let line = |on: u8| format!("{inside}ip link set {name} type bridge vlan_filtering {on}");
    listed.then(|| {
        explained
            .clone()
            .sure(Sure::Likely)
            .because(format!("{name} of {title} does not filter by VLANs, though its ports have some: frames pass it with their tags"))
            .shown(format!("ip -d link show dev {name} on {title}"), "vlan_filtering 0")
            .run(&place.node.name, line(1), line(0))
    })
}

/// Frames leave by a port with a tag that came in without one.
fn tagged(case: &Case, explained: &Explained, port: Port) -> Option<Explained> {
    let place = case.scene.topology.place(port.at.place);
    bridge(port.bridge).filter(|bridge| bridge.vlan_filtering)?;
    let found = of_port(place, port.link.index).find(|vlan| vlan.pvid && !vlan.untagged)?;
    let (title, inside, name, vid) = (place.title(), typed_in(place), &port.link.name, found.vid);
    let line = |words: &str| format!("{inside}bridge vlan add dev {name} vid {vid} {words}");
    Some(
        explained
            .clone()
            .sure(Sure::Likely)
            .because(format!(
                "frames of VLAN {vid} come in by {name} of {title} without a tag, and leave there with one"
            ))
            .shown(format!("bridge vlan show dev {name} on {title}"), text(*found))
            .run(&place.node.name, line("pvid untagged"), line("pvid")),
    )
}

/// The port of whoever is asked for is in another VLAN.
fn other(case: &Case, explained: &Explained, vid: u16, port: Port) -> Option<Explained> {
    let place = case.scene.topology.place(port.at.place);
    bridge(port.bridge).filter(|bridge| bridge.vlan_filtering)?;
    let own = pvid(place, port.link.index).filter(|own| *own != vid)?;
    let (title, inside, name) = (place.title(), typed_in(place), &port.link.name);
    let line = |vid: u16| format!("{inside}bridge vlan add dev {name} vid {vid} pvid untagged");
    let was = of_port(place, port.link.index).any(|vlan| vlan.vid == vid);
    let back = if was {
        String::new()
    } else {
        format!("; {inside}bridge vlan del dev {name} vid {vid}")
    };
    Some(
        explained
            .clone()
            .sure(Sure::Possible)
            .because(format!(
                "{name} of {title} is in VLAN {own}, and the question is in {vid}: VLANs are there to keep the two apart, unless {name} belongs to {vid}"
            ))
            .shown(format!("bridge vlan show dev {name} on {title}"), of_port(place, port.link.index).copied().map(text).collect::<Vec<_>>().join(", "))
            .run(&place.node.name, line(vid), format!("{}{back}", line(own)))
            .step(format!("only if {name} belongs to VLAN {vid}")),
    )
}
