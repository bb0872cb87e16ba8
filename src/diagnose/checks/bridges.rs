//! Bridges of pods and containers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::shared::{host_end, is_docker, overlap, pod_bridge, pods};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::kind::LinkData;
use crate::state::link::{Address, IfIndex, Link, LinkFlags};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(wrong_subnet(world, node));
        found.extend(no_address(node));
        found.extend(detached(node));
        found.extend(circle(node));
        found.extend(bridge_down(node));
        found.extend(docker_overlaps(world, node));
        found.extend(hairpin(node));
    }
}

/// A pod that asks its own service is sent back by the port that it came from, and the bridge doesn't do that.
fn hairpin(node: &NodeState) -> Vec<Finding> {
    let (Some(bridge), Some(entries)) = (
        pod_bridge(node).filter(|bridge| !bridge.flags.has(LinkFlags::PROMISC)),
        node.net.conntrack.known().and_then(|table| table.entries.known()),
    ) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for pod in pods(node) {
        let Some((end, ip)) = pod.net.links.items().iter().find_map(|link| {
            let end = host_end(node, pod, link).filter(|end| end.master == Some(bridge.index))?;
            Some((end, super::shared::addresses(pod).find(IpAddr::is_ipv4)?))
        }) else {
            continue;
        };
        let off = end.port.as_ref().is_some_and(|port| !port.hairpin);
        // Its own service sent it back to itself, and nobody answered.
        let lost = entries.iter().find(|flow| {
            flow.original.src == ip && flow.is_dnat() && flow.reply.src == ip && flow.status.is_unreplied()
        });
        let Some(flow) = lost.filter(|_| off) else {
            continue;
        };
        let (name, title) = (&node.name, pod.title());
        found.push(
            Finding::of(
                "hairpin-off",
                name,
                format!(
                    "{title} on {name} does not reach itself through its own service {}",
                    flow.original.dst
                ),
            )
            .about(&end.name)
            .shown(
                format!("bridge -d link show dev {} on {name}", end.name),
                "hairpin off",
            )
            .shown(
                format!("conntrack -L on {name}"),
                format!("{ip} → {} [UNREPLIED], reply from {ip}", flow.original.dst),
            )
            .step("for all pods: hairpinMode true in the bridge plugin's configuration")
            .run(
                format!("bridge link set dev {} hairpin on", end.name),
                format!("bridge link set dev {} hairpin off", end.name),
            ),
        );
    }
    found
}

/// The subnet that flannel or Kubernetes gave the node.
fn subnet(world: &World, node: &NodeState) -> Option<(ipnet::IpNet, String)> {
    if let Some(subnet) = node.flannel.subnet.known().and_then(|known| known.subnet) {
        return Some((subnet.trunc(), "/run/flannel/subnet.env".to_owned()));
    }
    let inventory = world.cluster.ok()?.kubernetes.as_ref()?;
    let object = inventory
        .nodes
        .iter()
        .find(|object| object.metadata.name == node.name)?;
    let cidr = object.spec.pod_cidr.as_ref()?.parse().ok()?;
    Some((cidr, format!("Node({}) spec.podCIDR", node.name)))
}

fn wrong_subnet(world: &World, node: &NodeState) -> Option<Finding> {
    let bridge = node.net.link_named("cni0").filter(|link| link.is_bridge())?;
    let (subnet, source) = subnet(world, node)?;
    let held = node
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.link == bridge.index && address.ip.is_ipv4())?;
    if subnet.contains(&held.ip) || !subnet.addr().is_ipv4() {
        return None;
    }
    let name = &node.name;
    Some(
        Finding::of(
            "bridge-address-outside-subnet",
            name,
            format!(
                "cni0 of {name} has {held}, which is not of the node's subnet {subnet}: pods can't start"
            ),
        )
        .about("cni0")
        .shown(format!("ip addr on {name}"), format!("cni0 {held}"))
        .shown(source, subnet.to_string())
        .step("the bridge was left by an older cluster: pods that are on it have to be made anew")
        .run("ip link del cni0", ""),
    )
}

