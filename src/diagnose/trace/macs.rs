//! Frames for a link-layer address that nobody has: stale entries, and links that were made anew.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, link_named, typed_in};
use super::neighbors::detached;
use crate::diagnose::finding::Sure;
use crate::forward::packet::Mac;
use crate::forward::topology::Place;
use crate::forward::walk::{End, Step, What};
use crate::state::kind::LinkData;
use crate::state::link::Link;

/// The frame goes to a link-layer address that nobody has where it arrives.
pub(super) fn nobody_has(case: &Case) -> Explained {
    let who = case.who();
    let Some(step) = sender(case.trail()) else {
        return Explained::new(
            "frame-for-nobody",
            case,
            Sure::Likely,
            format!("{who} gets a frame that is not for it"),
        )
        .because("the sender has a wrong link-layer address for the next hop");
    };
    let from = case.scene.topology.place(step.place);
    let title = from.title();
    let words: Vec<&str> = step.text.split(' ').collect();
    let (ip, mac) = (words.first().copied().unwrap_or(""), after(&words, "lladdr"));
    let (dev, permanent) = (after(&words, "dev"), step.text.ends_with("PERMANENT"));
    let owner = ip.parse().ok().and_then(|ip: IpAddr| case.owner(ip));
    if let Some((pod, found)) = owner.filter(|(_, found)| found.namespace.is_some()) {
        let lost = Explained::new(
            "frame-for-nobody",
            case,
            Sure::Proved,
            format!("{} is cut off from its node", found.title()),
        )
        .shown(format!("ip neigh on {title}"), &*step.text);
        if let Some(detached) = detached(case, &lost, pod) {
            return detached;
        }
    }
    // Whoever has the next hop's address, by the same kind of link.
    let held = ip.parse().ok().and_then(|ip: IpAddr| case.held(ip));
    let right = held.and_then(|at| {
        let link = case.scene.topology.link(at)?;
        let title = case.scene.topology.place(at.place).title();
        Some((title, link.name.clone(), link.mac.clone()?))
    });
    let by_vxlan = link_named(from, dev).is_some_and(is_vxlan);
    let right = right.or_else(|| {
        // What nobody has (169.254.1.1), the other end of the link answers for.
        if !by_vxlan {
            let at = case.scene.topology.veth_peer(case.at_named(step.place, dev)?)?;
            let link = case
                .scene
                .topology
                .link(at)
                .filter(|link| link.master.is_none())?;
            let title = case.scene.topology.place(at.place).title();
            return Some((title, link.name.clone(), link.mac.clone()?));
        }
        let found = case.place.net.links.items().iter().find(|link| is_vxlan(link))?;
        Some((who.clone(), found.name.clone(), found.mac.clone()?))
    });
    let explained = Explained::new(
        "frame-for-nobody",
        case,
        Sure::Proved,
        format!("{title} sends to {mac}, which nobody at {who} has: the neighbor entry of {ip} is stale"),
    )
    .shown(format!("ip neigh on {title}"), &*step.text);
    let explained = if permanent && !by_vxlan {
        explained.because("somebody wrote the entry by hand: the kernel's own are never permanent")
    } else if permanent {
        explained.because(
"the entry was written by an agent (flanneld, Felix), and the other node's link got a new address since: by a reboot, udev or NetworkManager",
)
    } else {
        explained.because("the host with the address was replaced, and the old entry lives on")
    };
    let Some((place, link, right)) = right.filter(|(.., right)| Mac::parse(right) != Mac::parse(mac)) else {
        return explained.sure(Sure::Likely).step(format!(
            "ip neigh del {ip} dev {dev} on {title}: it is asked for anew"
        ));
    };
    let state = if permanent {
        "nud permanent"
    } else {
        "nud reachable"
    };
    let inside = typed_in(from);
    explained
        .shown(format!("ip link show dev {link} on {place}"), right.clone())
        .run(
            &from.node.name,
            format!("{inside}ip neigh replace {ip} lladdr {right} dev {dev} {state}"),
            format!("{inside}ip neigh replace {ip} lladdr {mac} dev {dev} {state}"),
        )
        .step(if permanent && !by_vxlan {
            "or delete it, so that the kernel asks for itself"
        } else if permanent {
            "and the FDB entry with it (bridge fdb append … dst NODE); for good: restart the agent, and set MACAddressPolicy=none for its link"
        } else {
            "it also goes by itself when the entry ages"
        })
}

/// A link that takes no ARP sends all to its own address (`arp_constructor` in `net/ipv4/arp.c`); those on top of others
/// have nobody to ask.
pub(super) fn by_noarp(case: &Case) -> Option<Explained> {
    if matches!(
        case.outcome.end,
        End::Delivered | End::Answered(_) | End::Heard { .. }
    ) {
        return None;
    }
    let step = sender(case.trail()).filter(|step| step.text.ends_with(" NOARP"))?;
    let from = case.scene.topology.place(step.place);
    let words: Vec<&str> = step.text.split(' ').collect();
    let (ip, dev) = (words.first()?, after(&words, "dev"));
    let kind = link_named(from, dev)?.kind.as_deref().unwrap_or_default();
    ["", "veth", "bridge", "bond", "team", "vlan", "macvlan"]
        .contains(&kind)
        .then(|| of_noarp(case, from, dev, ip))
}

fn of_noarp(case: &Case, from: &Place, dev: &str, ip: &str) -> Explained {
    let (title, inside) = (from.title(), typed_in(from));
    Explained::new(
        "frame-for-nobody",
        case,
        Sure::Proved,
        format!("{title} asks nobody for {ip}: {dev} takes no ARP"),
    )
    .because(format!(
        "ARP was switched off on {dev} of {title}: it sends every frame to its own address"
    ))
    .shown(format!("ip link show dev {dev} on {title}"), "NOARP")
    .run(
        &from.node.name,
        format!("{inside}ip link set {dev} arp on"),
        format!("{inside}ip link set {dev} arp off"),
    )
}

const fn is_vxlan(link: &Link) -> bool {
    matches!(link.data, Some(LinkData::Vxlan(_)))
}

/// The neighbor entry that the frame was addressed by: for one out of a tunnel, that of the packet inside.
fn sender(trail: &[Step]) -> Option<&Step> {
    let mut depth = 0_u32;
    trail.iter().rev().find(|step| {
        match step.what {
            What::Decap => depth += 1,
            What::Encap => depth = depth.saturating_sub(1),
            _ => {}
        }
        step.what == What::Neighbor && depth == 0
    })
}

fn after<'w>(words: &[&'w str], key: &str) -> &'w str {
    let at = words.iter().position(|word| *word == key);
    at.and_then(|at| words.get(at + 1)).copied().unwrap_or("?")
}
