//! `/proc`: processes, sockets, counters.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{daemons, read};
use crate::parse;
use crate::state::Fact;
use crate::state::netns::NsIdentity;
use crate::state::process::{CalicoProcesses, Daemon, DaemonKind, Process};

/// Settings of calico-node that netdiag reads, beside those that begin with one of [`PREFIXES`].
const SETTINGS: [&str; 17] = [
    "NODENAME",
    "IP",
    "IP6",
    "IP_AUTODETECTION_METHOD",
    "IP6_AUTODETECTION_METHOD",
    "AUTODETECT_POLL_INTERVAL",
    "DISABLE_NODE_IP_CHECK",
    "CLUSTER_TYPE",
    "AS",
    "DATASTORE_TYPE",
    "BGP_LOGSEVERITYSCREEN",
    "KUBERNETES_NODE_NAME",
    "NO_DEFAULT_POOLS",
    "SKIP_TLS",
    "USE_POD_CIDR",
    "WAIT_FOR_DATASTORE",
    "STARTUP_CLEANUP_POD_IPS",
];
/// Felix's own settings, and those of calico-node: pools, router id, back end.
const PREFIXES: [&str; 2] = ["FELIX_", "CALICO_"];
/// Parts of names whose values are secrets, names of users, or long.
const NEVER: [&str; 9] = [
    "KEY",
    "CERT",
    "CAFILE",
    "PASS",
    "TOKEN",
    "SECRET",
    "CREDENTIAL",
    "AUTH",
    "USERNAME",
];

/// Finds the daemons among the processes, and reads calico-node's settings.
pub(super) fn calico_processes() -> Fact<CalicoProcesses> {
    if let Err(error) = fs::read_dir("/proc") {
        return Fact::absent(format!("/proc: {error}"));
    }
    let mut found = CalicoProcesses {
        // kthreadd is visible only from the host's PID namespace.
        host_visible: read(Path::new("/proc/2/comm")).is_ok_and(|name| name.trim() == "kthreadd"),
        ..CalicoProcesses::default()
    };
    let own_network = network_namespace("self");
    for pid in pids() {
        let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let argv: Vec<&str> = text.split('\0').filter(|word| !word.is_empty()).collect();
        let Some(kind) = daemons::kind(&argv) else {
            continue;
        };
        let process = Process {
            pid,
            command: parse::secrets::cut_command(&argv),
            state: state(pid),
            netns: network_namespace(&pid.to_string()),
            started: started(pid),
        };
        // Calico's own share the network namespace of their host; elsewhere they are another node's.
        let elsewhere = process.netns.is_some() && process.netns != own_network && own_network.is_some();
        match kind {
            DaemonKind::Bird if !elsewhere => found.bird.push(process.clone()),
            DaemonKind::Felix if !elsewhere && found.felix.is_none() => {
                found.felix = Some(process.clone());
                found.environment = settings(pid);
            }
            _ => {}
        }
        found.daemons.push(Daemon { kind, process });
    }
    Fact::Known(found)
}

/// All processes, the lowest number first.
pub(super) fn pids() -> Vec<u32> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// The name of a process's program; empty when it has ended.
pub(super) fn comm(pid: u32) -> String {
    read(Path::new(&format!("/proc/{pid}/comm")))
        .map(|name| name.trim_end().to_owned())
        .unwrap_or_default()
}

/// A field of a process by its number in proc(5), from the third on: the second is its name, in brackets.
fn field(pid: u32, number: usize) -> Option<String> {
    let stat = read(Path::new(&format!("/proc/{pid}/stat"))).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(number - 3).map(str::to_owned)
}

fn state(pid: u32) -> Option<char> {
    field(pid, 3)?.chars().next()
}

fn started(pid: u32) -> Option<u64> {
    field(pid, 22)?.parse().ok()
}

/// The network namespace of a process; none without the right to look.
fn network_namespace(pid: &str) -> Option<NsIdentity> {
    Some(identity(&fs::metadata(format!("/proc/{pid}/ns/net")).ok()?))
}

/// Device and inode of a file of nsfs.
pub(super) fn identity(metadata: &Metadata) -> NsIdentity {
    NsIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

fn settings(pid: u32) -> BTreeMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    kept(&String::from_utf8_lossy(&bytes))
}

/// The settings that may be stored.
fn kept(environment: &str) -> BTreeMap<String, String> {
    environment
        .split('\0')
        .filter_map(|entry| entry.split_once('='))
        .filter(|(name, _)| is_setting(name))
        .map(|(name, value)| (name.to_owned(), parse::secrets::cut_value(name, value)))
        .collect()
}

fn is_setting(name: &str) -> bool {
    let begins = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    SETTINGS.contains(&name)
        || (begins && !NEVER.iter().any(|part| name.contains(part)) && !parse::secrets::names_secret(name))
}

/// The kernel's extended TCP counters.
pub(super) fn tcp_counters() -> Fact<BTreeMap<String, u64>> {
    let path = "/proc/thread-self/net/netstat";
    read(Path::new(path))
        .and_then(|text| parse::procfs::counters(&text, "TcpExt").map_err(|error| format!("{path}: {error}")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_by_a_list_and_never_a_secret() {
        let environment = "NODENAME=n1\0IP=autodetect\0FELIX_IPINIPENABLED=true\0CALICO_IPV4POOL_CIDR=10.0.0.0/16\0\
            CALICO_ROUTER_ID=hash\0FELIX_ETCDENDPOINTS=http://root:hunter2@10.0.0.1:2379\0FELIX_ETCDPASSWORD=hunter2\0\
            FELIX_TYPHAKEYFILE=hunter2\0ETCD_PASSWORD=hunter2\0FELIX_ETCDUSERNAME=hunter2\0HOME=hunter2\0\
            CALICO_API_TOKEN=hunter2\0broken";
        let kept = kept(environment);
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "CALICO_IPV4POOL_CIDR",
                "CALICO_ROUTER_ID",
                "FELIX_ETCDENDPOINTS",
                "FELIX_IPINIPENABLED",
                "IP",
                "NODENAME"
            ]
        );
        assert!(!format!("{kept:?}").contains("hunter2"));
    }
}
