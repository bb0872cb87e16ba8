//! Node, Namespace, ServiceAccount (`k8s.io/api/core/v1`).

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::meta::{Meta, or_default};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub metadata: Meta,
    #[serde(default)]
    pub spec: NodeSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub status: NodeStatus,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    #[serde(default, rename = "podCIDR", skip_serializing_if = "Option::is_none")]
    pub pod_cidr: Option<String>,
    #[serde(
        default,
        rename = "podCIDRs",
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub pod_cidrs: Vec<String>,
    /// Which machine of which cloud: `aws:///eu-west-1a/i-0abc`.
    #[serde(default, rename = "providerID", skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
}

impl NodeSpec {
    /// The ranges for the node's pods, as far as they are ranges; the first may be there twice.
    pub fn ranges(&self) -> impl Iterator<Item = IpNet> {
        let ranges = self.pod_cidr.iter().chain(&self.pod_cidrs);
        ranges.filter_map(|range| range.parse().ok())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub addresses: Vec<NodeAddress>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, …
    #[serde(rename = "type")]
    pub kind: String,
    pub address: String,
}

impl Node {
    /// Its addresses that are numbers.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.status
            .addresses
            .iter()
            .filter_map(|address| address.address.parse().ok())
    }
}

/// Namespace: its labels are what counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    pub metadata: Meta,
}

/// ServiceAccount, without its secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub metadata: Meta,
}
