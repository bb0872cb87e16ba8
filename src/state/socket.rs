//! Sockets of a namespace (`/proc/net/{tcp,tcp6,udp,udp6,raw,raw6,packet}`), each with its owner where that could be
//! seen.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::link::{IfIndex, is_default};

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketOwner {
    /// As the node numbers it; of several, the lowest.
    pub pid: u32,
    /// `/proc/PID/comm`: at most 15 bytes.
    pub program: String,
}

/// States of `include/net/tcp_states.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TcpState {
    Established,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN-SENT",
            Self::SynRecv => "SYN-RECV",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::TimeWait => "TIME-WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE-WAIT",
            Self::LastAck => "LAST-ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
        })
    }
}

/// One TCP socket of the namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpSocket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub state: TcpState,
    /// Bytes not yet acknowledged by the peer.
    pub tx_queue: u64,
    /// Bytes that the owner hasn't read (for a listener: connections not yet accepted).
    pub rx_queue: u64,
    /// The socket's number in sockfs; 0 when no process holds it any more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inode: u64,
    /// User id of whoever made it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: u32,
    /// None without the right to see, and of sockets that belong to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<SocketOwner>,
}

/// One UDP socket of the namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UdpSocket {
    pub local: SocketAddr,
    /// `0.0.0.0:0` while it isn't connected.
    pub remote: SocketAddr,
    /// Bytes that wait to be sent, and to be read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tx_queue: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub rx_queue: u64,
    /// Datagrams thrown away, mostly because the owner reads too slowly.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drops: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub inode: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: u32,
    /// None for those of the kernel (VXLAN, WireGuard), too: they have no inode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<SocketOwner>,
}

/// One raw IP socket of the namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawSocket {
    pub local: IpAddr,
    pub remote: IpAddr,
    /// IPPROTO_*: 89 is OSPF, 1 ICMP.
    pub proto: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    pub drops: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub inode: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<SocketOwner>,
}

/// One packet(7) socket of the namespace: captures, DHCP clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PacketSocket {
    /// SOCK_RAW is 3, SOCK_DGRAM 2.
    #[serde(rename = "type")]
    pub kind: u8,
    /// ETH_P_* in host byte order; 3 is all.
    pub proto: u16,
    /// None: of all links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<IfIndex>,
    pub running: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub inode: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<SocketOwner>,
}
