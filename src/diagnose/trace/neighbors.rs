//! Nobody answers for an address, or the wrong link-layer address is used.

use std::net::IpAddr;

use super::case::{Case, link_named, namespace, typed_in};
use super::{Explained, frames, links, ports, remotes, routes, routing, segment, switches, vlans, vrfs};
use crate::diagnose::finding::Sure;
use crate::forward::fib::{Flow, Refused};
use crate::forward::topology::{At, PlaceId};
use crate::forward::walk::{Cause, What};
use crate::state::kind::LinkData;
use crate::state::link::{Address, Link};
use crate::state::neighbor::NeighborState;

/// Calico's gateway for every pod.
const GATEWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 1, 1));

pub(super) fn no_answer(
    case: &Case,
    target: IpAddr,
    link: &str,
    entry: Option<&str>,
    heard: &[At],
    lost: Option<(PlaceId, &Cause)>,
) -> Explained {
    let who = case.who();
    let explained = Explained::new(
        "neighbor-unanswered",
        case,
        Sure::Likely,
        format!("nobody answers {who} for {target} on {link}"),
    )
    .shown(
        format!("ip neigh show {target} on {who}"),
        entry.unwrap_or("no entry, and nobody seen would answer"),
    );
    if let Some(found) = tunneled(case, &explained, target, link, lost) {
        return found;
    }
    if let Some(near) = own_segment(case, target) {
        return vrfs::of_address(case, explained, near);
    }
    if let Some((place, cause)) = lost {
        return stopped(case, explained, (link, target), place, cause);
    }
    let ends: Vec<At> = heard.iter().copied().filter(|at| at.place != case.id).collect();
    if case.place.namespace.is_some()
        && let Some(at) = ends.first()
        && let Some(found) = proxy(case, &explained, target, *at)
    {
        return found;
    }
    if case.place.namespace.is_some()
        && let Some(detached) = detached(case, &explained, case.id)
    {
        return detached;
    }
    if let Some((id, owner)) = case.owner(target) {
        if let Some(apart) = segment::apart(case, &explained, link, id, target, heard) {
            return apart;
        }
        return owned(case, explained, target, link, id, &owner.title());
    }
    on_no_segment(case, explained, target, link)
}

/// The address whose segment the packet is for, where its route leads by somebody else.
fn own_segment<'a>(case: &Case<'_, 'a>, target: IpAddr) -> Option<&'a Address> {
    let dst = case.outcome.state.packet.dst;
    let used = case.last(What::Route)?.text.split(' ').next()?;
    let mut own = case.place.net.addresses.items().iter();
    own.find(|own| {
        let net = own.network().filter(|net| dst != target && net.contains(&dst));
        net.is_some_and(|net| net.trunc().to_string() == used)
            && case.place.net.link(own.link).is_some_and(Link::is_up)
    })
}

/// The question goes by a tunnel whose ends don't fit, or is the tunnel's own.
fn tunneled(
    case: &Case,
    explained: &Explained,
    target: IpAddr,
    link: &str,
    lost: Option<(PlaceId, &Cause)>,
) -> Option<Explained> {
    if case.owner(target).is_none() {
        return remotes::of_nobody(case, explained, target);
    }
    // What has a better reason is told by that.
    let by_tunnel = lost.is_none_or(|(_, cause)| matches!(cause, Cause::NoTunnel { .. } | Cause::Other(_)));
    let (asks, theirs) = (case.at_named(case.id, link)?, case.held(target)?);
    frames::apart(case, explained, asks, theirs).filter(|_| by_tunnel)
}

