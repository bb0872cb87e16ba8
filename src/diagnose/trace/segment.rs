//! Two that should be on one segment, and what keeps them apart: ports of bridges and their settings, wrong entries of
//! forwarding databases, and who hears a question and does not answer.

use std::net::IpAddr;

use super::case::{Case, typed_in};
use super::{Explained, neighbors, ports};
use crate::diagnose::connected::Connected;
use crate::diagnose::finding::Sure;
use crate::forward::fib::Flow;
use crate::forward::packet::Mac;
use crate::forward::topology::{At, Place, PlaceId};
use crate::forward::walk::{Step, What};
use crate::state::kind::{BridgePort, PortState};
use crate::state::link::{Link, LinkFlags};
use crate::state::route::Route;

/// A port of a bridge, and that bridge.
#[derive(Clone, Copy)]
pub(super) struct Port<'a> {
    pub(super) at: At,
    pub(super) link: &'a Link,
    pub(super) bridge: &'a Link,
}

/// Why the owner of an address does not answer whoever asks on `link`; nothing when no reason was seen.
pub(super) fn apart(
    case: &Case,
    explained: &Explained,
    link: &str,
    owner: PlaceId,
    target: IpAddr,
    heard: &[At],
) -> Option<Explained> {
    let place = case.scene.topology.place(owner);
    let addresses = place.net.addresses.items();
    let holder = addresses.iter().find(|address| address.ip == target)?.link;
    let theirs = At {
        place: owner,
        link: holder,
    };
    let asks = case.at_named(case.id, link);
    silent(case, explained, theirs, target, heard.contains(&theirs))
        .or_else(|| neighbors::detached(case, explained, owner))
        .or_else(|| between(case, explained, port_of(case, asks?)?, port_of(case, theirs)?))
        .or_else(|| unplugged(case, explained, theirs))
        .or_else(|| unplugged(case, explained, asks?))
}

/// The port that a link hangs on: the other end of its cable.
pub(super) fn port_of<'a>(case: &Case<'_, 'a>, at: At) -> Option<Port<'a>> {
    let topology = case.scene.topology;
    let at = topology.veth_peer(at)?;
    port(case, at)
}

fn port<'a>(case: &Case<'_, 'a>, at: At) -> Option<Port<'a>> {
    let link = case.scene.topology.link(at)?;
    let bridge = case.scene.topology.place(at.place).net.link(link.master?)?;
    bridge.is_bridge().then_some(Port { at, link, bridge })
}

/// It has the address, and gives no answer for it on that link.
fn silent(case: &Case, explained: &Explained, at: At, target: IpAddr, heard: bool) -> Option<Explained> {
    let place = case.scene.topology.place(at.place);
    let link = place.net.link(at.link)?;
    let (title, inside, name) = (place.title(), typed_in(place), &link.name);
    let explained = explained.clone().sure(Sure::Proved);
    if link.flags.has(LinkFlags::NOARP) {
        return Some(
            explained
                .because(format!("{name} of {title}, which has {target}, takes no ARP"))
                .shown(format!("ip link show dev {name} on {title}"), "NOARP")
                .run(
                    &place.node.name,
                    format!("{inside}ip link set {name} arp on"),
                    format!("{inside}ip link set {name} arp off"),
                ),
        );
    }
    if !heard || target.is_ipv6() {
        return None;
    }
    for key in ["arp_ignore", "arp_filter"] {
        let of = |whose: &str| place.setting(false, whose, key).unwrap_or(0);
        let set = [name.as_str(), "all"].into_iter().find(|whose| of(whose) != 0);
        if let Some(whose) = set {
            let value = of(whose);
            return Some(
                explained
                    .because(format!(
                        "{title} hears the question, and {key} keeps it from answering on {name}"
                    ))
                    .shown(
                        format!("sysctl net.ipv4.conf.{whose}.{key} on {title}"),
                        value.to_string(),
                    )
                    .run(
                        &place.node.name,
                        format!("{inside}sysctl -w net.ipv4.conf.{whose}.{key}=0"),
                        format!("{inside}sysctl -w net.ipv4.conf.{whose}.{key}={value}"),
                    ),
            );
        }
    }
    let sender = case.first_packet()?.src;
    let back = place.fib.lookup(&Flow::to(sender));
    if let Some(explained) = without_segment(&explained, place, link, sender) {
        return Some(explained);
    }
    let elsewhere = back.map_or(true, |hit| hit.hops.iter().all(|hop| hop.link != Some(at.link)));
    elsewhere.then(|| {
        explained
            .sure(Sure::Likely)
            .because(format!(
                "{title} hears the question, but has no way back to {sender} by {name}, and answers only where it has one"
            ))
            .shown(format!("ip route get {sender} on {title}"), format!("not by {name}"))
            .step(format!("give {title} a route to {sender} by {name}: compare the lengths of both addresses"))
    })
}

