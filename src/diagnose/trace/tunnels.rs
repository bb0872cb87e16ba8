//! Tunnels whose ends don't fit, or don't know each other.

use super::Explained;
use super::case::{Case, link_named, on_segment, typed_in};
use super::ends::{self, End};
use super::outer::Outer;
use super::{remotes, routes};
use crate::diagnose::finding::Sure;
use crate::forward::packet::Mac;
use crate::forward::topology::PlaceId;
use crate::forward::walk::{VxlanEnd, What};
use crate::state::kind::{LinkData, Vxlan};
use crate::state::link::Link;

pub(super) fn no_vxlan(case: &Case, vni: u32, port: u16, other: Option<&VxlanEnd>) -> Explained {
    let (who, node) = (case.who(), &case.place.node.name);
    let sender = sender(case);
    let explained = Explained::new(
        "vxlan-link-mismatch",
        case,
        Sure::Proved,
        format!("no VXLAN link of {who} takes network {vni} on UDP port {port}"),
    );
    let explained = match &sender {
        Some((title, link, vxlan)) => explained.shown(
            format!("ip -d link show dev {link} on {title}"),
            vxlan_text(vxlan.vni, vxlan.port),
        ),
        None => explained,
    };
    let Some(other) = other else {
        return explained
            .because(format!("{who} has no VXLAN link at all: its flanneld or calico-node is not set up, or somebody deleted the link"))
            .shown(format!("ip -d link show type vxlan on {who}"), "none")
            .step("start flanneld or calico-node there: it makes the link");
    };
    let explained = explained.shown(
        format!("ip -d link show dev {} on {who}", other.link),
        format!(
            "{}{}",
            vxlan_text(other.vni, other.port),
            if other.up { "" } else { ", down" }
        ),
    );
    let fits = other.vni == Some(vni) && other.port == port;
    if fits {
        return explained.because(format!("{} is down", other.link)).run(
            node,
            format!("ip link set {} up", other.link),
            format!("ip link set {} down", other.link),
        );
    }
    let what = if other.vni == Some(vni) { "UDP port" } else { "VNI" };
    explained
        .because(format!(
            "the two nodes' VXLAN links have different {what}s: their configurations differ, or one link is left over from an older one"
        ))
        .step(format!(
            "the agent of {node} makes the link anew; see before which of the two is meant (flannel: Backend of net-conf.json; Calico: FelixConfiguration vxlanVNI, vxlanPort)"
        ))
        .run(node, format!("ip link del {}", other.link), String::new())
}

fn vxlan_text(vni: Option<u32>, port: u16) -> String {
    let id = vni.map_or_else(|| "external".to_owned(), |vni| format!("id {vni}"));
    format!("vxlan {id} dstport {port}")
}

/// The link that encapsulated the packet last.
fn sender<'a>(case: &Case<'_, 'a>) -> Option<(String, &'a str, &'a Vxlan)> {
    let step = case.trail().iter().rev().find(|step| step.what == What::Encap)?;
    let place = case.scene.topology.place(step.place);
    let link = place.net.link(step.link?)?;
    match &link.data {
        Some(LinkData::Vxlan(vxlan)) => Some((place.title(), link.name.as_str(), vxlan)),
        _ => None,
    }
}

pub(super) fn no_fdb(case: &Case, link: &str, mac: Mac) -> Explained {
    let (who, node) = (case.who(), &case.place.node.name);
    let explained = Explained::new(
        "vxlan-fdb-missing",
        case,
        Sure::Proved,
        format!("{link} of {who} doesn't know which node has {mac}"),
    )
    .because(format!(
        "the FDB entry of {link} is missing: its agent (flanneld, Felix) lost the other node's lease or block, or somebody flushed it"
    ))
    .shown(format!("bridge fdb show dev {link} on {who}"), format!("nothing for {mac}"));
    let vni = link_named(case.place, link).and_then(vni_of);
    let other = case.scene.topology.places().find_map(|(id, place)| {
        let mut links = place.net.links.items().iter();
        let found = links.find(|found| found.mac.as_deref().and_then(Mac::parse) == Some(mac))?;
        let end = match &found.data {
            Some(LinkData::Vxlan(_)) => (id, found),
            _ => in_front_of(case, id, vni)?,
        };
        Some((place, found, end))
    });
    let Some((place, found, (end, vxlan))) = other else {
        return explained
            .sure(Sure::Likely)
            .step(format!("no link that was seen has {mac}: its node may have made its VXLAN link anew, with another address"));
    };
    let explained = explained.shown(
        format!("ip link on {}", place.title()),
        format!("{mac} is {}", found.name),
    );
    let own = match &vxlan.data {
        Some(LinkData::Vxlan(vxlan)) => vxlan.local,
        _ => None,
    };
    let hosts = [case.id, end].map(|id| case.host_of(id).1);
    let outer = own.or_else(|| on_segment(hosts[0], hosts[1], false).map(|(ip, _)| ip));
    let inside = typed_in(case.place);
    match outer {
        Some(ip) => explained.run(
            node,
            format!("{inside}bridge fdb append {mac} dev {link} dst {ip}"),
            format!("{inside}bridge fdb del {mac} dev {link} dst {ip}"),
        ),
        None => explained,
    }
    .step(
        "for good: restart its agent on this node (flanneld, calico-node, dockerd), which writes all entries",
    )
}

fn vni_of(link: &Link) -> Option<u32> {
    match &link.data {
        Some(LinkData::Vxlan(vxlan)) => vxlan.vni,
        _ => None,
    }
}

