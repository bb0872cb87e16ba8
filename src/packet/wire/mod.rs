//! The protocols, one file each: where its fields are, a view that reads them, and the step to what follows.
//!
//! A view never panics: its header was there when decoding made the layer, and what is missing reads as zero.

pub mod ah;
pub mod arp;
pub mod bgp;
pub mod bgp_update;
pub mod cooked;
pub mod dhcp;
pub mod dns;
pub mod erspan;
pub mod ethernet;
pub mod geneve;
pub mod gre;
pub mod icmp;
pub mod icmpv6;
pub mod igmp;
pub mod ipv4;
pub mod ipv6;
pub mod mpls;
pub mod null;
pub mod ppp;
pub mod sctp;
pub mod tcp;
pub mod udp;
pub mod vlan;
pub mod vxlan;
pub mod wireguard;

use super::layer::Why;

/// What follows a header. All that a variant has is of 16 bits, so that it is handed over in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Ethernet,
    /// By EtherType.
    Type(u16),
    /// By the protocol number of IP.
    Proto(u16),
    /// IP of the version that the first four bits say.
    Ip,
    /// After a label stack: IP, or a control word and a frame.
    Labelled,
    ControlWord,
    Ppp,
    /// By the EtherType of a GRE header without a sequence number.
    Gre(u16),
    /// By the EtherType of one with a sequence number.
    SequencedGre(u16),
    Erspan,
    /// The payload of UDP.
    Datagram,
    /// The payload of TCP.
    Stream,
    Vxlan,
    VxlanGpe,
    Geneve,
    FlannelUdp,
    WireGuard,
    /// The packet that an ICMP error complains about.
    Quote,
    /// Payload that isn't decoded.
    Data,
    /// The header was read, and forbids going on.
    Stop(Why),
}

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes of the header.
    pub len: usize,
    /// Bytes of header and payload, when the header says so.
    pub total: Option<usize>,
    pub next: Next,
}

impl Step {
    pub(crate) const fn new(len: usize, next: Next) -> Self {
        Self {
            len,
            total: None,
            next,
        }
    }
}

/// Why a header can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It needs this many bytes.
    Short(usize),
    /// It contradicts itself.
    Bad(Why),
}

pub(crate) type Read = Result<Step, Trouble>;

/// That a header's bytes are all there.
pub(crate) fn need(bytes: &[u8], length: usize) -> Result<(), Trouble> {
    if bytes.len() < length {
        return Err(Trouble::Short(length));
    }
    Ok(())
}