/// The asker is on the segment of an address of the link, and the route that comes with it is gone.
fn without_segment(explained: &Explained, place: &Place, link: &Link, asker: IpAddr) -> Option<Explained> {
    let mut own = place.net.addresses.items().iter();
    let near =
        own.find(|own| own.link == link.index && own.network().is_some_and(|net| net.contains(&asker)))?;
    let connected = Connected::of(place.net, near)?;
    let leads = |route: &Route| {
        route.dst.contains(&asker) && route.next_hops.iter().any(|hop| hop.link == Some(link.index))
    };
    if place.net.routes.items().iter().any(leads) {
        return None;
    }
    let (title, inside) = (place.title(), typed_in(place));
    Some(
        explained
            .clone()
            .because(format!(
                "{title} hears the question, but has no way back by {}, and answers only where it has one: the route that comes with {} is gone",
                link.name, near.ip
            ))
            .shown(format!("ip route show table all dev {} on {title}", link.name), format!("nothing to {}", connected.net))
            .run(
                &place.node.name,
                format!("{inside}ip route {}", connected.add),
                format!("{inside}ip route {}", connected.del),
            ),
    )
}

/// What keeps two ports of one bridge apart.
fn between(case: &Case, explained: &Explained, asks: Port, theirs: Port) -> Option<Explained> {
    for port in [asks, theirs] {
        if let Some(state) = not_forwarding(port.link) {
            return Some(blocked(case, explained, port, state));
        }
    }
    let same = asks.at.place == theirs.at.place && asks.bridge.index == theirs.bridge.index;
    let [from, to] = [asks, theirs].map(|port| port.link.port.as_ref());
    let (Some(from), Some(to)) = (from, to) else {
        return None;
    };
    if !same {
        return None;
    }
    if from.isolated && to.isolated {
        let found = ports::isolated(case, &asks.link.name, &theirs.link.name);
        return Some(as_of(explained, found));
    }
    let closed = |port: Port, what: &str, flag: &str| {
        let place = case.scene.topology.place(port.at.place);
        let name = &port.link.name;
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!(
                "{} floods no {what} to its port {name}",
                port.bridge.name
            ))
            .shown(
                format!("bridge -d link show dev {name} on {}", place.title()),
                format!("{flag} off"),
            )
            .run(
                &place.node.name,
                format!("bridge link set dev {name} {flag} on"),
                format!("bridge link set dev {name} {flag} off"),
            )
    };
    let unheard = |port: &BridgePort| !port.flood && !port.learning;
    if !to.bcast_flood {
        return Some(closed(theirs, "broadcasts", "bcast_flood"));
    }
    // The question comes through; the answer is for an address that no port is known for.
    [(asks, from), (theirs, to)]
        .into_iter()
        .find(|(_, port)| unheard(port))
        .map(|(port, _)| {
            closed(
                port,
                "frames to addresses that it doesn't know, and learns none there,",
                "flood",
            )
        })
}

fn not_forwarding(link: &Link) -> Option<PortState> {
    let state = link.port.as_ref()?.state;
    (state != PortState::Forwarding).then_some(state)
}

fn blocked(case: &Case, explained: &Explained, port: Port, state: PortState) -> Explained {
    let place = case.scene.topology.place(port.at.place);
    let (name, bridge) = (&port.link.name, &port.bridge.name);
    let state = format!("{state:?}").to_lowercase();
    explained
        .clone()
        .sure(Sure::Proved)
        .because(format!("port {name} of {bridge} on {} is {state}", place.title()))
        .shown(format!("bridge link show dev {name} on {}", place.title()), format!("state {state}"))
        .step(format!("STP keeps it from forwarding where there is a second way between bridges: bridge link; without STP: bridge link set dev {name} state 3"))
}

