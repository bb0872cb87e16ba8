//! A pod without its default route, its address or its segment.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Explained;
use super::case::{Case, typed_in};
use crate::diagnose::finding::Sure;
use crate::forward::topology::At;
use crate::forward::walk::What;
use crate::state::kind::LinkData;
use crate::state::link::is_link_local;
use crate::state::route::{Route, TableId};

/// A pod without default route: behind a bridge its gateway is the bridge; else it is Calico's 169.254.1.1, which takes
/// two routes.
pub(super) fn of_pod(case: &Case, explained: Explained) -> Explained {
    let inside = typed_in(case.place);
    let node = &case.place.node.name;
    let own = case
        .place
        .net
        .links
        .items()
        .iter()
        .find(|link| link.kind.as_deref() == Some("veth"));
    let Some(link) = own.map(|link| link.name.as_str()) else {
        return stacked(case, explained);
    };
    let outer = case.host_end(case.id);
    if let Some(explained) = without_segment(case, &explained, outer, link) {
        return explained;
    }
    if let Some(gateway) = outer.and_then(|at| bridge_gateway(case, at)) {
        return explained
            .sure(Sure::Proved)
            .because("its default route is missing: removed, or the CNI did not get that far")
            .run(
                node,
                format!("{inside}ip route add default via {gateway} dev {link}"),
                format!("{inside}ip route del default via {gateway} dev {link}"),
            );
    }
    if outer.is_some_and(|at| !is_routed(case, at)) {
        return explained
            .sure(Sure::Proved)
            .because("its default route is missing: removed, or gone when its link was down")
            .step(format!(
                "give it one: {inside}ip route add default via ROUTER dev {link}, the router of its segment"
            ));
    }
    let routes = case.place.net.routes.items();
    let gateway: IpAddr = IpAddr::from([169, 254, 1, 1]);
    let on_link = routes.iter().any(|route| route.dst == IpNet::from(gateway));
    let explained = explained.sure(Sure::Proved).because(if on_link {
        "its default route is missing"
    } else {
        "its gateway 169.254.1.1 is on no segment: first comes a route of scope link to it, then the default route"
    });
    let explained = if on_link {
        explained
    } else {
        explained.run(
            node,
            format!("{inside}ip route add {gateway} dev {link} scope link"),
            format!("{inside}ip route del {gateway} dev {link}"),
        )
    };
    explained.run(
        node,
        format!("{inside}ip route add default via {gateway} dev {link}"),
        format!("{inside}ip route del default via {gateway} dev {link}"),
    )
}

/// The address of the bridge that a pod's link is a port of.
pub(super) fn bridge_gateway(case: &Case, outer: At) -> Option<IpAddr> {
    let host = case.scene.topology.place(outer.place);
    let master = case.scene.topology.link(outer)?.master?;
    let v6 = case.outcome.state.packet.dst.is_ipv6();
    let mut addresses = host.net.addresses.items().iter();
    let own = addresses.find(|own| own.link == master && own.ip.is_ipv6() == v6 && !is_link_local(own.ip));
    own.map(|own| own.ip)
}

/// Whether a pod's packets are routed right behind this link (Calico's, `proxy_arp`), and not switched.
fn is_routed(case: &Case, outer: At) -> bool {
    let place = case.scene.topology.place(outer.place);
    let Some(link) = case.scene.topology.link(outer) else {
        return false;
    };
    let proxies = place.either(false, &link.name, "proxy_arp").unwrap_or(false);
    let mut routes = place.net.routes.items().iter();
    let of_pod =
        |route: &Route| route.table == TableId::MAIN && route.dst.prefix_len() == route.dst.max_prefix_len();
    let leads =
        |route: &Route| of_pod(route) && route.next_hops.iter().any(|hop| hop.link == Some(link.index));
    link.master.is_none() && (link.name.starts_with("cali") || proxies || routes.any(leads))
}

