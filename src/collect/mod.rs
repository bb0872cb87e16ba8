//! Fills `state` from the live host, one file a source: the only room that touches it. Reading never changes the
//! system. What can't be read becomes an absent fact with its reason.

pub mod bird;
pub mod cni;
pub mod cri;
pub mod docker;
pub mod iptables;
mod json_rpc;
pub mod netlink;
pub mod ovsdb;
pub mod procfs;
pub mod reach;
mod unix;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::parse;
use crate::state::{Fact, NodeState};

/// Where to look, and how long to wait for a daemon.
#[derive(Debug, Clone)]
pub struct Options {
    /// The control socket of `bird`, when the user names one.
    pub bird_socket: Option<PathBuf>,
    /// How long a daemon may take to answer.
    pub timeout: Duration,
}

/// Reads everything netdiag knows to read of the node it runs on.
pub async fn node(options: &Options) -> NodeState {
    // The tools for the rules and the kernel's list of sockets take longer than all the rest.
    let slow = std::thread::spawn(|| iptables::rulesets_while(procfs::tcp));
    let mut node = kernel().await;
    // Side by side: daemons that hang cost one timeout together.
    let ((bird, bird6), ovs, docker, cri) = tokio::join!(
        bird::both(options, node.processes.known()),
        ovsdb::ovs(options.timeout),
        docker::docker(options.timeout),
        cri::cri(options.timeout),
    );
    node.bird = bird;
    node.bird6 = bird6;
    node.ovs = ovs;
    node.docker = docker;
    node.cri = cri;
    let files = cni::Files::of_host();
    node.cni = files.cni(cni_directories(&node));
    node.host_local = files.host_local(&node.cni);
    node.flannel = files.flannel(node.processes.known());
    node.calico_files = files.calico();
    node.bird_config = bird::config(node.processes.known());
    node.net.tcp_counters = procfs::tcp_counters();
    node.hosts = read(Path::new("/etc/hosts"))
        .map_or_else(Fact::absent, |text| Fact::Known(parse::hosts::hosts(&text)));
    (node.net.netfilter, node.net.tcp) = slow.join().unwrap_or_else(|_| {
        let why = "the thread that reads it failed";
        (Fact::absent(why), Fact::absent(why))
    });
    node
}

/// Where the runtime and kubelet say that CNI's configurations are.
fn cni_directories(node: &NodeState) -> Vec<String> {
    let runtime = node.cri.known().and_then(|cri| cri.cni.known());
    let kubelet = node
        .processes
        .known()
        .and_then(|processes| processes.agent("kubelet")?.argument("--cni-conf-dir"));
    let runtime = runtime.map(|directories| directories.conf.clone());
    runtime.into_iter().chain(kubelet.map(str::to_owned)).collect()
}

/// Reads names, processes and the kernel's tables; the daemons are not asked.
pub async fn kernel() -> NodeState {
    let processes = procfs::calico_processes();
    let mut node = NodeState {
        name: node_name(
            processes
                .known()
                .and_then(|processes| processes.environment.get("NODENAME")),
        ),
        taken: now(),
        processes,
        ..NodeState::default()
    };
    match netlink::Tables::read().await {
        Ok(tables) => {
            node.net.links = Fact::Known(tables.links);
            node.net.addresses = Fact::Known(tables.addresses);
            node.net.routes = Fact::Known(tables.routes);
            node.net.neighbors = Fact::Known(tables.neighbors);
        }
        Err(error) => {
            let why = format!("netlink: {error}");
            node.net.links = Fact::absent(&why);
            node.net.addresses = Fact::absent(&why);
            node.net.routes = Fact::absent(&why);
            node.net.neighbors = Fact::absent(why);
        }
    }
    node
}

/// The name Calico uses for this node: calico-node's `NODENAME`, else what it stored at its first start, else the
/// host name in lower case (calico `node/pkg/lifecycle/startup`).
fn node_name(environment: Option<&String>) -> String {
    environment
        .cloned()
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("NODENAME").ok().filter(|name| !name.is_empty()))
        .or_else(|| {
            Some(
                read(Path::new("/var/lib/calico/nodename"))
                    .ok()?
                    .trim()
                    .to_owned(),
            )
        })
        .filter(|name| !name.is_empty())
        .or_else(|| nix::unistd::gethostname().ok()?.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned())
        .to_lowercase()
}

/// Reads a text file; the error names it.
fn read(path: &Path) -> Result<String, String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Now in RFC 3339, UTC, whole seconds: `2026-11-21T10:56:59Z`.
fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    let whole = now.replace_nanosecond(0).unwrap_or(now);
    whole
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}