/// The title stays the question's; why it is so comes from the port.
fn as_of(explained: &Explained, found: Explained) -> Explained {
    let mut found = found;
    let title = std::mem::replace(&mut found.finding.title, explained.finding.title.clone());
    found.finding.id = explained.finding.id;
    let mut evidence = explained.finding.evidence.clone();
    evidence.append(&mut found.finding.evidence);
    found.finding.evidence = evidence;
    found.because(title)
}

/// A bridge without a port to the wire, while a link of its host is in no bridge and has no use of its own.
fn unplugged(case: &Case, explained: &Explained, at: At) -> Option<Explained> {
    let topology = case.scene.topology;
    let (id, bridge) = match port_of(case, at) {
        Some(port) => (port.at.place, port.bridge),
        None => (at.place, topology.link(at).filter(|link| link.is_bridge())?),
    };
    let place = topology.place(id);
    let links = place.net.links.items();
    let to_wire = |link: &&Link| {
        let at = At {
            place: id,
            link: link.index,
        };
        let hardware = link.kind.is_none() && !link.flags.has(LinkFlags::LOOPBACK);
        hardware || (link.kind.as_deref() == Some("veth") && topology.veth_peer(at).is_none())
    };
    let ports: Vec<&Link> = links
        .iter()
        .filter(|link| link.master == Some(bridge.index))
        .collect();
    if let Some(link) = ports
        .iter()
        .copied()
        .filter(to_wire)
        .find(|link| not_forwarding(link).is_some())
    {
        let at = At {
            place: id,
            link: link.index,
        };
        return Some(blocked(
            case,
            explained,
            Port { at, link, bridge },
            not_forwarding(link)?,
        ));
    }
    if ports.iter().copied().any(|link| to_wire(&link)) {
        return None;
    }
    let has_address = |link: &Link| place.net.ipv4_on(link).next().is_some();
    let free = links
        .iter()
        .filter(to_wire)
        .find(|link| link.master.is_none() && link.is_up() && !has_address(link))?;
    let (name, bridge) = (&free.name, &bridge.name);
    Some(
        explained
            .clone()
            .because(format!(
                "{bridge} of {} has no port to the wire: {name}, which is in no bridge, may be it",
                place.title()
            ))
            .shown(
                format!("bridge link on {}", place.title()),
                format!("{name} is no port of {bridge}"),
            )
            .run(
                &place.node.name,
                format!("ip link set {name} master {bridge}"),
                format!("ip link set {name} nomaster"),
            ),
    )
}

/// An entry of a forwarding database that leads away from whoever has the address.
pub(super) fn wrong_entry(case: &Case) -> Option<Explained> {
    case.trail()
        .iter()
        .filter(|step| step.what == What::Fdb)
        .find_map(|step| wrong(case, step))
}

fn wrong(case: &Case, step: &Step) -> Option<Explained> {
    let topology = case.scene.topology;
    let mac = Mac::parse(step.text.split(' ').next()?)?;
    let used = port(
        case,
        At {
            place: step.place,
            link: step.link?,
        },
    )?;
    let (owner, right) = topology.places().find_map(|(id, place)| {
        let own = place.net.links.items().iter();
        let of_mac = own.filter(|link| link.mac.as_deref().and_then(Mac::parse) == Some(mac));
        let mut ends = of_mac.filter_map(|link| {
            port_of(
                case,
                At {
                    place: id,
                    link: link.index,
                },
            )
        });
        let at_bridge = |port: &Port| port.at.place == step.place && port.bridge.index == used.bridge.index;
        Some((place.title(), ends.find(at_bridge)?))
    })?;
    if right.at == used.at {
        return None;
    }
    let (node, bridge) = (topology.place(step.place).title(), &used.bridge.name);
    let (wrong, right) = (&used.link.name, &right.link.name);
    Some(
        Explained::new(
            "wrong-fdb-entry",
            case,
            Sure::Proved,
            format!("{bridge} of {node} sends frames for {mac} to {wrong}, where nobody has it"),
        )
        .because(format!(
            "a wrong entry of the FDB: {owner}, which has {mac}, is at {right}"
        ))
        .shown(
            format!("bridge fdb show br {bridge} on {node}"),
            step.text.clone(),
        )
        .shown(format!("ip link on {owner}"), mac.to_string())
        .run(
            &topology.place(step.place).node.name,
            format!("bridge fdb del {mac} dev {wrong} master"),
            format!("bridge fdb add {mac} dev {wrong} master static sticky"),
        ),
    )
}
