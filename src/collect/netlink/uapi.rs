//! Numbers of the kernel's interface, by their names in `include/uapi/linux`: rtnetlink.h, if_link.h, if_addr.h,
//! neighbour.h, fib_rules.h, nexthop.h, if_bridge.h, if_tunnel.h.

pub(super) const AF_INET: u8 = 2;
pub(super) const AF_BRIDGE: u8 = 7;
pub(super) const AF_INET6: u8 = 10;

pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_GETADDR: u16 = 22;
pub(super) const RTM_GETROUTE: u16 = 26;
pub(super) const RTM_GETNEIGH: u16 = 30;
pub(super) const RTM_GETRULE: u16 = 34;
pub(super) const RTM_GETNEXTHOP: u16 = 106;

pub(super) const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MTU: u16 = 4;
pub(super) const IFLA_LINK: u16 = 5;
pub(super) const IFLA_QDISC: u16 = 6;
pub(super) const IFLA_MASTER: u16 = 10;
pub(super) const IFLA_OPERSTATE: u16 = 16;
pub(super) const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_IFALIAS: u16 = 20;
pub(super) const IFLA_STATS64: u16 = 23;
pub(super) const IFLA_AF_SPEC: u16 = 26;
pub(super) const IFLA_EXT_MASK: u16 = 29;
pub(super) const IFLA_CARRIER: u16 = 33;
pub(super) const IFLA_LINK_NETNSID: u16 = 37;
pub(super) const IFLA_PROP_LIST: u16 = 52;
pub(super) const IFLA_ALT_IFNAME: u16 = 53;

pub(super) const IFLA_INFO_KIND: u16 = 1;
pub(super) const IFLA_INFO_DATA: u16 = 2;
pub(super) const IFLA_INFO_SLAVE_KIND: u16 = 4;
pub(super) const IFLA_INFO_SLAVE_DATA: u16 = 5;

pub(super) const IFLA_BR_FORWARD_DELAY: u16 = 1;
pub(super) const IFLA_BR_AGEING_TIME: u16 = 4;
pub(super) const IFLA_BR_STP_STATE: u16 = 5;
pub(super) const IFLA_BR_PRIORITY: u16 = 6;
pub(super) const IFLA_BR_VLAN_FILTERING: u16 = 7;
pub(super) const IFLA_BR_VLAN_PROTOCOL: u16 = 8;
pub(super) const IFLA_BR_GROUP_FWD_MASK: u16 = 9;
pub(super) const IFLA_BR_ROOT_ID: u16 = 10;
pub(super) const IFLA_BR_BRIDGE_ID: u16 = 11;
pub(super) const IFLA_BR_ROOT_PORT: u16 = 12;
pub(super) const IFLA_BR_MCAST_SNOOPING: u16 = 23;
pub(super) const IFLA_BR_NF_CALL_IPTABLES: u16 = 36;
pub(super) const IFLA_BR_NF_CALL_IP6TABLES: u16 = 37;
pub(super) const IFLA_BR_NF_CALL_ARPTABLES: u16 = 38;
pub(super) const IFLA_BR_VLAN_DEFAULT_PVID: u16 = 39;

pub(super) const IFLA_BRPORT_STATE: u16 = 1;
pub(super) const IFLA_BRPORT_PRIORITY: u16 = 2;
pub(super) const IFLA_BRPORT_COST: u16 = 3;
/// Hairpin.
pub(super) const IFLA_BRPORT_MODE: u16 = 4;
pub(super) const IFLA_BRPORT_GUARD: u16 = 5;
/// `root_block` of ip-link(8).
pub(super) const IFLA_BRPORT_PROTECT: u16 = 6;
pub(super) const IFLA_BRPORT_FAST_LEAVE: u16 = 7;
pub(super) const IFLA_BRPORT_LEARNING: u16 = 8;
pub(super) const IFLA_BRPORT_UNICAST_FLOOD: u16 = 9;
pub(super) const IFLA_BRPORT_PROXYARP: u16 = 10;
pub(super) const IFLA_BRPORT_PROXYARP_WIFI: u16 = 12;
pub(super) const IFLA_BRPORT_NO: u16 = 18;
pub(super) const IFLA_BRPORT_MCAST_FLOOD: u16 = 27;
pub(super) const IFLA_BRPORT_VLAN_TUNNEL: u16 = 29;
pub(super) const IFLA_BRPORT_BCAST_FLOOD: u16 = 30;
pub(super) const IFLA_BRPORT_NEIGH_SUPPRESS: u16 = 32;
pub(super) const IFLA_BRPORT_ISOLATED: u16 = 33;
pub(super) const IFLA_BRPORT_LOCKED: u16 = 39;

pub(super) const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
pub(super) const BRIDGE_VLAN_INFO_PVID: u16 = 1 << 1;
pub(super) const BRIDGE_VLAN_INFO_UNTAGGED: u16 = 1 << 2;
pub(super) const BRIDGE_VLAN_INFO_RANGE_BEGIN: u16 = 1 << 3;
pub(super) const BRIDGE_VLAN_INFO_RANGE_END: u16 = 1 << 4;
pub(super) const RTEXT_FILTER_BRVLAN_COMPRESSED: u32 = 1 << 2;

