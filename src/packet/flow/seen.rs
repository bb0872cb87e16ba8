//! What is seen of one packet, before anything is known of its flow: threads look at packets side by side, and what they
//! saw is put together in order.

use std::net::IpAddr;

use super::complaint;
use super::key::{self, Packed, Via};
use super::questions;
use super::vtep::Vteps;
use crate::packet::file::{Packet, Time};
use crate::packet::layer::{Kind, Layer, Stack};
use crate::packet::wire::icmp::{Icmp, kind as icmp_kind};
use crate::packet::wire::icmpv6::{Icmpv6, kind as icmpv6_kind};
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::tcp::Tcp;

/// A packet, as far as flows and findings go.
#[derive(Debug)]
pub struct Seen {
    pub(super) number: u64,
    pub(super) time: Time,
    pub(super) wire_len: u32,
    /// Index of the link it was captured on.
    pub(super) interface: u32,
    /// Its flow, and whether it goes from `b` to `a`; none for one without IP inside.
    pub(super) key: Option<(Packed, bool)>,
    pub(super) says: Says,
    /// Nearly always none.
    pub(super) remarks: Vec<Remark>,
}

/// What the transport of a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Nothing,
    Tcp(Segment),
    /// An echo request, with its sequence number.
    Ask(u16),
    /// An echo reply.
    Answer(u16),
}

/// A segment of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) sequence: u32,
    pub(super) ack: u32,
    /// Bytes of data.
    pub(super) length: u32,
    pub(super) window: u16,
    /// Of IPv4; 0 for IPv6.
    pub(super) id: u16,
    pub(super) flags: u8,
}

/// What a packet says beside its flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remark {
    /// Who has an address?
    Asks {
        via: Option<Via>,
        sender: IpAddr,
        target: IpAddr,
    },
    /// Somebody has an address, at a link address if that was told.
    Has {
        via: Option<Via>,
        who: IpAddr,
        link: Option<[u8; 6]>,
    },
    /// Something is wrong: code and text of a finding.
    Wrong(&'static str, String),
}

impl Seen {
    /// Looks at a packet, which is the `number`th of the file; at its tunnels, too, where it is known who has which.
    pub fn of(number: u64, packet: &Packet, stack: &Stack, vteps: Option<&Vteps>) -> Self {
        let frame = packet.data;
        let mut remarks = Vec::new();
        questions::look(frame, stack, &mut remarks);
        complaint::look(frame, stack, &mut remarks);
        if let Some(vteps) = vteps {
            vteps.look(frame, stack, &mut remarks);
        }
        Self {
            number,
            time: packet.time,
            wire_len: packet.wire_len,
            interface: u32::try_from(packet.interface).unwrap_or(u32::MAX),
            key: key::packed(frame, stack),
            says: says(frame, stack.innermost()),
            remarks,
        }
    }
}

fn says(frame: &[u8], level: &[Layer]) -> Says {
    let speaks = |layer: &&Layer| matches!(layer.kind, Kind::Tcp | Kind::Icmp | Kind::Icmpv6);
    let Some(layer) = level.iter().find(speaks).filter(|layer| !layer.cut) else {
        return Says::Nothing;
    };
    let header = layer.header(frame);
    match layer.kind {
        Kind::Tcp => {
            let tcp = Tcp(header);
            let ip = level.iter().find(|layer| layer.kind == Kind::Ipv4);
            Says::Tcp(Segment {
                sequence: tcp.sequence(),
                ack: tcp.ack(),
                length: layer.payload_len(),
                window: tcp.window(),
                id: ip.map_or(0, |ip| Ipv4(ip.header(frame)).id()),
                flags: tcp.flags(),
            })
        }
        Kind::Icmp => match Icmp(header).kind() {
            icmp_kind::ECHO => Says::Ask(Icmp(header).sequence()),
            icmp_kind::ECHO_REPLY => Says::Answer(Icmp(header).sequence()),
            _ => Says::Nothing,
        },
        _ => match Icmpv6(header).kind() {
            icmpv6_kind::ECHO => Says::Ask(Icmpv6(header).sequence()),
            icmpv6_kind::ECHO_REPLY => Says::Answer(Icmpv6(header).sequence()),
            _ => Says::Nothing,
        },
    }
}
