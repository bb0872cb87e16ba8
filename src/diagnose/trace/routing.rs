//! Routes that are missing, refuse, or lead in circles; forwarding, reverse path filters.

use std::net::IpAddr;

use super::case::{Case, on_segment, pod_net, typed_in};
use super::routes::{self, host_text};
use super::{Explained, ipvs, links, neighbors, pods, vrfs};
use crate::diagnose::finding::Sure;
use crate::forward::topology::{Place, PlaceId};
use crate::forward::walk::{Cause, End, Martian, Missing, RefusedBy, Refuses, What};
use crate::state::link::Link;

pub(super) fn forwarding_off(case: &Case, key: &str) -> Explained {
    if let Some(explained) = ipvs::server_lacks_address(case).or_else(|| pods::lost_address(case)) {
        return explained;
    }
    let who = case.who();
    let inside = typed_in(case.place);
    Explained::new(
        "forwarding-off",
        case,
        Sure::Proved,
        format!("{who} does not forward packets"),
    )
    .because("forwarding is switched off: by a file of /etc/sysctl.d, a hardening script, or nobody set it")
    .shown(format!("sysctl {key} on {who}"), "0")
    .run(
        &case.place.node.name,
        format!("{inside}sysctl -w {key}=1"),
        format!("{inside}sysctl -w {key}=0"),
    )
    .step(format!(
        "to keep it: {key} = 1 in a file of /etc/sysctl.d that comes last"
    ))
}

pub(super) fn not_for_us(case: &Case, dst: IpAddr, link: &str) -> Explained {
    if let Some(explained) = ipvs::server_lacks_address(case).or_else(|| pods::lost_address(case)) {
        return explained;
    }
    let who = case.who();
    let sender = case.hops().len().checked_sub(2).and_then(|at| {
        let place = case.hops().get(at)?.place;
        Some(case.scene.topology.place(place).title())
    });
    let sender = sender.unwrap_or_else(|| "the sender".to_owned());
    let explained = Explained::new(
        "packet-for-another-address",
        case,
        Sure::Proved,
        format!("{who} got a packet for {dst}, which is not its address"),
    )
    .because(format!(
        "{sender} hands packets for {dst} to {who}, which is no router"
    ));
    routes::last_route(case, explained)
        .shown(
            format!("ip address on {who}"),
            format!("none is {dst}; it came by {link}"),
        )
        .step(format!(
            "if {who} is to forward: sysctl -w net.ipv4.ip_forward=1 there, and a route to {dst}"
        ))
        .step(format!(
            "if it is not: correct the route or neighbor entry of {sender}"
        ))
}

pub(super) fn no_route(case: &Case, dst: IpAddr, tunnel: Option<&str>) -> Explained {
    if let Some(explained) = sent_by_default(case, dst) {
        return explained;
    }
    let who = case.who();
    let what = if case.is_answer() {
        "the way back is missing: "
    } else {
        ""
    };
    let title = match tunnel {
        Some(link) => format!("{what}{who} has no route to {dst}, the other end of {link}"),
        None => format!("{what}{who} has no route to {dst}"),
    };
    let explained = Explained::new("no-route", case, Sure::Likely, title).shown(
        format!("ip route get {dst} on {who}"),
        "no route matches, and there is no default route",
    );
    if let Some(explained) = routes::main_not_asked(case, &explained, dst) {
        return explained;
    }
    // A link that is down has no routes.
    let mut own = case.place.net.addresses.items().iter();
    let near = own.find(|address| address.network().is_some_and(|net| net.contains(&dst)));
    if let Some(address) = near {
        return links::holder_down(&explained, case.place, address.ip)
            .unwrap_or_else(|| vrfs::of_address(case, explained, address));
    }
    let owner = case.owner(dst);
    if case.place.namespace.is_some() {
        return pods::of_pod(case, explained);
    }
    match owner {
        Some((id, owner)) if std::ptr::eq(owner.node, case.place.node) => own_pod(case, explained, id, dst),
        Some((id, _)) => other_node(case, explained, id, dst),
        None => {
            let pool = case
                .scene
                .cluster
                .and_then(|cluster| cluster.pools.iter().find(|pool| pool.cidr.contains(&dst)));
            match pool {
                Some(pool) => explained
                    .sure(Sure::Possible)
                    .because(format!(
                        "{dst} is of the pool {pool}, but no node with it was seen"
                    ))
                    .step("see who has it: the pod's node, or nobody any more")
                    .netdiag("netdiag snapshot save --nodes all -o all.zst"),
                None => explained
                    .sure(Sure::Possible)
                    .because(format!("nothing that was seen has the address {dst}"))
                    .step("check the address; if it is outside, add a default route"),
            }
        }
    }
}

