//! Ways that few look at, walked: static routes that one side only has, ports of nodes that answer around a node, and pods
//! that ask their own services.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::blame::{Lost, blame};
use super::connected::Connected;
use super::finding::{Affected, Finding, Sure};
use super::trace::{Scene, explain};
use super::world::World;
use crate::forward::fib::{Fib, Flow};
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::PlaceId;
use crate::forward::walk::{Cause, End, Outcome, State, Walker};
use crate::policy::service::Services;
use crate::state::link::{Address, Link};
use crate::state::route::{Route, RouteType, TableId};
use crate::state::{Namespace, NodeState};

/// Nodes with networks of containers that are held against each other pair by pair.
const NODES: usize = 64;
/// Services whose NodePorts are walked, and those that are asked by their own pods.
const SERVICES: usize = 32;
/// Endpoints of each that ask it.
const ENDPOINTS: usize = 4;

/// A container of a node: its place, its address, its network on the node.
struct Guest<'w> {
    node: &'w NodeState,
    place: PlaceId,
    ip: IpAddr,
    net: IpNet,
    title: String,
}

pub(super) fn find(world: &World, walker: &Walker, found: &mut Vec<Finding>) {
    let guests = guests(world, walker);
    one_sided(world, walker, &guests, found);
    node_ports(world, walker, &guests, found);
    own_services(world, walker, found);
}

/// A pod that asks its own service may be sent to itself, out of the port of the bridge that it came by.
fn own_services(world: &World, walker: &Walker, found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    let (services, before) = (Services::new(inventory), found.len());
    for service in inventory.services.iter().take(SERVICES) {
        let mut ports = service.spec.ports.iter();
        let tcp = ports.find(|port| port.protocol == crate::kubernetes::meta::Protocol::Tcp);
        let own = service.cluster_ips().into_iter().find(IpAddr::is_ipv4);
        let (Some(port), Some(own)) = (tcp, own) else {
            continue;
        };
        let backends = services.backends(service.metadata.namespace(), &service.metadata.name);
        for backend in backends
            .iter()
            .filter(|backend| backend.conditions.is_ready())
            .take(ENDPOINTS)
        {
            let mut places = walker.topology.places();
            let pod = places.find(|(_, place)| place.namespace.is_some() && place.has(backend.ip));
            let Some((id, place)) = pod else { continue };
            let (sport, dport) = (40_000, port.port);
            let packet = Packet::new(backend.ip, own, Transport::Tcp { sport, dport });
            let outcomes = walker.send(State::new(packet).quiet(), id);
            let is_off = |outcome: &&Outcome| matches!(outcome.end, End::Dropped(Cause::HairpinOff { .. }));
            let Some(outcome) = outcomes.iter().find(is_off) else {
                continue;
            };
            let scene = Scene {
                topology: walker.topology,
                cluster: world.cluster.ok(),
                findings: &[],
            };
            let lost = Lost {
                outcome,
                there: None,
                ends: [&place.node.name; 2],
                pair: format!("{} → {own}:{dport}", place.title()),
            };
            blame(scene, lost, found, before);
        }
    }
}

/// The first container of each network that a node has to itself.
fn guests<'w>(world: &World<'w>, walker: &Walker) -> Vec<Guest<'w>> {
    let mut found: BTreeMap<(&str, IpNet), Guest<'w>> = BTreeMap::new();
    for node in world.nodes {
        let connected: Vec<IpNet> = node
            .net
            .addresses
            .items()
            .iter()
            .filter(|address| address.ip.is_ipv4() && address.prefix_len < 31)
            .filter_map(Address::network)
            .collect();
        for namespace in node.namespaces.items() {
            let Some(guest) = guest(walker, node, namespace, &connected) else {
                continue;
            };
            // Of pods with links of their own, one speaks for all.
            let key = if guest.net.prefix_len() == 32 {
                IpNet::default()
            } else {
                guest.net
            };
            found.entry((&node.name, key)).or_insert(guest);
        }
    }
    found.into_values().collect()
}

fn guest<'w>(
    walker: &Walker,
    node: &'w NodeState,
    namespace: &Namespace,
    connected: &[IpNet],
) -> Option<Guest<'w>> {
    let place = walker.topology.place_of(&namespace.net)?;
    let ip = super::checks::shared::addresses(namespace).find(IpAddr::is_ipv4)?;
    let net = connected
        .iter()
        .find(|net| net.contains(&ip))
        .copied()
        .unwrap_or_else(|| IpNet::from(ip));
    Some(Guest {
        node,
        place,
        ip,
        net,
        title: format!("{}/{}", node.name, namespace.title()),
    })
}

/// The route of the main table that leads to an address by a gateway of somebody's.
fn routed<'n>(fib: &Fib<'n>, ip: IpAddr) -> Option<(&'n Route, IpAddr)> {
    let hit = fib.lookup(&Flow::to(ip)).ok()?;
    let gateway = hit.hops.first()?.gateway?;
    (hit.route.table == TableId::MAIN && hit.route.dst.prefix_len() > 0).then_some((hit.route, gateway))
}

