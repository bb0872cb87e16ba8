//! Links, ports of bridges, sizes, and ports that nobody listens on.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, link_named, typed_in};
use super::published::unpublished;
use crate::diagnose::finding::Sure;
use crate::forward::packet::Mac;
use crate::forward::topology::{Place, PlaceId};
use crate::forward::walk::{Cause, What};
use crate::state::kind::LinkData;
use crate::state::link::Link;

/// Of flannel's UDP back end.
const FLANNEL_UDP: u16 = 8285;

pub(super) fn down(case: &Case, link: &str) -> Explained {
    let (who, node, inside) = (case.who(), &case.place.node.name, typed_in(case.place));
    let explained = Explained::new(
        "link-down",
        case,
        Sure::Proved,
        format!("link {link} of {who} is down"),
    )
    .shown(format!("ip link show dev {link} on {who}"), "without the flag UP")
    .run(
        node,
        format!("{inside}ip link set {link} up"),
        format!("{inside}ip link set {link} down"),
    );
    // Routes of a link go when it goes down, and don't come back by themselves.
    let bridge = link_named(case.place, link).is_some_and(crate::state::link::Link::is_bridge);
    if bridge {
        explained.because(format!(
            "somebody set {link} down: all its containers are cut off"
        ))
    } else {
        explained
            .because("somebody set it down, or its setup did not end")
            .step("routes over it went with it: see that they are back (ip route)")
    }
}

/// The link with an address is down; its routes, and those that others learned from it, went with it.
pub(super) fn holder_down(explained: &Explained, owner: &Place, ip: IpAddr) -> Option<Explained> {
    let address = owner
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == ip)?;
    let holder = owner.net.link(address.link).filter(|holder| !holder.is_up())?;
    let (title, inside, name) = (owner.title(), typed_in(owner), &holder.name);
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!("{name} of {title}, which has {ip}, is down"))
            .shown(
                format!("ip link show dev {name} on {title}"),
                "without the flag UP",
            )
            .run(
                &owner.node.name,
                format!("{inside}ip link set {name} up"),
                format!("{inside}ip link set {name} down"),
            )
            .step("routes over it went with it: see that they are back (ip route)"),
    )
}

/// Asker and owner have macvlans of one host, of a mode in which they don't hear each other.
pub(super) fn macvlans_apart(
    case: &Case,
    explained: &Explained,
    link: &str,
    owner: PlaceId,
) -> Option<Explained> {
    let owner = case.scene.topology.place(owner);
    if !std::ptr::eq(owner.node, case.place.node) {
        return None;
    }
    let mode = |link: &'_ Link| match &link.data {
        Some(LinkData::Macvlan(macvlan)) => Some(macvlan.mode.clone()),
        _ => None,
    };
    let own = mode(link_named(case.place, link)?)?;
    let theirs = owner.net.links.items().iter().find_map(mode)?;
    let apart = [&own, &theirs].into_iter().find(|mode| *mode != "bridge")?;
    let (who, title) = (case.who(), owner.title());
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!(
                "{who} and {title} have macvlans of one host: in mode {apart}, they reach each other only by a switch that sends \
                 back what came by the same port (hairpin, 802.1Qbg), and in mode private not at all"
            ))
            .shown(format!("ip -d link show dev {link} on {who}"), format!("macvlan mode {own}"))
            .shown(format!("ip -d link on {title}"), format!("macvlan mode {theirs}"))
            .step("make both of mode bridge: docker network create -d macvlan -o macvlan_mode=bridge …, or the mode of the CNI's configuration"),
    )
}

