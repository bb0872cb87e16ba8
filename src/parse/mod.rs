//! Text → state, one grammar a file. Pure and total: any input gives a value or an error with its line, never a panic.

pub mod bird;
pub mod bird_config;
pub mod bird_text;
pub mod bundle;
pub mod cgroup;
pub mod cni;
pub mod conntrack;
pub mod cri;
pub mod docker;
pub mod documents;
pub mod flannel;
pub mod host_local;
pub mod hosts;
pub mod ip_json;
pub mod ip_text;
pub mod iproute;
pub mod ipset;
pub mod iptables;
pub mod ipvs;
pub mod kmsg;
pub mod managers;
pub mod net_tools;
pub mod nft;
pub mod objects;
pub mod ovs_flows;
pub mod ovsdb;
pub mod procfs;
pub mod recent;
pub mod secrets;
pub mod snapshot;
pub mod ss;
pub mod sysctl;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What could not be read, and on which line of the input (from 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ParseError {
    pub line: usize,
    pub why: String,
}

impl ParseError {
    pub(crate) fn new(line: usize, why: impl Into<String>) -> Self {
        Self {
            line,
            why: why.into(),
        }
    }
}

/// `0.0.0.0` or `::`.
pub(crate) const fn any(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// The start of a text, for error messages: one line of at most 60 characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
