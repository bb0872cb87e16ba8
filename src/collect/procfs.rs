//! `/proc`: processes, sockets, counters.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::read;
use crate::parse;
use crate::state::Fact;
use crate::state::process::{CalicoProcesses, Process};
use crate::state::socket::{TcpSocket, TcpState};

/// Settings of calico-node that netdiag may read: none of them is a secret.
const SETTINGS: [&str; 12] = [
    "NODENAME",
    "IP",
    "IP6",
    "IP_AUTODETECTION_METHOD",
    "IP6_AUTODETECTION_METHOD",
    "AUTODETECT_POLL_INTERVAL",
    "DISABLE_NODE_IP_CHECK",
    "CALICO_NETWORKING_BACKEND",
    "CLUSTER_TYPE",
    "AS",
    "CALICO_ROUTER_ID",
    "DATASTORE_TYPE",
];

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
            command: argv.join(" "),
            state: state(pid),
            netns: None,
        };
        if !(is_bird(&argv) || is_felix(&argv)) || is_elsewhere(pid, own_network.as_deref()) {
            continue;
        }
        if is_bird(&argv) {
            found.bird.push(process());
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
    String::from_utf8_lossy(&bytes)
        .split('\0')
        .filter_map(|entry| entry.split_once('='))
        .filter(|(name, _)| SETTINGS.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
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
