//! IPVS: servers that don't know the service's address, services without a server, addresses that nobody has.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::Explained;
use super::case::{Case, link_named, typed_in};
use crate::diagnose::finding::Sure;
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::Place;
use crate::forward::walk::{Cause, End, Missing, What};
use crate::state::ipvs::{RealServer, VirtualSelect, VirtualServer};

/// kube-proxy's link, which has all addresses of services.
const KUBE: &str = "kube-ipvs0";

fn address(service: &VirtualServer) -> Option<SocketAddr> {
    match service.select {
        VirtualSelect::Tcp(at) | VirtualSelect::Udp(at) | VirtualSelect::Sctp(at) => Some(at),
        VirtualSelect::Mark(_) => None,
    }
}

/// Whether a packet is for the service: address, port and protocol.
fn takes(service: &VirtualServer, packet: &Packet) -> bool {
    let Some((_, port)) = packet.transport.ports() else {
        return false;
    };
    let dst = SocketAddr::new(packet.dst, port);
    match (service.select, packet.transport) {
        (VirtualSelect::Tcp(at), Transport::Tcp { .. })
        | (VirtualSelect::Udp(at), Transport::Udp { .. })
        | (VirtualSelect::Sctp(at), Transport::Sctp { .. }) => at == dst,
        _ => false,
    }
}

/// How ipvsadm(8) names a service.
fn named(service: &VirtualServer) -> String {
    match service.select {
        VirtualSelect::Tcp(at) => format!("-t {at}"),
        VirtualSelect::Udp(at) => format!("-u {at}"),
        VirtualSelect::Sctp(at) => format!("--sctp-service {at}"),
        VirtualSelect::Mark(mark) => format!("-f {mark}"),
    }
}

/// How ipvsadm(8) names what becomes of the packets.
fn way(server: &RealServer) -> &'static str {
    match server.forward.as_str() {
        "Route" => "-g",
        "Tunnel" => "-i",
        _ => "-m",
    }
}

/// A server that gets packets for the service's own address (direct routing, tunnel) must have it.
pub(super) fn server_lacks_address(case: &Case) -> Option<Explained> {
    let packet = &case.outcome.state.packet;
    let dst = packet.dst;
    let passed = case.trail().iter().map(|step| step.place);
    let found = passed.rev().find_map(|id| {
        let place = case.scene.topology.place(id);
        let services = place.net.ipvs.items().iter();
        services
            .filter(|service| takes(service, packet))
            .find_map(|service| {
                let mut servers = service.servers.iter();
                let server = servers.find(|server| {
                    matches!(server.forward.as_str(), "Route" | "Tunnel")
                        && case.place.has(server.address.ip())
                })?;
                Some((place, service, server))
            })
    });
    let (director, service, server) = found.filter(|_| !case.place.has(dst))?;
    let (who, inside) = (case.who(), typed_in(case.place));
    let tunneled = server.forward == "Tunnel";
    let decap = case.last(What::Decap).and_then(|step| step.link);
    let link = match decap.filter(|_| tunneled) {
        Some(link) => case.name(case.id, link),
        None => "lo",
    };
    let own = IpNet::from(dst);
    let explained = Explained::new(
        "packet-for-another-address",
        case,
        Sure::Proved,
        format!("{who}, a server of the virtual service {dst}, doesn't have that address"),
    )
    .because(format!(
        "IPVS of {} hands packets on as they are ({}): each server must have the service's address itself",
        director.title(),
        if tunneled { "by a tunnel" } else { "direct routing" }
    ))
    .shown(
        format!("ipvsadm -Ln {} on {}", named(service), director.title()),
        format!("-> {} {}", server.address, server.forward),
    )
    .shown(format!("ip address on {who}"), format!("none is {dst}"))
    .run(
        &case.place.node.name,
        format!("{inside}ip address add {own} dev {link}"),
        format!("{inside}ip address del {own} dev {link}"),
    );
    Some(explained.step(format!(
        "where clients are on a segment of {who}, it must not answer for {dst} there: arp_ignore=1 and arp_announce=2"
    )))
}