pub(super) const IFLA_VXLAN_ID: u16 = 1;
pub(super) const IFLA_VXLAN_GROUP: u16 = 2;
pub(super) const IFLA_VXLAN_LINK: u16 = 3;
pub(super) const IFLA_VXLAN_LOCAL: u16 = 4;
pub(super) const IFLA_VXLAN_TTL: u16 = 5;
pub(super) const IFLA_VXLAN_TOS: u16 = 6;
pub(super) const IFLA_VXLAN_LEARNING: u16 = 7;
pub(super) const IFLA_VXLAN_AGEING: u16 = 8;
pub(super) const IFLA_VXLAN_PORT_RANGE: u16 = 10;
pub(super) const IFLA_VXLAN_PROXY: u16 = 11;
pub(super) const IFLA_VXLAN_RSC: u16 = 12;
pub(super) const IFLA_VXLAN_L2MISS: u16 = 13;
pub(super) const IFLA_VXLAN_L3MISS: u16 = 14;
pub(super) const IFLA_VXLAN_PORT: u16 = 15;
pub(super) const IFLA_VXLAN_GROUP6: u16 = 16;
pub(super) const IFLA_VXLAN_LOCAL6: u16 = 17;
pub(super) const IFLA_VXLAN_UDP_CSUM: u16 = 18;
pub(super) const IFLA_VXLAN_UDP_ZERO_CSUM6_TX: u16 = 19;
pub(super) const IFLA_VXLAN_UDP_ZERO_CSUM6_RX: u16 = 20;
pub(super) const IFLA_VXLAN_GBP: u16 = 23;
pub(super) const IFLA_VXLAN_COLLECT_METADATA: u16 = 25;
pub(super) const IFLA_VXLAN_LOCALBYPASS: u16 = 31;

pub(super) const IFLA_GENEVE_ID: u16 = 1;
pub(super) const IFLA_GENEVE_REMOTE: u16 = 2;
pub(super) const IFLA_GENEVE_TTL: u16 = 3;
pub(super) const IFLA_GENEVE_TOS: u16 = 4;
pub(super) const IFLA_GENEVE_PORT: u16 = 5;
pub(super) const IFLA_GENEVE_COLLECT_METADATA: u16 = 6;
pub(super) const IFLA_GENEVE_REMOTE6: u16 = 7;
pub(super) const IFLA_GENEVE_UDP_CSUM: u16 = 8;

pub(super) const IFLA_IPTUN_LINK: u16 = 1;
pub(super) const IFLA_IPTUN_LOCAL: u16 = 2;
pub(super) const IFLA_IPTUN_REMOTE: u16 = 3;
pub(super) const IFLA_IPTUN_TTL: u16 = 4;
pub(super) const IFLA_IPTUN_TOS: u16 = 5;
pub(super) const IFLA_IPTUN_PMTUDISC: u16 = 10;
pub(super) const IFLA_IPTUN_COLLECT_METADATA: u16 = 19;

pub(super) const IFLA_GRE_LINK: u16 = 1;
pub(super) const IFLA_GRE_IFLAGS: u16 = 2;
pub(super) const IFLA_GRE_OFLAGS: u16 = 3;
pub(super) const IFLA_GRE_IKEY: u16 = 4;
pub(super) const IFLA_GRE_OKEY: u16 = 5;
pub(super) const IFLA_GRE_LOCAL: u16 = 6;
pub(super) const IFLA_GRE_REMOTE: u16 = 7;
pub(super) const IFLA_GRE_TTL: u16 = 8;
pub(super) const IFLA_GRE_TOS: u16 = 9;
pub(super) const IFLA_GRE_PMTUDISC: u16 = 10;
pub(super) const IFLA_GRE_COLLECT_METADATA: u16 = 18;
pub(super) const GRE_CSUM: u16 = 0x8000;
pub(super) const GRE_KEY: u16 = 0x2000;
pub(super) const GRE_SEQ: u16 = 0x1000;

pub(super) const IFLA_VTI_LINK: u16 = 1;
pub(super) const IFLA_VTI_IKEY: u16 = 2;
pub(super) const IFLA_VTI_OKEY: u16 = 3;
pub(super) const IFLA_VTI_LOCAL: u16 = 4;
pub(super) const IFLA_VTI_REMOTE: u16 = 5;

pub(super) const IFLA_TUN_OWNER: u16 = 1;
pub(super) const IFLA_TUN_GROUP: u16 = 2;
pub(super) const IFLA_TUN_TYPE: u16 = 3;
pub(super) const IFLA_TUN_PI: u16 = 4;
pub(super) const IFLA_TUN_VNET_HDR: u16 = 5;
pub(super) const IFLA_TUN_PERSIST: u16 = 6;
pub(super) const IFLA_TUN_MULTI_QUEUE: u16 = 7;

