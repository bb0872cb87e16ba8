//! Threads in network namespaces of their own, and tools that run there.

use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use netdiag_lab::{Error, Result};
use nix::sched::{CloneFlags, unshare};

/// A namespace that lives as long as this.
pub(super) struct Space(File);

/// Moves the calling thread, and no other, into a new network namespace.
pub(super) fn enter_new() -> Result<Space> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| Error::Skip(format!("no right to make network namespaces: {error}")))?;
    File::open("/proc/thread-self/ns/net")
        .map(Space)
        .map_err(io("/proc/thread-self/ns/net"))
}

impl Space {
    /// Where other processes find it.
    pub(super) fn path(&self) -> String {
        use std::os::fd::AsRawFd;
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

fn io(what: &str) -> impl FnOnce(io::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Io { what, source }
}

/// Runs a tool of iproute2 on lines of commands; what it prints, and what it refused.
pub(super) fn batch(tool: &str, arguments: &[&str], lines: &[impl AsRef<str>]) -> Result<(String, String)> {
    let mut child = Command::new(tool)
        .args(arguments)
        .args(["-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Skip(format!("{tool} is not installed")),
            _ => io(tool)(error),
        })?;
    let mut text = String::new();
    for line in lines {
        text += line.as_ref();
        text.push('\n');
    }
    // The lines are fewer than a pipe holds, so this can't wait for a reader that waits for us.
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .map_err(io(tool))?;
    let output = child.wait_with_output().map_err(io(tool))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}
