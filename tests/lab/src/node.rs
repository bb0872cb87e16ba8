//! A node: commands in it, files in it, daemons in it.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{Read, Write},
    os::unix::net::UnixStream,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use nix::fcntl::OFlag;

use crate::{Error, Pod, Result, Run, spawn::Namespaces};

/// A machine of the lab.
#[derive(Debug)]
pub struct Node {
    name: String,
    pub(crate) namespaces: Arc<Namespaces>,
    daemons: Mutex<BTreeMap<String, i32>>,
}

/// How a daemon is started in a node.
#[derive(Debug, Clone, Default)]
pub struct Daemon {
    /// the program to run
    pub program: String,
    /// what it calls itself (`argv[0]`)
    pub called: String,
    /// its arguments
    pub arguments: Vec<String>,
    /// its environment, beside PATH
    pub environment: Vec<(String, String)>,
    /// the file that its standard output and error go to
    pub log: String,
}

impl Node {
    pub(crate) fn new(name: &str, namespaces: Namespaces) -> Self {
        Self {
            name: name.into(),
            namespaces: Arc::new(namespaces),
            daemons: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its first process, as this process numbers it (`/proc/PID/ns/net` is its network namespace).
    pub fn pid(&self) -> i32 {
        self.namespaces.pid()
    }

    /// A command line to run in the node.
    pub fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        Run::new(self.namespaces.enter(), &self.name, words)
    }

    /// A shell script to run in the node.
    pub fn sh(&self, script: &str) -> Run {
        self.run(["sh", "-euc", script])
    }

    /// `nsenter …` into the node, up to where a command begins, for an interactive one.
    pub fn enter(&self) -> Command {
        self.namespaces.enter()
    }

    /// The same for whoever doesn't have the node at hand.
    pub fn entrance(&self) -> impl Fn() -> Command + Send + Sync + use<> {
        let namespaces = self.namespaces.clone();
        move || namespaces.enter()
    }

    /// The pod of that name in this node.
    pub fn pod(&self, name: &str) -> Pod<'_> {
        Pod::new(self, name)
    }

    /// Runs `work` in a thread whose sockets belong to this node.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.namespaces.in_network(work)
    }

    /// What the file holds.
    pub fn read(&self, path: &str) -> Result<String> {
        let mut text = String::new();
        let mut file = self.namespaces.open(path, OFlag::O_RDONLY)?;
        file.read_to_string(&mut text).map_err(Error::io(path))?;
        Ok(text)
    }

    /// Writes the file, directories included.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
        let mut file = self
            .namespaces
            .open(path, flags)
            .or_else(|error| match path.rsplit_once('/') {
                Some((directory, _)) if !directory.is_empty() => {
                    self.run(["mkdir", "-p", directory]).ok()?;
                    self.namespaces.open(path, flags)
                }
                _ => Err(error),
            })?;
        file.write_all(text.as_bytes()).map_err(Error::io(path))
    }

    /// Connects to a socket in the node's files, named without symbolic links (`/run/…`, not `/var/run/…`).
    pub fn connect(&self, path: &str) -> Result<UnixStream> {
        UnixStream::connect(self.namespaces.outside_path(path))
            .map_err(Error::io(format!("{}: {path}", self.name)))
    }

    /// Starts a daemon under a name that the methods below take.
    pub fn start(&self, name: &str, daemon: &Daemon) -> Result<()> {
        // Its parent ends at once, so it belongs to the node's first process, as it should.
        let script = r#"cd /; mkdir -p "${1%/*}"; log=$1 called=$2; shift 2
            (exec -a "$called" "$@" </dev/null >>"$log" 2>&1) & echo $!"#;
        let mut enter = self.namespaces.enter_detached();
        enter.args([
            "bash",
            "-c",
            script,
            "bash",
            &daemon.log,
            &daemon.called,
            &daemon.program,
        ]);
        enter.args(&daemon.arguments);
        enter.env_remove("LC_ALL");
        enter.envs(daemon.environment.iter().map(|(name, value)| (name, value)));
        let pid = crate::spawn::feed(enter, &format!("{}: {name}", self.name), "")?;
        let pid = pid
            .trim()
            .parse()
            .map_err(|_| Error::failed(format!("{name}: no process number in {pid:?}")))?;
        self.daemons().insert(name.into(), pid);
        Ok(())
    }

    /// The process number of a daemon, as the node numbers it.
    pub fn daemon(&self, name: &str) -> Option<i32> {
        self.daemons().get(name).copied()
    }

    /// Whether the daemon was started and has not ended.
    pub fn is_running(&self, name: &str) -> bool {
        self.daemon(name)
            .is_some_and(|pid| self.namespaces.outside_path(&format!("/proc/{pid}")).exists())
    }

    /// Sends the daemon a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str, signal: &str) -> Result<()> {
        let pid = self
            .daemon(name)
            .ok_or_else(|| Error::failed(format!("{}: no {name} here", self.name)))?;
        self.run(["kill", "-s", signal, &pid.to_string()]).ok().map(drop)
    }

    /// Asks the daemon to end and waits for it.
    pub fn stop(&self, name: &str) -> Result<()> {
        self.end(name, "TERM")
    }

    /// Kills the daemon: its socket files stay behind.
    pub fn kill(&self, name: &str) -> Result<()> {
        self.end(name, "KILL")
    }

    /// Stops the daemon in its tracks, until [`Node::thaw`].
    pub fn freeze(&self, name: &str) -> Result<()> {
        self.signal(name, "STOP")
    }

    /// Lets a frozen daemon go on.
    pub fn thaw(&self, name: &str) -> Result<()> {
        self.signal(name, "CONT")
    }

    /// Takes the whole node away, as a power cut does.
    pub fn power_off(&self) {
        self.namespaces.kill();
    }

    fn end(&self, name: &str, signal: &str) -> Result<()> {
        self.signal(name, signal)?;
        let what = format!("{}: the end of {name}", self.name);
        crate::wait_until(&what, std::time::Duration::from_secs(5), || {
            !self.is_running(name)
        })?;
        self.daemons().remove(name);
        Ok(())
    }

    fn daemons(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, i32>> {
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
