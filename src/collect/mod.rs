//! Fills `state` from the live host, one file a source: the only room that touches it. Reading never changes the
//! system. What can't be read becomes an absent fact with its reason.

pub mod bird;
pub mod bundle;
pub mod cni;
mod conntrack;
pub mod cri;
mod daemons;
pub mod docker;
pub mod ipset;
mod json_rpc;
mod kernel;
mod kernel_parts;
mod managers;
mod modules;
mod namespaces;
pub mod netfilter;
pub mod netlink;
pub mod ovsdb;
pub mod procfs;
pub mod reach;
mod recent;
mod sockets;
mod sysctl;
mod unix;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub use kernel_parts::KernelParts;
pub use namespaces::of_thread;

use crate::parse;
use crate::state::netns::NsIdentity;
use crate::state::process::DaemonKind;
use crate::state::{Fact, Netns, NodeState};

/// How much of a namespace is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The host's own: its tables and rules are read elsewhere.
    Host,
    /// The host's own without what is large there and says nothing of sessions.
    Sessions,
    /// Any other: all, but for what is the whole machine's.
    Pod,
}

/// What is read of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything netdiag knows to read.
    Node,
    /// What sessions of BIRD depend on: BIRD itself, processes, and the tables, sockets and rules of the host's own
    /// namespace. Neither pods nor runtimes.
    Sessions,
}

/// Where to look, and how long to wait for a daemon.
#[derive(Debug, Clone)]
pub struct Options {
    pub scope: Scope,
    /// The control socket of `bird`, when the user names one.
    pub bird_socket: Option<PathBuf>,
    /// How long a daemon may take to answer.
    pub timeout: Duration,
}

/// Reads the node it runs on.
pub async fn node(options: &Options) -> NodeState {
    // The tools for the rules and the other namespaces take longer than all the rest.
    let netfilter = thread::spawn(netfilter::rulesets);
    let seen = match options.scope {
        Scope::Node => thread::spawn(namespaces::read),
        Scope::Sessions => thread::spawn(namespaces::own),
    };
    let mut node = kernel();
    // Side by side: daemons that hang cost one timeout together.
    if options.scope == Scope::Node {
        let ((bird, bird6), ovs, docker, cri) = tokio::join!(
            bird::both(options, node.processes.known()),
            ovsdb::ovs(options.timeout),
            docker::docker(options.timeout),
            cri::cri(options.timeout),
        );
        (node.bird, node.bird6) = (bird, bird6);
        node.ovs = ovs;
        node.docker = docker;
        node.cri = cri;
        files(&mut node);
    } else {
        (node.bird, node.bird6) = bird::both(options, node.processes.known()).await;
    }
    node.bird_config = bird::config(node.processes.known());
    node.hosts = read(Path::new("/etc/hosts"))
        .map_or_else(Fact::absent, |text| Fact::Known(parse::hosts::hosts(&text)));
    if let Ok(mut seen) = seen.join() {
        seen.host.taken.append(&mut node.net.taken);
        node.net = Netns {
            links: node.net.links,
            addresses: node.net.addresses,
            routes: node.net.routes,
            nexthops: node.net.nexthops,
            rules: node.net.rules,
            neighbors: node.net.neighbors,
            fdb: node.net.fdb,
            vlans: node.net.vlans,
            ..seen.host
        };
        node.net_id = seen.own;
        node.namespaces = seen.namespaces;
        node.namespaces_incomplete = seen.incomplete;
    }
    if let Ok(netfilter) = netfilter.join() {
        node.net.netfilter = netfilter;
    }
    keep_own_daemons(&mut node);
    node
}

/// What files and the kernel's own words tell.
fn files(node: &mut NodeState) {
    let files = cni::Files::of_host();
    node.cni = files.cni(cni_directories(node));
    node.host_local = files.host_local(&node.cni);
    node.flannel = files.flannel(node.processes.known());
    node.calico_files = files.calico();
    node.link_managers = files.managers();
    node.kernel = kernel::kernel();
    node.kernel_log = kernel::log();
}

/// Drops daemons of other nodes: those in namespaces that are neither the host's nor among the node's others.
fn keep_own_daemons(node: &mut NodeState) {
    let mut own: Vec<NsIdentity> = node
        .namespaces
        .items()
        .iter()
        .map(|namespace| namespace.id)
        .collect();
    own.extend(node.net_id);
    if let Fact::Known(processes) = &mut node.processes
        && node.net_id.is_some()
    {
        processes
            .daemons
            .retain(|daemon| daemon.process.netns.is_none_or(|netns| own.contains(&netns)));
    }
}

/// Where the runtime and kubelet say that CNI's configurations are.
fn cni_directories(node: &NodeState) -> Vec<String> {
    let runtime = node.cri.known().and_then(|cri| cri.cni.known());
    let kubelet = node.processes.known().and_then(|processes| {
        processes
            .daemon_of(DaemonKind::Kubelet)?
            .argument("--cni-conf-dir")
    });
    let runtime = runtime.map(|directories| directories.conf.clone());
    runtime.into_iter().chain(kubelet.map(str::to_owned)).collect()
}

/// Reads names, processes and the kernel's tables; the daemons are not asked.
pub fn kernel() -> NodeState {
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
    netlink::netns_tables(&mut node.net);
    node
}

/// The name of this node, as its snapshot has it.
pub fn name() -> String {
    let processes = procfs::calico_processes();
    let environment = processes.known().map(|processes| &processes.environment);
    node_name(environment.and_then(|environment| environment.get("NODENAME")))
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

/// Now in RFC 3339, UTC, with milliseconds: `2026-11-21T10:56:59.120Z`.
fn now_to_the_millisecond() -> String {
    let now = time::OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    let (hour, minute, second, millisecond) = time.as_hms_milli();
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// Now in RFC 3339, UTC, whole seconds: `2026-11-21T10:56:59Z`.
fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    let whole = now.replace_nanosecond(0).unwrap_or(now);
    whole
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}
