//! Netfilter's share of netlink (`include/uapi/linux/netfilter/nfnetlink.h`).
//!
//! A message to a subsystem that isn't there has the kernel load its module: callers ask
//! [`super::may_ask`] first.

use netlink_sys::protocols::NETLINK_NETFILTER;

use super::socket::{Error, Socket};

/// NFNL_SUBSYS_IPSET
pub(super) const IPSET: u8 = 6;
/// NFNL_SUBSYS_NFTABLES
pub(super) const NFTABLES: u8 = 10;

/// Length of `struct nfgenmsg`: family, version, resource.
pub(super) const HEADER: usize = 4;

/// A socket of the calling thread's namespace.
pub(super) fn open() -> Result<Socket, Error> {
    Socket::open(NETLINK_NETFILTER)
}

/// The type of a message: subsystem and command.
pub(super) const fn kind(subsystem: u8, command: u8) -> u16 {
    u16::from_be_bytes([subsystem, command])
}

/// `struct nfgenmsg` of a request.
pub(super) fn header(family: u8) -> Vec<u8> {
    vec![family, 0, 0, 0]
}