/// A node that should know the pod's way sent it to a router by its default route; that router need not know pods.
fn sent_by_default(case: &Case, dst: IpAddr) -> Option<Explained> {
    let (id, owner) = case.owner(dst)?;
    owner.namespace.as_ref()?;
    let topology = case.scene.topology;
    // Who is in the pods' network has bridges, tunnels or pods of its own.
    let has_pods = |place: &Place| !place.node.namespaces.items().is_empty();
    if has_pods(case.place) {
        return None;
    }
    let step = case.trail().iter().find(|step| {
        let place = topology.place(step.place);
        step.what == What::Route
            && step.place != case.id
            && step.text.starts_with("default ")
            && place.namespace.is_none()
            && has_pods(place)
            && !std::ptr::eq(place.node, owner.node)
    })?;
    let sender = Case {
        id: step.place,
        place: topology.place(step.place),
        ..*case
    };
    let (who, back) = (
        sender.who(),
        if case.is_answer() {
            "the way back is missing: "
        } else {
            ""
        },
    );
    let title = format!("{back}{who} has no route to {dst} but its default route");
    let explained = Explained::new("no-route", &sender, Sure::Likely, title)
        .shown(format!("ip route get {dst} on {who}"), &*step.text)
        .shown(format!("ip route get {dst} on {}", case.who()), "no route");
    Some(other_node(&sender, explained, id, dst))
}

/// The packet is for somebody who is known, on this node or another, and yet follows the default route: the route that
/// should take it is missing. Nothing when it ends otherwise.
pub(super) fn by_default_route(case: &Case) -> Option<Explained> {
    let lost = match &case.outcome.end {
        End::Dropped(cause) | End::Rejected(cause) => {
            matches!(cause, Cause::NoAnswer { .. } | Cause::Astray { .. })
        }
        End::NotDecidable(missing) => matches!(missing, Missing::Beyond { .. }),
        _ => false,
    };
    // By way of a router that knows no pods.
    let astray = matches!(&case.outcome.end, End::Dropped(Cause::Astray { .. }));
    let route = case
        .last(What::Route)
        .filter(|step| lost && (step.text.starts_with("default ") || astray))?;
    if case.place.namespace.is_some() {
        return None;
    }
    let dst = case.outcome.state.packet.dst;
    let (id, owner) = case.owner(dst)?;
    if !route.text.starts_with("default ") {
        return Some(by_unaware_router(case, &route.text, &owner.title()));
    }
    let what = if case.is_answer() {
        "the way back is missing: "
    } else {
        ""
    };
    let who = case.who();
    let explained = Explained::new(
        "no-route",
        case,
        Sure::Likely,
        format!("{what}{who} has no route to {dst} but its default route"),
    )
    .shown(format!("ip route get {dst} on {who}"), &*route.text);
    if !std::ptr::eq(owner.node, case.place.node) {
        // On its own segment, whose route is gone.
        let mut own = case.place.net.addresses.items().iter();
        let near = own.find(|own| own.network().is_some_and(|net| net.contains(&dst)));
        if let Some(near) = near.filter(|near| case.place.net.link(near.link).is_some_and(Link::is_up)) {
            return Some(vrfs::of_address(case, explained, near));
        }
        // An outer packet, or one for a host, may well go by routers.
        owner.namespace.as_ref()?;
        return Some(other_node(case, explained, id, dst));
    }
    Some(own_pod(case, explained, id, dst))
}

