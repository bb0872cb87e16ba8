//! Links, ports of bridges, sizes, and ports that nobody listens on.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, link_named, typed_in};
use super::published::unpublished;
use crate::diagnose::finding::Sure;
use crate::forward::packet::Transport;
use crate::forward::topology::{Place, PlaceId};
use crate::forward::walk::What;
use crate::state::kind::LinkData;
use crate::state::link::Link;
use crate::state::netfilter::{Dialect, Ruleset};

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

/// What sets a link up that is down: first those below it, which take it along.
pub(super) fn raised<'a>(case: &Case<'_, 'a>, explained: Explained, link: &'a Link) -> Explained {
    let inside = typed_in(case.place);
    let down = below(case.place, link);
    let Some(lowest) = down.first() else {
        return explained;
    };
    let why = format!(
        "{} of {} is down, and the routes over {} went with it",
        lowest.name,
        case.who(),
        link.name
    );
    down.iter().fold(explained.because(why), |explained, link| {
        let name = &link.name;
        explained
            .shown(
                format!("ip link show dev {name} on {}", case.who()),
                "without the flag UP",
            )
            .run(
                &case.place.node.name,
                format!("{inside}ip link set {name} up"),
                format!("{inside}ip link set {name} down"),
            )
    })
}

/// A link and those below it, as far as they are down, the lowest first.
fn below<'a>(place: &Place<'a>, link: &'a Link) -> Vec<&'a Link> {
    let vlan = matches!(
        link.data,
        Some(LinkData::Vlan(_) | LinkData::Macvlan(_) | LinkData::Ipvlan(_))
    );
    let lower = link.lower.filter(|lower| vlan && lower.netns.is_none());
    let mut down = lower
        .and_then(|lower| place.net.link(lower.index))
        .filter(|lower| lower.index != link.index && !lower.is_up())
        .into_iter()
        .collect::<Vec<_>>();
    down.extend(Some(link).filter(|link| !link.is_up()));
    down
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
    let explained = explained
        .clone()
        .sure(Sure::Proved)
        .because(format!("{name} of {title}, which has {ip}, is down"));
    let explained = below(owner, holder)
        .into_iter()
        .fold(explained, |explained, link| {
            let name = &link.name;
            explained
                .shown(
                    format!("ip link show dev {name} on {title}"),
                    "without the flag UP",
                )
                .run(
                    &owner.node.name,
                    format!("{inside}ip link set {name} up"),
                    format!("{inside}ip link set {name} down"),
                )
        });
    Some(explained.step("routes over it went with it: see that they are back (ip route)"))
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
    let explained = not_asked(case, from, asked)
        .because(format!(
            "{translator} translated the destination and not the source, so the answer goes past it, as it is: MASQUERADE is missing there"
        ))
        .shown(format!("netfilter of {translator}"), nat.text.clone());
    let place = case.scene.topology.place(nat.place);
    Some(match masqueraded(case, place, &nat.text) {
        Some((run, undo)) => explained.run(&place.node.name, run, undo),
        None => explained
            .look(&place.node.name, "iptables-save -c -t nat | grep -i masq")
            .step("of a service: see that KUBE-MARK-MASQ and KUBE-POSTROUTING are whole, and restart kube-proxy"),
    })
}

/// What gives such questions the translator's address, and takes it back; of kube-proxy's rules none: it brings its own.
fn masqueraded(case: &Case, translator: &Place, rule: &str) -> Option<(String, String)> {
    let answer = case.first_packet()?;
    let (proto, port) = match answer.transport {
        Transport::Tcp { sport, .. } => ("tcp", sport),
        Transport::Udp { sport, .. } => ("udp", sport),
        _ => return None,
    };
    let of_kube = |ruleset: &&Ruleset| {
        let mut chains = ruleset.tables.iter().flat_map(|table| &table.chains);
        chains.any(|chain| chain.name.starts_with("KUBE-") && rule.contains(&*chain.name))
    };
    let has = |ruleset: &&Ruleset| {
        let nat = ruleset.tables.iter().filter(|table| &*table.name == "nat");
        let mut rules = nat.flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
        ruleset.dialect != Dialect::Nft && rules.any(|known| rule.contains(&*known.text))
    };
    let mut rulesets = translator.net.netfilter.items().iter();
    let ruleset = rulesets.find(|ruleset| has(ruleset) && !of_kube(ruleset))?;
    let command = format!("{}{} -t nat", typed_in(translator), ruleset.dialect.command());
    let rule = format!(
        "POSTROUTING -s {} -d {} -p {proto} --dport {port} -j MASQUERADE",
        answer.dst, answer.src
    );
    Some((format!("{command} -A {rule}"), format!("{command} -D {rule}")))
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