/// The VXLAN link of this network that is a port of the bridge that a container is on.
fn in_front_of<'a>(case: &Case<'_, 'a>, container: PlaceId, vni: Option<u32>) -> Option<(PlaceId, &'a Link)> {
    let end = case.host_end(container)?;
    let bridge = case.scene.topology.link(end)?.master?;
    let mut links = case.scene.topology.place(end.place).net.links.items().iter();
    let port = links.find(|link| link.master == Some(bridge) && vni.is_some() && vni_of(link) == vni)?;
    Some((end.place, port))
}

pub(super) fn no_remote(case: &Case, link: &str, dst: std::net::IpAddr) -> Explained {
    let explained = Explained::new(
        "tunnel-without-remote",
        case,
        Sure::Proved,
        format!(
            "{link} of {} doesn't know where to send packets for {dst}",
            case.who()
        ),
    );
    let own = link_named(case.place, link);
    let external = own.filter(|own| matches!(&own.data, Some(LinkData::Tunnel(tunnel)) if tunnel.external));
    let packet = &case.outcome.state.packet;
    let by_route = external.and_then(|own| remotes::by_route(case, &explained, own, packet.src, packet.dst));
    if let Some(found) = by_route {
        return found;
    }
    explained.because("the tunnel link has no remote, and the route names no gateway: with Calico's tunl0 the gateway is the other node")
    .shown(
        format!("ip route get {dst} on {}", case.who()),
        case.last(What::Route).map_or_else(String::new, |step| step.text.clone()),
    )
    .step(format!("ip route replace PREFIX via NODE-ADDRESS dev {link} onlink"))
}

pub(super) fn no_tunnel(case: &Case, outer: &str) -> Explained {
    let (who, node) = (case.who(), &case.place.node.name);
    let tunnels: Vec<String> = case
        .place
        .net
        .links
        .items()
        .iter()
        .filter(|link| matches!(link.data, Some(LinkData::Tunnel(_))))
        .map(|link| {
            let down = if link.is_up() { "" } else { " (down)" };
            format!("{}{down}", link.name)
        })
        .collect();
    let explained = Explained::new(
        "tunnel-link-missing",
        case,
        Sure::Proved,
        format!("{who} has no tunnel link that takes {outer}"),
    );
    let tun = link_named(case.place, "flannel0").filter(|_| outer.ends_with("udp"));
    if let Some(tun) = tun.filter(|tun| !tun.is_up()) {
        return flannel_tun(case, explained, tun);
    }
    if let Some(found) = unfit(case, &explained) {
        return found;
    }
    if tunnels.is_empty() {
        return explained
            .because(format!("{who} has no tunnel link of this kind: IPIP is on at the sender only, or the module is not loaded"))
            .shown(format!("ip -d link on {who}"), "no tunnel")
            .run(node, "modprobe ipip && ip link set tunl0 up", "ip link set tunl0 down")
            .step("with Calico: the pool's ipipMode holds for all nodes; is calico-node running here?");
    }
    explained
        .sure(Sure::Likely)
        .because("remote, local address or key of the tunnel don't fit the packet, or the link is down")
        .shown(format!("ip -d link on {who}"), tunnels.join(", "))
        .step("each node's remote must be the other's local address, and the keys equal")
}

/// The link that is meant to take what arrived, why it doesn't, and what makes it.
pub(super) fn unfit(case: &Case, explained: &Explained) -> Option<Explained> {
    let packet = &case.outcome.state.packet;
    // A router on its way takes nothing out of it.
    let outer = Outer::of_packet(packet).filter(|_| case.place.has(packet.dst))?;
    let step = case.trail().iter().rev().find(|step| step.what == What::Encap);
    let sender = step.and_then(|step| {
        let place = case.scene.topology.place(step.place);
        let link = place.net.link(step.link?)?;
        let tunnel = matches!(link.data, Some(LinkData::Tunnel(_) | LinkData::Geneve(_)));
        tunnel.then_some(End { place, link })
    });
    if let Some(taker) = ends::meant(case.scene.topology, case.place, &outer) {
        let found = ends::unlike(explained, sender, taker, &outer)?;
        return Some(if taker.link.is_up() {
            found
        } else {
            routes::over(case, found, taker.link, packet)
        });
    }
    // Of a pair, the other end is missing; from others, the module's own link takes it.
    let pair =
        sender.is_some_and(|sender| ends::addresses(sender.link).is_some_and(|(remote, _)| remote.is_some()));
    let link = link_named(case.place, outer.fallback()?).filter(|link| !link.is_up() && !pair)?;
    let taker = End {
        place: case.place,
        link,
    };
    Some(ends::raised(explained.clone(), taker))
}

/// The UDP backend of flannel: flanneld takes what is in UDP, and gives it to a TUN link, which is down.
fn flannel_tun(case: &Case, explained: Explained, tun: &Link) -> Explained {
    let (who, node, name) = (case.who(), &case.place.node.name, &tun.name);
    let explained = explained
        .because(format!("flanneld gives these packets to {name}, which is down"))
        .shown(format!("ip link show dev {name} on {who}"), "without the flag UP")
        .step("or restart flanneld on this node: it makes link and routes anew")
        .run(
            node,
            format!("ip link set {name} up"),
            format!("ip link set {name} down"),
        );
    let subnet = case.place.node.flannel.subnet.known();
    let networks = subnet.into_iter().flat_map(|subnet| &subnet.networks);
    // The kernel took them away with the link.
    networks.fold(explained, |explained, network| {
        explained.run(
            node,
            format!("ip route replace {network} dev {name}"),
            format!("ip route del {network} dev {name}"),
        )
    })
}