/// The question gets lost on its way.
fn stopped(
    case: &Case,
    explained: Explained,
    (asks, target): (&str, IpAddr),
    place: PlaceId,
    cause: &Cause,
) -> Explained {
    let found = case.scene.topology.place(place);
    let (title, inside) = (found.title(), typed_in(found));
    let explained = explained
        .sure(Sure::Proved)
        .because(format!("the question gets no farther than {title}: {cause}"));
    if let Cause::NotInVlan { port, vlan } = cause
        && let Some(found) = vlans::stopped(case, &explained, (asks, target), place, (port, *vlan))
    {
        return found;
    }
    // What a packet from there lacks, the question lacks.
    if let Cause::NoRoute { dst, tunnel, .. } = cause {
        let there = Case {
            id: place,
            place: found,
            ..*case
        };
        let told = routing::no_route(&there, *dst, tunnel.as_deref());
        if !told.commands.is_empty() {
            return told;
        }
    }
    match cause {
        Cause::NoPort { link } => ports::portless(explained, found, link),
        Cause::LinkDown { link } => explained
            .shown(
                format!("ip link show dev {link} on {title}"),
                "without the flag UP",
            )
            .run(
                &found.node.name,
                format!("{inside}ip link set {link} up"),
                format!("{inside}ip link set {link} down"),
            )
            .step("routes over it went with it: see that they are back (ip route)"),
        // The kernel asks by the address that the packet comes from.
        Cause::ReversePath { link, mode, .. } => explained
            .shown(
                format!("sysctl net.ipv4.conf.{{all,{link}}}.rp_filter on {title}"),
                format!("the higher is {mode}"),
            )
            .run(
                &found.node.name,
                format!("{inside}sysctl -w net.ipv4.conf.{link}.rp_filter=2"),
                format!("{inside}sysctl -w net.ipv4.conf.{link}.rp_filter={mode}"),
            ),
        Cause::PortState { port, bridge, .. } => ports::port_opened(found, port, bridge, cause, explained),
        Cause::NoVxlan { .. } if switches::unplugged(found).is_some() => {
            switches::without_link(found, explained)
        }
        _ => explained
            .shown(title, cause.to_string())
            .step("mend that first, then trace again"),
    }
}

/// The pod hangs on a bridge that doesn't have the pod's gateway as its address.
pub(super) fn wrong_bridge(case: &Case, explained: &Explained, pod: PlaceId, at: At) -> Option<Explained> {
    let host = case.scene.topology.place(at.place);
    let bridge = host
        .net
        .link(case.scene.topology.link(at)?.master?)
        .filter(|link| link.is_bridge())?;
    let place = case.scene.topology.place(pod);
    let gateway = place
        .net
        .routes
        .items()
        .iter()
        .filter(|route| route.dst.prefix_len() == 0)
        .find_map(|route| route.next_hops.first()?.gateway)?;
    if host.has(gateway) {
        return None;
    }
    let length = place
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.network().is_some_and(|net| net.contains(&gateway)))
        .map_or(24, |address| address.prefix_len);
    let has: Vec<String> = host
        .net
        .addresses
        .items()
        .iter()
        .filter(|address| address.link == bridge.index && address.ip.is_ipv4() == gateway.is_ipv4())
        .map(ToString::to_string)
        .collect();
    let name = &bridge.name;
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!(
                "{gateway}, the gateway of its pods, is not the address of the bridge {name}: the bridge was left over, or changed by hand"
            ))
            .shown(format!("ip route of {}", place.title()), format!("default via {gateway}"))
            .shown(
                format!("ip address show dev {name} on {}", host.title()),
                if has.is_empty() { "none".to_owned() } else { has.join(", ") },
            )
            .run(
                &host.node.name,
                format!("ip address add {gateway}/{length} dev {name}"),
                format!("ip address del {gateway}/{length} dev {name}"),
            )
            .step(format!("for good: delete the wrong address, or {name} itself, and let the CNI make it anew")),
    )
}

