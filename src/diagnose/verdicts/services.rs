//! The service that a packet is for: what the kernel translates it to, beside the endpoints of the objects.

use std::net::IpAddr;

use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{Cause, End, Outcome};
use crate::policy::Policies;
use crate::policy::frontend::{Ends, Expected, Frontend};

/// What becomes of a packet to a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceVerdict {
    /// `service shop/web (ClusterIP 10.96.0.10:80/tcp)`.
    pub title: String,
    /// The node whose rules translate it.
    pub node: String,
    /// Where the kernel may send it.
    pub kernel: Ends,
    /// Where the objects want it sent.
    pub expected: Expected,
    pub differences: Vec<String>,
}

/// Compares the ways of one packet with the service that has its destination, if one has.
pub(super) fn verdict<'w>(
    policies: &Policies,
    topology: &Topology<'_>,
    ways: impl Iterator<Item = &'w Outcome>,
) -> Option<ServiceVerdict> {
    let ways: Vec<&Outcome> = ways.collect();
    let first = ways.first()?;
    let packet = first.state.trail.iter().find_map(|step| step.packet.as_deref())?;
    let (_, dport) = packet.transport.ports()?;
    let is_node = topology.hosts().any(|(_, place)| place.has(packet.dst));
    let services = &policies.services;
    let Some(frontend) = services.frontend(packet.dst, packet.proto(), dport, is_node) else {
        return without_port(policies, topology, first);
    };
    let node = node_of(
        topology,
        translated_at(first).unwrap_or_else(|| stopped_at(topology, first)),
    );
    let inside = policies.pod_at(packet.src).is_some()
        || topology
            .hosts()
            .any(|(_, place)| place.node.name == node && place.has(packet.src));
    let expected = services.expected(&frontend, packet.is_v6(), &node, inside);
    let mut kernel = Ends::new();
    let mut untranslated: Option<&Outcome> = None;
    for way in &ways {
        match end_of(way, packet.dst, dport) {
            Some(end) => {
                kernel.insert(end);
            }
            None => untranslated = Some(way),
        }
    }
    let title = frontend.title(packet.dst, dport);
    let differences = differences(
        policies,
        &frontend,
        &title,
        &node,
        &kernel,
        &expected,
        untranslated,
    );
    Some(ServiceVerdict {
        title,
        node,
        kernel,
        expected,
        differences,
    })
}

/// A service has the address, but not the port.
fn without_port(policies: &Policies, topology: &Topology<'_>, way: &Outcome) -> Option<ServiceVerdict> {
    let packet = way.state.trail.iter().find_map(|step| step.packet.as_deref())?;
    let service = policies.services.owner(packet.dst)?;
    let (_, dport) = packet.transport.ports()?;
    let protocol = |number| match number {
        6 => "tcp",
        17 => "udp",
        _ => "sctp",
    };
    let ports: Vec<String> = service
        .spec
        .ports
        .iter()
        .map(|port| format!("{}/{}", port.port, port.protocol.name()))
        .collect();
    Some(ServiceVerdict {
        title: format!("service {}", service.metadata.id()),
        node: node_of(topology, way.state.trail.first()?.place),
        kernel: Ends::new(),
        expected: Expected {
            ends: Ends::new(),
            local: false,
            by_zone: false,
            unused: Vec::new(),
        },
        differences: vec![format!(
            "service {} has no port {dport}/{}; it has {}",
            service.metadata.id(),
            protocol(packet.proto()),
            ports.join(", ")
        )],
    })
}

fn node_of(topology: &Topology<'_>, place: PlaceId) -> String {
    topology.place(place).node.name.clone()
}

/// The namespace that translated the destination.
fn translated_at(way: &Outcome) -> Option<PlaceId> {
    let mut conns = way.state.conns.iter();
    conns.find(|(_, conn)| conn.is_dnat()).map(|(place, _)| *place)
}

/// The host where a packet ended that nobody translated: where it should have been.
fn stopped_at(topology: &Topology<'_>, way: &Outcome) -> PlaceId {
    let mut hosts = way
        .state
        .trail
        .iter()
        .map(|step| step.place)
        .filter(|place| topology.place(*place).namespace.is_none());
    hosts.next_back().unwrap_or(way.place)
}

