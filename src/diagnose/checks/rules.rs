//! Felix's sets against the objects, and connections that lead nowhere.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::shared::{addresses, chains, destinations, pods};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::forward::fib::Fib;
use crate::intent::Cluster;
use crate::intent::kernel::sets::{HOSTS, MASQUERADED, VTEPS};
use crate::kubernetes::pod::Pod;
use crate::state::NodeState;
use crate::state::conntrack::{Flow, FlowStatus};
use crate::state::link::Link;
use crate::state::netfilter::{Hook, Rule, Statement};

const UDP: u8 = 17;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    if let Ok(cluster) = world.cluster {
        for node in world.nodes {
            found.extend(
                [HOSTS, VTEPS]
                    .into_iter()
                    .find_map(|set| hosts_set(world, cluster, node, set)),
            );
            found.extend(masquerade(cluster, node));
            found.extend(leaves_bare(cluster, node));
            found.extend(foreign_in_pool(cluster, node));
        }
    }
    for node in world.nodes {
        for bridge in node
            .net
            .links
            .items()
            .iter()
            .filter(|link| is_made_by_docker(link))
        {
            found.extend(docker_bare(node, bridge));
        }
    }
    dead_endpoints(world, found);
}

/// `docker0`, or `br-` and twelve digits of the network's id.
fn is_made_by_docker(link: &Link) -> bool {
    let of_network = |id: &str| id.len() == 12 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    link.is_bridge() && (link.name == "docker0" || link.name.strip_prefix("br-").is_some_and(of_network))
}

/// Docker's own chains are there, and no rule translates what its bridge's containers send out.
fn docker_bare(node: &NodeState, bridge: &Link) -> Option<Finding> {
    let mut ports = node.net.links.items().iter();
    if !ports.any(|port| port.master == Some(bridge.index)) {
        return None;
    }
    let own = &bridge.name;
    let address = node
        .net
        .addresses
        .items()
        .iter()
        .find(|address| address.link == bridge.index && address.ip.is_ipv4())?;
    let net = address.network()?;
    let off = node
        .docker
        .known()
        .and_then(|docker| docker.networks.known())
        .is_some_and(|networks| {
            networks.iter().any(|network| {
                network.bridge_name().as_deref() == Some(own)
                    && (network.internal
                        || network
                            .options
                            .get("com.docker.network.bridge.enable_ip_masquerade")
                            .is_some_and(|value| value == "false"))
            })
        });
    let (ruleset, ..) = chains(node, "nat").find(|(_, _, chain)| &*chain.name == "DOCKER")?;
    let translates = |rule: &Rule| {
        rule.statements
            .iter()
            .any(|statement| matches!(statement, Statement::Nat(_)))
    };
    let any = chains(node, "nat").filter(|(other, _, _)| other.dialect == ruleset.dialect);
    let masqueraded = any
        .filter(|(_, _, chain)| {
            chain
                .base
                .as_ref()
                .is_some_and(|base| base.hook == Hook::Postrouting)
                || !chain.name.starts_with("DOCKER")
        })
        .flat_map(|(_, _, chain)| &chain.rules)
        .any(|rule| {
            translates(rule) && (rule.text.contains(&net.to_string()) || !rule.text.contains(" -s "))
        });
    // A network without a way out has a rule that drops what would go there.
    let kept_in = format!("! -d {net} -i {own} ");
    let internal = chains(node, "filter")
        .any(|(_, _, chain)| chain.rules.iter().any(|rule| rule.text.contains(&kept_in)));
    if off || masqueraded || internal {
        return None;
    }
    let name = &node.name;
    let rule = format!("POSTROUTING -s {net} ! -o {own} -j MASQUERADE");
    let command = ruleset.dialect.command();
    Some(
        Finding::of("masquerade-missing", name, format!("{name} sends packets of its containers out with their own addresses: MASQUERADE of {net} is missing"))
            .about(own)
            .sure(Sure::Likely)
            .shown(format!("{command} -t nat -S on {name}"), format!("chains of Docker, and no rule that translates {net}"))
            .step("a firewall that reloaded its rules took it away: restart Docker after it")
            .run(format!("{command} -t nat -A {rule}"), format!("{command} -t nat -D {rule}")),
    )
}

