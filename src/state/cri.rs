//! What a container runtime says of the pods of a node (CRI, `runtime.v1`): containerd, CRI-O, cri-dockerd.
//!
//! Environment, commands, mounts and annotations of containers are never read into this.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Fact;

/// One runtime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cri {
    /// The socket that answered.
    pub socket: String,
    /// `containerd`, `cri-o`, `docker`.
    pub runtime: String,
    /// As the runtime gives it, for example `1.6.20~ds1`.
    pub version: String,
    /// `v1`, or `v1alpha2` of runtimes before 2022.
    pub api: String,
    /// `RuntimeReady`, `NetworkReady`: why the node can't run pods.
    pub conditions: Fact<Vec<Condition>>,
    /// Where the runtime looks for CNI configurations and plugins, when it says so (containerd).
    pub cni: Fact<CniDirectories>,
    /// By namespace, name, id.
    pub sandboxes: Fact<Vec<Sandbox>>,
    /// By sandbox, name, id.
    pub containers: Fact<Vec<Container>>,
}

/// One condition of the runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: bool,
    pub reason: String,
    pub message: String,
}

/// Settings of containerd's CRI plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniDirectories {
    pub conf: String,
    pub bin: String,
    /// How many files are loaded; 0 means all.
    pub max_conf_num: i64,
    /// Why the last load failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_load_error: Option<String>,
}

/// A pod's sandbox: what holds its network namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sandbox {
    pub id: String,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    /// How often kubelet has made a sandbox for this pod before.
    pub attempt: u32,
    pub ready: bool,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    pub detail: Fact<SandboxDetail>,
}

/// `PodSandboxStatus`, verbose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SandboxDetail {
    pub ips: Vec<IpAddr>,
    /// Whether it uses the node's own network.
    pub host_network: bool,
    /// None when the runtime doesn't say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<String>,
    /// Of the sandbox's process in the runtime's PID namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Links that CNI made, as the runtime remembers them (containerd).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<CniLink>,
}

/// A link of a CNI result.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CniLink {
    pub name: String,
    pub mac: String,
    /// The namespace it is in; empty for the host's.
    pub sandbox: String,
    pub addresses: Vec<String>,
    pub gateways: Vec<String>,
}

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub id: String,
    pub sandbox: String,
    pub name: String,
    pub attempt: u32,
    pub image: String,
    /// `created`, `running`, `exited`, `unknown`.
    pub state: String,
}