/// The host's end of a pod's cable is down.
pub(super) fn cable_down(case: &Case, explained: &Explained, pod: PlaceId) -> Option<Explained> {
    let owner = case.scene.topology.place(pod);
    owner.namespace.as_ref()?;
    let end = case.host_end(pod)?;
    let link = case.scene.topology.link(end).filter(|link| !link.is_up())?;
    let host = case.scene.topology.place(end.place);
    let (title, name) = (owner.title(), &link.name);
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!(
                "{name} of {}, the other end of the cable of {title}, is down",
                host.title()
            ))
            .shown(
                format!("ip link show dev {name} on {}", host.title()),
                "without the flag UP",
            )
            .run(
                &host.node.name,
                format!("ip link set {name} up"),
                format!("ip link set {name} down"),
            ),
    )
}

pub(super) fn too_big(case: &Case, link: &str, mtu: u32, size: u32) -> Explained {
    let who = case.who();
    let tunnel = case.trail().iter().rev().find(|step| step.what == What::Encap);
    let start = case.hops().first().map(|hop| (hop.place, hop.output));
    let explained = Explained::new(
        "mtu-too-small",
        case,
        Sure::Proved,
        format!("{size} bytes don't fit {link} of {who} (MTU {mtu})"),
    )
    .shown(format!("ip link show dev {link} on {who}"), format!("mtu {mtu}"));
    let explained = match start {
        Some((place, Some(out))) if place != case.id => {
            let name = case.name(place, out);
            let title = case.scene.topology.place(place).title();
            let at = crate::forward::topology::At { place, link: out };
            let own = case.scene.topology.link(at).map_or(0, |link| link.mtu);
            explained.shown(
                format!("ip link show dev {name} of {title}"),
                format!("mtu {own}"),
            )
        }
        _ => explained,
    };
    let over = if tunnel.is_some() {
        "with what the tunnel adds, packets are larger than the link below it takes"
    } else {
        "links along the way take less than the sender's"
    };
    let room =
        mtu.saturating_sub(size.saturating_sub(case.first_packet().map_or(size, |packet| packet.size)));
    let explained = explained.because(format!("{over}; whoever drops ICMP (fragmentation needed) makes it worse: small packets pass, large ones hang"));
    let explained = match start {
        Some((place, Some(out))) => {
            let sender = case.scene.topology.place(place);
            let inside = typed_in(sender);
            let name = case.name(place, out);
            let at = crate::forward::topology::At { place, link: out };
            let own = case.scene.topology.link(at).map_or(1500, |link| link.mtu);
            explained.run(
                &sender.node.name,
                format!("{inside}ip link set {name} mtu {room}"),
                format!("{inside}ip link set {name} mtu {own}"),
            )
        }
        _ => explained,
    };
    explained.step(format!(
        "for all pods: MTU {room} in the CNI's configuration (Calico: veth_mtu or FelixConfiguration; flannel: net-conf.json), then new pods"
    ))
}

pub(super) fn port_closed(case: &Case, proto: &str, port: u16) -> Explained {
    if let Some(explained) = of_somebody_else(case) {
        return explained;
    }
    if let Some(explained) = unpublished(case, proto, port) {
        return explained;
    }
    let (who, inside) = (case.who(), typed_in(case.place));
    let explained = Explained::new(
        "port-not-listening",
        case,
        Sure::Proved,
        format!("nobody in {who} listens on {proto}/{port}"),
    )
    .shown(
        format!("ss -ln in {who}"),
        format!("no socket on {proto}/{port} for this address"),
    );
    let local = case
        .place
        .net
        .tcp
        .items()
        .iter()
        .map(|socket| socket.local)
        .chain(case.place.net.udp.items().iter().map(|socket| socket.local))
        .find(|local| local.port() == port && local.ip().is_loopback());
    let explained = match local {
        _ if port == FLANNEL_UDP && proto == "udp" => explained
            .because("flanneld is not running there: it carries what goes by flannel0, in UDP")
            .step("systemctl start flanneld"),
        Some(local) => explained
            .because("the program listens on the loopback address only")
            .shown(format!("ss -ln in {who}"), local.to_string())
            .step("let it listen on 0.0.0.0 or the pod's address"),
        None => explained
            .because("the network is well: the program is down, or listens on another port")
            .step("start it, or ask for the right port"),
    };
    let flag = if proto == "tcp" { "t" } else { "u" };
    explained.look(&case.place.node.name, format!("{inside}ss -l{flag}np"))
}

