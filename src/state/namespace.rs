//! The network namespaces of a node beside the host's own: pods, containers, and those that people name.

use serde::{Deserialize, Serialize};

use super::Netns;
use super::link::is_default;
use super::netns::{NsId, NsIdentity};

/// One network namespace: who it is, and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    pub id: NsIdentity,
    /// As ip-netns(8) or the runtime calls it: the file names of its bind mounts (`cni-1234…`, `blue`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The files that keep it: `/run/netns/blue`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Some of the processes in it, the lowest numbers first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Inhabitant>,
    /// How many processes are in it, as far as they could be seen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub process_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// The number by which the host's namespace knows it: what [`super::link::LowerLink::netns`] of the host's veths
    /// says. None while no link leads there (the kernel gives a pair of namespaces a number when the first one does).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<NsId>,
    /// The other way about: the number by which it knows the host's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_of_host: Option<NsId>,
    #[serde(default)]
    pub net: Netns,
}

impl Namespace {
    /// What to call it: its pod, its container, its own name, a process, or its number.
    pub fn title(&self) -> String {
        if let Some(pod) = &self.pod {
            return pod.to_string();
        }
        if let Some(name) = self
            .container
            .as_ref()
            .and_then(|container| container.name.as_ref())
        {
            return name.clone();
        }
        if let Some(name) = self.names.first() {
            return name.clone();
        }
        match self.processes.first() {
            Some(process) => format!("{} ({})", process.command, process.pid),
            None => self.id.to_string(),
        }
    }
}

/// A process that is in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inhabitant {
    /// As the node numbers it.
    pub pid: u32,
    /// The name of its program (`/proc/PID/comm`): at most 15 bytes; never its arguments.
    pub command: String,
}

/// A pod as Kubernetes names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodName {
    /// None where only the UID was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `metadata.uid`, with dashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl std::fmt::Display for PodName {
    /// `namespace/name`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.namespace, &self.name, &self.uid) {
            (Some(namespace), Some(name), _) => write!(f, "{namespace}/{name}"),
            (None, Some(name), _) => f.write_str(name),
            (_, None, uid) => write!(f, "pod {}", uid.as_deref().unwrap_or("?")),
        }
    }
}

/// A container as its runtime knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// 64 hexadecimal digits, as a rule; of a pod, the container whose process was met first.
    pub id: String,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`; none where the control group doesn't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