/// Where one way of the packet is translated to.
fn end_of(way: &Outcome, vip: IpAddr, port: u16) -> Option<(IpAddr, u16)> {
    let mut conns = way.state.conns.iter().map(|(_, conn)| conn);
    let conn = conns.find(|conn| {
        let ports = conn.original.transport.ports();
        conn.is_dnat() && conn.original.dst == vip && ports.is_some_and(|(_, dport)| dport == port)
    })?;
    let (sport, _) = conn.reply.transport.ports()?;
    Some((conn.reply.src, sport))
}

fn list(ends: impl Iterator<Item = (IpAddr, u16)>) -> String {
    let texts: Vec<String> = ends
        .map(|(ip, port)| std::net::SocketAddr::new(ip, port).to_string())
        .collect();
    texts.join(", ")
}

fn differences(
    policies: &Policies,
    frontend: &Frontend<'_>,
    title: &str,
    node: &str,
    kernel: &Ends,
    expected: &Expected,
    untranslated: Option<&Outcome>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let whose = |(ip, _): &(IpAddr, u16)| match policies.pod_at(*ip) {
        Some(pod) => format!(" ({})", pod.title()),
        None => " (no pod has that address)".to_owned(),
    };
    for end in kernel.difference(&expected.ends) {
        let end_text = list(std::iter::once(*end));
        let other_port = expected.ends.iter().find(|(ip, _)| *ip == end.0);
        lines.push(match other_port {
            Some((_, port)) => {
                format!(
                    "{title}: the rules of node {node} send to {end_text}, its endpoint there has port {port}"
                )
            }
            None => format!(
                "{title}: the rules of node {node} send to {end_text}{}, which is no endpoint of it",
                whose(end)
            ),
        });
    }
    let is_known = |end: &&(IpAddr, u16)| !kernel.iter().any(|(ip, _)| *ip == end.0);
    let missing: Vec<(IpAddr, u16)> = expected
        .ends
        .difference(kernel)
        .filter(is_known)
        .copied()
        .collect();
    let may_be_fewer = expected.by_zone && missing.len() < expected.ends.len();
    let decided = untranslated.is_none_or(|way| !matches!(way.end, End::NotDecidable(_)));
    if !missing.is_empty() && !may_be_fewer && decided {
        lines.push(if kernel.is_empty() {
            let rule = untranslated.and_then(|way| match &way.end {
                End::Dropped(Cause::Rule { rule, .. }) | End::Rejected(Cause::Rule { rule, .. }) => {
                    Some(format!(": {rule}"))
                }
                _ => None,
            });
            match rule {
                Some(rule) => format!(
                    "{title}: node {node} refuses it though it has endpoints ({}){rule}",
                    list(missing.into_iter())
                ),
                None => format!(
                    "{title}: no rule of node {node} translates it; its endpoints are {}",
                    list(missing.into_iter())
                ),
            }
        } else {
            format!(
                "{title}: the rules of node {node} lack its endpoint {}",
                list(missing.into_iter())
            )
        });
    }
    if expected.ends.is_empty() && kernel.is_empty() {
        let metadata = &frontend.service.metadata;
        let why = match expected.unused.as_slice() {
            [] if policies
                .services
                .backends(metadata.namespace(), &metadata.name)
                .is_empty() =>
            {
                no_endpoints(policies, frontend)
            }
            [] => String::new(),
            unused => format!(": {}", unused.join("; ")),
        };
        let where_to = if expected.local {
            format!(" on node {node}")
        } else {
            String::new()
        };
        lines.push(format!("{title} has no endpoint{where_to} that is ready{why}"));
    }
    lines
}

/// Why a service has none: whom its selector selects.
fn no_endpoints(policies: &Policies, frontend: &Frontend<'_>) -> String {
    let selector = &frontend.service.spec.selector;
    if selector.is_empty() {
        return ": it has no selector, and nobody made endpoints for it".to_owned();
    }
    let text: Vec<String> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let prefix = format!("{}/", frontend.service.metadata.namespace());
    let mut pods = policies.pods.iter().filter(|pod| pod.name.starts_with(&prefix));
    let has = |pod: &crate::policy::Endpoint| {
        selector
            .iter()
            .all(|(key, value)| pod.labels.iter().any(|(known, own)| known == key && own == value))
    };
    let selected = pods.any(has);
    let what = if selected {
        "pods that are selected aren't endpoints"
    } else {
        "no pod has its labels"
    };
    format!(": {what} ({})", text.join(","))
}
