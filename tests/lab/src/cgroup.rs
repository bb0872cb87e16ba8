//! A control group for the containers of a lab: the one thing of a runtime that no namespace keeps in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Node, Result};

/// Where a machine has control groups of version 2, alone or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Mounts them in a node; dropped, it removes the group. It must be made before the lab is, so that it goes after it.
#[derive(Debug)]
pub struct Group {
    name: String,
}

impl Group {
    /// A group that no other test has.
    pub fn new(test: &str) -> Self {
        Self {
            name: format!("netdiag-lab-{test}-{}", std::process::id()),
        }
    }

    /// As runtimes take it.
    pub fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// Lets the node see it.
    pub fn mount(&self, node: &Node) -> Result<()> {
        let mount = "mount -t cgroup2 cgroup2 /sys/fs/cgroup";
        node.sh(&format!("{mount}; mkdir -p /sys/fs/cgroup/{}/daemon", self.name))
            .ok()
            .map(drop)
    }

    /// Puts a daemon into the group, so that what runc makes without being told where is in it, too.
    pub fn enter(&self, node: &Node, daemon: &str) -> Result<()> {
        let pid = node.daemon(daemon).unwrap_or_default();
        node.sh(&format!(
            "echo {pid} >/sys/fs/cgroup/{}/daemon/cgroup.procs",
            self.name
        ))
        .ok()
        .map(drop)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for path in MOUNTS.map(|mount| Path::new(mount).join(&self.name)) {
            // The kernel takes its time with groups whose processes were killed.
            for _ in 0..50 {
                if !path.exists() || remove(&path) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Removes a group and those below it. Their files go with them.
fn remove(group: &PathBuf) -> bool {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&entry.path());
    }
    fs::remove_dir(group).is_ok()
}
