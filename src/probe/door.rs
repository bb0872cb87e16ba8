//! Working inside a network namespace.

use std::fs::{self, File};
use std::os::linux::fs::MetadataExt;
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::state::Namespace;
use crate::state::netns::NsIdentity;

/// A network namespace of this host, kept open.
#[derive(Debug)]
pub struct Door(File);

impl Door {
    /// netdiag's own namespace.
    pub fn own() -> Result<Self, String> {
        let path = "/proc/thread-self/ns/net";
        File::open(path)
            .map(Self)
            .map_err(|error| format!("{path}: {error}"))
    }

    /// A namespace that was collected, by its names and by the processes in it. None of them counts that leads somewhere
    /// else by now.
    pub fn of(namespace: &Namespace) -> Result<Self, String> {
        let processes = namespace
            .processes
            .iter()
            .map(|process| format!("/proc/{}/ns/net", process.pid));
        let mut paths = namespace.paths.iter().cloned().chain(processes);
        paths
            .find_map(|path| {
                let file = File::open(path).ok()?;
                (identity(&file)? == namespace.id).then_some(Self(file))
            })
            .ok_or_else(|| format!("{} is gone", namespace.title()))
    }

    /// Which namespace it is.
    pub fn id(&self) -> Result<NsIdentity, String> {
        identity(&self.0).ok_or_else(|| "the namespace can't be told".to_owned())
    }

    /// Does some work there: on a thread of its own, whose sockets belong to the namespace for good.
    ///
    /// # Errors
    /// When it can't be entered (CAP_SYS_ADMIN), or the work panicked.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, String> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET)
                    .map_err(|error| format!("the namespace can't be entered: {error}"))?;
                Ok(work())
            });
            thread
                .join()
                .unwrap_or_else(|_| Err("it stopped unexpectedly".to_owned()))
        })
    }
}

fn identity(file: &File) -> Option<NsIdentity> {
    let metadata: fs::Metadata = file.metadata().ok()?;
    Some(NsIdentity {
        device: metadata.st_dev(),
        inode: metadata.st_ino(),
    })
}
