//! IFLA_INFO_DATA of links that are no tunnels of IP; those are in [`super::tunnels`].

use super::attr::{attributes, be16, find, flag, some_ip, u8, u16, u32};
use super::uapi::{
    IFLA_BOND_ACTIVE_SLAVE, IFLA_BOND_MIIMON, IFLA_BOND_MODE, IFLA_GENEVE_COLLECT_METADATA, IFLA_GENEVE_ID,
    IFLA_GENEVE_PORT, IFLA_GENEVE_REMOTE, IFLA_GENEVE_REMOTE6, IFLA_GENEVE_TOS, IFLA_GENEVE_TTL,
    IFLA_GENEVE_UDP_CSUM, IFLA_IPVLAN_MODE, IFLA_MACVLAN_MODE, IFLA_TUN_GROUP, IFLA_TUN_MULTI_QUEUE,
    IFLA_TUN_OWNER, IFLA_TUN_PERSIST, IFLA_TUN_PI, IFLA_TUN_TYPE, IFLA_TUN_VNET_HDR, IFLA_VLAN_ID,
    IFLA_VLAN_PROTOCOL, IFLA_VRF_TABLE, IFLA_VXLAN_AGEING, IFLA_VXLAN_COLLECT_METADATA, IFLA_VXLAN_GBP,
    IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, IFLA_VXLAN_ID, IFLA_VXLAN_L2MISS, IFLA_VXLAN_L3MISS,
    IFLA_VXLAN_LEARNING, IFLA_VXLAN_LINK, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, IFLA_VXLAN_LOCALBYPASS,
    IFLA_VXLAN_PORT, IFLA_VXLAN_PORT_RANGE, IFLA_VXLAN_PROXY, IFLA_VXLAN_RSC, IFLA_VXLAN_TOS, IFLA_VXLAN_TTL,
    IFLA_VXLAN_UDP_CSUM, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, IFLA_VXLAN_UDP_ZERO_CSUM6_TX,
};
use super::{ports, tunnels};
use crate::state::kind::{Bond, Geneve, Ipvlan, LinkData, Macvlan, Tun, Vlan, Vrf, Vxlan};
use crate::state::link::IfIndex;
use crate::state::route::TableId;

/// The data of a kind that netdiag knows.
pub(super) fn data(kind: &str, list: &[u8]) -> Option<LinkData> {
    Some(match kind {
        "bridge" => LinkData::Bridge(ports::bridge(list)),
        "vxlan" => LinkData::Vxlan(vxlan(list)),
        "geneve" => LinkData::Geneve(geneve(list)),
        "ipip" | "sit" | "ip6tnl" => LinkData::Tunnel(tunnels::iptun(list)),
        "gre" | "gretap" | "ip6gre" | "ip6gretap" | "erspan" | "ip6erspan" => {
            LinkData::Tunnel(tunnels::gre(list))
        }
        "vti" | "vti6" => LinkData::Tunnel(tunnels::vti(list)),
        "tun" => LinkData::Tun(tun(list)),
        "macvlan" | "macvtap" => LinkData::Macvlan(Macvlan {
            mode: macvlan_mode(find(list, IFLA_MACVLAN_MODE).map_or(0, u32)),
        }),
        "ipvlan" | "ipvtap" => LinkData::Ipvlan(Ipvlan {
            mode: ipvlan_mode(find(list, IFLA_IPVLAN_MODE).map_or(u16::MAX, u16)),
        }),
        "vlan" => LinkData::Vlan(Vlan {
            id: find(list, IFLA_VLAN_ID).map_or(0, u16),
            protocol: find(list, IFLA_VLAN_PROTOCOL).map_or_else(String::new, vlan_protocol),
        }),
        "bond" => LinkData::Bond(bond(list)),
        "vrf" => LinkData::Vrf(Vrf {
            table: TableId(find(list, IFLA_VRF_TABLE).map_or(0, u32)),
        }),
        _ => return None,
    })
}

