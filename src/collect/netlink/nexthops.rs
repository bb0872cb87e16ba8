//! Nexthop objects and groups (ip-nexthop(8), RTM_GETNEXTHOP; `include/uapi/linux/nexthop.h`).

use super::attr::{attributes, ip, u8, u16, u32};
use super::encap;
use super::socket::{Error, Socket};
use super::uapi::{
    NHA_BLACKHOLE, NHA_ENCAP, NHA_ENCAP_TYPE, NHA_FDB, NHA_GATEWAY, NHA_GROUP, NHA_ID, NHA_OIF,
    RTM_GETNEXTHOP,
};
use crate::state::link::{IfIndex, Scope};
use crate::state::route::{HopFlags, NexthopObject, RouteProtocol};

/// `struct nhmsg`: family, scope, protocol, reserved, flags.
const HEADER: usize = 8;
/// `struct nexthop_grp`: number, weight less one, its upper byte (from 6.12 on), reserved.
const MEMBER: usize = 8;

/// All objects, in the order of their numbers.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<NexthopObject>, Error> {
    socket.dump(RTM_GETNEXTHOP, &[0; HEADER], |message, nexthops| {
        nexthops.extend(nexthop(message));
    })
}

fn nexthop(message: &[u8]) -> Option<NexthopObject> {
    let (header, list) = message.split_at_checked(HEADER)?;
    let mut nexthop = NexthopObject {
        scope: Scope(header[1]),
        proto: RouteProtocol(header[2]),
        flags: HopFlags(u32(&header[4..]).to_le_bytes()[0]),
        ..NexthopObject::default()
    };
    let (mut encap_type, mut encap_data) = (0, &[][..]);
    for (kind, value) in attributes(list) {
        match kind {
            NHA_ID => nexthop.id = u32(value),
            NHA_GATEWAY => nexthop.gateway = ip(value),
            NHA_OIF => nexthop.link = Some(IfIndex(u32(value))),
            NHA_BLACKHOLE => nexthop.blackhole = true,
            NHA_FDB => nexthop.fdb = true,
            NHA_GROUP => nexthop.group = value.chunks_exact(MEMBER).map(member).collect(),
            NHA_ENCAP_TYPE => encap_type = u16(value),
            NHA_ENCAP => encap_data = value,
            _ => {}
        }
    }
    nexthop.encap = (encap_type != 0).then(|| encap::text(encap_type, encap_data));
    Some(nexthop)
}

fn member(bytes: &[u8]) -> (u32, u16) {
    let weight = u16::from_le_bytes([u8(&bytes[4..]), u8(&bytes[5..])]);
    (u32(bytes), weight.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::super::attr::push;
    use super::*;

    #[test]
    fn a_group_has_weights_from_one_on() {
        let mut message = vec![0; HEADER];
        push(&mut message, NHA_ID, &9_u32.to_ne_bytes());
        let mut members = Vec::new();
        for (id, weight) in [(1_u32, [0, 0]), (2, [255, 0]), (3, [0, 1])] {
            members.extend(id.to_ne_bytes());
            members.extend(weight);
            members.extend([0, 0]);
        }
        push(&mut message, NHA_GROUP, &members);
        let read = nexthop(&message).unwrap();
        assert_eq!((read.id, read.group), (9, vec![(1, 1), (2, 256), (3, 257)]));
    }
}
