//! What nodes know of each other's VXLAN links: neighbors and FDB entries, held against the links themselves and against
//! flannel's leases.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::kind::LinkData;
use crate::state::link::{IfIndex, Link};
use crate::state::neighbor::NeighborState;

/// A node's end of a VXLAN that an agent looks after.
struct Vtep<'n> {
    node: &'n str,
    link: &'n str,
    mac: String,
    /// Of the link; what routes have as their gateway.
    ip: IpAddr,
    /// The node's address on the wire.
    outer: Option<IpAddr>,
}

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let mut vteps: HashMap<(&str, IpAddr), Vtep> = HashMap::new();
    for node in world.nodes {
        for vtep in ends(node) {
            vteps.insert((vtep.link, vtep.ip), vtep);
        }
    }
    unlike(world, found);
    let leases = leases(world);
    for vtep in leases {
        vteps.entry((vtep.link, vtep.ip)).or_insert(vtep);
    }
    for node in world.nodes {
        for link in node.net.links.items() {
            if agent(link).is_some() && link.is_up() {
                judge(node, link, &vteps, found);
            }
        }
    }
}

/// Nodes by VNI and UDP port.
type Kinds<'w> = BTreeMap<(Option<u32>, u16), Vec<&'w NodeState>>;

/// One node's VXLAN link has another network or port than those of all others.
fn unlike(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<&str, Kinds> = BTreeMap::new();
    for node in world.nodes {
        for link in node
            .net
            .links
            .items()
            .iter()
            .filter(|link| agent(link).is_some() && (link.is_up() || is_addressed(node, link)))
        {
            if let Some(LinkData::Vxlan(data)) = &link.data {
                by.entry(&link.name)
                    .or_default()
                    .entry((data.vni, data.port))
                    .or_default()
                    .push(node);
            }
        }
    }
    for (link, kinds) in by.into_iter().filter(|(_, kinds)| kinds.len() > 1) {
        let Some((usual, many)) = kinds.iter().max_by_key(|(_, nodes)| nodes.len()) else {
            continue;
        };
        let text =
            |(vni, port): &(Option<u32>, u16)| format!("id {} dstport {port}", vni.unwrap_or_default());
        for (kind, nodes) in kinds.iter().filter(|(kind, _)| *kind != usual) {
            for node in nodes {
                let name = &node.name;
                // Held against its settings already.
                if found
                    .iter()
                    .any(|known| known.id == "tunnel-link-differs" && known.node == *name)
                {
                    continue;
                }
                let other = many.first().map_or("", |other| other.name.as_str());
                found.push(
                    Finding::of(
                        "tunnel-link-differs",
                        name,
                        format!(
                            "{link} of {name} is another network than that of {other}: {}, and there {}",
                            text(kind),
                            text(usual)
                        ),
                    )
                    .about(link)
                    .shown(format!("ip -d link show dev {link} on {name}"), text(kind))
                    .shown(format!("ip -d link show dev {link} on {other}"), text(usual))
                    .step(format!(
                        "have its agent make it anew: ip link del {link}   (on {name}), and restart the agent"
                    )),
                );
            }
        }
    }
}

/// Whether the link, down as it may be, has its address.
fn is_addressed(node: &NodeState, link: &Link) -> bool {
    node.net.ipv4_on(link).next().is_some()
}

/// The agent that keeps the entries of a link.
fn agent(link: &Link) -> Option<&'static str> {
    match link.name.as_str() {
        "vxlan.calico" => Some("calico-node"),
        name if name
            .strip_prefix("flannel.")
            .is_some_and(|vni| vni.parse::<u32>().is_ok()) =>
        {
            Some("flanneld")
        }
        _ => None,
    }
}

fn ends(node: &NodeState) -> impl Iterator<Item = Vtep<'_>> {
    node.net.links.items().iter().filter_map(|link| {
        agent(link)?;
        let Some(LinkData::Vxlan(data)) = &link.data else {
            return None;
        };
        let address = node.net.ipv4_on(link).next()?;
        Some(Vtep {
            node: &node.name,
            link: &link.name,
            mac: link.mac.clone()?.to_lowercase(),
            ip: address.ip,
            outer: data.local,
        })
    })
}

/// Ends of nodes that aren't seen, by flannel's leases.
fn leases<'w>(world: &'w World) -> Vec<Vtep<'w>> {
    let Some(network) = world.cluster.ok().and_then(|cluster| cluster.flannel.as_ref()) else {
        return Vec::new();
    };
    let of = network.leases.iter().filter_map(|lease| {
        Some(Vtep {
            node: "the lease",
            link: "flannel.1",
            mac: lease.vtep_mac.as_ref()?.to_lowercase(),
            ip: lease.subnet.network(),
            outer: lease.public_ip,
        })
    });
    of.collect()
}

