//! Links of pods, and the gateway that answers them.

use std::net::{IpAddr, Ipv4Addr};

use super::shared::{addresses, host_end, is_cali, overhead, pods, uplinks};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::link::{Link, LinkFlags};
use crate::state::neighbor::NeighborState;
use crate::state::route::{RouteType, TableId};
use crate::state::{Namespace, NodeState};

/// The gateway of Calico's pods.
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(proxies(node));
        found.extend(default_route(node));
        found.extend(tunnel_mtu(node));
        for pod in pods(node) {
            for link in pod
                .net
                .links
                .items()
                .iter()
                .filter(|link| !link.flags.has(LinkFlags::LOOPBACK))
            {
                found.extend(down(node, pod, link));
            }
            found.extend(unrouted(node, pod));
            found.extend(unanswered(node, pod));
        }
    }
}

/// A pod's link that is down at one end.
fn down(node: &NodeState, pod: &Namespace, link: &Link) -> Option<Finding> {
    let end = host_end(node, pod, link)?;
    let (name, title) = (&node.name, pod.title());
    let has_address = pod
        .net
        .addresses
        .items()
        .iter()
        .any(|address| address.link == link.index);
    let inside = !link.is_up();
    if !has_address || (!inside && end.is_up()) {
        return None;
    }
    let (what, whose) = if inside {
        (link.name.as_str(), format!("in {title}"))
    } else {
        (end.name.as_str(), format!("on {name}"))
    };
    let command = format!("ip link set {what} up");
    Some(
        Finding::of(
            "link-down",
            name,
            format!("the link of {title} on {name} is down: {what} {whose}"),
        )
        .about(&end.name)
        .shown(format!("ip link show dev {what} {whose}"), "without the flag UP")
        .run(
            if inside {
                within(pod, &command)
            } else {
                command.clone()
            },
            if inside {
                within(pod, &command.replace(" up", " down"))
            } else {
                command.replace(" up", " down")
            },
        ),
    )
}

/// A command in a pod's namespace.
pub(super) fn within(pod: &Namespace, command: &str) -> String {
    if let Some(name) = pod
        .paths
        .iter()
        .find_map(|path| path.rsplit_once("/netns/").map(|(_, name)| name))
        .or(pod.names.first().map(String::as_str))
    {
        return format!("ip netns exec {name} {command}");
    }
    match pod.processes.first() {
        Some(process) => format!("nsenter -t {} -n {command}", process.pid),
        // Never on the host itself.
        None => format!("ip netns exec NAMESPACE {command}"),
    }
}

/// No route of the node leads to a pod of its own.
fn unrouted(node: &NodeState, pod: &Namespace) -> Option<Finding> {
    let routes = node.net.routes.known()?;
    let link = pod
        .net
        .links
        .items()
        .iter()
        .find(|link| !link.flags.has(LinkFlags::LOOPBACK) && link.is_up())?;
    let end = host_end(node, pod, link).filter(|end| is_cali(end) && end.is_up())?;
    let ip = addresses(pod).find(IpAddr::is_ipv4)?;
    let main = routes
        .iter()
        .filter(|route| route.table == TableId::MAIN && route.dst.contains(&ip));
    let best = main.max_by_key(|route| route.dst.prefix_len());
    let leads = best.is_some_and(|route| {
        route.kind == RouteType::Unicast && route.next_hops.iter().any(|hop| hop.link == Some(end.index))
    });
    if leads {
        return None;
    }
    let (name, title) = (&node.name, pod.title());
    let instead = best.map_or_else(
        || "no route".to_owned(),
        |route| format!("the best route is {} ({:?})", route.dst, route.kind).to_lowercase(),
    );
    Some(
        Finding::of(
            "pod-route-missing",
            name,
            format!("{name} has no route to its pod {title} ({ip}) by {}", end.name),
        )
        .about(ip.to_string())
        .shown(format!("ip route get {ip} on {name}"), instead)
        .shown(
            format!("ip link on {name}"),
            format!("{} leads to {title}", end.name),
        )
        .run(
            format!("ip route replace {ip} dev {} scope link", end.name),
            format!("ip route del {ip} dev {}", end.name),
        ),
    )
}

/// Links of Calico's pods that don't answer ARP for 169.254.1.1.
fn proxies(node: &NodeState) -> Vec<Finding> {
    let mut found = Vec::new();
    for link in node
        .net
        .links
        .items()
        .iter()
        .filter(|link| is_cali(link) && link.is_up())
    {
        if node.net.link_setting(false, &link.name, "proxy_arp") != Some(0) {
            continue;
        }
        // Pods that reach their gateway otherwise (an address on the link) need none.
        if node.net.ipv4_on(link).next().is_some() {
            continue;
        }
        let name = &node.name;
        let key = format!("net.ipv4.conf.{}.proxy_arp", link.name.replace('.', "/"));
        found.push(
            Finding::of(
                "proxy-arp-off",
                name,
                format!(
                    "{name} answers nobody on {}: its pod can't reach 169.254.1.1",
                    link.name
                ),
            )
            .about(&link.name)
            .shown(format!("sysctl on {name}"), format!("{key} = 0"))
            .run(format!("sysctl -w {key}=1"), format!("sysctl -w {key}=0")),
        );
    }
    found
}

