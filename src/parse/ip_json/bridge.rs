//! `bridge -j fdb`, `bridge -d -j link`, `bridge -j vlan` (iproute2 `bridge/`).

use super::tree::{Item, Json, each};
use crate::parse::ParseError;
use crate::parse::iproute::{self, Names};
use crate::state::kind::{BridgePort, PortState, PortVlan};
use crate::state::link::IfIndex;
use crate::state::neighbor::{FdbEntry, NeighborFlags, NeighborState};

/// Reads `bridge -j fdb`, in the kernel's order.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn fdb(text: &str, names: &mut Names) -> Result<Vec<FdbEntry>, ParseError> {
    each(text, |item| entry(item, names).map(Some))
}

/// One entry, of either form.
pub(in crate::parse) fn entry(item: &Item, names: &mut Names) -> Result<FdbEntry, String> {
    let link = match item.text("ifname")? {
        Some(name) => names.link(&name),
        // Releases before 4.20 say `dev`.
        None => names.link(&item.need("ifname", item.text("dev")?)?),
    };
    let flags = item
        .words("flags")
        .filter_map(iproute::neighbor_flag)
        .fold(0, |flags, flag| flags | flag.0);
    let via = match item.text("viaIf")? {
        Some(name) => Some(names.link(&name)),
        None => item.number("viaIfIndex")?.map(IfIndex),
    };
    Ok(FdbEntry {
        mac: item.need("mac", item.read("mac", "an Ethernet address", iproute::mac)?)?,
        link,
        master: item.text("master")?.map(|name| names.link(&name)),
        vlan: item.number("vlan")?,
        dst: item.ip("dst")?,
        port: item.number("port")?,
        vni: item.number("vni")?,
        via,
        nexthop: item.number("nhid")?,
        state: item
            .read("state", "a state", |text| {
                // `state=0x…` is what it has no name for.
                iproute::fdb_state(text).or(Some(NeighborState::None))
            })?
            .unwrap_or(NeighborState::Reachable),
        flags: NeighborFlags(flags),
    })
}

/// Reads the ports of `bridge -d -j link`; without `-d` flags are missing, and count as the kernel's defaults.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn ports(text: &str) -> Result<Vec<(IfIndex, BridgePort)>, ParseError> {
    each(text, |item| {
        // Links that are no port of a bridge, but have one of their own (a NIC's), have no state.
        if item.get("state").is_none() {
            return Ok(None);
        }
        let index = item.need("ifindex", item.number("ifindex")?)?;
        Ok(Some((IfIndex(index), port(item)?)))
    })
}

/// A port as `ip -d -j link` (`info_slave_data`) and `bridge -d -j link` both write it.
pub(super) fn port(item: &Item) -> Result<BridgePort, String> {
    Ok(BridgePort {
        state: item
            .read("state", "a state of a port", port_state)?
            .unwrap_or_default(),
        number: item.number("no")?.unwrap_or_default(),
        priority: item.number("priority")?.unwrap_or_default(),
        cost: item.number("cost")?.unwrap_or_default(),
        hairpin: item.flag("hairpin"),
        guard: item.flag("guard"),
        root_block: item.flag("root_block"),
        fast_leave: item.flag("fastleave"),
        learning: item.flag_or("learning", true),
        flood: item.flag_or("flood", true),
        mcast_flood: item.flag_or("mcast_flood", true),
        bcast_flood: item.flag_or("bcast_flood", true),
        proxy_arp: item.flag("proxy_arp"),
        proxy_arp_wifi: item.flag("proxy_arp_wifi"),
        neigh_suppress: item.flag("neigh_suppress"),
        vlan_tunnel: item.flag("vlan_tunnel"),
        isolated: item.flag("isolated"),
        locked: item.flag("locked"),
    })
}

/// By name, or by number as older releases print it.
pub(in crate::parse) fn port_state(name: &str) -> Option<PortState> {
    Some(match name {
        "disabled" | "0" => PortState::Disabled,
        "listening" | "1" => PortState::Listening,
        "learning" | "2" => PortState::Learning,
        "forwarding" | "3" => PortState::Forwarding,
        "blocking" | "4" => PortState::Blocking,
        _ => return None,
    })
}

/// Reads `bridge -j vlan`: a list of ports, or, of releases before 4.20, an object with a key for each.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn vlans(text: &str, names: &mut Names) -> Result<Vec<PortVlan>, ParseError> {
    let of_ports = each(text, |item| {
        let mut vlans = Vec::new();
        if let Some(name) = item.text("ifname")? {
            for vlan in item.list("vlans")? {
                port_vlans(&vlan, names.link(&name), &mut vlans)?;
            }
        } else {
            for (name, value) in item.object {
                if !matches!(value, Json::List(_)) {
                    return Err(item.error(name, "not a list of VLANs"));
                }
                for vlan in item.list(name)? {
                    port_vlans(&vlan, names.link(name), &mut vlans)?;
                }
            }
        }
        Ok(Some(vlans))
    })?;
    Ok(of_ports.concat())
}

/// One VLAN, or a range of them.
fn port_vlans(item: &Item, link: IfIndex, vlans: &mut Vec<PortVlan>) -> Result<(), String> {
    let vid = |key| {
        item.read(key, "a VLAN's number", |text| {
            iproute::number::<u16>(text).filter(|vid| *vid < 4096)
        })
    };
    let first = item.need("vlan", vid("vlan")?)?;
    let last = vid("vlanEnd")?.unwrap_or(first);
    let has = |flag: &str| item.words("flags").any(|word| word.eq_ignore_ascii_case(flag));
    vlans.extend((first..=last).map(|vid| PortVlan {
        link,
        vid,
        pvid: has("PVID"),
        untagged: has("Egress Untagged"),
    }));
    Ok(())
}
