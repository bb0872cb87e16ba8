//! CNI on a node: configurations, leases of `host-local`, and the files that flannel and Calico leave for their plugins.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fact;

/// A directory with CNI configurations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniDirectory {
    pub path: String,
    /// In the order that runtimes read them: by name (libcni `ConfFiles`). The first that can be used wins.
    pub files: Vec<CniFile>,
}

impl CniDirectory {
    /// The configuration that runtimes use: the first that can be loaded. CRI-O passes over those that can't;
    /// containerd stops at one that isn't JSON.
    pub fn first(&self) -> Option<&CniFile> {
        self.files.iter().find(|file| {
            file.network
                .known()
                .is_some_and(|network| !network.plugins.is_empty())
        })
    }
}

/// One file: `*.conflist`, `*.conf` or `*.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniFile {
    pub path: String,
    pub network: Fact<CniNetwork>,
}

/// A network configuration (CNI specification, section 1).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniNetwork {
    pub name: String,
    /// None stands for 0.1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cni_version: Option<String>,
    /// Whether it was a list; a `.conf` holds one plugin.
    pub list: bool,
    /// In the order in which they run.
    pub plugins: Vec<CniPlugin>,
}

impl CniNetwork {
    /// The plugin of this type.
    pub fn plugin(&self, kind: &str) -> Option<&CniPlugin> {
        self.plugins.iter().find(|plugin| plugin.kind == kind)
    }
}

/// One plugin's configuration. A field of another type than the specification's stays in `other`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniPlugin {
    /// The name of the program.
    #[serde(rename = "type")]
    pub kind: String,
    /// `bridge`: the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
    /// `macvlan`, `ipvlan`, `vlan`: the link below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// `macvlan`: `bridge`, …; `ipvlan`: `l2`, `l3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Bytes; 0 leaves it to the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_gateway: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default_gateway: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_masq: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hairpin_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promisc_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipam: Option<CniIpam>,
    /// Path of the kubeconfig that Calico's and Multus' plugins use (`kubernetes.kubeconfig`, `kubeconfig`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
    /// `portMappings`, `bandwidth`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<String, bool>,
    /// flannel, Multus: the plugin that this one calls, or plugins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delegates: Vec<CniPlugin>,
    /// Calico's `container_settings`, `policy`, `datastore_type`, … : what isn't above, without secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, Value>,
}

/// The `ipam` of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniIpam {
    /// `host-local`, `calico-ipam`, `dhcp`, `static`, `whereabouts`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `host-local`: one list a family, from the old form (`subnet`) too. `usePodCidr` stays a text in `subnet`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Vec<CniRange>>,
    /// `host-local`: where leases are, if not in `/var/lib/cni/networks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<String>,
    /// Destination, gateway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<(String, Option<String>)>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, Value>,
}

/// A range of `host-local`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniRange {
    pub subnet: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
}

/// Leases of `host-local` for one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostLocal {
    pub network: String,
    pub directory: String,
    /// By address.
    pub leases: Fact<Vec<Lease>>,
    /// By the number of the range: `last_reserved_ip.N`.
    pub last_reserved: BTreeMap<String, IpAddr>,
}

/// An address that is given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    pub address: IpAddr,
    /// The sandbox.
    pub container: String,
    /// Its link; older plugins did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What flannel leaves on a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flannel {
    /// `/run/flannel/subnet.env`.
    pub subnet: Fact<FlannelSubnet>,
    /// `net-conf.json`.
    pub net_conf: Fact<FlannelNetConf>,
}

/// What flanneld tells its CNI plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlannelSubnet {
    /// `FLANNEL_NETWORK`: of the whole cluster; several with newer releases.
    pub networks: Vec<IpNet>,
    /// `FLANNEL_SUBNET`: of this node; the address is the bridge's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<IpNet>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ipv6_networks: Vec<IpNet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_subnet: Option<IpNet>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_masq: Option<bool>,
}

/// flannel's `net-conf.json` (`pkg/subnet/config.go`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlannelNetConf {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<IpNet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_network: Option<IpNet>,
    pub enable_ipv4: bool,
    pub enable_ipv6: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_len: Option<u64>,
    /// `vxlan`, `host-gw`, `udp`, `wireguard`, …; empty stands for `udp`.
    pub backend: String,
    /// 1 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vni: Option<u64>,
    /// 8472 for VXLAN and 8285 for UDP unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_routing: Option<bool>,
    /// The backend's other settings, without secrets (`PSK`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, Value>,
}

/// flannel's network in etcd: its configuration, and which node has which subnet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlannelNetwork {
    pub net_conf: Fact<FlannelNetConf>,
    pub leases: Vec<FlannelLease>,
    /// Keys that hold no lease, each with its reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<(String, String)>,
}

/// A node's subnet (`pkg/subnet/subnet.go`, LeaseAttrs).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlannelLease {
    pub subnet: IpNet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_subnet: Option<IpNet>,
    /// The node's address on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ipv6: Option<IpAddr>,
    pub backend: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<u64>,
    /// Of the node's VXLAN link: what its peers' neighbors and FDB entries must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtep_mac: Option<String>,
}

/// Files of `/var/lib/calico`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CalicoFiles {
    /// What calico-node stored at its first start.
    pub nodename: Fact<String>,
    /// Bytes; what Felix tells the CNI plugin.
    pub mtu: Fact<u32>,
}