/// A pod without an address, or with one that has lost its segment: what its neighbors behind the same bridge have tells
/// how wide that is.
fn without_segment(case: &Case, explained: &Explained, outer: Option<At>, name: &str) -> Option<Explained> {
    let v6 = case.outcome.state.packet.dst.is_ipv6();
    let (who, inside) = (case.who(), typed_in(case.place));
    let mut own = case.place.net.addresses.items().iter();
    let own = own.find(|own| own.ip.is_ipv6() == v6 && !own.ip.is_loopback() && !is_link_local(own.ip));
    let Some(own) = own else {
        return Some(
            explained
                .clone()
                .sure(Sure::Proved)
                .because(format!("{who} has no address but that of lo: it was removed, or the CNI did not get that far"))
                .shown(format!("ip address on {who}"), "none of scope global")
                .step("where it has an address by the datastore or the runtime, give it back with its length, and its routes; else make the pod anew"),
        );
    };
    let host_length = if v6 { 128 } else { 32 };
    if own.prefix_len != host_length || outer.is_some_and(|at| is_routed(case, at)) {
        return None;
    }
    let wide = case.scene.topology.places().find_map(|(id, place)| {
        let addresses = place.net.addresses.items().iter();
        let mut others = addresses.filter(|other| {
            other.prefix_len < host_length && other.network().is_some_and(|net| net.contains(&own.ip))
        });
        let other = others.find(|other| id != case.id && other.ip != own.ip)?;
        Some((place.title(), other))
    });
    let (title, other) = wide?;
    let (ip, length) = (own.ip, other.prefix_len);
    Some(
        explained
            .clone()
            .sure(Sure::Likely)
            .because(format!("{ip} of {who} is an address of no segment, a /{host_length}; {title} has {other}"))
            .shown(format!("ip address on {who}"), format!("{ip}/{host_length}"))
            .shown(format!("ip address on {title}"), other.to_string())
            .run(
                &case.place.node.name,
                format!("{inside}ip address add {ip}/{length} dev {name}; {inside}ip address del {ip}/{host_length} dev {name}"),
                format!("{inside}ip address add {ip}/{host_length} dev {name}; {inside}ip address del {ip}/{length} dev {name}"),
            ),
    )
}

/// Packets come as if the address were its own, straight from a neighbor's link, and nobody has it: it was taken away.
pub(super) fn lost_address(case: &Case) -> Option<Explained> {
    let dst = case.outcome.state.packet.dst;
    if case.scene.topology.places().any(|(_, place)| place.has(dst)) {
        return None;
    }
    let mut trail = case.trail().iter().rev();
    let sent = trail.find(|step| step.what == What::Route && step.place != case.id)?;
    let net: IpNet = sent.text.split(' ').next()?.parse().ok()?;
    if sent.text.contains(" via ") || net.prefix_len() == 0 {
        return None;
    }
    let name = &case.place.net.link(case.last(What::In)?.link?)?.name;
    let sender = case.scene.topology.place(sent.place).title();
    let (who, inside, length) = (case.who(), typed_in(case.place), net.prefix_len());
    let title = format!("{who} got a packet for {dst}, which is not its address");
    let line = |word: &str| format!("{inside}ip address {word} {dst}/{length} dev {name}");
    Some(
        Explained::new("packet-for-another-address", case, Sure::Likely, title)
            .because(format!(
                "nobody has {dst}, and {sender} knows it at {name} of {who}: it was taken away there"
            ))
            .shown(format!("ip route on {sender}"), &*sent.text)
            .shown(format!("ip address on {who}"), format!("none is {dst}"))
            .run(&case.place.node.name, line("add"), line("del"))
            .step(format!(
                "if {dst} is elsewhere now, correct the route or neighbor entry of {sender}"
            )),
    )
}

/// A pod without a veth: its link is on top of one of its host's, or it has none.
fn stacked(case: &Case, explained: Explained) -> Explained {
    let explained = explained.sure(Sure::Proved);
    let mut links = case.place.net.links.items().iter();
    let own = links.find(|link| matches!(link.data, Some(LinkData::Ipvlan(_) | LinkData::Macvlan(_))));
    let Some(link) = own else {
        return explained
            .because("it has no link but lo: network mode none, or its setup failed")
            .step("start the container with a network, or look at the CNI's log");
    };
    if let Some(explained) = without_segment(case, &explained, None, &link.name) {
        return explained;
    }
    let explained =
        explained.because("its default route is missing: removed, or gone when its link was down");
    let (inside, name) = (typed_in(case.place), &link.name);
    match &link.data {
        // Its host looks packets up; there is no gateway.
        Some(LinkData::Ipvlan(ipvlan)) if ipvlan.mode != "l2" => explained
            .shown(
                format!("ip -d link show dev {name} on {}", case.who()),
                format!("ipvlan mode {}", ipvlan.mode),
            )
            .run(
                &case.place.node.name,
                format!("{inside}ip route add default dev {name}"),
                format!("{inside}ip route del default dev {name}"),
            ),
        _ => explained.step(format!(
            "give it one: {inside}ip route add default via ROUTER dev {name}, the router of its segment"
        )),
    }
}
