//! What programs read: `-o json` and `-o yaml`. The schema is told in netdiag-trace(1) and pinned by tests.

use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Leg};
use super::label;
use crate::diagnose::Evidence;
use crate::diagnose::trace::Explained;
use crate::diagnose::{Command, Sure};
use crate::forward::packet::{Inner, Packet, Transport};
use crate::forward::topology::{At, PlaceId, Topology};
use crate::forward::walk::{End, Hop, hops};
use crate::state::link::IfIndex;

/// Version of this format: fields may be added to it, none changes or goes.
const SCHEMA: &str = "netdiag.trace/v1";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    schema: &'static str,
    /// `delivered`, `lost`, `not decidable`.
    verdict: &'static str,
    from: Who,
    to: Who,
    packet: PacketDocument,
    /// In the order of their directions: there first.
    ways: Vec<WayDocument>,
    findings: Vec<FindingDocument>,
    /// The verdict of policies and services, with objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<Value>,
    /// With --live.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Value>,
}

#[derive(Debug, Serialize)]
struct Who {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Absent for the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WayDocument {
    /// `there` or `back`.
    direction: &'static str,
    /// From 0 to 1: of all packets.
    share: f64,
    /// How many ways with this end are meant; the hops are those of the first.
    count: usize,
    /// `delivered`, `dropped`, `rejected`, `not decidable`.
    end: &'static str,
    at: Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CauseDocument>,
    /// Which of `findings` explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<usize>,
    hops: Vec<HopDocument>,
}

#[derive(Debug, Serialize)]
struct CauseDocument {
    kind: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct HopDocument {
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    /// Of the link it leaves by.
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<PacketDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<PacketDocument>,
    steps: Vec<StepDocument>,
}

#[derive(Debug, Serialize)]
struct StepDocument {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<PacketDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PacketDocument {
    src: String,
    dst: String,
    /// IPPROTO_*.
    protocol: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    sport: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dport: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    /// Bytes with the IP header.
    size: u32,
    ttl: u8,
    dont_fragment: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<u32>,
    /// VNI or key of the tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel_id: Option<u32>,
    /// What a tunnel's packet carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    carries: Option<Box<Self>>,
}

#[derive(Debug, Serialize)]
struct FindingDocument {
    code: &'static str,
    node: String,
    title: String,
    cause: String,
    sure: Sure,
    evidence: Vec<Evidence>,
    steps: Vec<String>,
    commands: Vec<Command>,
}

pub(super) fn document(answer: &Answer, objects: Option<Value>, live: Option<Value>) -> Document {
    let question = &answer.question;
    let topology = answer.topology;
    let first = answer
        .legs
        .first()
        .and_then(|leg| leg.walked.state.trail.first()?.packet.as_deref());
    Document {
        schema: SCHEMA,
        verdict: match answer.outcome {
            crate::cli::Outcome::Good => "delivered",
            crate::cli::Outcome::Findings => "lost",
            crate::cli::Outcome::NotDecidable => "not decidable",
        },
        from: who(topology, Some(question.from), Some(question.src.to_string())),
        to: who(topology, question.to.place, Some(question.dst.to_string())),
        packet: packet(first.unwrap_or(&Packet::new(question.src, question.dst, Transport::Other(0)))),
        ways: answer.legs.iter().map(|leg| way(topology, leg)).collect(),
        findings: answer.explained.iter().map(finding).collect(),
        objects,
        live,
    }
}

fn who(topology: &Topology, place: Option<PlaceId>, address: Option<String>) -> Who {
    let place = place.map(|id| topology.place(id));
    Who {
        node: place.map(|place| place.node.name.clone()),
        namespace: place.and_then(|place| place.namespace.clone()),
        address,
    }
}

fn way(topology: &Topology, leg: &Leg) -> WayDocument {
    let (end, text) = super::end_text(&leg.walked.end);
    let kind = match &leg.walked.end {
        End::Delivered | End::Answered(_) | End::Heard { .. } => None,
        End::Dropped(cause) | End::Rejected(cause) => Some(cause.kind()),
        End::NotDecidable(missing) => Some(missing.kind()),
        End::NotForMe => Some("nobodyHas"),
    };
    WayDocument {
        direction: leg.direction(),
        share: fraction(leg.share),
        count: leg.count,
        end,
        at: who(topology, Some(leg.walked.place), None),
        cause: kind.map(|kind| CauseDocument { kind, text }),
        finding: leg.why,
        hops: hops(&leg.walked.state.trail)
            .iter()
            .map(|found| hop(topology, found))
            .collect(),
    }
}

/// Of millionths.
fn fraction(share: u64) -> f64 {
    u32::try_from(share).map_or(1.0, |share| f64::from(share) / 1_000_000.0)
}

fn hop(topology: &Topology, hop: &Hop) -> HopDocument {
    let place = topology.place(hop.place);
    let link = |link: IfIndex| {
        topology.link(At {
            place: hop.place,
            link,
        })
    };
    let name = |index: Option<IfIndex>| Some(link(index?)?.name.clone());
    HopDocument {
        node: place.node.name.clone(),
        namespace: place.namespace.clone(),
        input: name(hop.input),
        out: name(hop.output),
        mtu: hop.output.and_then(link).map(|link| link.mtu),
        before: hop.before.as_deref().map(packet),
        after: hop.after.as_deref().map(packet),
        steps: hop
            .steps
            .iter()
            .map(|step| StepDocument {
                kind: label(step.what),
                link: name(step.link),
                text: step.text.clone(),
                packet: step.packet.as_deref().map(packet),
            })
            .collect(),
    }
}

fn packet(found: &Packet) -> PacketDocument {
    let ports = found.transport.ports();
    let (tunnel_id, carries) = match found.inner.as_deref() {
        Some(Inner::Packet {
            packet: inner,
            header,
        }) => (header.id, Some(Box::new(packet(inner)))),
        Some(Inner::Frame { frame, header }) => {
            let inner = match &frame.payload {
                crate::forward::packet::Payload::Ip(inner) => Some(Box::new(packet(inner))),
                crate::forward::packet::Payload::Ask { .. }
                | crate::forward::packet::Payload::Tell { .. } => None,
            };
            (header.id, inner)
        }
        None => (None, None),
    };
    PacketDocument {
        src: found.src.to_string(),
        dst: found.dst.to_string(),
        protocol: found.proto(),
        sport: ports.map(|(sport, _)| sport),
        dport: ports.map(|(_, dport)| dport),
        icmp_type: match found.transport {
            Transport::Icmp { kind, .. } => Some(kind),
            _ => None,
        },
        size: found.size,
        ttl: found.ttl,
        dont_fragment: found.df,
        mark: Some(found.mark).filter(|mark| *mark != 0),
        tunnel_id,
        carries,
    }
}

fn finding(explained: &Explained) -> FindingDocument {
    let finding = &explained.finding;
    FindingDocument {
        code: finding.id,
        node: finding.node.clone(),
        title: finding.title.clone(),
        cause: explained.cause.clone(),
        sure: explained.sure,
        evidence: finding.evidence.clone(),
        steps: finding.fix.steps.clone(),
        commands: explained.commands.clone(),
    }
}
