//! The service that a packet is for: what the kernel translates it to, beside the endpoints of the objects.

use std::net::IpAddr;

use crate::forward::hooks::Note;
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{Cause, End, Missing, Outcome, What};
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
    /// The worst of them.
    pub fault: Option<Fault>,
}

/// In what the objects and the rules part, or the objects and the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No rule of the node knows it.
    Untranslated,
    /// The rules know other endpoints, or refuse it.
    Behind,
    /// An entry of conntrack leads to what is no endpoint any more.
    Tracked,
    /// Nothing is behind it.
    Empty,
    /// It has not the port that was asked for.
    NoPort,
    /// Its endpoint does not listen on the port that it is sent to.
    TargetClosed(IpAddr, u16),
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
    let seen = Seen::of(&ways, packet.dst, dport);
    let title = frontend.title(packet.dst, dport);
    let differences = differences(policies, &frontend, &title, &node, &seen, &expected);
    let fault = if differences.is_empty() {
        closed(&ways, &seen.kernel)
    } else {
        Some(seen.fault(&expected))
    };
    Some(ServiceVerdict {
        title,
        node,
        kernel: seen.kernel,
        expected,
        differences,
        fault,
    })
}

/// What the kernel does with a packet to a service.
struct Seen<'w> {
    kernel: Ends,
    /// A way on which nobody translates it.
    untranslated: Option<&'w Outcome>,
    /// By an entry of conntrack, not by rules.
    tracked: bool,
}

impl<'w> Seen<'w> {
    fn of(ways: &[&'w Outcome], vip: IpAddr, port: u16) -> Self {
        let mut seen = Self {
            kernel: Ends::new(),
            untranslated: None,
            tracked: false,
        };
        for way in ways {
            match translation(way, vip, port) {
                Some(end) => {
                    seen.tracked |= is_tracked(way);
                    seen.kernel.insert(end);
                }
                None => seen.untranslated = Some(way),
            }
        }
        seen
    }

    /// What is wrong, where something is.
    fn fault(&self, expected: &Expected) -> Fault {
        if self.tracked {
            Fault::Tracked
        } else if !self.kernel.is_empty() {
            Fault::Behind
        } else if expected.ends.is_empty() {
            Fault::Empty
        } else if self.untranslated.is_some_and(by_rule) {
            Fault::Behind
        } else {
            Fault::Untranslated
        }
    }
}

/// Whether a rule ends it.
const fn by_rule(way: &Outcome) -> bool {
    matches!(
        way.end,
        End::Dropped(Cause::Rule { .. }) | End::Rejected(Cause::Rule { .. })
    )
}

/// An endpoint that refuses what comes by the service.
fn closed(ways: &[&Outcome], ends: &Ends) -> Option<Fault> {
    let mut refused = ways
        .iter()
        .filter(|way| matches!(way.end, End::Rejected(Cause::PortClosed { .. })));
    refused.find_map(|way| {
        let packet = &way.state.packet;
        let (_, port) = packet.transport.ports()?;
        ends.contains(&(packet.dst, port))
            .then_some(Fault::TargetClosed(packet.dst, port))
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
        fault: Some(Fault::NoPort),
    })
}

fn node_of(topology: &Topology<'_>, place: PlaceId) -> String {
    topology.place(place).node.name.clone()
}

/// The namespace that translated the destination.
fn translated_at(way: &Outcome) -> Option<PlaceId> {
    let mut conns = way.state.connections(way.place);
    conns.find(|(_, conn)| conn.is_dnat()).map(|(place, _)| place)
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

/// Whether it was translated as a connection that was there before.
fn is_tracked(way: &Outcome) -> bool {
    let first = way.state.trail.iter().find(|step| step.what == What::Nat);
    first.is_some_and(|step| step.text == Note::Translates(None).to_string())
}

/// Where one way of the packet is translated to.
fn translation(way: &Outcome, vip: IpAddr, port: u16) -> Option<(IpAddr, u16)> {
    let mut conns = way.state.connections(way.place).map(|(_, conn)| conn);
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
    seen: &Seen,
    expected: &Expected,
) -> Vec<String> {
    let (kernel, untranslated, tracked) = (&seen.kernel, seen.untranslated, seen.tracked);
    let mut lines = Vec::new();
    let whence = if tracked {
        "a connection that is tracked on"
    } else {
        "the rules of"
    };
    let send = if tracked { "goes" } else { "send" };
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
                    "{title}: {whence} node {node} {send} to {end_text}, its endpoint there has port {port}"
                )
            }
            None => format!(
                "{title}: {whence} node {node} {send} to {end_text}{}, which is no endpoint of it",
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
    // A connection, and a client that is remembered, has one end only.
    let one_end = tracked || (frontend.service.has_affinity() && !kernel.is_empty());
    let may_be_fewer = (expected.by_zone && missing.len() < expected.ends.len()) || one_end;
    // What left the node went through all of its rules.
    let decided = untranslated.is_none_or(
        |way| !matches!(&way.end, End::NotDecidable(why) if !matches!(why, Missing::Beyond { .. })),
    );
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