/// Tunnelled packets of hosts that aren't in Felix's set are dropped.
fn hosts_set(world: &World, cluster: &Cluster, node: &NodeState, of: &str) -> Option<Finding> {
    let known: BTreeSet<IpNet> = node.net.ipset(of)?.nets().collect();
    if known.is_empty() {
        return None;
    }
    let missing: Vec<(&str, IpAddr)> = cluster
        .nodes
        .iter()
        .filter(|other| other.name != node.name && world.wrong_address(&other.name, false).is_none())
        .filter_map(|other| Some((other.name.as_str(), other.ipv4?.ip)))
        .filter(|(_, ip)| !known.iter().any(|net| net.contains(ip)))
        .collect();
    let (other, ip) = missing.first()?;
    let name = &node.name;
    let more = if missing.len() > 1 {
        format!(" and {} more", missing.len() - 1)
    } else {
        String::new()
    };
    Some(
        Finding::of(
            "host-not-in-felix-set",
            name,
            format!("{name} drops tunnelled packets of {other}{more}: {ip} is not in {of}"),
        )
        .about(of)
        .shown(
            format!("ipset list {of} on {name}"),
            format!("{} members, without {ip}", known.len()),
        )
        .shown(format!("Node({other})"), format!("spec.bgp.ipv4Address is {ip}"))
        .step(format!(
            "restart calico-node on {name}: Felix is out of step with the datastore"
        ))
        .run(format!("ipset add {of} {ip}"), format!("ipset del {of} {ip}")),
    )
}

/// A pool with natOutgoing that Felix's set doesn't have.
fn masquerade(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let known: BTreeSet<IpNet> = node.net.ipset(MASQUERADED)?.nets().collect();
    let pool = cluster.pools.iter().find(|pool| {
        pool.nat_outgoing && !pool.disabled && pool.cidr.addr().is_ipv4() && !known.contains(&pool.cidr)
    })?;
    let name = &node.name;
    Some(
        Finding::of(
            "pool-not-masqueraded",
            name,
            format!(
                "{name} does not masquerade IPPool({}), which has natOutgoing",
                pool.name
            ),
        )
        .about(format!("IPPool({})", pool.name))
        .shown(
            format!("ipset list {MASQUERADED} on {name}"),
            format!("without {}", pool.cidr),
        )
        .shown(format!("IPPool({})", pool.name), "spec.natOutgoing is true")
        .step(format!(
            "restart calico-node on {name}: Felix is out of step with the datastore"
        ))
        .run(
            format!("ipset add {MASQUERADED} {}", pool.cidr),
            format!("ipset del {MASQUERADED} {}", pool.cidr),
        ),
    )
}

/// Connections of pods to the outside that leave with the pod's address and get no answer.
fn leaves_bare(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    const ENOUGH: usize = 3;
    let entries = node.net.conntrack.known()?.entries.known()?;
    let bare: Vec<_> = entries
        .iter()
        .filter(|flow| flow.status.is_unreplied() && !flow.is_snat() && !flow.is_dnat())
        .filter(|flow| {
            let outside = cluster.pool_of(flow.original.dst).is_none()
                && cluster.nodes_at(flow.original.dst).next().is_none();
            outside
                && flow.original.dst.is_ipv4()
                && cluster
                    .pool_of(flow.original.src)
                    .is_some_and(|pool| !pool.nat_outgoing)
        })
        .collect();
    let first = bare.first().filter(|_| bare.len() >= ENOUGH)?;
    let pool = cluster.pool_of(first.original.src)?;
    let name = &node.name;
    Some(
        Finding::of(
            "pool-without-nat-outgoing",
            name,
            format!(
                "pods of IPPool({}) on {name} send packets out with their own addresses, and nobody answers",
                pool.name
            ),
        )
        .about(format!("IPPool({})", pool.name))
        .sure(Sure::Likely)
        .shown(
            format!("conntrack -L on {name}"),
            format!(
                "{} connections like {} → {} [UNREPLIED]",
                bare.len(),
                first.original.src,
                first.original.dst
            ),
        )
        .shown(format!("IPPool({})", pool.name), "spec.natOutgoing is not true")
        .set("IPPool", &pool.name, "natOutgoing", true),
    )
}

