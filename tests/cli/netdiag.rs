//! Runs the binary under test.

use std::ffi::OsStr;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// No run may take longer: whatever it waits for has a deadline of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// `netdiag` with these arguments, and no environment but `HOME`, `PATH`, `COLUMNS` and `NODENAME`.
pub(crate) fn netdiag<const N: usize>(args: [&str; N]) -> Netdiag {
    Netdiag::through(&[]).args(args)
}

/// A run to be.
pub(crate) struct Netdiag {
    command: Command,
    /// Is `HOME`, and goes away with the run.
    _home: TempDir,
}

impl Netdiag {
    /// Through a command that runs another one: `setpriv --reuid 65534`.
    pub(crate) fn through(prefix: &[&str]) -> Self {
        let binary = env!("CARGO_BIN_EXE_netdiag");
        let mut command = match prefix {
            [] => Command::new(binary),
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(binary);
                command
            }
        };
        let home = tempfile::tempdir().unwrap();
        command
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("COLUMNS", "80")
            .env("NODENAME", "node1")
            .env("TZ", "UTC0")
            .stdin(Stdio::null());
        // Coverage of the binary ends up where its runner wants it.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        Self { command, _home: home }
    }

    /// As a user without rights; the caller is root.
    pub(crate) fn as_nobody() -> Self {
        Self::through(&[
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
        ])
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// `--bird-socket PATH`.
    pub(crate) fn bird(self, socket: &Path) -> Self {
        self.args([OsStr::new("--bird-socket"), socket.as_os_str()])
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Output {
        let said = format!("{:?}", self.command);
        let start = Instant::now();
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = reading(child.stdout.take().unwrap());
        let stderr = reading(child.stderr.take().unwrap());
        let mut finish = |stream: mpsc::Receiver<Vec<u8>>| {
            stream
                .recv_timeout(PATIENCE.saturating_sub(start.elapsed()))
                .unwrap_or_else(|_| {
                    let _ = child.kill();
                    panic!("{said}\nstill runs after {PATIENCE:?}")
                })
        };
        let (stdout, stderr) = (finish(stdout), finish(stderr));
        let status = child.wait().unwrap();
        Output {
            said,
            elapsed: start.elapsed(),
            stdout: String::from_utf8(stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(stderr).expect("standard error is UTF-8"),
            status: status.code(),
        }
    }
}

fn reading(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (done, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = done.send(bytes);
    });
    receiver
}

/// How a run ended. Its text shows all of it: every assertion prints it.
pub(crate) struct Output {
    said: String,
    pub(crate) elapsed: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// None after a signal.
    pub(crate) status: Option<i32>,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            said,
            elapsed,
            stdout,
            stderr,
            status,
        } = self;
        write!(
            f,
            "{said}\nended with {status:?} after {elapsed:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---"
        )
    }
}

impl Output {
    #[track_caller]
    pub(crate) fn exits(&self, status: i32) -> &Self {
        assert_eq!(self.status, Some(status), "{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    /// Both streams together, line ends and indentation folded, hold the text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.folded().contains(text), "says {text:?}:\n{self}");
        self
    }

    #[track_caller]
    pub(crate) fn says_not(&self, text: &str) -> &Self {
        assert!(!self.folded().contains(text), "does not say {text:?}:\n{self}");
        self
    }

    fn folded(&self) -> String {
        let words: Vec<&str> = self
            .stdout
            .split_whitespace()
            .chain(self.stderr.split_whitespace())
            .collect();
        words.join(" ")
    }

    #[track_caller]
    pub(crate) fn within(&self, limit: Duration) -> &Self {
        assert!(self.elapsed < limit, "took longer than {limit:?}:\n{self}");
        self
    }

    /// No line of standard output is wider, except for one word that would not fit on a line of its own.
    #[track_caller]
    pub(crate) fn fits(&self, columns: usize) -> &Self {
        for line in self.stdout.lines() {
            let longest = line
                .split(' ')
                .map(|word| word.chars().count())
                .max()
                .unwrap_or(0);
            let limit = columns.max(longest + 8);
            assert!(
                line.chars().count() <= limit,
                "{columns} columns: {line:?}\n{self}"
            );
        }
        self
    }

    /// BIRD doesn't run: a finding, where processes can be seen; in a container of its own nothing is decided by that.
    #[track_caller]
    pub(crate) fn exits_without_bird(&self) -> &Self {
        let kthreadd = std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd");
        self.exits(if kthreadd { 2 } else { 3 })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// The rows of the tables of peers.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        rows(&self.stdout)
    }
}

/// The rows of the tables of peers, headings left out; a cell that goes over several lines is one text.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let Some(line) = line
            .strip_prefix('|')
            .filter(|line| !line.starts_with(['-', '=']))
        else {
            continue;
        };
        let cells: Vec<String> = line
            .trim_end()
            .trim_end_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        if cells[0] == "PEER ADDRESS" {
            continue;
        }
        match rows.last_mut() {
            // The state is always there, and short.
            Some(last) if cells[2].is_empty() => {
                for (cell, more) in last.iter_mut().zip(cells) {
                    if !more.is_empty() && !cell.is_empty() {
                        cell.push(' ');
                    }
                    cell.push_str(&more);
                }
            }
            _ => rows.push(cells),
        }
    }
    rows
}
