//! Addresses that netfilter's `recent` match has seen, of one namespace (iptables-extensions(8); `/proc/net/xt_recent`,
//! `net/netfilter/xt_recent.c`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One list, with the name that rules call it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentList {
    pub name: String,
    pub entries: Vec<RecentEntry>,
}

/// One address, as the rules' mask leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentEntry {
    pub ip: IpAddr,
    /// Time to live, or hop limit, of the last packet.
    pub ttl: u8,
    /// How long ago its packets came, in milliseconds: the last twenty, or what the list was made for.
    pub ages: Vec<u64>,
}
