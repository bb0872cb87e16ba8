//! The processes of a node that make its networks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::netns::NsIdentity;

/// What a look at `/proc` gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalicoProcesses {
    /// Felix, in any of its forms (`calico-felix`, `calico-node -felix`, `calico component felix`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub felix: Option<Process>,
    /// `bird` and `bird6`.
    #[serde(default)]
    pub bird: Vec<Process>,
    /// The daemons of other networks, and those that Calico's work with; sorted by process number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub daemons: Vec<Daemon>,
    /// Whether the processes of the host are visible: false in a container with a PID namespace of its own.
    pub host_visible: bool,
    /// Settings of calico-node's environment that decide addresses and BGP; never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub pid: u32,
    /// Its arguments, blanks between, secrets cut.
    pub command: String,
    /// As ps(1) shows it: `R`, `S`, `D`, `T` for stopped, `Z`; none when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<char>,
    /// The network namespace it is in; none without the right to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<NsIdentity>,
    /// When it began, in hundredths of a second since the kernel did (`starttime` of proc(5), with Linux' USER_HZ); none
    /// when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
}

/// A daemon that is known by its program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Daemon {
    pub kind: DaemonKind,
    #[serde(flatten)]
    pub process: Process,
}

/// Which daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DaemonKind {
    Felix,
    /// `bird` or `bird6`.
    Bird,
    Confd,
    Typha,
    Flanneld,
    Dockerd,
    Containerd,
    Crio,
    Kubelet,
    KubeProxy,
    /// k3s and RKE2: kubelet, kube-proxy and, in k3s, flannel in one process.
    K3s,
    CiliumAgent,
    OvsVswitchd,
    OvsdbServer,
    OvnController,
    /// zebra of FRR or Quagga.
    Zebra,
    /// bgpd of FRR or Quagga.
    Bgpd,
    Ospfd,
    Ripd,
    Weaver,
    NetworkManager,
    SystemdNetworkd,
    Firewalld,
    Keepalived,
    Dnsmasq,
    Coredns,
}

impl Process {
    /// The file name of its program.
    pub fn program(&self) -> &str {
        let first = self.command.split(' ').next().unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default()
    }

    /// The value of an option of its command line (`-s PATH`, `--path=PATH`).
    pub fn argument(&self, option: &str) -> Option<&str> {
        let mut words = self.command.split(' ');
        while let Some(word) = words.next() {
            if word == option {
                return words.next();
            }
            if let Some(value) = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value);
            }
        }
        None
    }
}

impl CalicoProcesses {
    /// One of the BIRD daemons, `bird` or `bird6`.
    pub fn daemon(&self, name: &str) -> Option<&Process> {
        self.bird.iter().find(|process| process.program() == name)
    }

    /// The first daemon of a kind.
    pub fn daemon_of(&self, kind: DaemonKind) -> Option<&Process> {
        let found = self.daemons.iter().find(|daemon| daemon.kind == kind)?;
        Some(&found.process)
    }

    /// Whether that daemon is there.
    pub fn runs(&self, name: &str) -> bool {
        self.daemon(name).is_some()
    }

    /// The daemons of one kind.
    pub fn of(&self, kind: DaemonKind) -> impl Iterator<Item = &Process> {
        self.daemons
            .iter()
            .filter(move |daemon| daemon.kind == kind)
            .map(|daemon| &daemon.process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_has_its_value_behind_a_blank_or_an_equals_sign() {
        let process = Process {
            pid: 1,
            command: "/usr/bin/kubelet --cni-conf-dir-old=/x --cni-conf-dir=/etc/cni -s /run/s --last".into(),
            state: None,
            netns: None,
            started: None,
        };
        assert_eq!(process.argument("--cni-conf-dir"), Some("/etc/cni"));
        assert_eq!(process.argument("-s"), Some("/run/s"));
        assert_eq!(process.argument("--last"), None);
        assert_eq!(process.program(), "kubelet");
    }
}
