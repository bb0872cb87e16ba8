//! Sets of namespaces, each around one process that waits for its standard input to end.
//!
//! The other end of that pipe is held by this process only, so the namespaces, and all in them, go away with it
//! however it ends: by return, panic or SIGKILL, and whichever of its threads started them.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sched::{CloneFlags, setns},
    sys::{signal, stat::Mode},
    unistd::{Pid, geteuid},
};

use crate::{Error, Result};

/// What the first process of a node does: private mounts, its name, and then nothing until its input ends.
///
/// `trap '' CHLD` (which dash does not know) makes the kernel reap daemons that end. /etc, /var/lib and /var/log are private but show what the
/// machine has (log directories excepted); /tmp is the machine's, so that paths of test files work inside.
const FIRST_PROCESS: &str = r#"
set -eu
read -r pid rest </proc/self/stat
echo "$pid"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir -p /run/lab/bin /run/lab/home /run/lock /run/netns /run/calico /run/lab/etc/upper /run/lab/etc/work /run/lab/lib/upper \
    /run/lab/lib/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/lab/etc/upper,workdir=/run/lab/etc/work overlay /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lab/lib/upper,workdir=/run/lab/lib/work overlay /var/lib
echo "$1" >/proc/sys/kernel/hostname
echo "$1" >/etc/hostname
trap '' CHLD
echo ready
exec cat >/dev/null 2>&1
"#;

/// Programs that nodes are made with.
const TOOLS: [&str; 8] = [
    "unshare", "nsenter", "setpriv", "mount", "ip", "bash", "ping", "iptables",
];

/// A started set of namespaces; dropped, it kills all that runs inside.
#[derive(Debug)]
pub(crate) struct Namespaces {
    child: Mutex<Option<Child>>,
    pid: i32,
}

/// Namespaces that are being made: several are made side by side.
pub(crate) struct Starting {
    child: Child,
}

/// Why labs can't run here, if they can't.
pub(crate) fn check_machine() -> Result<()> {
    if !geteuid().is_root() {
        return Err(Error::Skip(
            "labs make network namespaces: that needs root".into(),
        ));
    }
    let missing: Vec<_> = TOOLS
        .into_iter()
        .filter(|tool| find_in_path(tool).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Skip(format!(
        "not on this machine: {} (scripts/test-deps installs them)",
        missing.join(", ")
    )))
}

fn find_in_path(tool: &str) -> Option<PathBuf> {
    SEARCH_PATH
        .split(':')
        .map(|directory| PathBuf::from(directory).join(tool))
        .find(|path| path.exists())
}

/// PATH in every node: the lab's own programs, then the machine's.
pub(crate) const SEARCH_PATH: &str =
    "/run/lab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where commands in a node begin, in its own memory.
const HOME: &str = "/run/lab/home";

/// Begins to make the namespaces of the node `name`.
pub(crate) fn start(name: &str) -> Result<Starting> {
    let child = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--uts",
            "--pid",
            "--ipc",
            "--fork",
            "--kill-child",
            "--",
        ])
        .args(["bash", "-c", FIRST_PROCESS, "node", name])
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(Error::io("unshare"))?;
    Ok(Starting { child })
}

impl Starting {
    /// Waits until the namespaces stand.
    pub(crate) fn ready(mut self) -> Result<Namespaces> {
        // unshare itself keeps the pipe open, so its end tells of failure only.
        let mut lines = self
            .child
            .stdout
            .take()
            .map(|stdout| BufReader::new(stdout).lines());
        let mut line = || lines.as_mut()?.next()?.ok();
        let pid = line().and_then(|pid| pid.parse().ok());
        if let (Some(pid), Some("ready")) = (pid, line().as_deref()) {
            return Ok(Namespaces {
                child: Mutex::new(Some(self.child)),
                pid,
            });
        }
        let mut complaint = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut complaint);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Without even a first process it is the machine that forbids namespaces.
        let complaint = format!("namespaces can't be made here: {}", complaint.trim());
        Err(if pid.is_none() {
            Error::Skip(complaint)
        } else {
            Error::Failed(complaint)
        })
    }
}

impl Namespaces {
    /// The first process, as this process numbers it.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// `nsenter` into all the namespaces, up to where the command begins; what it runs dies with it.
    pub(crate) fn enter(&self) -> Command {
        let mut command = self.enter_detached();
        command.args(["setpriv", "--pdeathsig", "KILL", "--"]);
        command
    }

    /// The same, but what it runs dies with the namespaces only.
    pub(crate) fn enter_detached(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.pid.to_string(), "-n", "-m", "-u", "-p", "-i"])
            // What is written without a full path must not end up in the machine's files.
            .arg(format!("--wd=/proc/{}/root{HOME}", self.pid))
            .arg("--")
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("HOME", HOME)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/");
        command
    }

    /// Runs `work` in a thread whose sockets belong to the network namespace.
    pub(crate) fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let path = format!("/proc/{}/ns/net", self.pid);
        in_namespace(File::open(&path).map_err(Error::io(path))?, work)
    }

    /// The same in a namespace that `ip netns` named.
    pub(crate) fn in_named_network<T: Send>(&self, name: &str, work: impl FnOnce() -> T + Send) -> Result<T> {
        in_namespace(self.open(&format!("/run/netns/{name}"), OFlag::O_RDONLY)?, work)
    }

    /// Opens `path` as a process inside sees it, symbolic links included.
    pub(crate) fn open(&self, path: &str, flags: OFlag) -> Result<File> {
        let said = |what: &str| Error::io(format!("{path} {what}"));
        let root = File::open(format!("/proc/{}/root", self.pid)).map_err(said("in a node"))?;
        let mut how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        if flags.contains(OFlag::O_CREAT) {
            how = how.mode(Mode::from_bits_truncate(0o644));
        }
        let file = openat2(&root, path, how).map_err(|errno| said("in a node")(errno.into()))?;
        Ok(File::from(file))
    }

    /// Where `path` is reached from outside; it must not lead over absolute symbolic links.
    pub(crate) fn outside_path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// Kills all that runs inside and waits for its end.
    pub(crate) fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            // All of a PID namespace dies with its first process, and that process ends last.
            if signal::kill(Pid::from_raw(self.pid), signal::Signal::SIGKILL).is_err() {
                let _ = child.kill();
            }
            let _ = child.wait();
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs `work` in a thread of that network namespace.
fn in_namespace<T: Send>(namespace: File, work: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        scope
            .spawn(move || {
                setns(&namespace, CloneFlags::CLONE_NEWNET)
                    .map_err(|errno| Error::io("setns")(errno.into()))?;
                Ok(work())
            })
            .join()
            .unwrap_or_else(|_| Err(Error::failed("a thread in a node's network namespace panicked")))
    })
}

/// Runs `command`, feeds it `input` and demands success; gives what it printed.
pub(crate) fn feed(mut command: Command, what: &str, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io(what))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(Error::io(what))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::failed(format!(
        "{what}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}