fn judge(node: &NodeState, link: &Link, vteps: &HashMap<(&str, IpAddr), Vtep>, found: &mut Vec<Finding>) {
    let (Some(routes), Some(neighbors), Some(fdb)) = (
        node.net.routes.known(),
        node.net.neighbors.known(),
        node.net.fdb.known(),
    ) else {
        return;
    };
    let neighbors: HashMap<(IfIndex, IpAddr), _> = neighbors
        .iter()
        .map(|entry| ((entry.link, entry.ip), entry))
        .collect();
    let mut remotes: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for entry in fdb.iter().filter(|entry| entry.link == link.index) {
        if let Some(dst) = entry.dst {
            remotes.entry(entry.mac.to_lowercase()).or_default().push(dst);
        }
    }
    let by = agent(link).unwrap_or_default();
    let name = &node.name;
    let gateways = routes
        .iter()
        .flat_map(|route| &route.next_hops)
        .filter(|hop| hop.link == Some(link.index));
    let mut seen = std::collections::BTreeSet::new();
    for gateway in gateways.filter_map(|hop| hop.gateway).filter(IpAddr::is_ipv4) {
        let Some(vtep) = vteps
            .get(&(link.name.as_str(), gateway))
            .filter(|_| seen.insert(gateway))
        else {
            continue;
        };
        let entry = neighbors
            .get(&(link.index, gateway))
            .filter(|entry| !matches!(entry.state, NeighborState::Failed | NeighborState::Incomplete));
        let mac = entry
            .and_then(|entry| entry.mac.as_ref())
            .map(|mac| mac.to_lowercase());
        match mac {
            None => found.push(lost(node, link, vtep, by, "neighbor")),
            Some(mac) if mac != vtep.mac => found.push(
                Finding::of(
                    "vtep-mac-stale",
                    name,
                    format!(
                        "{name} has an old MAC for {} of {}: its packets are thrown away there",
                        link.name, vtep.node
                    ),
                )
                .about(gateway.to_string())
                .shown(format!("ip neigh on {name}"), format!("{gateway} lladdr {mac}"))
                .shown(
                    format!("ip link show dev {} on {}", link.name, vtep.node),
                    &vtep.mac,
                )
                .step(format!(
                    "keep udev from changing the MAC (MACAddressPolicy=none for {}), and restart {by} on {}",
                    link.name, vtep.node
                ))
                .run(
                    format!(
                        "ip neigh replace {gateway} lladdr {} dev {} nud permanent",
                        vtep.mac, link.name
                    ),
                    format!(
                        "ip neigh replace {gateway} lladdr {mac} dev {} nud permanent",
                        link.name
                    ),
                )
                .run(
                    format!(
                        "bridge fdb replace {} dev {} dst {}",
                        vtep.mac,
                        link.name,
                        outer(vtep)
                    ),
                    format!("bridge fdb del {} dev {}", vtep.mac, link.name),
                ),
            ),
            Some(mac) => match (remotes.get(&mac), vtep.outer) {
                (None, _) => found.push(lost(node, link, vtep, by, "FDB entry")),
                (Some(all), Some(right)) if !all.contains(&right) => {
                    let wrong = all.first().map_or_else(String::new, ToString::to_string);
                    found.push(
                        Finding::of(
                            "vtep-at-wrong-node",
                            name,
                            format!(
                                "{name} sends packets for {} to {wrong}, and it is at {right}",
                                vtep.node
                            ),
                        )
                        .about(gateway.to_string())
                        .sure(if vtep.node == "the lease" {
                            Sure::Likely
                        } else {
                            Sure::Proved
                        })
                        .shown(
                            format!("bridge fdb show dev {} on {name}", link.name),
                            format!("{mac} dst {wrong}"),
                        )
                        .shown(vtep.node, format!("{right}"))
                        .run(
                            format!("bridge fdb replace {mac} dev {} dst {right}", link.name),
                            format!("bridge fdb replace {mac} dev {} dst {wrong}", link.name),
                        ),
                    );
                }
                _ => {}
            },
        }
    }
}

fn outer(vtep: &Vtep) -> String {
    vtep.outer.map_or_else(|| "NODE".to_owned(), |ip| ip.to_string())
}

fn lost(node: &NodeState, link: &Link, vtep: &Vtep, by: &str, what: &str) -> Finding {
    let name = &node.name;
    let finding = Finding::of(
        "vxlan-entry-missing",
        name,
        format!("{name} has no {what} for {} of {}", link.name, vtep.node),
    )
    .about(vtep.ip.to_string())
    .shown(
        if what == "neighbor" {
            format!("ip neigh show dev {} on {name}", link.name)
        } else {
            format!("bridge fdb show dev {} on {name}", link.name)
        },
        format!("nothing for {} ({})", vtep.ip, vtep.mac),
    )
    .step(format!("restart {by} on {name}: it puts them in for every node"));
    if what == "neighbor" {
        finding.run(
            format!(
                "ip neigh replace {} lladdr {} dev {} nud permanent",
                vtep.ip, vtep.mac, link.name
            ),
            format!("ip neigh del {} dev {}", vtep.ip, link.name),
        )
    } else {
        finding.run(
            format!(
                "bridge fdb append {} dev {} dst {}",
                vtep.mac,
                link.name,
                outer(vtep)
            ),
            format!(
                "bridge fdb del {} dev {} dst {}",
                vtep.mac,
                link.name,
                outer(vtep)
            ),
        )
    }
}