fn vxlan(list: &[u8]) -> Vxlan {
    let mut vxlan = Vxlan::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_VXLAN_ID => vxlan.vni = Some(u32(value)),
            IFLA_VXLAN_GROUP | IFLA_VXLAN_GROUP6 => vxlan.remote = some_ip(value),
            IFLA_VXLAN_LINK => vxlan.link = link(value),
            IFLA_VXLAN_LOCAL | IFLA_VXLAN_LOCAL6 => vxlan.local = some_ip(value),
            IFLA_VXLAN_TTL => vxlan.ttl = u8(value),
            IFLA_VXLAN_TOS => vxlan.tos = u8(value),
            IFLA_VXLAN_LEARNING => vxlan.learning = flag(value),
            IFLA_VXLAN_AGEING => vxlan.ageing = u32(value),
            IFLA_VXLAN_PORT_RANGE => {
                vxlan.source_ports = (be16(value), be16(value.get(2..).unwrap_or_default()));
            }
            IFLA_VXLAN_PROXY => vxlan.proxy = flag(value),
            IFLA_VXLAN_RSC => vxlan.rsc = flag(value),
            IFLA_VXLAN_L2MISS => vxlan.l2miss = flag(value),
            IFLA_VXLAN_L3MISS => vxlan.l3miss = flag(value),
            IFLA_VXLAN_PORT => vxlan.port = be16(value),
            IFLA_VXLAN_UDP_CSUM => vxlan.udp_csum = flag(value),
            IFLA_VXLAN_UDP_ZERO_CSUM6_TX => vxlan.udp_zero_csum6_tx = flag(value),
            IFLA_VXLAN_UDP_ZERO_CSUM6_RX => vxlan.udp_zero_csum6_rx = flag(value),
            // Of these, being there is all there is to it.
            IFLA_VXLAN_GBP => vxlan.gbp = true,
            IFLA_VXLAN_COLLECT_METADATA => vxlan.external = flag(value),
            IFLA_VXLAN_LOCALBYPASS => vxlan.no_local_bypass = !flag(value),
            _ => {}
        }
    }
    // The kernel shows 0.
    vxlan.vni = vxlan.vni.filter(|_| !vxlan.external);
    vxlan
}

fn geneve(list: &[u8]) -> Geneve {
    let mut geneve = Geneve::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_GENEVE_ID => geneve.vni = Some(u32(value)),
            IFLA_GENEVE_REMOTE | IFLA_GENEVE_REMOTE6 => geneve.remote = some_ip(value),
            IFLA_GENEVE_TTL => geneve.ttl = u8(value),
            IFLA_GENEVE_TOS => geneve.tos = u8(value),
            IFLA_GENEVE_PORT => geneve.port = be16(value),
            // Its being there is all there is to it.
            IFLA_GENEVE_COLLECT_METADATA => geneve.external = true,
            IFLA_GENEVE_UDP_CSUM => geneve.udp_csum = flag(value),
            _ => {}
        }
    }
    geneve.vni = geneve.vni.filter(|_| !geneve.external);
    geneve
}

fn tun(list: &[u8]) -> Tun {
    let mut tun = Tun::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_TUN_TYPE => {
                tun.mode = match u8(value) {
                    1 => "tun".to_owned(),
                    2 => "tap".to_owned(),
                    other => other.to_string(),
                }
            }
            IFLA_TUN_OWNER => tun.owner = Some(u32(value)),
            IFLA_TUN_GROUP => tun.group = Some(u32(value)),
            IFLA_TUN_PI => tun.pi = flag(value),
            IFLA_TUN_VNET_HDR => tun.vnet_hdr = flag(value),
            IFLA_TUN_PERSIST => tun.persist = flag(value),
            IFLA_TUN_MULTI_QUEUE => tun.multi_queue = flag(value),
            _ => {}
        }
    }
    tun
}

fn bond(list: &[u8]) -> Bond {
    /// BOND_MODE_* of `include/uapi/linux/if_bonding.h`, from 0.
    const MODES: [&str; 7] = [
        "balance-rr",
        "active-backup",
        "balance-xor",
        "broadcast",
        "802.3ad",
        "balance-tlb",
        "balance-alb",
    ];
    let mut bond = Bond::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_BOND_MODE => {
                let mode = u8(value);
                bond.mode = MODES
                    .get(usize::from(mode))
                    .map_or_else(|| mode.to_string(), |name| (*name).to_owned());
            }
            IFLA_BOND_ACTIVE_SLAVE => bond.active = link(value),
            IFLA_BOND_MIIMON => bond.miimon = u32(value),
            _ => {}
        }
    }
    bond
}

/// A link's number; none for 0.
pub(super) fn link(value: &[u8]) -> Option<IfIndex> {
    Some(IfIndex(u32(value))).filter(|index| index.0 != 0)
}

/// ETH_P_8021Q and ETH_P_8021AD by ip-link(8)'s names.
pub(super) fn vlan_protocol(value: &[u8]) -> String {
    match be16(value) {
        0x8100 => "802.1Q".to_owned(),
        0x88a8 => "802.1ad".to_owned(),
        other => format!("0x{other:x}"),
    }
}

fn macvlan_mode(mode: u32) -> String {
    match mode {
        1 => "private".to_owned(),
        2 => "vepa".to_owned(),
        4 => "bridge".to_owned(),
        8 => "passthru".to_owned(),
        16 => "source".to_owned(),
        other => other.to_string(),
    }
}

fn ipvlan_mode(mode: u16) -> String {
    match mode {
        0 => "l2".to_owned(),
        1 => "l3".to_owned(),
        2 => "l3s".to_owned(),
        other => other.to_string(),
    }
}
