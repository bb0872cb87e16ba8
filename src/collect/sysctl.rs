//! `/proc/sys/net` of the calling thread's namespace.
//!
//! Of the host all of it is read but what many links would multiply: of each link other than `all` and `default` only what
//! [`devconf`] lists, and [`OF_NEIGHBORS`]. Of a pod it is what [`devconf`] lists, of its links and of `all`, and
//! [`OF_PODS`]. Left out everywhere: [`SECRETS`], and what can't be read (triggers such as `route.flush`, values that
//! aren't set).
//!
//! Files of all namespaces share the directories above a link's own, and so one chain each in the kernel's cache of names:
//! to look one up, or to list a directory, takes as long as there are namespaces. So pods are asked for few names, and
//! what belongs to links comes over netlink.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::Depth;
use super::netlink::devconf;
use crate::state::Fact;

const ROOT: &str = "/proc/sys/net";

/// Keys for TCP Fast Open, and those from which stable addresses are made.
const SECRETS: [&str; 2] = ["tcp_fastopen_key", "stable_secret"];

/// `net.ipv4.neigh.LINK.*`: how long a proxy waits before it answers.
const OF_NEIGHBORS: [&str; 1] = ["proxy_delay"];

/// What of a pod's own, beside its links, decides what happens to packets, by directory: each is walked to once.
const OF_PODS: [(&str, &[&str]); 6] = [
    ("bridge", &["bridge-nf-call-ip6tables", "bridge-nf-call-iptables"]),
    ("core", &["somaxconn"]),
    (
        "ipv4",
        &[
            "fib_multipath_hash_policy",
            "icmp_echo_ignore_all",
            "ip_default_ttl",
            "ip_forward",
            "ip_forward_use_pmtu",
            "ip_local_port_range",
            "ip_no_pmtu_disc",
            "ip_nonlocal_bind",
            "ip_unprivileged_port_start",
            "ping_group_range",
            "tcp_ecn",
            "tcp_l3mdev_accept",
            "tcp_mtu_probing",
            "tcp_syn_retries",
            "tcp_syncookies",
            "tcp_timestamps",
            "tcp_tw_reuse",
            "udp_l3mdev_accept",
        ],
    ),
    (
        "ipv6",
        &["bindv6only", "fib_multipath_hash_policy", "ip_nonlocal_bind"],
    ),
    (
        "netfilter",
        &[
            "nf_conntrack_acct",
            "nf_conntrack_tcp_be_liberal",
            "nf_conntrack_tcp_loose",
        ],
    ),
    ("vrf", &["strict_mode"]),
];

/// Reads them.
pub(super) fn sysctls(depth: Depth) -> Fact<BTreeMap<String, String>> {
    let root = Path::new(ROOT);
    if let Err(error) = std::fs::metadata(root) {
        return Fact::absent(format!("{ROOT}: {error}"));
    }
    let mut reading = Reading::default();
    match depth {
        Depth::Pod | Depth::Sessions => {
            for (directory, names) in OF_PODS {
                let key = format!("net.{directory}");
                reading.values(&root.join(directory), &key, names.iter().copied());
            }
            for (family, names) in [("ipv4", devconf::V4), ("ipv6", devconf::V6)] {
                let path = root.join(family).join("conf/all");
                let names = names.iter().map(|(name, _)| *name);
                reading.values(&path, &format!("net.{family}.conf.all"), names);
            }
        }
        Depth::Host => {
            if let Err(error) = reading.directory(root, "net") {
                return Fact::absent(format!("{ROOT}: {error}"));
            }
        }
    }
    match devconf::links() {
        Ok(links) => reading.of_links(links),
        Err(error) => return Fact::absent(format!("sysctls of links over netlink: {error}")),
    }
    Fact::Known(reading.found)
}

#[derive(Default)]
struct Reading {
    found: BTreeMap<String, String>,
    buffer: Vec<u8>,
}

