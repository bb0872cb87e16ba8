//! Internet checksums (RFC 1071), and what is wrong with them, if anything.

use super::layer::{Kind, Layer};
use super::wire::ipv4::Ipv4;
use super::wire::ipv6::Ipv6;
use super::wire::tcp::Tcp;
use super::wire::udp::Udp;

/// What a stored checksum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// None was made, or not all bytes are there to check it.
    Unknown,
    /// Only the pseudo header was summed: the card was to do the rest. The packet was captured before it left.
    Offloaded,
    /// What is stored, and what should be.
    Wrong(u16, u16),
}

/// The sum of 16 bit words, folded; an odd byte at the end is a high one.
fn sum(bytes: &[u8]) -> u32 {
    let mut total = 0u64;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        total += u64::from(super::bytes::be32(chunk, 0));
    }
    let mut last = [0; 4];
    let rest = chunks.remainder();
    if let Some(place) = last.get_mut(..rest.len()) {
        place.copy_from_slice(rest);
    }
    total += u64::from(u32::from_be_bytes(last));
    fold64(total)
}

fn fold64(mut total: u64) -> u32 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u32::try_from(total).unwrap_or(0)
}

fn fold(total: u32) -> u16 {
    u16::try_from(fold64(u64::from(total))).unwrap_or(0)
}

/// The checksum of an IPv4 header.
pub fn ipv4(header: &[u8]) -> Verdict {
    let stored = Ipv4(header).checksum();
    let all = fold(sum(header));
    if all == 0xffff {
        return Verdict::Right;
    }
    if stored == 0 {
        return Verdict::Offloaded;
    }
    let right = !fold(u32::from(all) + u32::from(!stored));
    Verdict::Wrong(stored, right)
}

/// The checksum of a TCP segment or a UDP datagram in an IP packet, with the layers inside it.
pub fn transport(frame: &[u8], ip: &Layer, layer: &Layer, inside: &[Layer]) -> Verdict {
    let segment = layer.whole(frame);
    let (protocol, stored, at) = match layer.kind {
        Kind::Tcp => (6u8, Tcp(segment).checksum(), 16),
        Kind::Udp => (17u8, Udp(segment).checksum(), 6),
        _ => return Verdict::Unknown,
    };
    let header = ip.header(frame);
    let fragment = match ip.kind {
        Kind::Ipv4 => Ipv4(header).is_fragment(),
        _ => false,
    };
    // The packet around it ended early, as a fragment of a tunnel does.
    let declared = match ip.kind {
        Kind::Ipv4 => usize::from(Ipv4(header).total_length()),
        _ => 40 + usize::from(Ipv6(header).payload_length()),
    };
    let short = declared > ip.total as usize
        || layer.kind == Kind::Udp && u32::from(Udp(segment).length()) > layer.total;
    let none = stored == 0 && layer.kind == Kind::Udp;
    if layer.cut || fragment || short || none || segment.len() < layer.total as usize || segment.len() <= at {
        return Verdict::Unknown;
    }
    let addresses = match ip.kind {
        Kind::Ipv4 => sum(&Ipv4(header).source()) + sum(&Ipv4(header).final_destination()),
        _ => sum(&Ipv6(header).source()) + sum(&Ipv6(header).destination()),
    };
    let without_length = addresses + u32::from(protocol);
    let pseudo = without_length + fold64(u64::from(layer.total));
    let all = fold(pseudo + sum(segment));
    if all == 0xffff {
        return Verdict::Right;
    }
    // Segmentation left to the card: some leave the length out.
    if stored == fold(pseudo) || stored == fold(without_length) || awaits(frame, pseudo, layer, inside) {
        return Verdict::Offloaded;
    }
    let right = !fold(u32::from(all) + u32::from(!stored));
    Verdict::Wrong(
        stored,
        if right == 0 && layer.kind == Kind::Udp {
            0xffff
        } else {
            right
        },
    )
}