/// The virtual service of this namespace has no server, or none that takes anything new.
pub(super) fn without_server(case: &Case) -> Option<Explained> {
    let packet = &case.outcome.state.packet;
    let mut services = case.place.net.ipvs.items().iter();
    let service = services.find(|service| takes(service, packet))?;
    if service.servers.iter().any(|server| server.weight > 0) {
        return None;
    }
    let (who, node, inside) = (case.who(), &case.place.node.name, typed_in(case.place));
    let (name, at) = (named(service), address(service)?);
    let explained = |why: String, seen: String| {
        Explained::new(
            "service-without-endpoints",
            case,
            Sure::Proved,
            format!("the virtual service {at} of {who} has no server to use"),
        )
        .because(why)
        .shown(format!("ipvsadm -Ln {name} on {who}"), seen)
    };
    let by_kube = link_named(case.place, KUBE).is_some();
    if service.servers.is_empty() {
        let explained = explained(
            "nothing was added to it, or all were taken away".to_owned(),
            "no server".to_owned(),
        );
        return Some(if by_kube {
            explained.step("kube-proxy adds the ready endpoints: kubectl get endpointslices -A -o wide; where there are some, restart kube-proxy on the node, and look at its log")
        } else {
            explained.step(format!(
                "add one: {inside}ipvsadm -a {name} -r ADDRESS:PORT -m (-g direct routing, -i tunnel)"
            ))
        });
    }
    let listed: Vec<String> = service
        .servers
        .iter()
        .map(|server| {
            format!(
                "-> {} {} weight {}",
                server.address, server.forward, server.weight
            )
        })
        .collect();
    let why = if by_kube {
        "every server has weight 0, which takes nothing new: their pods are going away, or were, and kube-proxy has not heard of others"
    } else {
        "every server has weight 0, which takes nothing new: somebody took them out of service"
    };
    let explained = explained(why.to_owned(), listed.join(", ")).sure(Sure::Likely);
    let explained = service.servers.iter().fold(explained, |explained, server| {
        let weight = |weight: i32| {
            format!(
                "{inside}ipvsadm -e {name} -r {} {} -w {weight}",
                server.address,
                way(server)
            )
        };
        explained.run(node, weight(1), weight(server.weight))
    });
    Some(explained.step("only if it may serve again; and see what set it to 0, so that it stays"))
}

/// The packet went by a namespace that has a virtual service for it, and doesn't have its address: what isn't for the
/// host itself is not given to IPVS.
pub(super) fn address_of_nobody(case: &Case) -> Option<Explained> {
    let lost = match &case.outcome.end {
        End::Dropped(cause) | End::Rejected(cause) => matches!(
            cause,
            Cause::NoRoute { .. }
                | Cause::NoAnswer { .. }
                | Cause::NotForUs { .. }
                | Cause::RouteRefuses { .. }
                | Cause::NoWayOut { .. }
                | Cause::Untranslated { .. }
        ),
        End::NotDecidable(missing) => matches!(missing, Missing::Beyond { .. }),
        _ => false,
    };
    let dst = case.outcome.state.packet.dst;
    if !lost || case.scene.topology.places().any(|(_, place)| place.has(dst)) {
        return None;
    }
    let of = |place: &Place| {
        place
            .net
            .ipvs
            .items()
            .iter()
            .any(|service| address(service).is_some_and(|at| at.ip() == dst))
    };
    let passed = std::iter::once(case.id).chain(case.trail().iter().map(|step| step.place));
    let (id, place) = passed
        .map(|id| (id, case.scene.topology.place(id)))
        .find(|(_, place)| of(place))?;
    let here = Case { id, place, ..*case };
    let (who, inside) = (here.who(), typed_in(place));
    let explained = Explained::new(
        "service-not-translated",
        &here,
        Sure::Proved,
        format!("{dst}, of a virtual service of {who}, is no address of {who}"),
    )
    .shown(
        format!("ipvsadm -Ln on {who}"),
        format!("a virtual service has {dst}"),
    )
    .shown(format!("ip address on {who}"), format!("none is {dst}"));
    let because = "IPVS takes only what is for an address of the host";
    if link_named(place, KUBE).is_none() {
        return Some(
            explained
                .sure(Sure::Likely)
                .because(format!(
                    "{because}: whoever moves the address (keepalived) has it elsewhere, or nowhere"
                ))
                .step(format!(
                    "if {who} is to have it: {inside}ip address add {} dev lo",
                    IpNet::from(dst)
                )),
        );
    }
    let line = |word: &str| format!("{inside}ip address {word} {} dev {KUBE}", IpNet::from(dst));
    Some(
        explained
            .because(format!("{because}, and {KUBE}, which has those of all services, lacks this one"))
            .run(&place.node.name, line("add"), line("del"))
            .step("kube-proxy adds it when it writes its rules: see whether it runs on the node, and what it logs"),
    )
}
