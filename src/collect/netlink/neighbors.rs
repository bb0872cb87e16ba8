//! Neighbors, proxy entries and forwarding databases (rtnetlink(7), RTM_GETNEIGH).

use super::attr::{attributes, be16, ip, mac, u16, u32};
use super::kinds::link;
use super::socket::{Error, Socket};
use super::uapi::{
    AF_BRIDGE, AF_INET, AF_INET6, NDA_CACHEINFO, NDA_DST, NDA_IFINDEX, NDA_LLADDR, NDA_MASTER, NDA_NH_ID,
    NDA_PORT, NDA_VLAN, NDA_VNI, NTF_PROXY, NUD_DELAY, NUD_FAILED, NUD_INCOMPLETE, NUD_NOARP, NUD_PERMANENT,
    NUD_PROBE, NUD_REACHABLE, NUD_STALE, RTM_GETNEIGH,
};
use crate::state::link::IfIndex;
use crate::state::neighbor::{FdbEntry, Neighbor, NeighborFlags, NeighborState};

/// `struct ndmsg`: family, three of padding, link, state, flags, type.
const HEADER: usize = 12;

/// Clock ticks a second in what the kernel tells user space (time(7)); 100 on every architecture but Alpha and IA-64.
const USER_HZ: u64 = 100;

/// The ARP and ND tables, NOARP entries too, then the proxy entries.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<Neighbor>, Error> {
    let mut neighbors = Vec::new();
    for flags in [0, NTF_PROXY] {
        let mut request = [0; HEADER];
        request[10] = flags;
        neighbors.extend(socket.dump(RTM_GETNEIGH, &request, |message, neighbors| {
            neighbors.extend(neighbor(message));
        })?);
    }
    Ok(neighbors)
}

fn neighbor(message: &[u8]) -> Option<Neighbor> {
    let (header, list) = message.split_at_checked(HEADER)?;
    if !matches!(header[0], AF_INET | AF_INET6) {
        return None;
    }
    let (mut address, mut lladdr, mut confirmed_seconds) = (None, None, None);
    for (kind, value) in attributes(list) {
        match kind {
            NDA_DST => address = ip(value),
            NDA_LLADDR => lladdr = mac(value),
            // `struct nda_cacheinfo` begins with the ticks since the last confirmation.
            NDA_CACHEINFO => confirmed_seconds = Some(u64::from(u32(value)) / USER_HZ),
            _ => {}
        }
    }
    Some(Neighbor {
        link: IfIndex(u32(&header[4..])),
        ip: address?,
        mac: lladdr,
        state: neighbor_state(u16(&header[8..])),
        flags: NeighborFlags(header[10]),
        confirmed_seconds,
    })
}

/// NUD_*: one bit, but for entries that were set by hand.
const fn neighbor_state(state: u16) -> NeighborState {
    match state {
        state if state & NUD_PERMANENT != 0 => NeighborState::Permanent,
        state if state & NUD_NOARP != 0 => NeighborState::Noarp,
        state if state & NUD_REACHABLE != 0 => NeighborState::Reachable,
        state if state & NUD_STALE != 0 => NeighborState::Stale,
        state if state & NUD_DELAY != 0 => NeighborState::Delay,
        state if state & NUD_PROBE != 0 => NeighborState::Probe,
        state if state & NUD_INCOMPLETE != 0 => NeighborState::Incomplete,
        state if state & NUD_FAILED != 0 => NeighborState::Failed,
        _ => NeighborState::None,
    }
}

/// The forwarding databases of bridges, of VXLAN links, and of the filters of NICs.
pub(super) fn fdb(socket: &mut Socket) -> Result<Vec<FdbEntry>, Error> {
    let mut request = [0; HEADER];
    request[0] = AF_BRIDGE;
    socket.dump(RTM_GETNEIGH, &request, |message, entries| {
        entries.extend(entry(message));
    })
}

fn entry(message: &[u8]) -> Option<FdbEntry> {
    let (header, list) = message.split_at_checked(HEADER)?;
    if header[0] != AF_BRIDGE {
        return None;
    }
    let mut entry = FdbEntry {
        mac: String::new(),
        link: IfIndex(u32(&header[4..])),
        master: None,
        vlan: None,
        dst: None,
        port: None,
        vni: None,
        via: None,
        nexthop: None,
        state: neighbor_state(u16(&header[8..])),
        flags: NeighborFlags(header[10]),
    };
    for (kind, value) in attributes(list) {
        match kind {
            // A link with addresses of another length keeps none of Ethernet.
            NDA_LLADDR => entry.mac = mac(value)?,
            NDA_MASTER => entry.master = link(value),
            NDA_VLAN => entry.vlan = Some(u16(value)),
            NDA_DST => entry.dst = ip(value),
            NDA_PORT => entry.port = Some(be16(value)),
            NDA_VNI => entry.vni = Some(u32(value)),
            NDA_IFINDEX => entry.via = link(value),
            NDA_NH_ID => entry.nexthop = Some(u32(value)),
            _ => {}
        }
    }
    Some(entry)
}