/// Proxy ARP answers only for what the host has a route to.
fn default_route(node: &NodeState) -> Option<Finding> {
    let routes = node.net.routes.known()?;
    let calis = node
        .net
        .links
        .items()
        .iter()
        .filter(|link| is_cali(link) && link.is_up())
        .count();
    let covered = routes.iter().any(|route| {
        route.kind == RouteType::Unicast
            && route.dst.contains(&GATEWAY)
            && ![TableId::LOCAL].contains(&route.table)
    });
    let asked = pods(node).any(|pod| {
        pod.net
            .routes
            .items()
            .iter()
            .any(|route| route.next_hops.iter().any(|hop| hop.gateway == Some(GATEWAY)))
    });
    if calis == 0 || covered || !asked {
        return None;
    }
    let name = &node.name;
    Some(
        Finding::of(
            "default-route-missing",
            name,
            format!("{name} has no default route: its pods' gateway 169.254.1.1 is not answered for"),
        )
        .shown(format!("ip route get 169.254.1.1 on {name}"), "no route matches")
        .shown(
            format!("ip link on {name}"),
            format!("{calis} links of Calico's pods"),
        )
        .step(format!(
            "give {name} a default route: ip route add default via ROUTER"
        ))
        .run(
            "ip route add 169.254.1.1 dev lo",
            "ip route del 169.254.1.1 dev lo",
        )
        .sure(Sure::Likely),
    )
}

/// A pod whose gateway doesn't answer.
fn unanswered(node: &NodeState, pod: &Namespace) -> Option<Finding> {
    let entry = pod
        .net
        .neighbors
        .items()
        .iter()
        .find(|entry| entry.ip == GATEWAY && entry.state == NeighborState::Failed)?;
    let link = pod.net.link(entry.link)?;
    let end = host_end(node, pod, link)?;
    // What keeps it from being answered is a finding of its own.
    if node.net.link_setting(false, &end.name, "proxy_arp") != Some(1)
        || !end.is_up()
        || !link.is_up()
        || default_route(node).is_some()
    {
        return None;
    }
    let (name, title) = (&node.name, pod.title());
    Some(
        Finding::of(
            "gateway-unanswered",
            name,
            format!("{title} on {name} gets no answer from its gateway 169.254.1.1"),
        )
        .about(&end.name)
        .sure(Sure::Likely)
        .shown(
            format!("ip neigh in {title}"),
            format!("169.254.1.1 dev {} FAILED", link.name),
        )
        .step(format!(
            "ask again in the pod (ping 169.254.1.1); if it stays so, restart calico-node on {name}"
        )),
    )
}

/// A tunnel's packets don't fit the link below.
fn tunnel_mtu(node: &NodeState) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(below) = uplinks(node)
        .filter(|link| link.is_up())
        .map(|link| link.mtu)
        .max()
    else {
        return found;
    };
    for link in node.net.links.items() {
        let Some(added) = overhead(link).filter(|added| link.mtu + added > below) else {
            continue;
        };
        // gre0 and its like are there with their module, and carry nothing. What is down, or has lost its routes, will
        // carry again: an agent gave it its address.
        let routed = node.net.routes.items().iter().any(|route| {
            route
                .next_hops
                .iter()
                .any(|hop| hop.link == Some(link.index) && hop.gateway.is_some())
        });
        let agents = ["tunl0", "vxlan.calico", "flannel.1"].contains(&link.name.as_str());
        let used = routed || (agents && node.net.ipv4_on(link).next().is_some());
        if !used {
            continue;
        }
        let (name, right) = (&node.name, below.saturating_sub(added));
        found.push(
            Finding::of("tunnel-mtu-too-large", name, format!("{} of {name} has MTU {}, and {right} is what fits", link.name, link.mtu))
                .about(&link.name)
                .shown(format!("ip link on {name}"), format!("{} {}, plus {added} bytes of its own, over a link of {below}", link.name, link.mtu))
                .step(format!("set the pods' MTU to {right} for good: FelixConfiguration (ipipMTU, vxlanMTU) and veth_mtu, or flannel's net-conf"))
                .run(format!("ip link set dev {} mtu {right}", link.name), format!("ip link set dev {} mtu {}", link.name, link.mtu)),
        );
    }
    found
}