/// A route of BIRD's by way of a router that knows no pods: the next hop of a session is the router, since the other node
/// is in another subnet, and nothing carries the packet past it.
fn by_unaware_router(case: &Case, route: &str, owner: &str) -> Explained {
    let (who, dst) = (case.who(), case.outcome.state.packet.dst);
    let title = format!("{who} sends packets for {dst}, {owner}, bare to a router that is no node");
    Explained::new("plain-packet-through-router", case, Sure::Likely, title)
        .because("the node of the pod is in another subnet, and its pool's packets are not encapsulated on the way there")
        .shown(format!("ip route get {dst} on {who}"), route)
        .step("set ipipMode or vxlanMode of the pod's IPPool to CrossSubnet (or Always): netdiag get ippool -o yaml, then netdiag apply -f")
        .step("or have the router learn the blocks: make it a BGP peer of the nodes")
}

/// Addresses that must not be on a wire.
pub(super) fn martian(case: &Case, ip: IpAddr, link: &str, why: Martian) -> Explained {
    let who = case.who();
    let explained = Explained::new(
        "martian-packet",
        case,
        Sure::Proved,
        format!("{who} drops it as a martian on {link}"),
    )
    .shown(format!("ip address on {who}"), ip.to_string());
    let translated = case.trail().iter().rev().find(|step| step.what == What::Nat);
    match (why, translated) {
        (Martian::OwnSource, Some(step)) => explained
            .because(format!(
                "{who} asks a service and gets the question itself, with its own address as the source: such connections must be masqueraded, and are not"
            ))
            .shown(
                format!("netfilter of {}", case.scene.topology.place(step.place).title()),
                &*step.text,
            )
            .step("see that kube-proxy's MASQUERADE is there (KUBE-POSTROUTING, mark 0x4000), and that nothing takes the mark away; restart kube-proxy"),
        (Martian::OwnSource, None) => explained
            .because(format!("somebody else sends with the address of {who}: two have {ip}"))
            .step(format!("find the other: arping -D -I {link} {ip}")),
        (Martian::Loopback, _) => explained
            .because("packets for 127.0.0.0/8 are taken from outside only with route_localnet")
            .run(
                &case.place.node.name,
                format!("{}sysctl -w net.ipv4.conf.{link}.route_localnet=1", typed_in(case.place)),
                format!("{}sysctl -w net.ipv4.conf.{link}.route_localnet=0", typed_in(case.place)),
            ),
        (Martian::GroupSource | Martian::NoDestination, _) => {
            explained.because("the sender, or a rule that translates, made an address that no packet may have")
        }
    }
}

/// The pod is on this very node: its link's route is missing.
fn own_pod(case: &Case, explained: Explained, pod: PlaceId, dst: IpAddr) -> Explained {
    let place = case.scene.topology.place(pod);
    let explained = explained.shown(format!("ip address of {}", place.title()), dst.to_string());
    let host_end = case
        .host_end(pod)
        .filter(|at| std::ptr::eq(case.scene.topology.place(at.place).net, case.place.net));
    let Some(at) = host_end else {
        return explained.because(format!(
            "{} is on this node, and nothing leads to it",
            place.title()
        ));
    };
    let known = neighbors::wrong_bridge(case, &explained, pod, at);
    if let Some(found) = known.or_else(|| vrfs::apart(case, &explained, at)) {
        return found;
    }
    let link = case.name(at.place, at.link);
    let cause = if link.starts_with("cali") {
        "Felix writes this route for every pod: calico-node is down here, or the pod's endpoint is not in the datastore"
    } else {
        "the route to the pod's link was removed or never written"
    };
    let length = if dst.is_ipv4() { 32 } else { 128 };
    explained
        .sure(Sure::Proved)
        .because(cause)
        .shown(
            format!("ip link on {}", case.who()),
            format!("{link} leads to {}", place.title()),
        )
        .run(
            &case.place.node.name,
            // One that leads elsewhere gives way.
            format!("ip route replace {dst}/{length} dev {link} scope link"),
            format!("ip route del {dst}/{length} dev {link}"),
        )
}

