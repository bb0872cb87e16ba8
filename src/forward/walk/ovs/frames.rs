//! Frames as rules see them, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::forward::openflow::field::{self, Key, TAGGED, Word};
use crate::forward::packet::{Frame, Packet, Payload, Transport};

/// Bytes on the wire, without the checksum.
pub(super) fn length(frame: &Frame) -> u32 {
    let tag = if frame.vlan.is_some() { 4 } else { 0 };
    let inside = match &frame.payload {
        Payload::Ip(packet) => packet.size,
        Payload::Ask { .. } | Payload::Tell { .. } => 28,
    };
    14 + tag + inside
}

/// What rules can look at.
pub(super) fn key(frame: &Frame, reply: bool) -> Key {
    let mut key = Key::default();
    key.set(Word::ETH_SRC, field::of_mac(frame.src));
    key.set(Word::ETH_DST, field::of_mac(frame.dst));
    key.set(Word::TCI, frame.vlan.map_or(0, |vlan| TAGGED | u128::from(vlan)));
    match &frame.payload {
        Payload::Ip(packet) => ip(&mut key, packet, reply),
        Payload::Ask {
            target: IpAddr::V4(target),
            sender: IpAddr::V4(sender),
        } => {
            key.set(Word::ETH_TYPE, 0x0806);
            key.set(Word::PROTO, 1);
            key.set(Word::NW_SRC, sender.to_bits().into());
            key.set(Word::NW_DST, target.to_bits().into());
            key.set(Word::ARP_SHA, field::of_mac(frame.src));
        }
        Payload::Tell {
            target: IpAddr::V4(target),
            mac,
            sender: IpAddr::V4(sender),
            ..
        } => {
            key.set(Word::ETH_TYPE, 0x0806);
            key.set(Word::PROTO, 2);
            key.set(Word::NW_SRC, target.to_bits().into());
            key.set(Word::NW_DST, sender.to_bits().into());
            key.set(Word::ARP_SHA, field::of_mac(*mac));
        }
        Payload::Tell {
            target, sender, from, ..
        } => {
            key.set(Word::ETH_TYPE, 0x86dd);
            key.set(Word::PROTO, 58);
            key.set(Word::TTL, 255);
            key.set(Word::TP_SRC, 136);
            address(&mut key, Word::V6_SRC, *from);
            address(&mut key, Word::V6_DST, *sender);
            address(&mut key, Word::ND_TARGET, *target);
        }
        Payload::Ask { target, sender } => {
            key.set(Word::ETH_TYPE, 0x86dd);
            key.set(Word::PROTO, 58);
            key.set(Word::TTL, 255);
            key.set(Word::TP_SRC, 135);
            address(&mut key, Word::V6_SRC, *sender);
            // The address of all that end like the one that is asked for.
            if let IpAddr::V6(target) = target {
                let group = 0xff02_u128 << 112 | 0x0001_ff00_0000 | target.to_bits() & 0x00ff_ffff;
                key.set(Word::V6_DST, group);
                key.set(Word::ND_TARGET, target.to_bits());
            }
            key.set(Word::ND_SLL, field::of_mac(frame.src));
        }
    }
    key
}

fn address(key: &mut Key, word: Word, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => key.set(word, ip.to_bits().into()),
        IpAddr::V6(ip) => key.set(word, ip.to_bits()),
    }
}

fn ip(key: &mut Key, packet: &Packet, reply: bool) {
    let v6 = packet.is_v6();
    key.set(Word::ETH_TYPE, if v6 { 0x86dd } else { 0x0800 });
    let (src, dst) = if v6 {
        (Word::V6_SRC, Word::V6_DST)
    } else {
        (Word::NW_SRC, Word::NW_DST)
    };
    address(key, src, packet.src);
    address(key, dst, packet.dst);
    key.set(Word::PROTO, packet.proto().into());
    key.set(Word::TOS, packet.tos.into());
    key.set(Word::TTL, packet.ttl.into());
    match packet.transport {
        Transport::Icmp { kind, code, .. } => {
            key.set(Word::TP_SRC, kind.into());
            key.set(Word::TP_DST, code.into());
        }
        transport => {
            let (sport, dport) = transport.ports().unwrap_or_default();
            key.set(Word::TP_SRC, sport.into());
            key.set(Word::TP_DST, dport.into());
        }
    }
    if matches!(packet.transport, Transport::Tcp { .. }) {
        // The first packet of a connection, and the answer to it.
        key.set(Word::TCP_FLAGS, if reply { 0x12 } else { 0x02 });
    }
}

/// The frame with what rules changed.
pub(super) fn rebuilt(key: &Key, frame: &Frame) -> Result<Frame, String> {
    if key.get(Word::TCI2) != 0 {
        return Err("a second VLAN tag".into());
    }
    let tci = key.get(Word::TCI);
    let vlan = (tci & TAGGED != 0)
        .then(|| u16::try_from(tci & 0xfff).unwrap_or(0))
        // Only a priority: to all others the frame has no tag.
        .filter(|vlan| *vlan != 0);
    let payload = match &frame.payload {
        Payload::Ip(packet) => Payload::Ip(changed(key, packet)),
        Payload::Ask { .. } | Payload::Tell { .. } => frame.payload.clone(),
    };
    Ok(Frame {
        src: field::to_mac(key.get(Word::ETH_SRC)),
        dst: field::to_mac(key.get(Word::ETH_DST)),
        vlan,
        payload,
    })
}

fn changed(key: &Key, packet: &Packet) -> Packet {
    let mut packet = packet.clone();
    let v4 = |word| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(key.get(word)).unwrap_or(0)));
    let v6 = |word| IpAddr::V6(Ipv6Addr::from_bits(key.get(word)));
    (packet.src, packet.dst) = if packet.is_v6() {
        (v6(Word::V6_SRC), v6(Word::V6_DST))
    } else {
        (v4(Word::NW_SRC), v4(Word::NW_DST))
    };
    let byte = |word| u8::try_from(key.get(word) & 0xff).unwrap_or(0);
    packet.tos = byte(Word::TOS);
    packet.ttl = byte(Word::TTL);
    let port = |word| u16::try_from(key.get(word) & 0xffff).unwrap_or(0);
    packet.transport = packet
        .transport
        .with_ports(port(Word::TP_SRC), port(Word::TP_DST));
    packet
}
