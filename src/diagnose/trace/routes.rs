//! Which route is missing, who should have written it, and what stands for it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Explained;
use super::case::{Case, docker_bridge, link_named, on_segment, pod_net, typed_in};
use super::{ends, nat, pods, sessions};
use crate::diagnose::finding::Sure;
use crate::forward::fib::Flow;
use crate::forward::packet::{Inner, Packet};
use crate::forward::topology::{Place, PlaceId};
use crate::forward::walk::What;
use crate::state::link::Link;
use crate::state::route::{Route, RouteProtocol, RouteType, TableId};
use crate::state::rule::{PolicyRule, RuleAction};

/// RTPROT_ZEBRA, RTPROT_BIRD, RTPROT_BGP, RTPROT_ISIS, RTPROT_OSPF, RTPROT_RIP.
const DAEMONS: [RouteProtocol; 6] = [
    RouteProtocol(11),
    RouteProtocol::BIRD,
    RouteProtocol(186),
    RouteProtocol(187),
    RouteProtocol(188),
    RouteProtocol(189),
];

/// The node where it ended.
pub(super) fn host_text(case: &Case) -> String {
    case.host_of(case.id).1.title()
}

/// The last route that was used, as evidence.
pub(super) fn last_route(case: &Case, explained: Explained) -> Explained {
    let last = case.trail().iter().rev().find(|step| step.what == What::Route);
    match last {
        Some(step) => {
            let who = case.scene.topology.place(step.place).title();
            explained.shown(format!("ip route on {who}"), &*step.text)
        }
        None => explained,
    }
}

fn default<'n>(place: &Place<'n>, v6: bool) -> Option<&'n Route> {
    let mut routes = place.net.routes.items().iter();
    routes.find(|route| {
        route.dst.prefix_len() == 0 && route.dst.addr().is_ipv6() == v6 && route.kind == RouteType::Unicast
    })
}

pub(super) fn has_default(place: &Place, v6: bool) -> bool {
    default(place, v6).is_some()
}

/// No rule looks into the main table, where all ordinary routes are.
pub(super) fn main_not_asked(case: &Case, explained: &Explained, dst: IpAddr) -> Option<Explained> {
    let v6 = dst.is_ipv6();
    let asks = |rule: &&PolicyRule| rule.v6 == v6 && rule.action == RuleAction::Lookup(TableId::MAIN);
    let rules = case.place.net.rules.known()?;
    // Without any rule of the family, it is switched off.
    if rules.iter().any(|rule| asks(&rule)) || !rules.iter().any(|rule| rule.v6 == v6) {
        return None;
    }
    let (who, inside) = (case.who(), typed_in(case.place));
    let family = if v6 { "-6 " } else { "" };
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because("no rule looks into the table main, where ordinary routes are")
            .shown(format!("ip {family}rule on {who}"), "none has lookup main")
            .run(
                &case.place.node.name,
                format!("{inside}ip {family}rule add pref 32766 lookup main"),
                format!("{inside}ip {family}rule del pref 32766"),
            ),
    )
}

/// A host that knows no way out of its segment: the router is the one that its neighbors have.
pub(super) fn no_default(case: &Case, explained: Explained, v6: bool) -> Explained {
    let (who, inside) = (case.who(), typed_in(case.place));
    let explained = explained.sure(Sure::Proved).because(format!(
        "{who} has no default route: it knows its own segments only"
    ));
    let router = case.scene.topology.places().find_map(|(_, other)| {
        let gateway = default(other, v6)?.next_hops.first()?.gateway?;
        let link = case.place.net.addresses.items().iter().find_map(|own| {
            let on_link = own.ip != gateway && own.network()?.contains(&gateway);
            on_link.then(|| case.place.net.link(own.link))?
        })?;
        Some((other.title(), gateway, &link.name))
    });
    match router {
        Some((other, gateway, link)) => explained
            .shown(format!("ip route on {other}"), format!("default via {gateway}"))
            .run(
                &case.place.node.name,
                format!("{inside}ip route add default via {gateway} dev {link}"),
                format!("{inside}ip route del default via {gateway} dev {link}"),
            ),
        None => explained.step(format!(
            "give {who} a default route: ip route add default via ROUTER"
        )),
    }
}

