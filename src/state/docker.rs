//! What a Docker daemon (or Podman's service of the same API) says of its networks and containers (Docker Engine API).
//!
//! Environment variables, commands and mounts of containers are never read into this, labels only by a list.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Fact;

/// One daemon.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Docker {
    /// The socket that answered.
    pub socket: String,
    /// As `GET /version` gives them, for example `20.10.24` and `1.41`.
    pub version: String,
    pub api_version: String,
    /// `Docker Engine - Community`, `Podman Engine`, … ; empty when it isn't said.
    pub product: String,
    pub info: Fact<Info>,
    pub networks: Fact<Vec<Network>>,
    /// Running or not, by id.
    pub containers: Fact<Vec<Container>>,
}

/// The fields of `GET /info` that concern networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Info {
    pub name: String,
    pub storage_driver: String,
    pub root_directory: String,
    pub live_restore: bool,
    /// `net.ipv4.ip_forward`, as the daemon saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_forwarding: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge_nf_iptables: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge_nf_ip6tables: Option<bool>,
    /// `inactive`, `active`, …; a swarm has networks of its own.
    pub swarm: String,
    /// `name=rootless`, `name=userns`, …
    pub security_options: Vec<String>,
    /// What the daemon complains of.
    pub warnings: Vec<String>,
}

/// One network: `GET /networks/ID`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    pub id: String,
    pub name: String,
    /// `bridge`, `host`, `null`, `overlay`, `macvlan`, `ipvlan`, or a plugin's.
    pub driver: String,
    /// `local`, `swarm`, `global`.
    pub scope: String,
    pub enable_ipv6: bool,
    pub internal: bool,
    pub attachable: bool,
    pub ingress: bool,
    pub ipam_driver: String,
    pub ipam: Vec<Ipam>,
    /// `com.docker.network.bridge.name`, `parent`, `com.docker.network.driver.mtu`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Running containers in it, by id; none when only the list was read.
    pub endpoints: Vec<NetworkEndpoint>,
}

impl Network {
    /// The kernel's bridge of a network of the driver `bridge` (`libnetwork/drivers/bridge`).
    pub fn bridge_name(&self) -> Option<String> {
        if self.driver != "bridge" {
            return None;
        }
        let named = self.options.get("com.docker.network.bridge.name").cloned();
        named.or_else(|| Some(format!("br-{}", self.id.get(..12)?)))
    }
}

/// Addresses of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ipam {
    pub subnet: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
}

/// A container as its network shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkEndpoint {
    pub container: String,
    pub name: String,
    pub endpoint: String,
    pub mac: String,
    /// With prefix length; empty without an address.
    pub ipv4: String,
    pub ipv6: String,
}

/// One container: `GET /containers/json`, and `GET /containers/ID/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub id: String,
    /// Without the slash in front.
    pub name: String,
    pub image: String,
    /// `running`, `exited`, `paused`, `created`, …
    pub state: String,
    /// `bridge`, `host`, `none`, `container:ID`, or a network's name.
    pub network_mode: String,
    /// By name of the network.
    pub networks: BTreeMap<String, Endpoint>,
    pub ports: Vec<PublishedPort>,
    /// Labels that say whose it is: Kubernetes, Compose, Swarm.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    pub detail: Fact<Detail>,
}

impl Container {
    /// Namespace and name of the Kubernetes pod it belongs to.
    pub fn pod(&self) -> Option<(&str, &str)> {
        let label = |name: &str| self.labels.get(name).map(String::as_str);
        Some((
            label("io.kubernetes.pod.namespace")?,
            label("io.kubernetes.pod.name")?,
        ))
    }

    /// The container whose network namespace it shares (`container:ID`).
    pub fn shares_network_of(&self) -> Option<&str> {
        self.network_mode.strip_prefix("container:")
    }
}

/// What only an inspection of the container gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Detail {
    /// Of its first process in the daemon's PID namespace; none when it doesn't run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    pub hostname: String,
    pub sandbox_id: String,
    /// The path of its network namespace; empty when it has none of its own.
    pub sandbox_key: String,
    /// Name servers the user gave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<String>,
    pub privileged: bool,
    pub restart_count: u32,
    /// Why it could not be started; empty when it could.
    pub error: String,
}

/// A container's end in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    pub network_id: String,
    pub endpoint_id: String,
    pub mac: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    pub prefix_len: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_gateway: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<IpAddr>,
    pub ipv6_prefix_len: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// A port of a container, and where the host listens for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PublishedPort {
    pub port: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
    /// None for a port that is exposed only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_address: Option<IpAddr>,
}