/// The host's end of a pod's link heard the question: it should answer as a proxy (169.254.1.1), or as the gateway.
fn proxy(case: &Case, explained: &Explained, target: IpAddr, at: At) -> Option<Explained> {
    let host = case.scene.topology.place(at.place);
    let link = case.name(at.place, at.link);
    let seen = case.scene.topology.link(at)?;
    if seen.master.is_some() || host.namespace.is_some() {
        return None;
    }
    let node = &host.node.name;
    let v6 = target.is_ipv6();
    let calico = target == GATEWAY || link.starts_with("cali");
    let explained = explained.clone().sure(Sure::Proved);
    if !calico && host.either(v6, link, "proxy_arp") != Some(true) {
        return None;
    }
    if host.either(v6, link, "proxy_arp") == Some(false) {
        return Some(
            explained
                .because(format!(
                    "{target} is nobody's address: the host answers for it as a proxy, and proxy_arp of {link} is off"
                ))
                .shown(format!("sysctl net.ipv4.conf.{link}.proxy_arp on {node}"), "0")
                .run(
                    node,
                    format!("sysctl -w net.ipv4.conf.{link}.proxy_arp=1"),
                    format!("sysctl -w net.ipv4.conf.{link}.proxy_arp=0"),
                ),
        );
    }
    if host.setting(v6, link, "forwarding") == Some(0) {
        return Some(
            explained
                .because(format!(
                    "a host answers as a proxy only where it forwards, and forwarding of {link} is off"
                ))
                .shown(format!("sysctl net.ipv4.conf.{link}.forwarding on {node}"), "0")
                .run(
                    node,
                    format!("sysctl -w net.ipv4.conf.{link}.forwarding=1"),
                    format!("sysctl -w net.ipv4.conf.{link}.forwarding=0"),
                ),
        );
    }
    let asked = case.first_packet().map(|packet| Flow {
        src: Some(packet.src),
        iif: at.link,
        ..Flow::to(target)
    });
    if let Some(asked) = asked
        && let Err(refused) = host.fib.lookup(&asked)
        && let Some(by) = refused_by(&refused)
    {
        return Some(
            explained
                .because(format!(
                    "a host answers as a proxy only for what it has a route to, and on {node} {by} takes what {} asks for",
                    case.who()
                ))
                .shown(format!("ip rule; ip route show table all on {node}"), by)
                .step("delete that rule or route, or let its table know the way"),
        );
    }
    let routed = host.fib.lookup(&Flow::to(target));
    routed.is_err().then(|| {
        explained
            .because(format!(
                "a host answers as a proxy only for what it has a route to: {node} has none to {target}, since it has no default route"
            ))
            .shown(format!("ip route get {target} on {node}"), "no route")
            .step(format!("give {node} a default route, as it should have: ip route add default via GATEWAY"))
            .run(node, format!("ip route add {target} dev lo"), format!("ip route del {target} dev lo"))
    })
}

/// The rule or route that refuses, in words; nothing where there is just no route.
fn refused_by(refused: &Refused) -> Option<String> {
    match (refused.route, refused.rule) {
        (Some(route), _) => Some(format!(
            "route {} {} of table {}",
            format!("{:?}", route.kind).to_lowercase(),
            route.dst,
            route.table
        )),
        (None, Some(rule)) => Some(format!("ip rule {}", rule.priority)),
        (None, None) => None,
    }
}

/// The pod's veth ends at a host's link that is in no bridge, while a bridge has the pod's gateway.
pub(super) fn detached(case: &Case, explained: &Explained, pod: PlaceId) -> Option<Explained> {
    let outer = case.host_end(pod)?;
    let host = case.scene.topology.place(outer.place);
    let seen = case.scene.topology.link(outer)?;
    if seen.master.is_some() || host.namespace.is_some() {
        return None;
    }
    let own: Vec<IpAddr> = case
        .scene
        .topology
        .place(pod)
        .net
        .addresses
        .items()
        .iter()
        .filter(|address| !address.ip.is_loopback())
        .map(|address| address.ip)
        .collect();
    let bridge = host.net.addresses.items().iter().find_map(|address| {
        let net = address.network()?;
        let link = host.net.link(address.link).filter(|link| link.is_bridge())?;
        own.iter().any(|ip| net.contains(ip)).then_some(link)
    })?;
    let node = &host.node.name;
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!(
                "the host's end of the pod's link, {}, is in no bridge; it belongs to {}",
                seen.name, bridge.name
            ))
            .shown(format!("ip link show dev {} on {node}", seen.name), "no master")
            .run(
                node,
                format!("ip link set {} master {}", seen.name, bridge.name),
                format!("ip link set {} nomaster", seen.name),
            ),
    )
}