/// An answer that comes from another address than was asked: its way leads past whoever translated the question.
fn of_somebody_else(case: &Case) -> Option<Explained> {
    let there = &case.there?.state.trail;
    let asked = there.first()?.packet.as_deref()?.dst;
    let from = case.first_packet()?.src;
    let nat = there
        .iter()
        .rev()
        .find(|step| step.what == What::Nat && asked != from)?;
    let translator = case.scene.topology.place(nat.place).title();
    if let Some(explained) = past_netfilter(case, nat.place, asked) {
        return Some(explained);
    }
    Some(
        not_asked(case, from, asked).because(format!(
            "{translator} translated the destination and not the source, so the answer goes past it, as it is: MASQUERADE is missing there"
        ))
        .shown(format!("netfilter of {translator}"), nat.text.clone())
        .look(
            &case.scene.topology.place(nat.place).node.name,
            "iptables-save -c -t nat | grep -i masq",
        )
        .step("of a service: see that KUBE-MARK-MASQ and KUBE-POSTROUTING are whole, and restart kube-proxy"),
    )
}

/// An answer of somebody who was not asked.
fn not_asked(case: &Case, from: IpAddr, asked: IpAddr) -> Explained {
    let who = case.who();
    Explained::new(
        "answer-from-elsewhere",
        case,
        Sure::Proved,
        format!("the answer comes from {from}, but {who} asked {asked}, and takes no other's"),
    )
}

/// Two have one address, and routes lead to the other.
pub(super) fn address_shared(case: &Case, ip: IpAddr, asker: &str) -> Explained {
    let (other, node) = (case.who(), &case.place.node.name);
    let route = case
        .trail()
        .iter()
        .rev()
        .find(|step| step.what == What::Route && step.place != case.id);
    let explained = Explained::new(
        "pod-address-shared",
        case,
        Sure::Proved,
        format!("{asker} and {other} both have {ip}: answers for {asker} go to {other}"),
    );
    let explained = match route {
        Some(step) => explained.shown(
            format!("ip route on {}", case.scene.topology.place(step.place).title()),
            step.text.clone(),
        ),
        None => explained,
    };
    explained
        .look(node, format!("ip route show to match {ip}"))
        .step("delete one of the two; then look for what gave the address out twice: netdiag ipam check")
}

/// An answer that a bridge of the translator carries without asking netfilter.
fn past_netfilter(case: &Case, translator: PlaceId, asked: IpAddr) -> Option<Explained> {
    let here = || case.trail().iter().filter(|step| step.place == translator);
    if !here().any(|step| step.what == What::Out) || here().any(|step| step.what == What::Route) {
        return None;
    }
    let from = case.first_packet()?.src;
    let place = case.scene.topology.place(translator);
    Some(
        not_asked(case, from, asked).because(format!(
            "asker and endpoint are on one bridge of {}, which carries the answer past netfilter, where it would be translated back: \
             net.bridge.bridge-nf-call-iptables is not 1 there, or the module br_netfilter is not loaded",
            place.title()
        ))
        .run(
            &place.node.name,
            "modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1",
            "sysctl -w net.bridge.bridge-nf-call-iptables=0",
        )
        .step("keep it: br_netfilter in /etc/modules-load.d, the setting in /etc/sysctl.d"),
    )
}

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
    Explained::new(
        "bridge-without-ports",
        case,
        Sure::Proved,
        format!("{link} of {} has no port that is up", case.who()),
    )
    .because("all links below it are down, or were taken out")
    .shown(
        format!("ip link show master {link} on {}", case.who()),
        "none is up",
    )
    .look(&case.place.node.name, format!("ip link show master {link}"))
    .step("bring one of them up (ip link set PORT up), or add one (ip link set PORT master …)")
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
