//! What the network between nodes does with packets: nothing shows it, counters and connections speak of it.

use std::net::IpAddr;

use super::shared::{pod_routes, route_link, uplinks};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::conntrack::Flow;
use crate::state::link::Link;

/// So many packets that nobody answers are no accident.
const MANY: u64 = 10;
const CONNECTIONS: usize = 3;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    deaf(world, found);
    if let Ok(cluster) = world.cluster {
        for node in world.nodes {
            found.extend(addresses_dropped(world, cluster, node));
        }
    }
}

/// Tunnels whose packets a firewall may drop on the way.
const TUNNELS: [&str; 3] = ["tunl0", "vxlan.calico", "flannel.1"];

/// A tunnel that sends and never heard anything. What a node's own state explains is said by others.
fn deaf(world: &World, found: &mut Vec<Finding>) {
    let explained = |node: &NodeState, link: &Link| {
        found.iter().any(|known| {
            let of_tunnel = known.subject == link.name
                || [
                    "vxlan-",
                    "vtep-",
                    "tunnel-",
                    "route",
                    "kernel-module",
                    "bgp-routes",
                ]
                .iter()
                .any(|prefix| known.id.starts_with(prefix));
            of_tunnel || (known.node == node.name && known.severity == crate::diagnose::Severity::Error)
        })
    };
    let mut deaf = Vec::new();
    for node in world.nodes {
        let links = node.net.links.items().iter();
        let tunnels = links.filter(|link| TUNNELS.contains(&link.name.as_str()) && link.is_up());
        for link in tunnels {
            let Some(counters) = link.counters else { continue };
            if counters.tx_packets >= MANY && counters.rx_packets == 0 && !explained(node, link) {
                deaf.push((node, link, counters));
            }
        }
    }
    for (node, link, counters) in deaf {
        let name = &node.name;
        let ipip = link.kind.as_deref() == Some("ipip");
        let mut finding = Finding::of(
            "tunnel-hears-nothing",
            name,
            format!(
                "{} of {name} sends, and nothing has ever come back by it",
                link.name
            ),
        )
        .about(&link.name)
        .sure(Sure::Likely)
        .shown(
            format!("ip -s link show dev {} on {name}", link.name),
            format!("TX {} packets, RX 0", counters.tx_packets),
        );
        finding = if ipip {
            finding
                .step("let IP protocol 4 pass between the nodes: in security groups by its number, both ways (\"ipip\" of OpenStack is 94)")
                .step("Azure never lets it pass: use VXLAN there (ipipMode Never, vxlanMode Always)")
        } else {
            finding
                .step("let the tunnel's UDP port pass between the nodes, both ways")
                .step("below NSX or another VXLAN, take another port: vxlanPort of FelixConfiguration, or Port in flannel's net-conf")
        };
        let uplink = uplinks(node)
            .find(|uplink| uplink.is_up())
            .map_or("any", |uplink| uplink.name.as_str());
        let filter = if ipip {
            "ip proto 4"
        } else {
            "udp port 4789 or udp port 8472"
        };
        found.push(finding.look(format!("tcpdump -ni {uplink} -c 10 '{filter}'")));
    }
}

/// Which setting of a cloud lets machines send with the addresses of pods.
fn cloud(world: &World, name: &str) -> Option<(&'static str, &'static str)> {
    let inventory = world.cluster.ok()?.kubernetes.as_ref()?;
    let node = inventory.nodes.iter().find(|node| node.metadata.name == name)?;
    let (kind, _) = node.spec.provider_id.as_deref()?.split_once(':')?;
    Some(match kind {
        "aws" => (
            "EC2",
            "set awsSrcDstCheck: Disable in FelixConfiguration (or aws ec2 modify-instance-attribute --no-source-dest-check)",
        ),
        "gce" => (
            "Google Cloud",
            "make the machines with canIpForward (it can't be changed later)",
        ),
        "azure" => (
            "Azure",
            "set enableIPForwarding on the machines' network interfaces, and a route table for the pods' ranges",
        ),
        "openstack" => (
            "OpenStack",
            "add the pods' ranges to the ports' allowed address pairs (openstack port set --allowed-address ip-address=CIDR PORT)",
        ),
        _ => return None,
    })
}

/// Packets with pods' addresses leave a machine of a cloud without a tunnel, and nobody answers.
fn addresses_dropped(world: &World, cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let (provider, mend) = cloud(world, &node.name)?;
    let plain: Vec<_> = pod_routes(cluster, node)
        .filter(|route| {
            let link = route_link(route).and_then(|link| node.net.link(link));
            link.is_some_and(|link| link.kind.is_none())
        })
        .collect();
    let entries = node.net.conntrack.known()?.entries.known()?;
    let to_others = |flow: &&Flow| {
        let dst = flow.reply.src;
        flow.status.is_unreplied()
            && !flow.is_snat()
            && cluster.pool_of(flow.original.src).is_some()
            && plain.iter().any(|route| route.dst.contains(&dst))
    };
    let lost: Vec<&Flow> = entries.iter().filter(to_others).collect();
    let first = lost.first().filter(|_| lost.len() >= CONNECTIONS)?;
    let answered = entries.iter().any(|flow| {
        let ends: [IpAddr; 2] = [flow.original.src, flow.reply.src];
        !flow.status.is_unreplied()
            && ends.iter().all(|ip| cluster.pool_of(*ip).is_some())
            && ends
                .iter()
                .any(|ip| plain.iter().any(|route| route.dst.contains(ip)))
    });
    let route = plain.iter().find(|route| route.dst.contains(&first.reply.src))?;
    let name = &node.name;
    (!answered).then(|| {
        let mut finding = Finding::of(
            "cloud-drops-pod-addresses",
            name,
            format!("{name} sends packets of its pods without a tunnel, and {provider} may drop them"),
        )
        .about(route.dst.to_string())
        .sure(Sure::Possible)
        .shown(
            format!("conntrack -L on {name}"),
            format!(
                "{} connections like {} → {} [UNREPLIED], none answered",
                lost.len(),
                first.original.src,
                first.reply.src
            ),
        )
        .shown(
            format!("ip route on {name}"),
            format!("{} by a plain link", route.dst),
        )
        .shown(
            format!("Node({name})"),
            format!("spec.providerID is of {provider}"),
        )
        .step(mend);
        if let Some(pool) = cluster.pool_of(first.reply.src) {
            finding =
                finding
                    .step("or encapsulate everything")
                    .set("IPPool", &pool.name, "vxlanMode", "Always");
        }
        finding
    })
}
