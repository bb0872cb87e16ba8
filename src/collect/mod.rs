//! Fills `state` from the live host, one file a source: the only room that touches it. Reading never changes the
//! system. What can't be read becomes an absent fact with its reason.

pub mod bird;
pub mod bundle;
pub mod iptables;
pub mod netlink;
pub mod procfs;
pub mod reach;

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
    let mut node = kernel();
    let (bird, bird6) = bird::both(options, node.processes.known()).await;
    node.bird = bird;
    node.bird6 = bird6;
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