/// Whether a tunnel's checksum will be right once the card has filled in that of the packet inside, which then adds up to
/// the complement of what is stored there now (Linux's Documentation/networking/checksum-offloads.rst, "LCO").
fn awaits(frame: &[u8], pseudo: u32, outer: &Layer, inside: &[Layer]) -> bool {
    let mut ip = None;
    for layer in inside {
        match layer.kind {
            Kind::Ipv4 | Kind::Ipv6 => ip = Some(layer),
            Kind::Tcp | Kind::Udp => {
                let offloaded = ip.is_some_and(|ip| transport(frame, ip, layer, &[]) == Verdict::Offloaded);
                let start = layer.offset.saturating_sub(outer.offset) as usize;
                let stored = match layer.kind {
                    Kind::Tcp => Tcp(layer.header(frame)).checksum(),
                    _ => Udp(layer.header(frame)).checksum(),
                };
                let before = outer.whole(frame).get(..start).unwrap_or(&[]);
                if offloaded && fold(pseudo + sum(before) + u32::from(!stored)) == 0xffff {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use netdiag_bench::{Random, build, kinds};

    use super::*;
    use crate::packet::{Decoder, LinkType, Stack};

    fn verdicts(frame: &[u8]) -> Vec<Verdict> {
        let mut stack = Stack::default();
        let length = u32::try_from(frame.len()).unwrap();
        Decoder::default().decode(frame, LinkType::ETHERNET, length, &mut stack);
        let mut ip = None;
        let mut found = Vec::new();
        for (at, layer) in stack.travelling().iter().enumerate() {
            match layer.kind {
                Kind::Ipv4 => {
                    found.push(ipv4(layer.header(frame)));
                    ip = Some(*layer);
                }
                Kind::Ipv6 => ip = Some(*layer),
                Kind::Tcp | Kind::Udp => {
                    let inside = &stack.travelling()[at + 1..];
                    found.push(transport(frame, &ip.unwrap(), layer, inside));
                }
                _ => {}
            }
        }
        found
    }

    #[test]
    fn made_packets_are_right() {
        for sample in kinds::all(&mut Random::new(5)) {
            let wrong = |verdict: &Verdict| matches!(verdict, Verdict::Wrong(..) | Verdict::Offloaded);
            if sample.link == 1 && !sample.name.starts_with("icmp") {
                assert!(!verdicts(&sample.frame).iter().any(wrong), "{}", sample.name);
            }
        }
    }

    #[test]
    fn offloaded_is_not_wrong() {
        let (a, b) = ([192, 168, 80, 10], [192, 168, 80, 11]);
        let mut packet = build::ipv4(a, b, 17, &build::udp_plain(50000, 4789, &[0; 50]));
        // What a card would have completed: seen on a real link.
        packet[26..28].copy_from_slice(&[0x21, 0xb2]);
        let frame = build::ethernet(1, 2, 0x0800, &packet);
        assert_eq!(verdicts(&frame)[1], Verdict::Offloaded);
    }

    /// As Linux sends it into a tunnel: the outer checksum is right for what the card makes of the inner one.
    #[test]
    fn a_tunnel_waits_for_the_packet_inside() {
        let (a, b) = ([192, 168, 80, 10], [192, 168, 80, 11]);
        let whole = build::tcp4([10, 9, 0, 1], [10, 9, 0, 2], (40000, 80), 1, 0x10, b"hello");
        let outer = |inner: &[u8]| {
            let inner = build::ethernet(5, 6, 0x0800, inner);
            build::udp_plain(50000, 4789, &build::vxlan(8, [0; 3], 7, &inner))
        };
        let frame = |udp: &[u8], check: u16| {
            let mut udp = udp.to_vec();
            udp[6..8].copy_from_slice(&check.to_be_bytes());
            build::ethernet(1, 2, 0x0800, &build::ipv4(a, b, 17, &udp))
        };
        let filled = frame(&outer(&whole), 1);
        let Verdict::Wrong(1, check) = verdicts(&filled)[1] else {
            panic!("{:?}", verdicts(&filled))
        };
        assert_eq!(verdicts(&frame(&outer(&whole), check))[1], Verdict::Right);
        // The sum of the inner pseudo header: addresses, protocol, 25 bytes.
        let mut partial = whole.clone();
        let pseudo = fold(sum(&whole[12..20]) + 6 + 25);
        partial[36..38].copy_from_slice(&pseudo.to_be_bytes());
        let sent = verdicts(&frame(&outer(&partial), check));
        assert_eq!(
            sent,
            [
                Verdict::Right,
                Verdict::Offloaded,
                Verdict::Right,
                Verdict::Offloaded
            ]
        );
        let wrong = verdicts(&frame(&outer(&partial), check ^ 1));
        assert!(matches!(wrong[1], Verdict::Wrong(..)), "{wrong:?}");
    }

    #[test]
    fn a_changed_byte_is_wrong() {
        let packet = build::tcp4([10, 0, 0, 1], [10, 0, 0, 2], (40000, 80), 1, 0x10, b"hello");
        let mut frame = build::ethernet(1, 2, 0x0800, &packet);
        let right = u16::from_be_bytes([frame[50], frame[51]]);
        frame[50] ^= 0x40;
        assert_eq!(
            verdicts(&frame),
            [Verdict::Right, Verdict::Wrong(right ^ 0x4000, right)]
        );
    }
}