/// The route that was used names no gateway, and is none that comes with an address: each address behind it is asked for on
/// the link itself.
pub(super) fn without_gateway(case: &Case, explained: &Explained, owner: PlaceId) -> Option<Explained> {
    let dst = case.outcome.state.packet.dst;
    let step = case.last(What::Route)?;
    let link = case.place.net.link(step.link?)?;
    let prefix = step
        .text
        .split(' ')
        .next()
        .filter(|_| !step.text.contains(" via "))?;
    let mut own = case.place.net.addresses.items().iter();
    if own.any(|own| own.link == link.index && own.network().is_some_and(|net| net.contains(&dst))) {
        return None;
    }
    let outer = case.host_end(case.id).filter(|_| case.place.namespace.is_some());
    let gateway = if let Some(outer) = outer {
        pods::bridge_gateway(case, outer)?
    } else {
        let (way, gateway) = way_to(case, case.host_of(owner).1, dst.is_ipv6())?;
        gateway.filter(|_| way.index == link.index)?
    };
    let (who, inside, name) = (case.who(), typed_in(case.place), &link.name);
    let line = |via: &str| format!("{inside}ip route replace {prefix}{via} dev {name}");
    Some(
        explained
            .clone()
            .sure(Sure::Proved)
            .because(format!(
                "the route {prefix} of {who} names no gateway: every address behind it is asked for on {name} itself"
            ))
            .shown(format!("ip route get {dst} on {who}"), &*step.text)
            .run(&case.place.node.name, line(&format!(" via {gateway}")), line("")),
    )
}

/// Routes by a tunnel that was down, for what it carried: the way back.
pub(super) fn over(case: &Case, explained: Explained, link: &Link, outer: &Packet) -> Explained {
    let Some(Inner::Packet { packet, .. }) = outer.inner.as_deref() else {
        return explained;
    };
    let back = case.place.fib.lookup(&Flow::to(packet.src));
    if back.is_ok_and(|hit| hit.route.dst.prefix_len() > 0) {
        return explained;
    }
    // Its own segment's route comes by itself.
    let mut own = case.place.net.addresses.items().iter();
    if own.any(|own| own.link == link.index && own.network().is_some_and(|net| net.contains(&packet.src))) {
        return explained;
    }
    let net = case.owner(packet.src).map_or_else(
        || IpNet::from(packet.src),
        |(owner, _)| pod_net(case.host_of(owner).1, packet.src),
    );
    let (inside, name) = (typed_in(case.place), &link.name);
    explained.run(
        &case.place.node.name,
        format!("{inside}ip route add {net} dev {name}"),
        format!("{inside}ip route del {net} dev {name}"),
    )
}

/// The link by which packets for another node are meant to leave, and the gateway there: where its own way back comes in.
pub(super) fn way_to<'a>(
    case: &Case<'_, 'a>,
    host: &Place<'a>,
    v6: bool,
) -> Option<(&'a Link, Option<IpAddr>)> {
    let own = case.outcome.state.packet.src;
    let back = || {
        let hit = host.fib.lookup(&Flow::to(own)).ok()?;
        let hop = hit.hops.first().filter(|_| hit.route.dst.prefix_len() > 0)?;
        if let Some(gateway) = hop.gateway {
            let mut addresses = case.place.net.addresses.items().iter();
            let at = addresses.find(|address| address.ip == gateway)?;
            let mut theirs = host.net.addresses.items().iter();
            let next = theirs.find(|theirs| at.network().is_some_and(|net| net.contains(&theirs.ip)))?;
            return Some((case.place.net.link(at.link)?, Some(next.ip)));
        }
        let (remote, _) = ends::addresses(host.net.link(hop.link?)?)?;
        remote.filter(|remote| case.place.has(*remote))?;
        let mut links = case.place.net.links.items().iter();
        let leads = |link: &&Link| {
            ends::addresses(link).is_some_and(|(remote, _)| remote.is_some_and(|ip| host.has(ip)))
        };
        Some((links.find(leads)?, None))
    };
    back().or_else(|| {
        let (gateway, link) = on_segment(case.place, host, v6)?;
        Some((link_named(case.place, &link)?, Some(gateway)))
    })
}