fn no_address(node: &NodeState) -> Option<Finding> {
    let bridge = node.net.link_named("cni0").filter(|link| link.is_bridge())?;
    let addresses = node.net.addresses.known()?;
    let ports = node
        .net
        .links
        .items()
        .iter()
        .filter(|link| link.master == Some(bridge.index))
        .count();
    if ports == 0
        || addresses
            .iter()
            .any(|address| address.link == bridge.index && address.ip.is_ipv4())
    {
        return None;
    }
    let subnet = node.flannel.subnet.known().and_then(|known| known.subnet);
    let name = &node.name;
    let mut finding = Finding::of(
        "bridge-without-address",
        name,
        format!("cni0 of {name} has no address: its {ports} pods have no gateway"),
    )
    .about("cni0")
    .shown(format!("ip addr on {name}"), "cni0 has no IPv4 address")
    .step("give it the first address of the node's range, or make a pod anew: its plugin does that");
    if let Some(subnet) = subnet {
        finding = finding.run(
            format!("ip addr add {subnet} dev cni0"),
            format!("ip addr del {subnet} dev cni0"),
        );
    }
    Some(finding)
}

/// A pod's link that is on no bridge, while the others' are.
fn detached(node: &NodeState) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut ends: Vec<(String, &Link, IpAddr)> = Vec::new();
    for pod in pods(node) {
        for link in pod.net.links.items() {
            let mut addresses = pod.net.addresses.items().iter();
            let held = addresses.find(|address| address.link == link.index && !address.ip.is_loopback());
            if let (Some(end), Some(held)) = (host_end(node, pod, link), held) {
                ends.push((pod.title(), end, held.ip));
            }
        }
    }
    let alone = ends
        .iter()
        .filter(|(_, end, _)| end.master.is_none() && !end.name.starts_with("cali"));
    for (title, end, ip) in alone {
        let Some(bridge) = pod_bridge(node).or_else(|| docker_bridge(node, *ip)) else {
            continue;
        };
        let on = ends
            .iter()
            .filter(|(_, end, _)| end.master == Some(bridge.index))
            .count();
        let routed = node.net.routes.items().iter().any(|route| {
            route.dst.addr().is_ipv4() && route.next_hops.iter().any(|hop| hop.link == Some(end.index))
        });
        if on == 0 || routed {
            continue;
        }
        let name = &node.name;
        found.push(
            Finding::of(
                "link-without-bridge",
                name,
                format!("{} of {name}, the link of {title}, is on no bridge", end.name),
            )
            .about(&end.name)
            .shown(
                format!("ip link show dev {} on {name}", end.name),
                format!("without master; {on} others are on {}", bridge.name),
            )
            .run(
                format!("ip link set {} master {}", end.name, bridge.name),
                format!("ip link set {} nomaster", end.name),
            ),
        );
    }
    found
}

/// Docker's bridge that is the gateway of an address.
fn docker_bridge(node: &NodeState, ip: IpAddr) -> Option<&Link> {
    let addresses = node.net.addresses.items().iter();
    let mut of_net = addresses.filter(|address| address.network().is_some_and(|net| net.contains(&ip)));
    of_net.find_map(|address| node.net.link(address.link).filter(|link| is_docker(link)))
}

/// A bridge of pods or containers that is down, while links of theirs are on it.
fn bridge_down(node: &NodeState) -> Option<Finding> {
    let down = |link: &&Link| !link.is_up() && (is_docker(link) || link.name == "cni0");
    let bridge = node.net.links.items().iter().find(|link| {
        let mut ports = node.net.links.items().iter();
        down(link) && ports.any(|port| port.master == Some(link.index) && port.is_up())
    })?;
    let name = &node.name;
    Some(
        Finding::of(
            "link-down",
            name,
            format!(
                "{} of {name} is down: its containers have no gateway",
                bridge.name
            ),
        )
        .about(&bridge.name)
        .shown(
            format!("ip link show dev {} on {name}", bridge.name),
            "without the flag UP, with ports that are up",
        )
        .run(
            format!("ip link set {} up", bridge.name),
            format!("ip link set {} down", bridge.name),
        ),
    )
}