/// Another node has it.
fn other_node(case: &Case, explained: Explained, owner: PlaceId, dst: IpAddr) -> Explained {
    let topology = case.scene.topology;
    let (_, host) = case.host_of(owner);
    let title = topology.place(owner).title();
    let explained = explained.shown(format!("ip address of {title}"), dst.to_string());
    if let Some(masqueraded) = routes::not_masqueraded(case, owner, dst) {
        return masqueraded;
    }
    if let Some((ip, _)) = on_segment(case.place, host, dst.is_ipv6())
        && let Some(down) = links::holder_down(&explained, host, ip)
    {
        return down;
    }
    let net = pod_net(host, dst);
    let (cause, hint) = routes::who_writes(case, host, net);
    let explained = explained.because(cause);
    let explained = match hint {
        Some(run) => explained.netdiag(run),
        None => explained,
    };
    match routes::way_to(case, host, dst.is_ipv6()) {
        Some((link, gateway)) => {
            let (who, name) = (case.who(), &link.name);
            let explained = match gateway {
                Some(gateway) => explained.shown(
                    format!("ip address of {}", host.title()),
                    format!("{gateway}, on the segment of {name} of {who}"),
                ),
                None => explained.shown(
                    format!("ip -d link show dev {name} on {who}"),
                    format!("a tunnel to {}", host.title()),
                ),
            };
            let via = gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
            links::raised(case, explained, link).run(
                &case.place.node.name,
                format!("ip route add {net}{via} dev {name}"),
                format!("ip route del {net}{via} dev {name}"),
            )
        }
        None if topology.place(owner).namespace.is_none()
            && !routes::has_default(case.place, dst.is_ipv6()) =>
        {
            routes::no_default(case, explained, dst.is_ipv6())
        }
        None => explained.step(format!(
            "{} and {} share no segment: routers between must learn {net}, or use VXLAN or IPIP",
            case.who(),
            host.title()
        )),
    }
}

