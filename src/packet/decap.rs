//! The packet inside, as a frame of its own: the outer headers are cut off, and what a frame needs is made up.

use super::bytes::small;
use super::layer::{Kind, Layer, Stack};
use super::link_type::LinkType;
use super::wire::geneve::Geneve;
use super::wire::gre::Gre;
use super::wire::vxlan::Vxlan;

/// A packet without what encapsulated it.
#[derive(Debug, Clone, Copy)]
pub struct Inner<'a> {
    pub link: LinkType,
    /// A header of Ethernet for a packet that came without one; empty for a frame.
    pub header: &'static [u8],
    pub data: &'a [u8],
    /// Bytes on the wire, without the outer headers.
    pub wire_len: u32,
}

/// Made-up addresses, locally administered.
const IPV4_HEADER: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
const IPV6_HEADER: [u8; 14] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];

/// The number of the virtual network that a layer names: VNI, or NVGRE's subnet.
pub fn vni(frame: &[u8], layer: &Layer) -> Option<u32> {
    let header = layer.header(frame);
    match layer.kind {
        Kind::Vxlan | Kind::VxlanGpe => Some(Vxlan(header).vni()),
        Kind::Geneve => Some(Geneve(header).vni()),
        Kind::Gre => Gre(header).virtual_subnet(),
        _ => None,
    }
}

/// Cuts the outer headers off, down to the innermost packet; `raw` leaves packets without a link header.
///
/// None for a packet that isn't encapsulated.
pub fn inner<'a>(frame: &'a [u8], stack: &Stack, raw: bool) -> Option<Inner<'a>> {
    let level = stack.innermost();
    let first = level.first().filter(|layer| layer.level > 0)?;
    let data = first.whole(frame);
    let (link, header): (LinkType, &'static [u8]) = match (first.kind, raw) {
        (Kind::Ethernet, _) => (LinkType::ETHERNET, &[]),
        (Kind::Ipv4 | Kind::Ipv6, true) => (LinkType::RAW, &[]),
        (Kind::Ipv4, false) => (LinkType::ETHERNET, &IPV4_HEADER),
        (Kind::Ipv6, false) => (LinkType::ETHERNET, &IPV6_HEADER),
        _ => return None,
    };
    Some(Inner {
        link,
        header,
        data,
        wire_len: first.total.saturating_add(small(header.len())),
    })
}
