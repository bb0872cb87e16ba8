//! A walk as policies see it: which nodes the packet passes, between which of their links and pods.

use std::net::IpAddr;

use crate::forward::packet::{Inner, Packet, Payload, Transport};
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{End, Outcome, Step, What};
use crate::policy::passage::{Passage, Side};
use crate::policy::{Decision, Flow, Policies};

/// One node on the way.
struct Visit<'t> {
    node: &'t str,
    from: SideOf<'t>,
    to: SideOf<'t>,
    before: Flow,
    flow: Flow,
    /// The source as it is at this node: an earlier one may have translated it.
    source: IpAddr,
}

/// A side of a visit, before it is known what the objects call it.
enum SideOf<'t> {
    Local,
    Pod(IpAddr),
    Link { name: &'t str, addresses: Vec<IpAddr> },
}

/// The nodes on a packet's way.
pub(super) struct Passages<'t> {
    visits: Vec<Visit<'t>>,
    /// Pods that no object is of.
    pub(super) unknown: Vec<String>,
}

impl Passages<'_> {
    /// The first node that sees another source than the one that sends, and that source.
    pub(super) fn translated(&self) -> Option<(&str, IpAddr)> {
        let mut visits = self.visits.iter();
        let found = visits.find(|visit| visit.source != visit.before.src)?;
        Some((found.node, found.source))
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.visits.iter().map(|visit| visit.node)
    }

    /// The objects' decisions at all nodes, up to the first that doesn't allow. `translated`: about the source that each
    /// node sees, not about the one that sends.
    pub(super) fn judge(&self, policies: &Policies, translated: bool) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for visit in &self.visits {
            let seen = |flow: Flow| Flow {
                src: if translated { visit.source } else { flow.src },
                ..flow
            };
            let passage = Passage {
                node: visit.node,
                from: side(policies, &visit.from),
                to: side(policies, &visit.to),
                before: seen(visit.before),
                flow: seen(visit.flow),
            };
            let here = policies.judge(&passage);
            let over = here.iter().any(|decision| decision.allowed != Some(true));
            decisions.extend(here);
            if over {
                break;
            }
        }
        decisions
    }
}

fn side<'s>(policies: &'s Policies, end: &'s SideOf<'_>) -> Side<'s> {
    match end {
        SideOf::Local => Side::Local,
        SideOf::Pod(ip) => policies.pod_at(*ip).map_or(Side::Local, Side::Pod),
        SideOf::Link { name, addresses } => Side::Link { name, addresses },
    }
}

/// Takes a walk apart.
pub(super) fn passages<'t>(
    policies: &Policies,
    topology: &'t Topology<'_>,
    walked: &Outcome,
) -> Passages<'t> {
    let trail = &walked.state.trail;
    let mut passages = Passages {
        visits: Vec::new(),
        unknown: Vec::new(),
    };
    let Some(first) = trail.iter().find_map(|step| step.packet.as_deref()) else {
        return passages;
    };
    let origin = innermost(first).src;
    let parts: Vec<&[Step]> = trail.chunk_by(|a, b| a.place == b.place).collect();
    let mut packet = innermost(first).clone();
    for (number, part) in parts.iter().enumerate() {
        let before = packet.clone();
        if let Some(last) = part.iter().rev().find_map(|step| step.packet.as_deref()) {
            packet = innermost(last).clone();
        }
        let place = part[0].place;
        if topology.place(place).namespace.is_some() {
            continue;
        }
        let is_pod =
            |other: Option<&&[Step]>| other.is_some_and(|other| is_pod_of(topology, place, other[0].place));
        let neighbor = |number: Option<usize>| number.and_then(|number| parts.get(number));
        let is_last = number + 1 == parts.len();
        let taken = is_last && (walked.end == End::Delivered || topology.place(place).has(packet.dst));
        let on_node = |ip: IpAddr| {
            let pod = policies.pod_at(ip);
            pod.is_some_and(|pod| pod.node == topology.place(place).node.name)
        };
        let mut end = |local: bool, pod: bool, ip: IpAddr, what: What| {
            if local {
                SideOf::Local
            } else if pod {
                if policies.pod_at(ip).is_none() {
                    passages
                        .unknown
                        .push(format!("no object is of the pod with address {ip}"));
                }
                SideOf::Pod(ip)
            } else {
                link(topology, part, what)
            }
        };
        let from_pod = is_pod(neighbor(number.checked_sub(1)));
        let from = end(number == 0, from_pod, origin, What::In);
        let to_pod = is_pod(neighbor(Some(number + 1))) || (is_last && on_node(packet.dst));
        let to = end(taken, to_pod, packet.dst, What::Out);
        passages.visits.push(Visit {
            node: &topology.place(place).node.name,
            from,
            to,
            before: flow(&before, origin),
            flow: flow(&packet, origin),
            source: before.src,
        });
    }
    passages
}

/// Whether a place is a pod's namespace of the same node.
fn is_pod_of(topology: &Topology<'_>, host: PlaceId, other: PlaceId) -> bool {
    let (host, other) = (topology.place(host), topology.place(other));
    other.namespace.is_some() && std::ptr::eq(host.node, other.node)
}

/// The last link by which the packet came in, or the first by which it went out.
fn link<'t>(topology: &'t Topology<'_>, part: &[Step], what: What) -> SideOf<'t> {
    let place = topology.place(part[0].place);
    let of_kind = || part.iter().filter(|step| step.what == what);
    let step = match what {
        What::In => of_kind().next_back(),
        _ => of_kind().next(),
    };
    let index = step.and_then(|step| step.link);
    let addresses = place.net.addresses.items().iter();
    SideOf::Link {
        name: index
            .and_then(|index| place.net.link(index))
            .map_or("", |link| link.name.as_str()),
        addresses: addresses
            .filter(|address| Some(address.link) == index)
            .map(|address| address.ip)
            .collect(),
    }
}

/// What is inside of all tunnels.
fn innermost(packet: &Packet) -> &Packet {
    match packet.inner.as_deref() {
        Some(Inner::Packet { packet, .. }) => innermost(packet),
        Some(Inner::Frame { frame, .. }) => match &frame.payload {
            Payload::Ip(packet) => innermost(packet),
            Payload::Ask { .. } | Payload::Tell { .. } => packet,
        },
        None => packet,
    }
}

/// As objects mean it: from whom it really comes, whatever its source was translated to.
const fn flow(packet: &Packet, origin: IpAddr) -> Flow {
    Flow {
        src: origin,
        dst: packet.dst,
        protocol: packet.proto(),
        ports: packet.transport.ports(),
        icmp: match packet.transport {
            Transport::Icmp { kind, code, .. } => Some((kind, code)),
            _ => None,
        },
    }
}
