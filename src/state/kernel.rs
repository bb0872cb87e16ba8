//! What a node's kernel says of itself, whatever the namespace.

use serde::{Deserialize, Serialize};

use super::Fact;

/// Which kernel, on which machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kernel {
    /// uname(2): `6.12.41-amd64`.
    pub release: String,
    /// The machine's: `x86_64`.
    pub machine: String,
    /// Loaded modules (`/proc/modules`), sorted.
    pub modules: Fact<Vec<String>>,
    /// What is part of the kernel image (`modules.builtin`), of the parts that networks are made of; sorted.
    pub builtin: Fact<Vec<String>>,
    /// Of this start of the kernel (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: Fact<String>,
    /// `/etc/machine-id`: of two nodes with the same one, one was cloned.
    pub machine_id: Fact<String>,
    pub hostname: String,
    /// Seconds since it started.
    pub uptime: Fact<u64>,
}

impl Kernel {
    /// Whether a module is loaded or built in; none when that can't be known. `-` and `_` are the same.
    pub fn has(&self, module: &str) -> Option<bool> {
        let module = module.replace('-', "_");
        let among = |fact: &Fact<Vec<String>>| fact.known().map(|names| names.contains(&module));
        match (among(&self.modules), among(&self.builtin)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        }
    }
}

/// A line of the kernel's log that a check can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelMessage {
    /// Seconds since the kernel started, when it came last.
    pub at: u64,
    /// How often this line was in the log.
    pub times: u32,
    /// 0 emergency to 7 debug (syslog(2)).
    pub level: u8,
    pub topic: KernelTopic,
    /// The line, cut to 300 characters.
    pub text: String,
}

/// What a line of the kernel's log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KernelTopic {
    /// `nf_conntrack: table full, dropping packet`.
    ConntrackFull,
    /// `neighbour: arp_cache: neighbor table overflow!`.
    NeighborOverflow,
    /// `martian source`, `martian destination`, `ll header` is left out.
    Martian,
    /// `bad checksum`, `UDP: bad checksum`, `hw csum failure`.
    Checksum,
    /// `link is not ready`, `NIC Link is Up`, `Link is Down`, `entered blocking state`.
    Link,
    Vxlan,
    /// `received packet on … with own address as source address`.
    OwnAddress,
    /// `Out of memory: Killed process … (calico-node)`: of the daemons of [`super::process`] only.
    OutOfMemory,
    /// `TCP: out of memory`, `Possible SYN flooding`, `MD5 Hash failed`.
    Tcp,
    /// `unregister_netdevice: waiting for … to become free`.
    Stuck,
}

/// Whether the kernel has a part of itself; what is there comes before what isn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    Loaded,
    BuiltIn,
    /// A module that is loaded when somebody asks for it.
    OnDemand,
    Unknown,
    Missing,
}

impl Presence {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::BuiltIn => "built in",
            Self::OnDemand => "on demand",
            Self::Unknown => "not known",
            Self::Missing => "missing",
        }
    }
}
