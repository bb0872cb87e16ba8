//! Ports of bridges and bonds.

use super::Explained;
use super::case::{Case, link_named, typed_in};
use crate::diagnose::finding::Sure;
use crate::forward::packet::Mac;
use crate::forward::topology::Place;
use crate::forward::walk::Cause;
use crate::state::kind::LinkData;
use crate::state::link::{Link, LinkFlags};

pub(super) fn port_state(case: &Case, port: &str, bridge: &str, cause: &Cause) -> Explained {
    let who = case.who();
    let state = match cause {
        Cause::PortState { state, .. } => state.as_str(),
        _ => "",
    };
    let explained = Explained::new(
        "bridge-port-not-forwarding",
        case,
        Sure::Proved,
        format!("port {port} of {bridge} on {who} is {state}"),
    );
    port_opened(case.place, port, bridge, cause, explained)
}

/// Why a port doesn't forward, and what opens it.
pub(super) fn port_opened(
    place: &Place,
    port: &str,
    bridge: &str,
    cause: &Cause,
    explained: Explained,
) -> Explained {
    let state = match cause {
        Cause::PortState { state, .. } => state.as_str(),
        _ => "",
    };
    let explained = explained.shown(
        format!("bridge link show dev {port} on {}", place.title()),
        format!("state {state}"),
    );
    let spanning = link_named(place, bridge).and_then(|link| match &link.data {
        Some(LinkData::Bridge(data)) => Some(data.stp_state),
        _ => None,
    });
    match state {
        "blocking" | "listening" | "learning" if spanning != Some(0) => explained
            .because(format!(
                "STP keeps it from forwarding: {bridge} sees a loop, or the port just came up (15 s a step)"
            ))
            .step(format!(
                "look for a second way between bridges: bridge link; brctl showstp {bridge}"
            )),
        _ => explained
            .because("the port was disabled, or its link is down")
            .run(
                &place.node.name,
                format!("bridge link set dev {port} state 3"),
                format!("bridge link set dev {port} state 0"),
            ),
    }
}

pub(super) fn not_a_port(case: &Case, port: &str, bridge: &str) -> Explained {
    Explained::new(
        "link-without-bridge",
        case,
        Sure::Proved,
        format!("{port} is no port of {bridge} any more"),
    )
    .because("somebody took the container's link out of its bridge")
    .shown(
        format!("ip link show dev {port} on {}", case.who()),
        format!("no master {bridge}"),
    )
    .run(
        &case.place.node.name,
        format!("ip link set {port} master {bridge}"),
        format!("ip link set {port} nomaster"),
    )
}

pub(super) fn hairpin(case: &Case, port: &str) -> Explained {
    Explained::new("hairpin-off", case, Sure::Proved, format!("the packet should go back out of {port}, and hairpin is off there"))
        .because("a pod reaches itself through its own service, and the bridge sends nothing back by the port it came from")
        .shown(format!("bridge -d link show dev {port} on {}", case.who()), "hairpin off")
        .run(
            &case.place.node.name,
            format!("bridge link set dev {port} hairpin on"),
            format!("bridge link set dev {port} hairpin off"),
        )
        .step("for all pods: hairpinMode true in the CNI's bridge plugin")
}

pub(super) fn isolated(case: &Case, from: &str, to: &str) -> Explained {
    Explained::new(
        "bridge-ports-isolated",
        case,
        Sure::Proved,
        format!("ports {from} and {to} are isolated from each other"),
    )
    .because("both ports are set to isolated: they reach only ports that are not")
    .shown(
        format!("bridge -d link on {}", case.who()),
        format!("isolated on: {from}, {to}"),
    )
    .run(
        &case.place.node.name,
        format!("bridge link set dev {to} isolated off"),
        format!("bridge link set dev {to} isolated on"),
    )
}

pub(super) fn vlan(case: &Case, port: &str, vlan: Option<u16>) -> Explained {
    let what = vlan.map_or_else(|| "the frame's VLAN".to_owned(), |vlan| format!("VLAN {vlan}"));
    let explained = Explained::new(
        "vlan-not-on-port",
        case,
        Sure::Proved,
        format!("port {port} is no member of {what}"),
    )
    .because("the bridge filters VLANs, and this port was not added")
    .shown(
        format!("bridge vlan show dev {port} on {}", case.who()),
        format!("{what} is not listed"),
    );
    match vlan {
        Some(vlan) => explained.run(
            &case.place.node.name,
            format!("bridge vlan add dev {port} vid {vlan}"),
            format!("bridge vlan del dev {port} vid {vlan}"),
        ),
        None => explained.step(format!(
            "bridge vlan add dev {port} vid NUMBER, with pvid untagged for frames without a tag"
        )),
    }
}

/// A bond whose ports are all down or gone.
pub(super) fn no_port(case: &Case, link: &str) -> Explained {
    let explained = Explained::new(
        "bridge-without-ports",
        case,
        Sure::Proved,
        format!("{link} of {} has no port that is up", case.who()),
    );
    portless(explained, case.place, link)
}

/// What brings ports back to a bond or bridge.
pub(super) fn portless(explained: Explained, place: &Place, link: &str) -> Explained {
    let (title, inside) = (place.title(), typed_in(place));
    let master = link_named(place, link);
    let ports = master.map_or(&[][..], |master| place.ports(master.index));
    let explained = explained
        .because(format!(
            "all links below {link} of {title} are down, or were taken out"
        ))
        .shown(format!("ip link show master {link} on {title}"), "none is up");
    if !ports.is_empty() {
        return explained
            .look(&place.node.name, format!("{inside}ip link show master {link}"))
            .step("bring one of them up: ip link set PORT up");
    }
    let used = |own: &Link| {
        place
            .net
            .addresses
            .items()
            .iter()
            .any(|address| address.link == own.index)
    };
    let free = |own: &&Link| {
        let hardware = own.kind.is_none() && !own.flags.has(LinkFlags::LOOPBACK);
        (hardware || own.kind.as_deref() == Some("veth")) && own.master.is_none() && !used(own)
    };
    let names: Vec<&str> = place
        .net
        .links
        .items()
        .iter()
        .filter(free)
        .map(|own| own.name.as_str())
        .collect();
    let which = if names.is_empty() {
        "none was seen".to_owned()
    } else {
        names.join(", ")
    };
    explained
        .look(&place.node.name, format!("{inside}ip link show nomaster"))
        .step(format!(
            "add its ports (links without a use of their own: {which}): ip link set PORT down; ip link set PORT master {link}"
        ))
}

/// The bridge knows no port for the address, and floods to none.
pub(super) fn no_port_for(case: &Case, bridge: &str, mac: Mac) -> Explained {
    let who = case.who();
    Explained::new(
        "frame-without-port",
        case,
        Sure::Likely,
        format!("no port of {bridge} on {who} leads to {mac}"),
    )
    .because("the container's link is no port of the bridge, or flooding is off and nothing was learned")
    .shown(
        format!("bridge fdb show br {bridge} on {who}"),
        format!("nothing for {mac}"),
    )
    .look(&case.place.node.name, format!("bridge link show | grep {bridge}"))
    .step(format!(
        "put the link of whoever has {mac} into {bridge}: ip link set LINK master {bridge}"
    ))
}
