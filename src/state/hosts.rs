//! `/etc/hosts`: what the node itself calls its neighbours.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One line of hosts(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostsEntry {
    pub ip: IpAddr,
    /// Canonical name first, then aliases.
    pub names: Vec<String>,
}