/// Bridges that are joined twice by veths, none of which runs STP.
fn circle(node: &NodeState) -> Option<Finding> {
    let links = node.net.links.known()?;
    let by_index: HashMap<IfIndex, &Link> = links.iter().map(|link| (link.index, link)).collect();
    let stp = |bridge: IfIndex| matches!(by_index.get(&bridge).and_then(|link| link.data.as_ref()), Some(LinkData::Bridge(data)) if data.stp_state > 0);
    let mut cables: BTreeMap<(IfIndex, IfIndex), Vec<(&Link, IfIndex)>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for link in links
        .iter()
        .filter(|link| link.kind.as_deref() == Some("veth") && link.is_up())
    {
        let (Some(bridge), Some(lower)) = (link.master, link.lower.filter(|lower| lower.netns.is_none()))
        else {
            continue;
        };
        let Some(other) = by_index.get(&lower.index).filter(|other| other.is_up()) else {
            continue;
        };
        let Some(beyond) = other.master else { continue };
        if !seen.insert((link.index.min(other.index), link.index.max(other.index))) {
            continue;
        }
        cables
            .entry((bridge.min(beyond), bridge.max(beyond)))
            .or_default()
            .push((link, bridge));
    }
    let ((one, other), cable) = cables
        .into_iter()
        .find(|((one, other), cable)| (cable.len() > 1 || one == other) && !stp(*one) && !stp(*other))?;
    let name = &node.name;
    let bridge = |index: IfIndex| by_index.get(&index).map_or("?", |link| link.name.as_str());
    // Whatever joined them first did no harm.
    let (last, master) = cable.iter().max_by_key(|(link, _)| link.index)?;
    let names: Vec<&str> = cable.iter().map(|(link, _)| link.name.as_str()).collect();
    Some(
        Finding::of(
            "bridge-loop",
            name,
            format!(
                "{} and {} of {name} are joined twice, and neither runs STP: frames go round for ever",
                bridge(one),
                bridge(other)
            ),
        )
        .about(bridge(one))
        .shown(
            format!("bridge link on {name}"),
            format!("{} lead from one to the other", names.join(", ")),
        )
        .shown(
            format!("ip -d link show dev {} on {name}", bridge(one)),
            "stp_state 0",
        )
        .run(
            format!("ip link set {} nomaster", last.name),
            format!("ip link set {} master {}", last.name, bridge(*master)),
        )
        // What went round is forgotten, else packets go where it came from.
        .run(format!("ip link set {} type bridge fdb_flush", bridge(one)), "")
        .run(format!("ip link set {} type bridge fdb_flush", bridge(other)), "")
        // Of other network namespaces than the first one, the kernel takes no frames of STP.
        .step("or, on the host itself: ip link set BRIDGE type bridge stp_state 1"),
    )
}

/// A bridge of Docker's covers an address that nodes use.
fn docker_overlaps(world: &World, node: &NodeState) -> Vec<Finding> {
    let mut found = Vec::new();
    let links = node.net.links.items().iter().filter(|link| is_docker(link));
    for link in links {
        let nets = node
            .net
            .addresses
            .items()
            .iter()
            .filter(|address| address.link == link.index && address.ip.is_ipv4());
        for net in nets.filter_map(Address::network) {
            let name = &node.name;
            let cluster = world.cluster.ok();
            let other = cluster.and_then(|cluster| {
                cluster.nodes.iter().find(|other| {
                    other.name != *name
                        && other.ipv4.is_some_and(|stored| net.contains(&stored.ip))
                        && world.wrong_address(&other.name, false).is_none()
                })
            });
            let pool = cluster.and_then(|cluster| {
                cluster
                    .pools
                    .iter()
                    .find(|pool| overlap(&pool.cidr, &net) && !pool.disabled)
            });
            let uplink = super::shared::uplinks(node).find(|uplink| {
                node.net.addresses.items().iter().any(|address| {
                    address.link == uplink.index
                        && address.ip.is_ipv4()
                        && address.prefix_len < 32
                        && address.network().is_some_and(|theirs| overlap(&theirs, &net))
                })
            });
            let what = match (other, pool, uplink) {
                (Some(other), ..) => format!("the address of {}", other.name),
                (None, Some(pool), _) => format!("IPPool({}) {}", pool.name, pool.cidr),
                (None, None, Some(uplink)) => format!("the segment of {}", uplink.name),
                (None, None, None) => continue,
            };
            found.push(
                Finding::of("docker-range-overlaps", name, format!("{} of {name} has {net}, which covers {what}", link.name))
                    .about(&link.name)
                    .sure(if other.is_some() { Sure::Proved } else { Sure::Likely })
                    .shown(format!("ip addr on {name}"), format!("{net} on {}", link.name))
                    .step("give Docker other ranges: bip and default-address-pools in /etc/docker/daemon.json, then restart it and make its networks anew"),
            );
        }
    }
    found
}