impl Reading {
    /// All that is in a directory and those below.
    fn directory(&mut self, path: &Path, key: &str) -> std::io::Result<()> {
        if let Some(names) = of_link(key) {
            if !names.is_empty() {
                self.values(path, key, names.iter().copied());
            }
            return Ok(());
        }
        let mut names = Vec::new();
        // The link behind a directory may go while it is read.
        for entry in std::fs::read_dir(path)?.flatten() {
            let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
                continue;
            };
            if kind.is_dir() {
                _ = self.directory(&path.join(&name), &format!("{key}.{}", component(&name)));
            } else {
                names.push(name);
            }
        }
        self.values(path, key, names.iter().map(String::as_str));
        Ok(())
    }

    fn of_links(&mut self, links: Vec<devconf::LinkConf>) {
        for link in links {
            let name = component(&link.link);
            for (family, values) in [("ipv4", link.v4), ("ipv6", link.v6)] {
                for (key, value) in values {
                    self.found
                        .insert(format!("net.{family}.conf.{name}.{key}"), value.to_string());
                }
            }
        }
    }

    /// Some values of one directory.
    fn values<'a>(&mut self, path: &Path, key: &str, names: impl Iterator<Item = &'a str>) {
        let Ok(directory) = File::open(path) else { return };
        for name in names.filter(|name| !SECRETS.contains(name)) {
            let file = openat(
                directory.as_fd(),
                name,
                OFlag::O_RDONLY | OFlag::O_CLOEXEC,
                Mode::empty(),
            );
            let file = file.map(File::from).map_err(std::io::Error::from);
            if let Some(value) = one(file, &mut self.buffer) {
                self.found.insert(format!("{key}.{}", component(name)), value);
            }
        }
    }
}

/// A dot in a name is a slash in a key.
fn component(name: &str) -> String {
    name.replace('.', "/")
}

/// What to read of a directory that belongs to one link; netlink tells the rest.
fn of_link(key: &str) -> Option<&'static [&'static str]> {
    let mut parts = key.split('.');
    let (Some("net"), Some(family), Some(kind), Some(link), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return None;
    };
    if matches!(link, "all" | "default") {
        return None;
    }
    match (family, kind) {
        ("ipv4", "neigh") => Some(&OF_NEIGHBORS),
        ("ipv4" | "ipv6", "conf") | ("ipv6", "neigh") => Some(&[]),
        ("mpls", "conf") => Some(&["input"]),
        _ => None,
    }
}

/// One value, blanks around it cut.
fn one(file: std::io::Result<File>, buffer: &mut Vec<u8>) -> Option<String> {
    let mut file = file.ok()?;
    let mut length = 0;
    loop {
        if length == buffer.len() {
            buffer.resize((length * 2).max(4096), 0);
        }
        let read = file.read(&mut buffer[length..]).ok()?;
        length += read;
        // The kernel gives a whole value at once.
        if read == 0 || length < buffer.len() {
            break;
        }
    }
    Some(String::from_utf8_lossy(&buffer[..length]).trim().to_owned())
}

/// One value of this namespace, as a number: `net/netfilter/nf_conntrack_count`.
pub(super) fn number(path: &str) -> Option<u32> {
    one(File::open(Path::new("/proc/sys").join(path)), &mut Vec::new())?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_links_only_what_decides_is_read() {
        assert_eq!(of_link("net.ipv4.neigh.eth0"), Some(&OF_NEIGHBORS[..]));
        assert_eq!(of_link("net.ipv6.conf.eth0/100"), Some(&[][..]));
        for key in [
            "net.ipv4.conf.all",
            "net.ipv4.neigh.default",
            "net.ipv4",
            "net.netfilter",
        ] {
            assert_eq!(of_link(key), None, "{key}");
        }
    }

    #[test]
    fn values_are_read_and_keys_are_those_of_the_tool() {
        let values = sysctls(Depth::Host);
        let values = values.known().unwrap();
        let forward = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
        assert_eq!(values["net.ipv4.ip_forward"], forward.trim());
        assert!(values.contains_key("net.ipv4.conf.all.rp_filter"));
        assert!(!values.keys().any(|key| key.contains("tcp_fastopen_key")));
        assert!(!values.keys().any(|key| key.ends_with("stable_secret")));
    }

    #[test]
    fn a_pod_is_asked_for_a_part_of_what_the_host_is() {
        let all = sysctls(Depth::Host);
        let part = sysctls(Depth::Pod);
        let (all, part) = (all.known().unwrap(), part.known().unwrap());
        assert!(part.len() > 70, "{}", part.len());
        // Other tests of this machine may change what many count, not what one sets.
        for key in part.keys() {
            assert!(all.contains_key(key), "{key}");
        }
    }
}
