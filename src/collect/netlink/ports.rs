//! Bridges and their ports (IFLA_BR_*, IFLA_BRPORT_*; `include/uapi/linux/if_link.h`).

use super::attr::{attributes, be16, flag, mac, u8, u16, u32};
use super::kinds::vlan_protocol;
use super::uapi::{
    IFLA_BR_AGEING_TIME, IFLA_BR_BRIDGE_ID, IFLA_BR_FORWARD_DELAY, IFLA_BR_GROUP_FWD_MASK,
    IFLA_BR_MCAST_SNOOPING, IFLA_BR_NF_CALL_ARPTABLES, IFLA_BR_NF_CALL_IP6TABLES, IFLA_BR_NF_CALL_IPTABLES,
    IFLA_BR_PRIORITY, IFLA_BR_ROOT_ID, IFLA_BR_ROOT_PORT, IFLA_BR_STP_STATE, IFLA_BR_VLAN_DEFAULT_PVID,
    IFLA_BR_VLAN_FILTERING, IFLA_BR_VLAN_PROTOCOL, IFLA_BRPORT_BCAST_FLOOD, IFLA_BRPORT_COST,
    IFLA_BRPORT_FAST_LEAVE, IFLA_BRPORT_GUARD, IFLA_BRPORT_ISOLATED, IFLA_BRPORT_LEARNING,
    IFLA_BRPORT_LOCKED, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_MODE, IFLA_BRPORT_NEIGH_SUPPRESS,
    IFLA_BRPORT_NO, IFLA_BRPORT_PRIORITY, IFLA_BRPORT_PROTECT, IFLA_BRPORT_PROXYARP,
    IFLA_BRPORT_PROXYARP_WIFI, IFLA_BRPORT_STATE, IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_VLAN_TUNNEL,
};
use crate::state::kind::{Bridge, BridgePort, PortState};

/// IFLA_INFO_DATA of a bridge.
pub(super) fn bridge(list: &[u8]) -> Bridge {
    let mut bridge = Bridge::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_BR_FORWARD_DELAY => bridge.forward_delay = u32(value),
            IFLA_BR_AGEING_TIME => bridge.ageing_time = u32(value),
            IFLA_BR_STP_STATE => bridge.stp_state = u32(value),
            IFLA_BR_PRIORITY => bridge.priority = u16(value),
            IFLA_BR_VLAN_FILTERING => bridge.vlan_filtering = flag(value),
            IFLA_BR_VLAN_PROTOCOL => bridge.vlan_protocol = vlan_protocol(value),
            IFLA_BR_GROUP_FWD_MASK => bridge.group_fwd_mask = u16(value),
            IFLA_BR_ROOT_ID => bridge.root_id = bridge_id(value),
            IFLA_BR_BRIDGE_ID => bridge.bridge_id = bridge_id(value),
            IFLA_BR_ROOT_PORT => bridge.root_port = u16(value),
            IFLA_BR_MCAST_SNOOPING => bridge.mcast_snooping = flag(value),
            IFLA_BR_NF_CALL_IPTABLES => bridge.nf_call_iptables = flag(value),
            IFLA_BR_NF_CALL_IP6TABLES => bridge.nf_call_ip6tables = flag(value),
            IFLA_BR_NF_CALL_ARPTABLES => bridge.nf_call_arptables = flag(value),
            IFLA_BR_VLAN_DEFAULT_PVID => bridge.vlan_default_pvid = u16(value),
            _ => {}
        }
    }
    bridge
}

/// `struct ifla_bridge_id`: two bytes of priority, six of address.
fn bridge_id(value: &[u8]) -> String {
    let (priority, address) = value.split_at_checked(2).unwrap_or_default();
    let address = mac(address).unwrap_or_default().replace(':', "");
    format!("{:04x}.{address}", be16(priority))
}

/// IFLA_INFO_SLAVE_DATA of a port of a bridge.
pub(super) fn port(list: &[u8]) -> BridgePort {
    let mut port = BridgePort::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_BRPORT_STATE => port.state = state(u8(value)),
            IFLA_BRPORT_PRIORITY => port.priority = u16(value),
            IFLA_BRPORT_COST => port.cost = u32(value),
            IFLA_BRPORT_NO => port.number = u16(value),
            IFLA_BRPORT_MODE => port.hairpin = flag(value),
            IFLA_BRPORT_GUARD => port.guard = flag(value),
            IFLA_BRPORT_PROTECT => port.root_block = flag(value),
            IFLA_BRPORT_FAST_LEAVE => port.fast_leave = flag(value),
            IFLA_BRPORT_LEARNING => port.learning = flag(value),
            IFLA_BRPORT_UNICAST_FLOOD => port.flood = flag(value),
            IFLA_BRPORT_MCAST_FLOOD => port.mcast_flood = flag(value),
            IFLA_BRPORT_BCAST_FLOOD => port.bcast_flood = flag(value),
            IFLA_BRPORT_PROXYARP => port.proxy_arp = flag(value),
            IFLA_BRPORT_PROXYARP_WIFI => port.proxy_arp_wifi = flag(value),
            IFLA_BRPORT_NEIGH_SUPPRESS => port.neigh_suppress = flag(value),
            IFLA_BRPORT_VLAN_TUNNEL => port.vlan_tunnel = flag(value),
            IFLA_BRPORT_ISOLATED => port.isolated = flag(value),
            IFLA_BRPORT_LOCKED => port.locked = flag(value),
            _ => {}
        }
    }
    port
}

const fn state(state: u8) -> PortState {
    match state {
        1 => PortState::Listening,
        2 => PortState::Learning,
        3 => PortState::Forwarding,
        4 => PortState::Blocking,
        _ => PortState::Disabled,
    }
}