pub(super) fn refused(case: &Case, how: Refuses, dst: IpAddr, by: &RefusedBy) -> Explained {
    let (who, node, word) = (case.who(), &case.place.node.name, how.word());
    let explained = |title: String| Explained::new("route-refuses", case, Sure::Proved, title);
    match by {
        RefusedBy::Rule { priority } => {
            let inside = typed_in(case.place);
            let family = if dst.is_ipv6() { "-6 " } else { "" };
            let mut rules = case.place.net.rules.items().iter();
            let rule = rules.find(|rule| rule.priority == *priority && rule.v6 == dst.is_ipv6());
            let undo = rule.and_then(|rule| Some(format!("{inside}ip {family}rule add {}", rule.words()?)));
            let undo = undo.unwrap_or_default();
            explained(format!("ip rule {priority} of {who} refuses packets for {dst}"))
                .because(format!(
                    "a policy rule of type {word} takes the packet before any route"
                ))
                .shown(format!("ip rule on {who}"), format!("{priority}: … {word}"))
                .step(format!(
                    "look at it first: {inside}ip {family}rule show pref {priority}"
                ))
                .run(node, format!("{inside}ip {family}rule del pref {priority}"), undo)
        }
        RefusedBy::Route { prefix, table } => {
            let block = prefix.parse().is_ok_and(|net: ipnet::IpNet| {
                let pools = case
                    .scene
                    .cluster
                    .map_or(&[][..], |cluster| cluster.pools.as_slice());
                pools.iter().any(|pool| pool.cidr.contains(&net))
                    || case.place.node.bird.known().is_some()
                        && case.place.namespace.is_none()
                        && net.prefix_len() > 0
            });
            let explained = explained(format!("{who} has a route of type {word}, {prefix}, for {dst}"))
                .shown(
                    format!("ip route show table {table} on {who}"),
                    format!("{word} {prefix}"),
                );
            // A pod's own route is nobody's business on its host.
            let inside = typed_in(case.place);
            let pod = case
                .owner(dst)
                .filter(|(_, place)| std::ptr::eq(place.node, case.place.node))
                .filter(|_| case.place.namespace.is_none());
            match pod {
                Some((id, _)) => own_pod(case, explained, id, dst),
                None if block => explained
                    .sure(Sure::Likely)
                    .because(format!(
                        "{prefix} is a block of this node: its {word} route takes what no pod here has, and none has {dst}"
                    ))
                    .step(format!("the pod with {dst} is gone, or runs elsewhere: look it up with kubectl get pods -o wide")),
                None => explained.because("somebody set it by hand, or a routing daemon did").run(
                    node,
                    format!("{inside}ip route del {word} {prefix} table {table}"),
                    format!("{inside}ip route add {word} {prefix} table {table}"),
                ),
            }
        }
        RefusedBy::Nobody => explained(format!("{who} has a {word} for {dst}")),
    }
}

pub(super) fn no_way_out(case: &Case, route: &str) -> Explained {
    let who = case.who();
    Explained::new(
        "route-without-link",
        case,
        Sure::Proved,
        format!("the route of {who} has no way out that can be used"),
    )
    .because("its links are down, or gone")
    .shown(format!("ip route on {who}"), route)
    .step("bring the route's link up, or correct the route")
}

pub(super) fn reverse_path(case: &Case, link: &str, mode: i64, src: IpAddr, way: Option<&str>) -> Explained {
    let (who, node, inside) = (case.who(), &case.place.node.name, typed_in(case.place));
    let explained = Explained::new(
        "reverse-path-filter",
        case,
        Sure::Proved,
        format!("{who} drops it by its reverse path filter on {link}"),
    )
    .shown(
        format!("sysctl net.ipv4.conf.{{all,{link}}}.rp_filter on {who}"),
        format!("the higher is {mode}"),
    )
    .shown(
        format!("ip route get {src} on {who}"),
        way.map_or_else(|| "no route".to_owned(), str::to_owned),
    );
    match way {
        Some(way) => explained
            .because(format!(
                "packets from {src} come in by {link}, but {who} would answer by another link ({way}): the two ways differ"
            ))
            .step(format!("better: correct the route to {src} so that both ways use {link}"))
            .run(
                node,
                format!("{inside}sysctl -w net.ipv4.conf.{link}.rp_filter=2"),
                format!("{inside}sysctl -w net.ipv4.conf.{link}.rp_filter={mode}"),
            ),
        None => explained
            .because(format!("{who} has no route back to {src}"))
            .step(format!("give {who} a route to {src}")),
    }
}

pub(super) fn circle(case: &Case, cause: &Cause) -> Explained {
    let mut seen = Vec::new();
    let mut explained = Explained::new(
        "routing-loop",
        case,
        Sure::Likely,
        format!("the packet goes in circles: {cause}"),
    )
    .because("namespaces hand it to each other: each one's route points to the other");
    for step in case.trail().iter().filter(|step| step.what == What::Route) {
        let line = (step.place, step.text.as_str());
        if seen.contains(&line) {
            break;
        }
        seen.push(line);
        let who = case.scene.topology.place(step.place).title();
        explained = explained.shown(format!("ip route on {who}"), &*step.text);
    }
    explained.step(format!(
        "correct the route of {} that leads back",
        host_text(case)
    ))
}
