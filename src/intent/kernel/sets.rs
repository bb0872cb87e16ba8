//! Names of Felix's sets of IPv4 that its rules ask (`felix/rules/rule_defs.go`, and `cali40` before).

/// All pools.
pub const POOLS: &str = "cali40all-ipam-pools";
/// Pools with natOutgoing.
pub const MASQUERADED: &str = "cali40masq-ipam-pools";
/// Addresses of nodes, of which IPIP is taken.
pub const HOSTS: &str = "cali40all-hosts-net";
/// Addresses of the other nodes, of which VXLAN is taken.
pub const VTEPS: &str = "cali40all-vxlan-net";
