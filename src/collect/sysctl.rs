//! `/proc/sys/net` of the calling thread's namespace.
//!
//! All of it is read but what many links would multiply. Of each link other than `all` and `default` only [`OF_LINKS_V4`],
//! [`OF_LINKS_V6`] and [`OF_NEIGHBORS`] are read, and of MPLS only `input`. Left out everywhere: [`SECRETS`], and what can't
//! be read (triggers such as `route.flush`, values that aren't set).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Depth;
use crate::state::Fact;

const ROOT: &str = "/proc/sys/net";

/// Keys for TCP Fast Open, and those from which stable addresses are made.
const SECRETS: [&str; 2] = ["tcp_fastopen_key", "stable_secret"];

/// What decides, per link, where packets of IPv4 go.
const OF_LINKS_V4: [&str; 18] = [
    "accept_local",
    "accept_redirects",
    "accept_source_route",
    "arp_accept",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "bc_forwarding",
    "disable_policy",
    "forwarding",
    "ignore_routes_with_linkdown",
    "log_martians",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
    "send_redirects",
    "src_valid_mark",
];

/// The same of IPv6.
const OF_LINKS_V6: [&str; 15] = [
    "accept_dad",
    "accept_ra",
    "accept_ra_defrtr",
    "accept_redirects",
    "accept_source_route",
    "addr_gen_mode",
    "autoconf",
    "disable_ipv6",
    "disable_policy",
    "force_forwarding",
    "forwarding",
    "ignore_routes_with_linkdown",
    "keep_addr_on_down",
    "mtu",
    "proxy_ndp",
];

/// `net.ipv4.neigh.LINK.*`: how long a proxy waits before it answers.
const OF_NEIGHBORS: [&str; 1] = ["proxy_delay"];

/// Directories that a pod is not asked for: of the whole machine, or of no use for where packets go.
const HOST_ONLY: [&str; 5] = ["mptcp", "unix", "sctp", "rds", "x25"];

/// Reads them all.
pub(super) fn sysctls(depth: Depth) -> Fact<BTreeMap<String, String>> {
    let mut values = Walk {
        depth,
        found: BTreeMap::new(),
        buffer: vec![0; 4096],
        key: "net".to_owned(),
        path: PathBuf::from(ROOT),
    };
    match values.directory() {
        Ok(()) => Fact::Known(values.found),
        Err(error) => Fact::absent(format!("{ROOT}: {error}")),
    }
}

struct Walk {
    depth: Depth,
    found: BTreeMap<String, String>,
    buffer: Vec<u8>,
    /// Of the directory that is being read, as sysctl(8) has it.
    key: String,
    path: PathBuf,
}

impl Walk {
    fn directory(&mut self) -> std::io::Result<()> {
        if let Some(keys) = of_link(&self.key) {
            for key in keys {
                self.value(key);
            }
            return Ok(());
        }
        for entry in std::fs::read_dir(&self.path)? {
            // The link behind a directory may go while it is read.
            let Ok(entry) = entry else { continue };
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else {
                continue;
            };
            let Some(name) = name.to_str() else { continue };
            if !kind.is_dir() {
                self.value(name);
                continue;
            }
            if self.depth == Depth::Pod && self.key == "net" && HOST_ONLY.contains(&name) {
                continue;
            }
            let length = self.key.len();
            self.key.push('.');
            self.key.push_str(&component(name));
            self.path.push(name);
            _ = self.directory();
            self.path.pop();
            self.key.truncate(length);
        }
        Ok(())
    }

    fn value(&mut self, name: &str) {
        if SECRETS.contains(&name) {
            return;
        }
        self.path.push(name);
        if let Some(value) = one(&self.path, &mut self.buffer) {
            self.found
                .insert(format!("{}.{}", self.key, component(name)), value);
        }
        self.path.pop();
    }
}

/// A dot in a name is a slash in a key.
fn component(name: &str) -> String {
    name.replace('.', "/")
}

/// What to read of a directory that belongs to one link.
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
        ("ipv4", "conf") => Some(&OF_LINKS_V4),
        ("ipv6", "conf") => Some(&OF_LINKS_V6),
        ("ipv4", "neigh") => Some(&OF_NEIGHBORS),
        ("ipv6", "neigh") => Some(&[]),
        ("mpls", "conf") => Some(&["input"]),
        _ => None,
    }
}

/// One value, blanks around it cut.
fn one(path: &Path, buffer: &mut Vec<u8>) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut length = 0;
    loop {
        let read = file.read(buffer.get_mut(length..)?).ok()?;
        length += read;
        // The kernel gives a whole value at once.
        if read == 0 || length < buffer.len() {
            break;
        }
        buffer.resize(length * 2, 0);
    }
    Some(String::from_utf8_lossy(&buffer[..length]).trim().to_owned())
}

/// One value of this namespace, as a number: `net/netfilter/nf_conntrack_count`.
pub(super) fn number(path: &str) -> Option<u32> {
    one(&Path::new("/proc/sys").join(path), &mut vec![0; 64])?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_links_only_what_decides_is_read() {
        assert!(of_link("net.ipv4.conf.eth0").unwrap().contains(&"rp_filter"));
        assert!(of_link("net.ipv6.conf.eth0/100").unwrap().contains(&"accept_ra"));
        assert_eq!(of_link("net.ipv6.neigh.eth0"), Some(&[][..]));
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
}