fn has(node: &NodeState, ip: IpAddr) -> bool {
    node.net.addresses.items().iter().any(|address| address.ip == ip)
}

/// One host has a route to the other's containers, and that one has none back.
fn one_sided(world: &World, walker: &Walker, guests: &[Guest], found: &mut Vec<Finding>) {
    if world.nodes.len() > NODES {
        return;
    }
    let fibs: HashMap<&str, Fib> = world
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), Fib::new(&node.net)))
        .collect();
    let explained = |node: &str, found: &[Finding]| {
        found
            .iter()
            .any(|known| known.node == node && known.severity == super::finding::Severity::Error)
    };
    for from in guests {
        for to in guests.iter().filter(|to| to.node.name != from.node.name) {
            // Routes that daemons of a cluster keep are looked after by other checks.
            let Some((there, gateway)) = fibs
                .get(from.node.name.as_str())
                .and_then(|fib| routed(fib, to.ip))
            else {
                continue;
            };
            if !(there.proto.is_manual() || there.proto.is_interior()) || !has(to.node, gateway) {
                continue;
            }
            let back = fibs
                .get(to.node.name.as_str())
                .and_then(|fib| routed(fib, from.ip));
            let fits = back.is_some_and(|(_, gateway)| has(from.node, gateway));
            let told = found
                .iter()
                .any(|known| known.id == "route-on-one-side" && known.node == to.node.name);
            if fits || told || explained(&to.node.name, found) {
                continue;
            }
            let Some(lost) = unanswered(walker, from, to) else {
                continue;
            };
            let mut own = from.node.net.addresses.items().iter();
            let Some(home) = own.find(|address| {
                let on_segment = address.network().is_some_and(|net| net.contains(&gateway));
                on_segment && address.ip.is_ipv4() && !address.ip.is_loopback()
            }) else {
                continue;
            };
            let (name, other) = (&to.node.name, &from.node.name);
            let best = best_by_hand(to.node, from.ip);
            let finding = Finding::of(
                "route-on-one-side",
                name,
                format!(
                    "{other} has a route to {} of {name}, and {name} has none back to {}",
                    there.dst, from.net
                ),
            )
            .about(from.net.to_string())
            .sure(if lost { Sure::Proved } else { Sure::Likely })
            .shown(
                format!("ip route on {other}"),
                format!("{} via {gateway}", there.dst),
            )
            .shown(
                format!("ip route get {} on {name}", from.ip),
                best.as_ref().map_or_else(
                    || "no route".to_owned(),
                    |best| format!("{} is the best route", best.dst),
                ),
            );
            let mut finding = back_again(finding, best, from.net, home.ip, to.node);
            finding.affected = Some(Affected {
                pairs: 1,
                example: format!("{} → {}", from.title, to.title),
            });
            found.push(finding);
        }
    }
}

/// The route that somebody put in by hand for an address, whatever it does with packets.
fn best_by_hand(node: &NodeState, ip: IpAddr) -> Option<&Route> {
    let routes = node.net.routes.items().iter();
    routes
        .filter(|route| route.table == TableId::MAIN && route.proto.is_manual() && route.dst.contains(&ip))
        .max_by_key(|route| route.dst.prefix_len())
}

/// What brings answers home: the route is missing, or a narrower one by hand hides it, or its next hop is on no segment.
fn back_again(finding: Finding, best: Option<&Route>, net: IpNet, home: IpAddr, at: &NodeState) -> Finding {
    let narrower = best.filter(|best| net.contains(&best.dst) && best.dst != net);
    if let Some(hides) = narrower {
        let kind = match hides.kind {
            RouteType::Blackhole => "blackhole ",
            RouteType::Unreachable => "unreachable ",
            RouteType::Prohibit => "prohibit ",
            _ => "",
        };
        let by = hides.next_hops.first().and_then(|hop| hop.gateway);
        let by = by.map_or_else(String::new, |by| format!(" via {by}"));
        let what = format!("{kind}{}{by}", hides.dst);
        return finding
            .step(format!("{} of {} hides the route for {net}", hides.dst, at.name))
            .run(format!("ip route del {what}"), format!("ip route add {what}"));
    }
    let mut own = at.net.addresses.items().iter();
    let beside = own.find(|address| address.network().is_some_and(|net| net.contains(&home)));
    let Some(beside) = beside else {
        return finding.step(format!(
            "{home}, where answers have to go, is on no segment of {}: see the prefix lengths of its addresses (ip address)",
            at.name
        ));
    };
    let is_up = at.net.link(beside.link).is_some_and(Link::is_up);
    let known = Fib::new(&at.net)
        .lookup(&Flow::to(home))
        .is_ok_and(|hit| hit.route.dst.prefix_len() > 0);
    let finding = match Connected::of(&at.net, beside).filter(|_| is_up && !known) {
        // A gateway has to be on a segment.
        Some(connected) => finding
            .shown(
                format!("ip address on {}", at.name),
                format!(
                    "{} is there, and the route to {} that comes with it is gone",
                    beside.ip, connected.net
                ),
            )
            .run(
                format!("ip route {}", connected.add),
                format!("ip route {}", connected.del),
            ),
        None => finding,
    };
    finding
        .run(
            format!("ip route replace {net} via {home}"),
            format!("ip route del {net} via {home}"),
        )
        .step("with RIP or OSPF instead: have the other side's daemon tell its connected networks (redistribute connected)")
}