/// Packets for hosts outside whose addresses a pool covers: natOutgoing leaves them alone.
fn foreign_in_pool(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    const ENOUGH: usize = 3;
    let entries = node.net.conntrack.known()?.entries.known()?;
    let fib = Fib::new(&node.net);
    // Pods' blocks have routes of their own; what leaves by a wider one is nobody's here.
    let leaves = |ip: IpAddr, pool: &IpNet| {
        let hit = fib.lookup(&crate::forward::fib::Flow::to(ip)).ok();
        hit.is_some_and(|hit| {
            hit.route.dst.prefix_len() < pool.prefix_len() && hit.hops.iter().any(|hop| hop.gateway.is_some())
        })
    };
    let lost: Vec<_> = entries
        .iter()
        .filter(|flow| {
            flow.status.is_unreplied() && !flow.is_snat() && !flow.is_dnat() && flow.original.dst.is_ipv4()
        })
        .filter_map(|flow| {
            cluster
                .pool_of(flow.original.src)
                .filter(|pool| pool.nat_outgoing)?;
            let pool = cluster.pool_of(flow.original.dst)?;
            leaves(flow.original.dst, &pool.cidr).then_some((flow, pool))
        })
        .collect();
    let (first, pool) = lost.first().filter(|_| lost.len() >= ENOUGH)?;
    let name = &node.name;
    let mut finding = Finding::of(
        "outside-address-in-pool",
        name,
        format!(
            "packets of pods on {name} for {} leave with the pods' own addresses: IPPool({}) covers it",
            first.original.dst, pool.name
        ),
    )
    .about(format!("IPPool({})", pool.name))
    .sure(Sure::Likely)
    .shown(
        format!("conntrack -L on {name}"),
        format!(
            "{} connections like {} → {} [UNREPLIED]",
            lost.len(),
            first.original.src,
            first.original.dst
        ),
    )
    .shown(
        format!("IPPool({})", pool.name),
        format!(
            "{} contains {}, and no pod's route leads there",
            pool.cidr, first.original.dst
        ),
    );
    // Felix spares addresses of disabled pools as well (`felix/calc`): only a smaller pool, or none, mends it.
    finding = finding
        .step(format!(
            "if no pod has an address of it: netdiag delete ippool {}",
            pool.name
        ))
        .step(format!("else make pools that leave {} out", first.original.dst));
    Some(finding)
}

/// Whether a connection that was answered once had a packet a moment ago: each sets its time anew.
fn is_asked(node: &NodeState, flow: &Flow) -> bool {
    const MOMENT: u32 = 15;
    let key = if flow.status.has(FlowStatus::ASSURED) {
        "net.netfilter.nf_conntrack_udp_timeout_stream"
    } else {
        "net.netfilter.nf_conntrack_udp_timeout"
    };
    let whole = node.net.sysctl(key).and_then(|value| value.parse::<u32>().ok());
    whole
        .zip(flow.timeout)
        .is_some_and(|(whole, left)| left.saturating_add(MOMENT) >= whole)
}

/// Whether the node that has an address's block doesn't have it, and has no way to it: objects may be older than pods.
fn is_gone(world: &World, ip: IpAddr) -> bool {
    let mut blocks = world.blocks().iter();
    let owner = blocks.find(|block| block.cidr.contains(&ip));
    owner
        .and_then(|block| world.state(&block.node))
        .is_some_and(|state| {
            state.namespaces.known().is_some()
                && state.net.routes.known().is_some()
                && !pods(state).flat_map(addresses).any(|own| own == ip)
                && !destinations(state).contains(&IpNet::from(ip))
        })
}

/// UDP "connections" that are still translated to a pod that is gone.
fn dead_endpoints(world: &World, found: &mut Vec<Finding>) {
    let Ok(cluster) = world.cluster else { return };
    // Who is alive has to be known of all: by Kubernetes, or because every node is seen.
    let alive: HashSet<IpAddr> = match &cluster.kubernetes {
        Some(inventory) if !inventory.pods.is_empty() => inventory
            .pods
            .iter()
            .filter(|pod| !pod.is_finished())
            .flat_map(Pod::ips)
            .collect(),
        _ => {
            let all = cluster.nodes.iter().all(|node| {
                world
                    .state(&node.name)
                    .is_some_and(|state| state.namespaces.known().is_some())
            });
            if !all {
                return;
            }
            world
                .nodes
                .iter()
                .flat_map(|node| pods(node).flat_map(addresses))
                .collect()
        }
    };
    for node in world.nodes {
        let Some(entries) = node.net.conntrack.known().and_then(|table| table.entries.known()) else {
            continue;
        };
        let dead = entries.iter().find(|flow| {
            flow.proto == UDP
                && flow.is_dnat()
                && cluster.pool_of(flow.reply.src).is_some()
                && !alive.contains(&flow.reply.src)
                && (flow.status.is_unreplied() || (is_asked(node, flow) && is_gone(world, flow.reply.src)))
        });
        let Some(flow) = dead else { continue };
        let name = &node.name;
        found.push(
            Finding::of(
                "udp-to-dead-endpoint",
                name,
                format!(
                    "{name} still translates UDP for {} to {}, which no pod has",
                    flow.original.dst, flow.reply.src
                ),
            )
            .about(flow.original.dst.to_string())
            .shown(
                format!("conntrack -L -p udp on {name}"),
                format!(
                    "{} → {}{}, reply from {}",
                    flow.original.src,
                    flow.original.dst,
                    if flow.status.is_unreplied() {
                        " [UNREPLIED]"
                    } else {
                        ""
                    },
                    flow.reply.src
                ),
            )
            .run(
                format!(
                    "conntrack -D -p udp --orig-dst {} --reply-src {}",
                    flow.original.dst, flow.reply.src
                ),
                "",
            ),
        );
    }
}
