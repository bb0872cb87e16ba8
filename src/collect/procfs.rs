//! `/proc`: processes, sockets, counters.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::read;
use crate::parse;
use crate::state::Fact;
use crate::state::process::{CalicoProcesses, Process};
use crate::state::socket::{TcpSocket, TcpState};

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

/// Agents that set networks up.
const AGENTS: [&str; 3] = ["kubelet", "kube-proxy", "flanneld"];

/// Finds Felix and BIRD among the processes, and reads calico-node's settings.
pub(super) fn calico_processes() -> Fact<CalicoProcesses> {
    let entries = match fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => return Fact::absent(format!("/proc: {error}")),
    };
    let mut found = CalicoProcesses {
        // kthreadd is visible only from the host's PID namespace.
        host_visible: read(Path::new("/proc/2/comm")).is_ok_and(|name| name.trim() == "kthreadd"),
        ..CalicoProcesses::default()
    };
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let own_network = network_namespace("self");
    for pid in pids {
        let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let argv: Vec<&str> = text.split('\0').filter(|word| !word.is_empty()).collect();
        let process = || Process {
            pid,
            command: parse::secrets::cut_command(&argv),
            state: state(pid),
        };
        let is_agent = AGENTS.contains(&program(&argv));
        if !(is_bird(&argv) || is_felix(&argv) || is_agent) || is_elsewhere(pid, own_network.as_deref()) {
            continue;
        }
        if is_bird(&argv) {
            found.bird.push(process());
        } else if is_agent {
            found.agents.push(process());
        } else if found.felix.is_none() {
            found.felix = Some(process());
            found.environment = settings(pid);
        }
    }
    Fact::Known(found)
}

/// The state of a process, the first field behind its name in brackets (proc(5), `/proc/PID/stat`).
fn state(pid: u32) -> Option<char> {
    let stat = read(Path::new(&format!("/proc/{pid}/stat"))).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// The network namespace of a process; none without the right to look.
fn network_namespace(pid: &str) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// Whether the process is known to belong to another node: calico-node shares its host's network namespace, while a
/// machine with nodes in containers shows their processes too.
fn is_elsewhere(pid: u32, own: Option<&Path>) -> bool {
    match (network_namespace(&pid.to_string()), own) {
        (Some(theirs), Some(own)) => theirs != own,
        _ => false,
    }
}

fn program<'a>(argv: &[&'a str]) -> &'a str {
    argv.first()
        .and_then(|word| word.rsplit('/').next())
        .unwrap_or_default()
}

/// `calico-felix`, `calico-node -felix` (from 3.3 on), `calico component felix` (from 3.33 on).
fn is_felix(argv: &[&str]) -> bool {
    match program(argv) {
        "calico-felix" => true,
        "calico-node" => argv[1..].iter().any(|word| matches!(*word, "-felix" | "--felix")),
        "calico" => argv[1..].starts_with(&["component", "felix"]),
        _ => false,
    }
}

fn is_bird(argv: &[&str]) -> bool {
    matches!(program(argv), "bird" | "bird6")
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

/// All TCP sockets of this network namespace that are in use.
pub(super) fn tcp() -> Fact<Vec<TcpSocket>> {
    let mut sockets = Vec::new();
    for (path, optional) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
        match read(Path::new(path)) {
            Ok(text) => match parse::procfs::tcp(&text) {
                Ok(more) => sockets.extend(more),
                Err(error) => return Fact::absent(format!("{path}: {error}")),
            },
            // Without IPv6 there is no such file.
            Err(_) if optional => {}
            Err(error) => return Fact::absent(error),
        }
    }
    // What has ended says nothing, and a busy host has tens of thousands of it.
    sockets.retain(|socket: &TcpSocket| socket.state != TcpState::TimeWait);
    Fact::Known(sockets)
}

/// The kernel's extended TCP counters.
pub(super) fn tcp_counters() -> Fact<BTreeMap<String, u64>> {
    let path = "/proc/net/netstat";
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

    #[test]
    fn felix_is_known_in_all_its_forms() {
        for argv in [
            &["calico-felix"][..],
            &["/usr/bin/calico-node", "-felix"],
            &["calico", "component", "felix"],
        ] {
            assert!(is_felix(argv), "{argv:?}");
        }
        for argv in [
            &["calico-node", "-confd"][..],
            &["calico", "component", "typha"],
            &["vi", "-felix"],
            &[],
        ] {
            assert!(!is_felix(argv), "{argv:?}");
        }
    }
}