/// Whether packets get there and no answer comes back: known to be lost (true), or gone where nobody is seen (false).
/// None where something comes back, or nothing got there.
fn unanswered(walker: &Walker, from: &Guest, to: &Guest) -> Option<bool> {
    let packet = Packet::new(from.ip, to.ip, Transport::echo(false, 1));
    let mut lost = None;
    for there in walker.send(State::new(packet.clone()).quiet(), from.place) {
        if there.end != End::Delivered {
            continue;
        }
        // A translated source is answered by whoever has that address.
        if there.state.packet.src != from.ip {
            return None;
        }
        let backs = walker.answers(&there, &packet, from.place);
        if backs.iter().any(|back| back.end == End::Delivered) {
            return None;
        }
        lost = backs.iter().find_map(certainty);
    }
    lost
}

fn certainty(back: &Outcome) -> Option<bool> {
    match back.end {
        End::Dropped(_) | End::Rejected(_) => Some(true),
        End::NotDecidable(_) => Some(false),
        _ => None,
    }
}

/// NodePorts with `externalTrafficPolicy: Local`, asked by a pod of another node: the endpoint sees the pod itself, and
/// may answer it past the node that translated.
fn node_ports(world: &World, walker: &Walker, guests: &[Guest], found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    let services = Services::new(inventory);
    let local = inventory
        .services
        .iter()
        .filter(|service| service.spec.external_traffic_policy.as_deref() == Some("Local"));
    for service in local.take(SERVICES) {
        let backends = services.backends(service.metadata.namespace(), &service.metadata.name);
        let Some(at) = backends.iter().find_map(|backend| {
            let node = backend
                .node
                .as_deref()
                .filter(|_| backend.conditions.is_ready())?;
            world.state(node)
        }) else {
            continue;
        };
        let port = service.spec.ports.iter().find_map(|port| {
            (port.protocol == crate::kubernetes::meta::Protocol::Tcp)
                .then_some(port.node_port)
                .flatten()
        });
        let object = inventory.nodes.iter().find(|node| node.metadata.name == at.name);
        let ip = object.and_then(|node| node.ips().find(|ip| ip.is_ipv4() && has(at, *ip)));
        let (Some(port), Some(ip)) = (port, ip) else {
            continue;
        };
        let Some(client) = guests.iter().find(|guest| guest.node.name != at.name) else {
            continue;
        };
        let packet = Packet::new(
            client.ip,
            ip,
            Transport::Tcp {
                sport: 40_000,
                dport: port,
            },
        );
        let scene = Scene {
            topology: walker.topology,
            cluster: world.cluster.ok(),
            findings: &[],
        };
        let lost = walker
            .send(State::new(packet.clone()).quiet(), client.place)
            .into_iter()
            .find_map(|there| {
                if matches!(there.end, End::Dropped(Cause::ReversePath { .. })) {
                    return explain(scene, &there, None);
                }
                if there.end != End::Delivered || there.place == client.place {
                    return None;
                }
                let backs = walker.answers(&there, &packet, client.place);
                if backs.iter().any(|back| back.end == End::Delivered) {
                    return None;
                }
                let back = backs.iter().find(|back| certainty(back).is_some())?;
                explain(scene, back, Some(&there))
            });
        let Some(lost) = lost else { continue };
        let (name, of) = (
            &at.name,
            format!("{}/{}", service.metadata.namespace(), service.metadata.name),
        );
        let mut finding = Finding::of(
            "node-port-answer-lost",
            name,
            format!(
                "pods of other nodes get no answer from NodePort {port} of {name}: answers take another way"
            ),
        )
        .about(format!("Service({of})"))
        .sure(Sure::Likely)
        .shown(
            format!("Service({of})"),
            format!("externalTrafficPolicy Local, nodePort {port}"),
        )
        .shown(
            format!("netdiag trace {} {ip} tcp/{port}", client.title),
            lost.finding.title,
        )
        .step("use the service's own address inside the cluster");
        finding.evidence.extend(lost.finding.evidence);
        finding.fix.commands = lost.commands;
        finding.affected = Some(Affected {
            pairs: 1,
            example: format!("{} → {ip}:{port}", client.title),
        });
        found.push(finding);
    }
}
