//! What a packet is known by wherever it is seen.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::packet::flow::key::addresses;
use crate::packet::layer::{Kind, Stack};
use crate::packet::wire::ipv4::Ipv4;
use crate::packet::wire::ipv6::Ipv6;

/// Bytes of the transport's header and payload that count: checksums and options that are rewritten lie apart.
const DEEP: usize = 64;

/// A packet, as far as routers leave it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub(super) mark: u64,
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    /// Or hop limit.
    pub(super) ttl: u8,
}

impl Mark {
    /// Of the innermost IP packet; none for one without.
    pub fn of(frame: &[u8], stack: &Stack) -> Option<Self> {
        let level = stack.innermost();
        let at = level.iter().position(|layer| layer.kind.is_ip())?;
        let ip = level.get(at)?;
        let header = ip.header(frame);
        let (from, to) = addresses(frame, ip);
        let mut hash = DefaultHasher::new();
        (from, to).hash(&mut hash);
        let ttl = if ip.kind == Kind::Ipv4 {
            let ip = Ipv4(header);
            (ip.id(), ip.fragment_offset(), ip.protocol()).hash(&mut hash);
            ip.ttl()
        } else {
            Ipv6(header).next_header().hash(&mut hash);
            Ipv6(header).hop_limit()
        };
        // Checksums are completed by cards, on the way.
        let without = level.get(at + 1).and_then(|layer| match layer.kind {
            Kind::Tcp => Some(16),
            Kind::Udp => Some(6),
            Kind::Icmp | Kind::Icmpv6 => Some(2),
            _ => None,
        });
        let payload = ip.payload(frame);
        let payload = payload.get(..DEEP).unwrap_or(payload);
        let (before, after) = match without {
            Some(checksum) => (
                payload.get(..checksum).unwrap_or(payload),
                payload.get(checksum + 2..),
            ),
            None => (payload, None),
        };
        hash.write(before);
        hash.write(after.unwrap_or(&[]));
        ip.total.hash(&mut hash);
        Some(Self {
            mark: hash.finish(),
            from,
            to,
            ttl,
        })
    }
}
