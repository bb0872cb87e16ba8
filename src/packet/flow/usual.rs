//! What clusters mostly send, without the walk over its layers: TCP or UDP over IPv4, plain or in one tunnel, in frames.
//! What is found is what the decoder would find, or nothing.

use super::key::{Packed, Via};
use crate::packet::decode::Decoder;
use crate::packet::file::Packet;
use crate::packet::layer::Kind;
use crate::packet::link_type::LinkType;
use crate::packet::ports::Tunnel;
use crate::packet::wire::ethernet::{self, Ethernet, ether_type};
use crate::packet::wire::geneve::{self, Geneve};
use crate::packet::wire::gre::{self, Gre};
use crate::packet::wire::ipv4::{self, Ipv4, protocol};
use crate::packet::wire::udp::{self, Udp};
use crate::packet::wire::vxlan::{self, Vxlan};

/// Bytes of the shortest packet: up to its ports, and all that UDP has.
const SHORTEST: usize = ipv4::LEN + udp::LEN;

/// The flow of a packet, and whether it goes from `b` to `a`, as [`super::key::packed`] finds it; none for a packet that isn't
/// usual, of which the layers say more. It is made in one place, and no part of it goes through memory before.
#[expect(clippy::inline_always, reason = "see above")]
#[inline(always)]
pub(super) fn packed(packet: &Packet, decoder: &Decoder) -> Option<(Packed, bool)> {
    if packet.link != LinkType::ETHERNET {
        return None;
    }
    let outer = in_frame(packet.data)?;
    let payload = outer.get(ipv4::LEN..)?;
    let (inner, kind, number) = match Ipv4(outer).protocol() {
        protocol::TCP => (outer, None, None),
        protocol::UDP => {
            let rest = datagram(outer)?;
            match decoder.ports.get(Udp(payload).destination()) {
                Tunnel::None => (outer, None, None),
                Tunnel::Vxlan => {
                    let (header, frame) = rest.split_at_checked(vxlan::LEN)?;
                    (in_frame(frame)?, Some(Kind::Vxlan), Some(Vxlan(header).vni()))
                }
                Tunnel::Geneve => {
                    let (header, frame) = rest.split_at_checked(geneve::LEN)?;
                    let header = Geneve(header);
                    if !header.is_plain_frame() {
                        return None;
                    }
                    (in_frame(frame)?, Some(Kind::Geneve), Some(header.vni()))
                }
                Tunnel::FlannelUdp => (whole(rest)?, Some(Kind::FlannelUdp), None),
                Tunnel::VxlanGpe | Tunnel::Gre | Tunnel::Mpls => return None,
            }
        }
        protocol::IPV4 => (whole(payload)?, Some(Kind::Ipv4), None),
        protocol::GRE => {
            let header = Gre(payload);
            let len = match header.flags() {
                0 => gre::LEN,
                gre::flag::KEY => gre::LEN + 4,
                _ => return None,
            };
            if header.protocol() != ether_type::IPV4 {
                return None;
            }
            (whole(payload.get(len..)?)?, Some(Kind::Gre), header.key())
        }
        _ => return None,
    };
    let payload = inner.get(ipv4::LEN..)?;
    let ports = (Udp(payload).source(), Udp(payload).destination());
    let transport = match Ipv4(inner).protocol() {
        protocol::TCP => Kind::Tcp,
        protocol::UDP => {
            let tunnel = |port| decoder.ports.get(port) != Tunnel::None;
            if tunnel(ports.0) || tunnel(ports.1) || vxlan::has_shape(datagram(inner)?) {
                return None;
            }
            Kind::Udp
        }
        _ => return None,
    };
    let via = kind.map(|kind| Via { kind, number });
    Some(Packed::of_ipv4(Ipv4(inner), ports, transport, via))
}

/// The packet in a frame, as [`whole`].
#[expect(clippy::inline_always, reason = "see `packed`")]
#[inline(always)]
fn in_frame(frame: &[u8]) -> Option<&[u8]> {
    let (header, packet) = frame.split_at_checked(ethernet::LEN)?;
    if Ethernet(header).ether_type() != ether_type::IPV4 {
        return None;
    }
    whole(packet)
}

/// A packet without what follows it: one without options that is there up to its ports, and no later fragment.
#[expect(clippy::inline_always, reason = "see `packed`")]
#[inline(always)]
fn whole(packet: &[u8]) -> Option<&[u8]> {
    let ip = Ipv4(packet.get(..ipv4::LEN)?);
    if !ip.is_plain() || ip.fragment_offset() != 0 {
        return None;
    }
    let packet = packet.get(..usize::from(ip.total_length())).unwrap_or(packet);
    (packet.len() >= SHORTEST).then_some(packet)
}

/// What UDP carries in a packet.
#[expect(clippy::inline_always, reason = "see `packed`")]
#[inline(always)]
fn datagram(packet: &[u8]) -> Option<&[u8]> {
    let (header, rest) = packet.get(ipv4::LEN..)?.split_at_checked(udp::LEN)?;
    let length = usize::from(Udp(header).length()).checked_sub(udp::LEN)?;
    Some(rest.get(..length).unwrap_or(rest))
}
