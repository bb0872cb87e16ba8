//! VLANs of the ports of bridges (`bridge vlan`; RTM_GETLINK of AF_BRIDGE, RTEXT_FILTER_BRVLAN_COMPRESSED).

use super::attr::{attributes, find, push, u16, u32};
use super::socket::{Error, Socket};
use super::uapi::{
    AF_BRIDGE, BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_RANGE_BEGIN, BRIDGE_VLAN_INFO_RANGE_END,
    BRIDGE_VLAN_INFO_UNTAGGED, IFLA_AF_SPEC, IFLA_BRIDGE_VLAN_INFO, IFLA_EXT_MASK,
    RTEXT_FILTER_BRVLAN_COMPRESSED, RTM_GETLINK,
};
use crate::state::kind::PortVlan;
use crate::state::link::IfIndex;

/// `struct ifinfomsg`
const HEADER: usize = 16;

/// The VLANs of every bridge and port, one an entry. None where the kernel has no VLANs of bridges.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<PortVlan>, Error> {
    let mut request = vec![0; HEADER];
    request[0] = AF_BRIDGE;
    let mask = RTEXT_FILTER_BRVLAN_COMPRESSED.to_ne_bytes();
    push(&mut request, IFLA_EXT_MASK, &mask);
    socket.dump(RTM_GETLINK, &request, vlans)
}

fn vlans(message: &[u8], vlans: &mut Vec<PortVlan>) {
    let Some((header, list)) = message.split_at_checked(HEADER) else {
        return;
    };
    if header[0] != AF_BRIDGE {
        return;
    }
    let link = IfIndex(u32(&header[4..]));
    let mut begin = None;
    for (kind, value) in attributes(find(list, IFLA_AF_SPEC).unwrap_or_default()) {
        if kind != IFLA_BRIDGE_VLAN_INFO {
            continue;
        }
        // `struct bridge_vlan_info`
        let (flags, vid) = (u16(value), u16(value.get(2..).unwrap_or_default()));
        if flags & BRIDGE_VLAN_INFO_RANGE_BEGIN != 0 {
            begin = Some(vid);
            continue;
        }
        let ends = flags & BRIDGE_VLAN_INFO_RANGE_END != 0;
        let first = begin.take().filter(|_| ends).unwrap_or(vid);
        vlans.extend((first..=vid).map(|vid| PortVlan {
            link,
            vid,
            pvid: flags & BRIDGE_VLAN_INFO_PVID != 0,
            untagged: flags & BRIDGE_VLAN_INFO_UNTAGGED != 0,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_becomes_its_vlans() {
        let mut list = Vec::new();
        for (flags, vid) in [(6, 1), (8, 10), (0x10, 12), (4, 20)] {
            let info = [u16::to_ne_bytes(flags), u16::to_ne_bytes(vid)].concat();
            push(&mut list, IFLA_BRIDGE_VLAN_INFO, &info);
        }
        let mut message = vec![0; HEADER];
        (message[0], message[4]) = (AF_BRIDGE, 3);
        push(&mut message, IFLA_AF_SPEC, &list);
        let mut read = Vec::new();
        vlans(&message, &mut read);
        let said: Vec<_> = read
            .iter()
            .map(|vlan| (vlan.vid, vlan.pvid, vlan.untagged))
            .collect();
        assert_eq!(
            said,
            [
                (1, true, true),
                (10, false, false),
                (11, false, false),
                (12, false, false),
                (20, false, true)
            ]
        );
        assert!(read.iter().all(|vlan| vlan.link == IfIndex(3)));
    }
}
