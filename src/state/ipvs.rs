//! IP virtual servers of one namespace (ipvsadm(8); `/proc/net/ip_vs`, `net/netfilter/ipvs/ip_vs_ctl.c`).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::link::is_default;

/// One virtual server with what it hands packets to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServer {
    pub select: VirtualSelect,
    /// `rr`, `wrr`, `lc`, `sh`, …
    pub scheduler: String,
    /// How long a client stays with its server, in ticks of the kernel (1/CONFIG_HZ s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent: Option<u32>,
    /// The netmask of clients that stay together, 32 hexadecimal digits at most, where persistent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_mask: Option<String>,
    /// One packet, one decision (UDP only).
    #[serde(default, skip_serializing_if = "is_default")]
    pub one_packet: bool,
    pub servers: Vec<RealServer>,
}

/// What a virtual server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VirtualSelect {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    Sctp(SocketAddr),
    /// Packets with this mark.
    Mark(u32),
}

/// One real server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RealServer {
    pub address: SocketAddr,
    /// `Masq`, `Route`, `Tunnel`, `Local`, `Bypass`.
    pub forward: String,
    /// 0: takes no new connections.
    pub weight: i32,
    pub active: u32,
    pub inactive: u32,
}
