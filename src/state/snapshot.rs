//! A whole picture, saved and read back: every bug a user meets can be sent in as a snapshot and becomes a test.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bird::{Bird, BirdConfig};
use super::cni::{CalicoFiles, CniDirectory, Flannel, FlannelNetwork, HostLocal};
use super::cri::Cri;
use super::docker::Docker;
use super::hosts::HostsEntry;
use super::kernel::{Kernel, KernelMessage};
use super::managers::LinkManagers;
use super::netns::NsIdentity;
use super::ovs::Ovs;
use super::process::CalicoProcesses;
use super::{Fact, Namespace, Netns};

/// The format's version; a reader refuses a newer one.
pub const VERSION: u32 = 2;

/// Nodes, and the objects of the datastore they belong to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// [`VERSION`] of the writer.
    pub netdiag_snapshot: u32,
    pub nodes: Vec<NodeState>,
    #[serde(default)]
    pub objects: Fact<Objects>,
}

/// What the datastore holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objects {
    /// Which datastore, for people.
    pub store: String,
    /// Whether the store's own calicoctl reads v1 manifests (etcd v2 clusters), not v3.
    #[serde(default)]
    pub v1_manifests: bool,
    /// Calico v3 resources, whole.
    pub resources: Vec<Value>,
    /// The kinds of them that were asked for. Files of older releases don't say; they hold those of addresses and
    /// sessions only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Objects of Kubernetes, each with the fields that addresses, services and policies depend on.
    #[serde(default, skip_serializing_if = "not_collected")]
    pub kubernetes: Fact<Vec<Value>>,
    /// Keys that hold no resource, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<(String, String)>,
    /// flannel's network, where the same store holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flannel: Option<FlannelNetwork>,
    /// Calico's IPAM in etcd, key and value: blocks (`…/assignment/ipv4/block/10.0.0.0-26`) and affinities
    /// (`…/host/NODE/ipv4/block/10.0.0.0-26`). Absent where it was not asked for.
    #[serde(default, skip_serializing_if = "no_ipam")]
    pub ipam: Fact<Vec<(String, Value)>>,
}

/// Whether a fact is as it would be read from a file that lacks it.
fn no_ipam(ipam: &Fact<Vec<(String, Value)>>) -> bool {
    *ipam == Fact::default()
}

/// Whether a fact is as it would be read from a file that lacks it.
fn not_collected(kubernetes: &Fact<Vec<Value>>) -> bool {
    *kubernetes == Fact::default()
}

/// One node as its kernel and daemons show it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// The name Calico knows it by (`NODENAME`, `/var/lib/calico/nodename`), else the host name.
    pub name: String,
    /// That name, where another machine of the picture has it too: `name` is another one then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_in_use: Option<String>,
    /// When it was read: RFC 3339, UTC.
    #[serde(default)]
    pub taken: String,
    /// The host's own network namespace.
    #[serde(default)]
    pub net: Netns,
    /// Which namespace that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_id: Option<NsIdentity>,
    /// The other network namespaces that belong to the node, sorted by title.
    #[serde(default)]
    pub namespaces: Fact<Vec<Namespace>>,
    /// Why there may be more namespaces than those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces_incomplete: Option<String>,
    #[serde(default)]
    pub kernel: Fact<Kernel>,
    /// Lines of the kernel's log that say something about networks, the oldest first. It is the log of the whole machine:
    /// where nodes are containers, lines about the others are in it.
    #[serde(default)]
    pub kernel_log: Fact<Vec<KernelMessage>>,
    #[serde(default)]
    pub hosts: Fact<Vec<HostsEntry>>,
    #[serde(default)]
    pub processes: Fact<CalicoProcesses>,
    /// The daemon for IPv4 (and, from BIRD 2 on, for both).
    #[serde(default)]
    pub bird: Fact<Bird>,
    /// `bird6` of BIRD 1.x.
    #[serde(default)]
    pub bird6: Fact<Bird>,
    /// The configuration file of `bird`.
    #[serde(default)]
    pub bird_config: Fact<BirdConfig>,
    #[serde(default)]
    pub ovs: Fact<Ovs>,
    #[serde(default)]
    pub docker: Fact<Docker>,
    #[serde(default)]
    pub cri: Fact<Cri>,
    /// Directories that are there; the one that the runtime names is first.
    #[serde(default)]
    pub cni: Fact<Vec<CniDirectory>>,
    /// One a network.
    #[serde(default)]
    pub host_local: Fact<Vec<HostLocal>>,
    #[serde(default)]
    pub flannel: Flannel,
    #[serde(default)]
    pub calico_files: CalicoFiles,
    #[serde(default)]
    pub link_managers: LinkManagers,
}

impl NodeState {
    /// The namespace of that identity: the host's own, or another one.
    pub fn netns(&self, id: NsIdentity) -> Option<&Netns> {
        if self.net_id == Some(id) {
            return Some(&self.net);
        }
        self.namespaces
            .items()
            .iter()
            .find(|namespace| namespace.id == id)
            .map(|namespace| &namespace.net)
    }
}