/// The answer is for a container's own address, at a host that knows only nodes: it went out without MASQUERADE.
pub(super) fn not_masqueraded(case: &Case, owner: PlaceId, dst: IpAddr) -> Option<Explained> {
    let there = case.there?;
    let (_, host) = case.host_of(owner);
    let Some((bridge, net)) = docker_bridge(host, dst) else {
        return nat::outgoing(case, owner, host, dst);
    };
    let translated = there.state.trail.iter().any(|step| {
        step.what == What::Nat && std::ptr::eq(case.scene.topology.place(step.place).node, host.node)
    });
    if translated {
        return None;
    }
    let node = &host.node.name;
    let rule = format!("POSTROUTING -s {net} ! -o {} -j MASQUERADE", bridge.name);
    let mut explained = Explained::new(
        "masquerade-missing",
        case,
        Sure::Proved,
        format!("{node} sends packets of its containers out with their own addresses: MASQUERADE is missing"),
    );
    explained.finding.node.clone_from(node);
    Some(
        explained
            .because("Docker's rule in table nat is gone: another tool flushed it, or dockerd runs with --ip-masq=false")
            .shown(
                format!("iptables -t nat -S POSTROUTING on {node}"),
                format!("no MASQUERADE for {net} took the packet"),
            )
            .shown(
                format!("ip route get {dst} on {}", case.who()),
                format!("no route: the answer to {dst} has no way"),
            )
            .run(
                node,
                format!("iptables -t nat -A {rule}"),
                format!("iptables -t nat -D {rule}"),
            )
            .step("for good: systemctl restart docker writes all its rules anew"),
    )
}

/// RIP runs on some nodes, but not on one of these two: its sockets show it.
fn rip(case: &Case, owner: &Place) -> Option<String> {
    let runs = |place: &Place| {
        let sockets = place.net.udp.known()?;
        Some(sockets.iter().any(|socket| socket.local.port() == RIP))
    };
    let anywhere = case
        .scene
        .topology
        .places()
        .any(|(_, place)| place.namespace.is_none() && runs(place) == Some(true));
    let silent = |place: &Place| (runs(place) == Some(false)).then(|| place.title());
    let without: Vec<String> = silent(case.place).into_iter().chain(silent(owner)).collect();
    (anywhere && !without.is_empty()).then(|| {
        format!(
            "others learn routes by RIP, but nothing on {} listens on UDP {RIP}: the routing daemon is down there",
            without.join(" and ")
        )
    })
}

/// RFC 2453 section 3.
const RIP: u16 = 520;

/// Who should have written the route, and a command that looks into it.
pub(super) fn who_writes(case: &Case, owner: &Place, net: IpNet) -> (String, Option<String>) {
    let here = &case.place.node;
    if here.bird.known().is_some() || owner.node.bird.known().is_some() {
        if let Some(why) = sessions::not_learned(case, owner, net) {
            return (
                format!("BIRD should have learned {net} from {}: {why}", owner.node.name),
                Some("netdiag check".to_owned()),
            );
        }
        let named = case
            .scene
            .findings
            .iter()
            .find(|finding| finding.node == here.name || finding.node == owner.node.name);
        let why = match named {
            Some(finding) => format!(
                "BIRD should have learned {net} from {}, and netdiag check finds: {}",
                owner.node.name, finding.title
            ),
            None => format!("BIRD should have learned {net} from {} by BGP", owner.node.name),
        };
        let run = match named {
            Some(finding) if finding.fix.change.is_some() => "netdiag check --fix-to fix.yaml",
            _ => "netdiag check",
        };
        return (why, Some(run.to_owned()));
    }
    let flannel = |place: &Place| {
        let links = place.net.links.items();
        links.iter().any(|link| link.name.starts_with("flannel"))
            || place.node.flannel.subnet.known().is_some()
    };
    let down = case.place.net.links.items().iter();
    let mut down = down.filter(|link| link.name.starts_with("flannel") && !link.is_up());
    if let Some(link) = down.next() {
        let why = format!(
            "{} of {} is down, and the routes over it went with it: flanneld writes them anew when it starts",
            link.name, here.name
        );
        return (
            why,
            Some(format!(
                "ip link set {} up; systemctl restart flanneld",
                link.name
            )),
        );
    }
    if flannel(case.place) || flannel(owner) {
        let why = format!(
            "flanneld writes a route for every lease: it is down on {}, or {} has no lease for {net}",
            here.name, owner.node.name
        );
        return (why, None);
    }
    let learned = |place: &Place| {
        let mut routes = place.net.routes.items().iter();
        routes.any(|route| DAEMONS.contains(&route.proto))
    };
    let anywhere = || case.scene.topology.places().any(|(_, place)| learned(place));
    if learned(case.place) || learned(owner) || anywhere() {
        let why = format!(
            "routes come from a routing daemon here: it is down on {} or {}, or does not announce {net}",
            here.name, owner.node.name
        );
        return (why, None);
    }
    if let Some(why) = rip(case, owner) {
        return (why, None);
    }
    let why = if case.is_answer() {
        format!(
            "static routes lead one way only: {} has none back to {net}",
            here.name
        )
    } else {
        format!("nobody set a route to {net} of {}", owner.node.name)
    };
    (why, None)
}