pub(super) const IFLA_MACVLAN_MODE: u16 = 1;
pub(super) const IFLA_IPVLAN_MODE: u16 = 1;
pub(super) const IFLA_VLAN_ID: u16 = 1;
pub(super) const IFLA_VLAN_PROTOCOL: u16 = 5;
pub(super) const IFLA_BOND_MODE: u16 = 1;
pub(super) const IFLA_BOND_ACTIVE_SLAVE: u16 = 2;
pub(super) const IFLA_BOND_MIIMON: u16 = 3;
pub(super) const IFLA_VRF_TABLE: u16 = 1;

pub(super) const IFA_ADDRESS: u16 = 1;
pub(super) const IFA_LOCAL: u16 = 2;
pub(super) const IFA_LABEL: u16 = 3;
pub(super) const IFA_BROADCAST: u16 = 4;
pub(super) const IFA_CACHEINFO: u16 = 6;
pub(super) const IFA_FLAGS: u16 = 8;

pub(super) const RTA_DST: u16 = 1;
pub(super) const RTA_SRC: u16 = 2;
pub(super) const RTA_OIF: u16 = 4;
pub(super) const RTA_GATEWAY: u16 = 5;
pub(super) const RTA_PRIORITY: u16 = 6;
pub(super) const RTA_PREFSRC: u16 = 7;
pub(super) const RTA_METRICS: u16 = 8;
pub(super) const RTA_MULTIPATH: u16 = 9;
pub(super) const RTA_TABLE: u16 = 15;
pub(super) const RTA_VIA: u16 = 18;
pub(super) const RTA_ENCAP_TYPE: u16 = 21;
pub(super) const RTA_ENCAP: u16 = 22;
pub(super) const RTA_NH_ID: u16 = 30;
pub(super) const RTAX_LOCK: u16 = 1;
pub(super) const RTAX_MTU: u16 = 2;
pub(super) const RTAX_ADVMSS: u16 = 8;
/// An entry of the cache of routes, not a route.
pub(super) const RTM_F_CLONED: u32 = 0x200;

pub(super) const NHA_ID: u16 = 1;
pub(super) const NHA_GROUP: u16 = 2;
pub(super) const NHA_BLACKHOLE: u16 = 4;
pub(super) const NHA_OIF: u16 = 5;
pub(super) const NHA_GATEWAY: u16 = 6;
pub(super) const NHA_ENCAP_TYPE: u16 = 7;
pub(super) const NHA_ENCAP: u16 = 8;
pub(super) const NHA_FDB: u16 = 11;

pub(super) const FRA_DST: u16 = 1;
pub(super) const FRA_SRC: u16 = 2;
pub(super) const FRA_IIFNAME: u16 = 3;
pub(super) const FRA_GOTO: u16 = 4;
pub(super) const FRA_PRIORITY: u16 = 6;
pub(super) const FRA_FWMARK: u16 = 10;
pub(super) const FRA_TUN_ID: u16 = 12;
pub(super) const FRA_SUPPRESS_IFGROUP: u16 = 13;
pub(super) const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
pub(super) const FRA_TABLE: u16 = 15;
pub(super) const FRA_FWMASK: u16 = 16;
pub(super) const FRA_OIFNAME: u16 = 17;
pub(super) const FRA_L3MDEV: u16 = 19;
pub(super) const FRA_UID_RANGE: u16 = 20;
pub(super) const FRA_PROTOCOL: u16 = 21;
pub(super) const FRA_IP_PROTO: u16 = 22;
pub(super) const FRA_SPORT_RANGE: u16 = 23;
pub(super) const FRA_DPORT_RANGE: u16 = 24;
pub(super) const FIB_RULE_INVERT: u32 = 2;
pub(super) const FR_ACT_TO_TBL: u8 = 1;
pub(super) const FR_ACT_GOTO: u8 = 2;
pub(super) const FR_ACT_NOP: u8 = 3;
pub(super) const FR_ACT_BLACKHOLE: u8 = 6;
pub(super) const FR_ACT_UNREACHABLE: u8 = 7;
pub(super) const FR_ACT_PROHIBIT: u8 = 8;

pub(super) const NDA_DST: u16 = 1;
pub(super) const NDA_LLADDR: u16 = 2;
pub(super) const NDA_CACHEINFO: u16 = 3;
pub(super) const NDA_VLAN: u16 = 5;
pub(super) const NDA_PORT: u16 = 6;
pub(super) const NDA_VNI: u16 = 7;
pub(super) const NDA_IFINDEX: u16 = 8;
pub(super) const NDA_MASTER: u16 = 9;
pub(super) const NDA_NH_ID: u16 = 13;
pub(super) const NTF_PROXY: u8 = 1 << 3;
pub(super) const NUD_INCOMPLETE: u16 = 1;
pub(super) const NUD_REACHABLE: u16 = 2;
pub(super) const NUD_STALE: u16 = 4;
pub(super) const NUD_DELAY: u16 = 8;
pub(super) const NUD_PROBE: u16 = 0x10;
pub(super) const NUD_FAILED: u16 = 0x20;
pub(super) const NUD_NOARP: u16 = 0x40;
pub(super) const NUD_PERMANENT: u16 = 0x80;