/// Somebody that was seen has the address, and yet nobody answers.
fn owned(
    case: &Case,
    explained: Explained,
    target: IpAddr,
    link: &str,
    id: PlaceId,
    title: &str,
) -> Explained {
    let owner = case.scene.topology.place(id);
    let address = owner
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.ip == target);
    let holder = address.and_then(|address| owner.net.link(address.link));
    let explained = match holder {
        Some(holder) => explained.shown(
            format!("ip address on {title}"),
            format!("{target} dev {}", holder.name),
        ),
        None => explained,
    };
    let down = links::holder_down(&explained, owner, target);
    let down = down.or_else(|| links::cable_down(case, &explained, id));
    let down = down.or_else(|| {
        vlans::apart(
            case,
            &explained,
            case.at_named(case.id, link)?,
            case.held(target)?,
        )
    });
    if let Some(down) = down.or_else(|| links::macvlans_apart(case, &explained, link, id)) {
        return down;
    }
    let macvlan =
        link_named(case.place, link).is_some_and(|link| matches!(link.data, Some(LinkData::Macvlan(_))));
    if macvlan && owner.namespace.is_none() && std::ptr::eq(owner.node, case.place.node) {
        return explained
            .sure(Sure::Proved)
            .because("a macvlan reaches everybody on the wire but its own host: the kernel keeps the two apart")
            .shown(format!("ip -d link show dev {link} of {}", case.who()), "macvlan")
            .step("give the host a macvlan of its own on the same link, with an address, and a route to the container over it");
    }
    if let Some(found) = routes::without_gateway(case, &explained, id) {
        return found;
    }
    let prefix = case.last(What::Route).map_or("", |step| step.text.as_str());
    let wide = case.place.namespace.is_some()
        && !prefix.contains(" via ")
        && owner.namespace.is_some()
        && !std::ptr::eq(owner.node, case.place.node);
    if wide {
        return explained
            .sure(Sure::Proved)
            .because(format!(
                "{target} is on another node, but the segment of {link} is as wide as to hold it: {} asks there in place of sending it to its gateway",
                case.who()
            ))
            .shown(format!("ip route on {}", case.who()), prefix)
            .step("give the pod's address the length of its node's segment (as a rule /24), or Calico's /32");
    }
    explained
        .because(format!(
            "{title} has it, but is not on the segment that {link} is on, or hears nothing there"
        ))
        .step("see whether both are on one segment: same bridge or switch, same VLAN, cable, cloud's network")
}

/// Nobody that was seen has it.
fn on_no_segment(case: &Case, explained: Explained, target: IpAddr, link: &str) -> Explained {
    let node = &case.place.node.name;
    let own = case.place.net.addresses.items();
    let at = case.at_named(case.id, link);
    let on_link = own.iter().any(|address| {
        Some(address.link) == at.map(|at| at.link)
            && address.network().is_some_and(|net| net.contains(&target))
    });
    let who = case.who();
    if !on_link && case.place.namespace.is_none() {
        return explained
            .because(format!(
                "the next hop {target} is in no segment of {link}: host-gw routes and static ones can't cross a router"
            ))
            .shown(
                format!("ip route on {who}"),
                case.last(What::Route).map_or("", |step| step.text.as_str()),
            )
            .step("between segments use VXLAN or IPIP (flannel: Backend vxlan with DirectRouting; Calico: CrossSubnet), or let the router learn the routes");
    }
    if case.place.namespace.is_some()
        && let Some(at) = case.host_end(case.id)
        && let Some(found) = wrong_bridge(case, &explained, case.id, at)
    {
        return found;
    }
    if let Some(step) = case.trail().iter().rev().find(|step| step.what == What::Nat)
        && target == case.outcome.state.packet.dst
    {
        let title = case.scene.topology.place(step.place).title();
        return explained
            .because(format!("a rule of {title} leads to {target}, and nobody has that address: the endpoint is gone, its rule stayed"))
            .shown(format!("netfilter of {title}"), &*step.text)
            .step("compare: kubectl get endpointslices -A -o wide; kube-proxy on that node hangs, or can't reach the API server: restart it");
    }
    let failed = case
        .place
        .net
        .neighbors
        .items()
        .iter()
        .any(|entry| entry.ip == target && entry.state == NeighborState::Failed);
    let explained = if namespace(case.place).is_none() {
        explained.look(node, format!("arping -c 3 -I {link} {target}"))
    } else {
        explained
    };
    explained
        .sure(if failed { Sure::Likely } else { Sure::Possible })
        .because(format!(
            "whoever should have {target} is down, or has another address"
        ))
        .step(format!("see that {target} is on, and on the segment of {link}"))
}
