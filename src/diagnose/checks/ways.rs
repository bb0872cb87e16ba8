//! Ways that are longer than they were meant to be, and addresses that too many answer for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::shared::uplinks;
use crate::diagnose::finding::{Command, Finding, Sure};
use crate::diagnose::world::World;
use crate::forward::fib::{Fib, Flow};
use crate::state::NodeState;
use crate::state::link::Link;
use crate::state::route::TableId;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(tunnelled(world, node));
    }
    answered_by_all(world, found);
}

/// `DirectRouting` of flannel, and a neighbor on the same segment that is reached through the tunnel.
fn tunnelled(world: &World, node: &NodeState) -> Option<Finding> {
    let conf = node.flannel.net_conf.known()?;
    let vni = conf.vni.unwrap_or(1);
    let tunnel = node.net.link_named(&format!("flannel.{vni}"))?;
    if conf.direct_routing != Some(true) || conf.backend != "vxlan" {
        return None;
    }
    let fib = Fib::new(&node.net);
    let routes = node.net.routes.items().iter();
    let routed = routes.filter(|route| {
        route.table == TableId::MAIN
            && route
                .next_hops
                .iter()
                .any(|hop| hop.link == Some(tunnel.index) && hop.gateway.is_some())
    });
    let (route, other, ip, by, out) = routed.into_iter().find_map(|route| {
        let gateway = route.next_hops.first()?.gateway?;
        let mut others = world.nodes.iter().filter(|other| other.name != node.name);
        let other = others.find(|other| {
            other
                .net
                .link_named(&tunnel.name)
                .is_some_and(|link| other.net.ipv4_on(link).any(|address| address.ip == gateway))
        })?;
        let ip = uplinks(other)
            .flat_map(|link| other.net.ipv4_on(link))
            .map(|address| address.ip)
            .next()?;
        let hit = fib.lookup(&Flow::to(ip)).ok()?;
        let by = hit.hops.first().and_then(|hop| hop.gateway);
        let near = uplinks(node)
            .flat_map(|link| node.net.ipv4_on(link))
            .any(|address| address.network().is_some_and(|net| net.contains(&ip)));
        // Behind a router for good reason: another segment.
        let out = hit.hops.first().and_then(|hop| hop.link);
        (by.is_none() || near || is_alone(node)).then_some((route, other, ip, by, out))
    })?;
    let name = &node.name;
    let finding = Finding::of(
        "direct-routing-not-used",
        name,
        format!(
            "{name} reaches pods of {} through {}, although DirectRouting is on",
            other.name, tunnel.name
        ),
    )
    .about(route.dst.to_string())
    .sure(Sure::Likely)
    .shown(&conf.path, "DirectRouting is true")
    .shown(
        format!("ip route on {name}"),
        format!("{} dev {}", route.dst, tunnel.name),
    );
    Some(match by {
        None => {
            let finding = finding
                .shown(format!("ip route get {ip} on {name}"), "on the link, without a router")
                .step(format!("restart flanneld on {name}: it decides when it learns of a node"));
            let gateway = route.next_hops.first().and_then(|hop| hop.gateway);
            match (out.and_then(|out| node.net.link(out)), gateway) {
                (Some(out), Some(gateway)) => finding.run(
                    format!("ip route replace {} via {ip} dev {}", route.dst, out.name),
                    format!("ip route replace {} via {gateway} dev {} onlink", route.dst, tunnel.name),
                ),
                _ => finding,
            }
        }
        Some(router) => finding
            .shown(format!("ip route get {ip} on {name}"), format!("via {router}"))
            .step("flannel routes directly only to nodes that the kernel reaches without a router: clouds with /32 addresses never do; use host-gw with the cloud's own routes, or leave it"),
    })
}

/// Whether the node has nothing but addresses of its own length, as clouds give them.
fn is_alone(node: &NodeState) -> bool {
    let mut all = uplinks(node).flat_map(|link| node.net.ipv4_on(link)).peekable();
    all.peek().is_some() && all.all(|address| address.prefix_len == 32)
}

/// Addresses of services on `kube-ipvs0` of several nodes, which all answer ARP for them.
fn answered_by_all(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<IpAddr, Vec<&NodeState>> = BTreeMap::new();
    for node in world.nodes {
        let Some(virtual_link) = node.net.link_named("kube-ipvs0") else {
            continue;
        };
        let segments: Vec<(&Link, ipnet::IpNet)> = uplinks(node)
            .flat_map(|link| {
                node.net
                    .ipv4_on(link)
                    .filter_map(move |address| Some((link, address.network()?)))
            })
            .collect();
        for address in node.net.ipv4_on(virtual_link) {
            let answers = segments.iter().any(|(link, net)| {
                let setting = |name: &str| node.net.link_setting(false, name, "arp_ignore");
                // The larger of both counts (`arp_ignore`, net/ipv4/arp.c).
                net.contains(&address.ip) && setting("all").max(setting(&link.name)) == Some(0)
            });
            if answers {
                by.entry(address.ip).or_default().push(node);
            }
        }
    }
    for (ip, nodes) in by.into_iter().filter(|(_, nodes)| nodes.len() > 1) {
        let Some(first) = nodes.first() else { continue };
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let mut finding = Finding::of(
            "virtual-address-answered-by-all",
            &first.name,
            format!(
                "{} nodes answer ARP for {ip}, an address of a service: who announces it is outdone",
                nodes.len()
            ),
        )
        .about(ip.to_string())
        .sure(Sure::Likely)
        .shown(
            format!("ip addr show dev kube-ipvs0 on {}", names.join(", ")),
            ip.to_string(),
        )
        .shown("sysctl", "net.ipv4.conf.all.arp_ignore = 0")
        .step("set ipvs.strictARP: true in kube-proxy's ConfigMap, and restart kube-proxy");
        for node in nodes {
            for (key, value) in [("arp_ignore", 1), ("arp_announce", 2)] {
                finding.fix.commands.push(Command::on(
                    &node.name,
                    format!("sysctl -w net.ipv4.conf.all.{key}={value}"),
                    format!("sysctl -w net.ipv4.conf.all.{key}=0"),
                ));
            }
        }
        found.push(finding);
        return;
    }
}
